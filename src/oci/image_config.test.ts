import { describe, expect, test } from "bun:test";
import { digestOf } from "./digest.ts";
import { parseImageConfig } from "./image_config.ts";
import { MAX_CONFIG_SIZE } from "./manifest.ts";

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const LAYER = digestOf(new Uint8Array());
const rootfs = { type: "layers", diff_ids: [LAYER] };

describe("parseImageConfig()", () => {
  test("reads all that a container is made of", () => {
    const config = parseImageConfig(encode({
      architecture: "amd64",
      os: "linux",
      created: "2024-01-01T00:00:00Z",
      rootfs,
      history: [{ created_by: "ADD x", empty_layer: true }, {}],
      config: {
        User: "app:app",
        ExposedPorts: { "80/tcp": {}, "443/tcp": {} },
        Env: ["PATH=/bin", "EMPTY="],
        Entrypoint: ["/init"],
        Cmd: ["sh", "-c", "echo hi"],
        Volumes: { "/data": {} },
        WorkingDir: "/srv",
        StopSignal: "SIGQUIT",
        Labels: { a: "b", __proto__: "x" },
      },
    }));
    expect(config).toEqual({
      architecture: "amd64",
      os: "linux",
      created: "2024-01-01T00:00:00Z",
      diffIds: [LAYER],
      entrypoint: ["/init"],
      cmd: ["sh", "-c", "echo hi"],
      env: ["PATH=/bin", "EMPTY="],
      user: "app:app",
      workingDir: "/srv",
      volumes: ["/data"],
      exposedPorts: ["443/tcp", "80/tcp"],
      stopSignal: "SIGQUIT",
      labels: { a: "b" },
      history: [{ createdBy: "ADD x", emptyLayer: true }, { emptyLayer: false }],
    });
  });

  test("takes null and absence for nothing, as Go programs write it", () => {
    const empty = { Entrypoint: null, Cmd: null, Env: null, Volumes: null, Labels: null };
    const config = parseImageConfig(encode({ rootfs, config: empty }));
    expect(config).toEqual(parseImageConfig(encode({ rootfs })));
    expect(config.entrypoint).toBeUndefined();
    expect(config.env).toEqual([]);
  });

  test("takes a single string for a list of one", () => {
    expect(parseImageConfig(encode({ rootfs, config: { Cmd: "sh" } })).cmd).toEqual(["sh"]);
  });

  test("a label named __proto__ is only a label", () => {
    const text = `{"rootfs":{"diff_ids":[]},"config":{"Labels":{"__proto__":"x"}}}`;
    const { labels } = parseImageConfig(new TextEncoder().encode(text));
    expect(Object.entries(labels)).toEqual([["__proto__", "x"]]);
    expect(Object.getPrototypeOf(labels)).toBe(Object.prototype);
  });

  test.each([
    ["no rootfs", {}],
    ["a diff_id that is a path", { rootfs: { diff_ids: ["sha256:../../etc"] } }],
    ["a number in Cmd", { rootfs, config: { Cmd: [1] } }],
    ["NUL in Env", { rootfs, config: { Env: ["A=\0"] } }],
    ["NUL in a volume", { rootfs, config: { Volumes: { "/a\0/b": {} } } }],
    ["a list as Labels", { rootfs, config: { Labels: [] } }],
    ["an object as User", { rootfs, config: { User: {} } }],
  ])("refuses %s as corrupt", (_, document) => {
    expect(() => parseImageConfig(encode(document))).toThrow(
      expect.objectContaining({ code: "corrupt" }),
    );
  });

  test("refuses images for other systems and documents that are too large", () => {
    expect(() => parseImageConfig(encode({ os: "windows", rootfs }))).toThrow("it is for windows");
    expect(() => parseImageConfig(new Uint8Array(MAX_CONFIG_SIZE + 1))).toThrow("more than");
  });
});
