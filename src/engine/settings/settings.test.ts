import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_LIMITS } from "../../storage/unpack.ts";
import { DEFAULT_TIMING } from "../../registry/retry.ts";
import { TsboxError } from "../../errors.ts";
import { configFile, findSettings } from "./find_settings.ts";
import { VARIABLES } from "./names.ts";
import { nearest } from "./nearest.ts";
import { variableOf } from "./read_settings.ts";
import { registryPolicy } from "./registry_policy.ts";
import { settingKeys, settingOf, SETTINGS, type Settings } from "./table.ts";

let home = "";
let path = "";
const uid = process.getuid?.() ?? -1;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "tsbox-settings-"));
  path = `${home}/.config/tsbox/config.json`;
  mkdirSync(`${home}/.config/tsbox`, { recursive: true });
});
afterEach(() => rmSync(home, { recursive: true }));

const write = (value: unknown) =>
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));

const find = (env?: Record<string, string>, flags?: Settings) =>
  findSettings({ env: { HOME: home, ...env }, uid, ...(flags && { flags }) });

/** The line the user reads. */
async function refusal(env: Record<string, string> = {}): Promise<string> {
  try {
    await find(env);
  } catch (error) {
    if (error instanceof TsboxError) return `${error.code}: ${error.message}; ${error.hint}`;
    throw error;
  }
  return "accepted";
}

describe("where settings come from", () => {
  test("a flag goes before the environment, that before the file, that before the default", async () => {
    const key = "max-concurrent-downloads";
    const value = async (env?: Record<string, string>, flags?: Settings) => {
      const { settings, origins } = await find(env, flags);
      return [settingOf(settings, key), origins[key]];
    };
    expect(await value()).toEqual([3, undefined]);
    write({ [key]: 4 });
    expect(await value()).toEqual([4, path]);
    const env = { TSBOX_MAX_CONCURRENT_DOWNLOADS: "5" };
    expect(await value(env)).toEqual([5, "TSBOX_MAX_CONCURRENT_DOWNLOADS"]);
    expect(await value(env, { [key]: 6 })).toEqual([6, "--max-concurrent-downloads"]);
    expect(await value({ TSBOX_MAX_CONCURRENT_DOWNLOADS: "" })).toEqual([4, path]);
  });

  test("the file is where the XDG base directory specification says", () => {
    expect(configFile({ HOME: "/h" })).toBe("/h/.config/tsbox/config.json");
    expect(configFile({ HOME: "/h", XDG_CONFIG_HOME: "/c" })).toBe("/c/tsbox/config.json");
    expect(configFile({ HOME: "/h", XDG_CONFIG_HOME: "c" })).toBe("/h/.config/tsbox/config.json");
    expect(configFile({})).toBeUndefined();
  });

  test("a variable's list has commas, a list of the file is one", async () => {
    write({ "insecure-registries": ["R.lan", "10.0.0.0/8"] });
    expect((await find()).settings["insecure-registries"]).toEqual(["r.lan", "10.0.0.0/8"]);
    const { settings } = await find({ TSBOX_INSECURE_REGISTRIES: "a.lan:5000, b.lan" });
    expect(settings["insecure-registries"]).toEqual(["a.lan:5000", "b.lan"]);
  });

  test("ulimits are docker's object in the file, and words as of run's flag elsewhere", async () => {
    const nofile = { name: "nofile", soft: 5, hard: 6 };
    write({ "default-ulimits": { nofile: { Name: "nofile", Soft: 5, Hard: 6 } } });
    expect((await find()).settings["default-ulimits"]).toEqual({ nofile });
    const { settings } = await find({ TSBOX_DEFAULT_ULIMITS: "nofile=5:6,core=0" });
    const core = { name: "core", soft: 0, hard: 0 };
    expect(settings["default-ulimits"]).toEqual({ nofile, core });
  });

  test("registries are an object in the file and JSON in a variable", async () => {
    const registries = { "Quay.io": { mirrors: ["https://m.lan/"], insecure: true } };
    const expected = { "quay.io": { mirrors: ["https://m.lan"], insecure: true } };
    write({ registries });
    expect((await find()).settings.registries).toEqual(expected);
    rmSync(path);
    const { settings } = await find({ TSBOX_REGISTRIES: JSON.stringify(registries) });
    expect(settings.registries).toEqual(expected);
  });
});

