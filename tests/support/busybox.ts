/** The files of a small real image, made of Debian's statically linked busybox. */
import { readFileSync } from "node:fs";
import type { TarEntry } from "./tar.ts";

const BUSYBOX = "/bin/busybox";

const PASSWD = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
`;
const GROUP = `root:x:0:
daemon:x:1:
nogroup:x:65534:
`;

export interface Accounts {
  /** Further lines of /etc/passwd, such as `alice:x:1000:1000::/home/alice:/bin/sh`. */
  passwd?: readonly string[];
  /** Further lines of /etc/group, such as `staff:x:50:alice`. */
  group?: readonly string[];
}

/** busybox under the name of every applet, as hard links, and the folders a program expects. */
export function busyboxFiles(accounts: Accounts = {}): TarEntry[] {
  const folders = ["bin", "sbin", "usr", "usr/bin", "usr/sbin", "etc", "home", "var"];
  return [
    ...folders.map((path): TarEntry => ({ path: `${path}/`, type: "directory" })),
    { path: "root/", type: "directory", mode: 0o700 },
    { path: "tmp/", type: "directory", mode: 0o1777 },
    { path: "etc/passwd", content: PASSWD + lines(accounts.passwd) },
    { path: "etc/group", content: GROUP + lines(accounts.group) },
    { path: "bin/busybox", content: readFileSync(BUSYBOX), mode: 0o755 },
    ...applets().map((path): TarEntry => ({
      path,
      type: "link",
      target: "bin/busybox",
      mode: 0o755,
    })),
  ];
}

function applets(): string[] {
  const list = Bun.spawnSync([BUSYBOX, "--list-full"]).stdout.toString();
  return list.split("\n").filter((path) => path.includes("/") && path !== "bin/busybox");
}

function lines(more: readonly string[] = []): string {
  return more.map((line) => `${line}\n`).join("");
}
