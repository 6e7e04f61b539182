import { expect, test } from "bun:test";
import { mappings, releaseMemory } from "./idle_memory.ts";
import { readText } from "./quick_files.ts";

const SMAPS = `00400000-00500000 r-xp 00000000 fe:00 12  /usr/bin/tsbox
Rss:                1024 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
00600000-00601000 r--p 00200000 fe:00 12  /usr/bin/tsbox
Anonymous:             4 kB
00700000-00701000 rw-p 00300000 fe:00 12  /usr/bin/tsbox
Anonymous:             0 kB
7f0000000000-7f0000001000 r--p 00000000 00:00 0 
Anonymous:             0 kB
`;

test("only pages of a file that were never written are given back", () => {
  expect(mappings(SMAPS).filter(({ isClean }) => isClean)).toEqual([
    { start: 0x400000, end: 0x500000, path: "/usr/bin/tsbox", isClean: true },
  ]);
});

test("a process works on after it gave its memory back, with less of it", async () => {
  const resident = () => Number(readText("/proc/self/statm").split(" ")[1]);
  const before = resident();
  await releaseMemory();
  for (let tries = 0; resident() >= before * 0.8 && tries < 500; tries++) await Bun.sleep(10);
  expect(resident()).toBeLessThan(before * 0.8);
  expect(["still", "here"].map((word) => word.toUpperCase())).toEqual(["STILL", "HERE"]);
});