describe("a mistake is named with its place and what is expected", () => {
  test.each([
    [
      { "max-concurent-downloads": 3 },
      'unknown key "max-concurent-downloads"; did you mean "max-concurrent-downloads"?',
    ],
    [{ mirrors: [] }, 'unknown key "mirrors"; the keys are blocked-registries, data-root'],
    [{ __proto__x: 1 }, 'unknown key "__proto__x"'],
    [
      { "max-concurrent-downloads": "3" },
      '"max-concurrent-downloads" is "3", not a whole number from 1 to 64',
    ],
    [{ "max-concurrent-downloads": 0 }, "is 0, not a whole number"],
    [{ "max-layer-bytes": 1.5 }, "is 1.5, not a whole number"],
    [
      { "storage-driver": "btrfs" },
      '"storage-driver" is "btrfs", not one of overlay, fuse-overlayfs, copy',
    ],
    [{ "data-root": "store" }, '"data-root" is "store", not an absolute path'],
    [{ "data-root": null }, '"data-root" is null, not an absolute path'],
    [{ "default-platform": "linux/amd64/v1/x" }, "not a platform such as linux/arm64"],
    [{ "default-platform": "windows/amd64" }, "not a platform such as linux/arm64"],
    [{ "registry-mirrors": "https://m.lan" }, '"registry-mirrors" is "https://m.lan", not a list'],
    [
      { "registry-mirrors": ["https://m.lan", "m.lan"] },
      '"registry-mirrors"[1] is "m.lan", not an http or https URL',
    ],
    [
      { "registry-mirrors": ["https://me:secret@m.lan"] },
      '"registry-mirrors"[0] is "https://***@m.lan", not an http or https URL without path, user',
    ],
    [{ "insecure-registries": [5] }, '"insecure-registries"[0] is 5, not a registry\'s host'],
    [
      { "blocked-registries": ["10.0.0.0/8"] },
      '"blocked-registries"[0] is "10.0.0.0/8", not a registry\'s host or host:port',
    ],
    [{ "search-registries": [] }, "not a list with at least one host"],
    [{ "search-registries": ["a.b", "lan"] }, '[1] is "lan", not a host with a dot or a port'],
    [{ registries: [] }, '"registries" is [], not an object'],
    [
      { registries: { "http://x": {} } },
      '"registries"."http://x" is "http://x", not a registry\'s host',
    ],
    [{ registries: { x: 1 } }, '"registries"."x" is 1, not an object'],
    [
      { registries: { x: { mirror: [] } } },
      '"registries"."x" is "mirror", not one of mirrors, insecure, blocked (did you mean mirrors?)',
    ],
    [
      { registries: { x: { insecure: "yes" } } },
      '"registries"."x".insecure is "yes", not true or false',
    ],
    [
      { registries: { x: { mirrors: ["y"] } } },
      '"registries"."x".mirrors[0] is "y", not an http or https URL',
    ],
    [{ registries: { x: { mirrors: "y" } } }, '"registries"."x".mirrors is "y", not a list'],
    [{ "default-shm-size": "much" }, '"default-shm-size" is "much", not a size such as 64m'],
    [{ "default-shm-size": 0 }, "is 0, not a size"],
    [{ dns: ["10.0.0.256"] }, '"dns"[0] is "10.0.0.256", not an IP address'],
    [{ "dns-search": ["a b"] }, '"dns-search"[0] is "a b", not a domain'],
    [{ "dns-opts": ["a b"] }, '"dns-opts"[0] is "a b", not one word'],
    [{ "default-ulimits": { nofile: 5 } }, '"default-ulimits"."nofile" is 5, not an object'],
    [
      { "default-ulimits": { nofile: { Soft: 5, Hard: 4 } } },
      'is {"Soft":5,"Hard":4}, not a ulimit with a soft and a hard limit that is not lower',
    ],
    [{ "default-ulimits": { files: { Soft: 5, Hard: 5 } } }, "not a ulimit"],
    [{ "default-ulimits": { nofile: { soft: 5 } } }, 'is "soft", not one of Name, Soft, Hard'],
    [{ "default-ulimits": { core: { Name: "cpu", Soft: 1 } } }, '.Name is "cpu", not core'],
    ["[]", "it is not a JSON object"],
    ["{", "it is not JSON"],
    ["", "it is not JSON"],
    ["\xff", "it is not JSON"],
    [" ".repeat(1024 * 1024) + "{}", "larger than 1 MiB"],
  ])("%j", async (value, message) => {
    write(value);
    const said = await refusal();
    expect(said).toStartWith(`invalid-argument: Cannot use "${path}": `);
    expect(said).toContain(message);
    expect(said).not.toContain("\n");
  });

  test("in the environment, too", async () => {
    expect(await refusal({ TSBOX_MAX_LAYER_FILES: "many" })).toContain(
      'Cannot use the environment: TSBOX_MAX_LAYER_FILES is "many", not a whole number from 1 to',
    );
    expect(await refusal({ TSBOX_REGISTRIES: "x" })).toContain('is "x", not a JSON object');
    expect(await refusal({ TSBOX_SEARCH_REGISTRIES: "a.lan," })).toContain('is "", not a registry');
  });

  test("of two near words the nearer is proposed, and a far one is not", () => {
    expect(nearest("data-rot", ["data-root", "data-boot"])).toBe("data-root");
    expect(nearest("STORAGE-DRIVER", ["storage-driver"])).toBe("storage-driver");
    expect(nearest("dns", ["data-root"])).toBeUndefined();
  });
});

