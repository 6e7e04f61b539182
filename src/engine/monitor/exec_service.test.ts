import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { lstatSync, mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { makeContext } from "../context.ts";
import { ExecService } from "./exec_service.ts";

const MINUTE = 60_000;

let folder = "";
let [service, cooled]: [ExecService | undefined, number] = [undefined, 0];
beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/exec-service-`);
  cooled = 0;
  const build = { version: "0", commit: "test" };
  service = new ExecService({
    id: "a".repeat(64),
    context: makeContext({ env: { HOME: folder }, uid: 0, gid: 0, build }),
    sockets: { monitor: `${folder}/monitor.sock`, exec: `${folder}/execute.sock` },
    cold: () => void cooled++,
  });
});
afterEach(() => {
  jest.useRealTimers();
  rmSync(folder, { recursive: true });
});

const isAnnounced = () =>
  lstatSync(`${folder}/execute.sock`, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;

test("a monitor is cold at first, and warm for a minute after the last exec", async () => {
  expect(isAnnounced()).toBe(false);
  jest.useFakeTimers();
  await service?.warm();
  expect(readlinkSync(`${folder}/execute.sock`)).toBe("monitor.sock");
  jest.advanceTimersByTime(MINUTE - 1);
  await service?.warm();
  jest.advanceTimersByTime(MINUTE - 1);
  expect([isAnnounced(), cooled]).toEqual([true, 0]);
  jest.advanceTimersByTime(1);
  expect([isAnnounced(), cooled]).toEqual([false, 1]);
  await service?.warm();
  expect(isAnnounced()).toBe(true);
});

test("one that ends takes no more", async () => {
  await service?.warm();
  service?.close();
  expect([isAnnounced(), cooled]).toEqual([false, 0]);
});
