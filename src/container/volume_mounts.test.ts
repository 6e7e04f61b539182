import { expect, test } from "bun:test";
import type { MountRequest, VolumeRequest } from "./run_options.ts";
import { composeMounts, sharedMounts } from "./volume_mounts.ts";

const bind = (target: string, source = "/x"): MountRequest => (
  { type: "bind", source, target, readOnly: false, createSource: true }
);
const volume = (name: string, target: string): VolumeRequest => ({
  type: "volume",
  name,
  target,
  readOnly: false,
  noCopy: false,
  anonymous: name === "",
  origin: "volume",
});
const targets = (mounts: readonly MountRequest[]) => mounts.map(({ target }) => target).sort();

test("the user's mounts take the place of other containers', and both that of the image's volumes", () => {
  const own = [bind("/own"), volume("mine", "/both")];
  const taken = [volume("theirs", "/both"), volume("theirs", "/taken")];
  const mounts = composeMounts(own, taken, ["/own/", "/taken", "/both", "/image", "/image"]);
  expect(targets(mounts)).toEqual(["/both", "/image", "/own", "/taken"]);
  expect(mounts).toContainEqual(volume("mine", "/both"));
  expect(mounts).toContainEqual({ ...volume("", "/image"), origin: "image" });
});

test("of containers with a mount on the same place the last one counts", () => {
  const taken = [volume("first", "/data"), volume("second", "/data")];
  expect(composeMounts([], taken, [])).toEqual([volume("second", "/data")]);
});

test("an image's volume cannot replace what every container has, or be inside /proc", () => {
  expect(composeMounts([], [], ["/dev", "/proc", "/sys/", "/sys/fs/cgroup", "/etc/hosts"])).toEqual(
    [],
  );
  expect(targets(composeMounts([], [], ["/etc", "/dev/x"]))).toEqual(["/dev/x", "/etc"]);
  expect(() => composeMounts([], [], ["/x/../proc/sys"])).toThrow("inside /proc");
  expect(() => composeMounts([], [], ["/"])).toThrow("invalid volume of the image");
  expect(() => composeMounts([], [], ["data"])).toThrow("invalid volume of the image");
});

test("containers share binds and volumes, not memory; nothing is copied again", () => {
  const tmpfs: MountRequest = { type: "tmpfs", target: "/t", readOnly: false, options: [] };
  const shared = sharedMounts([tmpfs, bind("/b"), volume("v", "/v")], true);
  expect(targets(shared)).toEqual(["/b", "/v"]);
  expect(shared.every(({ readOnly }) => readOnly)).toBe(true);
  expect(shared).toContainEqual({
    ...volume("v", "/v"),
    readOnly: true,
    noCopy: true,
    origin: "from",
  });
  const fixed = sharedMounts([{ ...volume("v", "/v"), readOnly: true }], false);
  expect(fixed[0]?.readOnly).toBe(true);
});
