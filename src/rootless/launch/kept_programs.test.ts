import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import {
  findKept,
  type Keeping,
  keepLaunch,
  type KeptLaunch,
  questionOf,
} from "./kept_programs.ts";

const folder = mkdtempSync(`${tmpdir()}/tsbox-kept-`);
afterAll(() => rmSync(folder, { recursive: true }));

const FIRST = "0123456789ab".padEnd(64, "c");
const SECOND = "fedcba987654".padEnd(64, "3");

let count = 0;

function keeping(id: string, directory: string): Keeping {
  return { directory, mark: "build boot", id, about: 7 };
}

function newFolder(): string {
  return `${folder}/${count++}`;
}

/** A launch whose texts have the id in them, whole and short. */
function launch(id: string, more = ""): KeptLaunch {
  const bytes = (text: string) => new TextEncoder().encode(text);
  return {
    parts: [
      {
        data: bytes(`/containers/${id}/hosts\0${id.slice(0, 12)}\0${more}`),
        ops: bytes("ops of the first"),
        names: () => [[`open "/containers/${id}/hosts"`, "open_tree"], ["name", "sethostname"]],
      },
      { data: bytes(""), ops: bytes(`${id}`), names: () => [["wait", "read"]] },
    ],
    files: {
      passwd: { at: 4096, length: { register: 8 } },
      group: { at: 8192, length: { register: 16 } },
    },
  };
}

function contents(kept: KeptLaunch | undefined) {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return kept && {
    files: kept.files,
    parts: kept.parts.map(({ data, ops, names }) => [text(data), text(ops), names()]),
  };
}

const asked = (id: string) => ({ path: `/containers/${id}`, hostname: id.slice(0, 12), ro: false });

test("who asks the same for another container gets the same with its own id in it", () => {
  const directory = newFolder();
  const [first, second] = [keeping(FIRST, directory), keeping(SECOND, directory)];
  keepLaunch(first, questionOf(first, asked(FIRST)), launch(FIRST));
  expect(questionOf(second, asked(SECOND))).toBe(questionOf(first, asked(FIRST)));
  const found = findKept(second, questionOf(second, asked(SECOND)));
  expect(contents(found)).toEqual(contents(launch(SECOND)));
});

test("an id of another container in a question makes it another question", () => {
  const [first, second] = [keeping(FIRST, folder), keeping(SECOND, folder)];
  const env = { env: [`OTHER=${FIRST}`] };
  expect(questionOf(second, env)).not.toBe(questionOf(first, env));
});

test("who asks anything else gets nothing, also where it is kept in the same place", () => {
  const directory = newFolder();
  const it = keeping(FIRST, directory);
  keepLaunch(it, questionOf(it, { ro: 1 }), launch(FIRST));
  for (const other of [{ ro: 2 }, { rw: 1 }, {}]) {
    expect(findKept(it, questionOf(it, other))).toBeUndefined();
  }
  const build = { ...it, mark: "other boot" };
  expect(findKept(build, questionOf(build, { ro: 1 }))).toBeUndefined();
  keepLaunch(it, questionOf(it, { ro: 2 }), launch(FIRST, "second"));
  expect(readdirSync(directory)).toHaveLength(1);
  expect(findKept(it, questionOf(it, { ro: 1 }))).toBeUndefined();
  expect(contents(findKept(it, questionOf(it, { ro: 2 })))).toEqual(
    contents(launch(FIRST, "second")),
  );
});

test("a file that is cut off anywhere, longer, or wrong in any place, is of no use", () => {
  const directory = newFolder();
  const it = keeping(FIRST, directory);
  const question = questionOf(it, {});
  keepLaunch(it, question, launch(FIRST));
  const [name = ""] = readdirSync(directory);
  const path = `${directory}/${name}`;
  const whole = readFileSync(path);
  expect(findKept(it, question)).toBeDefined();
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length));
    expect(findKept(it, question)).toBeUndefined();
  }
  for (let at = 0; at < whole.length; at++) {
    const wrong = Buffer.from(whole);
    wrong[at] = (wrong[at] ?? 0) ^ 1;
    writeFileSync(path, wrong);
    expect(findKept(it, question)).toBeUndefined();
  }
  writeFileSync(path, Buffer.concat([whole, Buffer.from("x")]));
  expect(findKept(it, question)).toBeUndefined();
});

test("what is kept is the user's alone, in a bounded number of files, none of them large", () => {
  const directory = newFolder();
  const it = keeping(FIRST, directory);
  for (let i = 0; i < 200; i++) {
    keepLaunch(it, questionOf(it, "x".repeat(i)), launch(FIRST));
  }
  const names = readdirSync(directory);
  expect(names.length).toBeLessThanOrEqual(64);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  for (const name of names) expect(statSync(`${directory}/${name}`).mode & 0o777).toBe(0o600);
  const large = questionOf(it, "large");
  keepLaunch(it, large, launch(FIRST, "x".repeat(1 << 20)));
  expect(findKept(it, large)).toBeUndefined();
});

test("where nothing can be kept nothing is, and that is no error", () => {
  const it = keeping(FIRST, "/proc/none");
  keepLaunch(it, questionOf(it, {}), launch(FIRST));
  expect(findKept(it, questionOf(it, {}))).toBeUndefined();
});