describe("a file that others can change is refused, since it decides whom we trust", () => {
  test("everybody may write it", async () => {
    write({});
    chmodSync(path, 0o646);
    expect(await refusal()).toContain(`host: Cannot use "${path}": everybody can write it`);
    chmodSync(path, 0o664);
    expect(await refusal()).toBe("accepted");
  });

  test("it belongs to another user", async () => {
    write({});
    // Root can give a file away; an ordinary caller sees what another user would see of ours.
    if (uid === 0) chownSync(path, 1, 1);
    const owner = uid === 0 ? 1 : uid;
    const message = `Cannot use "${path}": it belongs to the user ${owner}`;
    await expect(findSettings({ env: { HOME: home }, uid: owner + 1 })).rejects.toThrow(message);
  });

  test("root may have written it", async () => {
    symlinkSync("/proc/sys/kernel/ostype", path);
    expect(await refusal()).toContain("it is not JSON");
  });

  test("it is a directory, a pipe or cannot be read", async () => {
    mkdirSync(path);
    expect(await refusal()).toContain("it is no file");
    rmSync(path, { recursive: true });
    Bun.spawnSync(["mkfifo", path]);
    expect(await refusal()).toContain("it is no file");
    rmSync(path);
    symlinkSync(path, path);
    expect(await refusal()).toContain("Cannot read the settings: Cannot open");
  });
});

describe("the table", () => {
  test("has its variables in the list that every start looks at", () => {
    expect(settingKeys().map(variableOf)).toEqual([...VARIABLES]);
    expect(settingKeys()).toEqual(settingKeys().toSorted());
  });

  test("has a default that its own kind accepts, and other parts know the same", () => {
    for (const key of settingKeys()) {
      const { byDefault, kind } = SETTINGS[key];
      if (byDefault !== undefined) expect<unknown>(kind.fromJson(byDefault)).toEqual(byDefault);
    }
    const limits = [settingOf({}, "max-layer-bytes"), settingOf({}, "max-layer-files")];
    expect(limits).toEqual([DEFAULT_LIMITS.bytes, DEFAULT_LIMITS.entries]);
    expect(settingOf({}, "max-download-attempts")).toBe(DEFAULT_TIMING.attempts);
  });

  test("is documented: type, default, variable and flag of every key", async () => {
    const text = await Bun.file(join(import.meta.dir, "../../../docs/configuration.md")).text();
    for (const key of settingKeys()) {
      const { kind, byDefault, flag } = SETTINGS[key];
      const row = text.split("\n").find((line) => line.startsWith(`| \`${key}\` `)) ?? "";
      const [, , type, shown, variable, flags] = row.split("|").map((cell) => cell.trim());
      const expected = byDefault === undefined ? shown : `\`${JSON.stringify(byDefault)}\``;
      expect([key, type, shown, variable, flags]).toEqual([
        key,
        kind.name,
        expected,
        `\`${variableOf(key)}\``,
        `\`--${flag}\``,
      ]);
      expect(text).toMatch(new RegExp(`^ +"${key}": `, "m"));
    }
  });

  test("the example of the documentation is accepted", async () => {
    const text = await Bun.file(join(import.meta.dir, "../../../docs/configuration.md")).text();
    write(/```json\n(.*?)```/s.exec(text)?.[1] ?? "");
    expect(Object.keys((await find()).settings).sort()).toEqual(settingKeys());
  });
});

test("the registry client is told of every registry once, docker's own setting first", async () => {
  write({
    "registry-mirrors": ["https://first.lan"],
    "insecure-registries": ["10.0.0.0/8"],
    "blocked-registries": ["bad.lan"],
    registries: {
      "docker.io": { mirrors: ["https://second.lan"] },
      "plain.lan": { insecure: true, blocked: false },
      "worse.lan": { blocked: true },
    },
  });
  const { mirrors, insecure, blocked } = registryPolicy((await find()).settings);
  expect(mirrors.get("docker.io")).toEqual(["https://first.lan", "https://second.lan"]);
  expect([insecure, blocked]).toEqual([["10.0.0.0/8", "plain.lan"], ["bad.lan", "worse.lan"]]);
});
