/** Containers and images as they stand in a store, without anything having run. */
import { DEFAULT_OPTIONS } from "./run_options.ts";
import { mkdirSync, writeFileSync } from "node:fs";
import type { RunOptions } from "../../src/container/run_options.ts";
import {
  type ContainerRecord,
  type ContainerState,
  timestamp,
  writeRecord,
} from "../../src/storage/container_record.ts";
import { processStart } from "../../src/storage/container_lock.ts";
import { createContainer, type NewContainer } from "../../src/storage/containers.ts";
import { type StoredImage, updateImages } from "../../src/storage/image_index.ts";
import { openStore, storePaths } from "../../src/storage/layout.ts";

const OPTIONS: RunOptions = { ...DEFAULT_OPTIONS, image: "busybox", network: "none" };

/** The record of a new container; what a test is about is given. */
export function recordOf(
  { id, name }: Pick<NewContainer, "id" | "name">,
  state: ContainerState,
  options: Partial<RunOptions> = {},
  rest: Partial<ContainerRecord> = {},
): ContainerRecord {
  return {
    id,
    name,
    created: timestamp(),
    image: { reference: "busybox", id: imageId("a") },
    options: { ...OPTIONS, ...options },
    spec: { args: ["true"], env: ["A=1"], cwd: "/", hostname: id.slice(0, 12), mounts: [] },
    labels: options.labels ?? {},
    driver: "overlay",
    ownersLost: false,
    state,
    ...rest,
  };
}

/** What a container's record says when its run was killed: a process that is no more. */
export function killedRun(): Extract<ContainerState, { status: "running" }> {
  return { status: "running", pid: process.pid, pidStart: 1, startedAt: timestamp() };
}

/** What it says while the container runs: its process is, in a test, the test's own. */
export function liveRun(): Extract<ContainerState, { status: "running" }> {
  return { ...killedRun(), pidStart: processStart(process.pid) ?? 0 };
}

/** A state that ended `seconds` ago. */
export function exitedState(exitCode: number, seconds = 5): ContainerState {
  const time = new Date(Date.now() - seconds * 1000).toISOString();
  return { status: "exited", exitCode, startedAt: time, finishedAt: time };
}

/** Writes a container into the store; its lock stays held for as long as the test wants. */
export function storeContainer(
  dataRoot: string,
  name: string,
  state: ContainerState,
  options: Partial<RunOptions> = {},
  rest: Partial<ContainerRecord> = {},
): NewContainer {
  openStore(dataRoot);
  const made = createContainer(dataRoot, { name });
  writeRecord(made.directory, recordOf(made, state, { ...options, name }, rest));
  return made;
}

/** `sha256:aaaa...`. */
export function imageId(digit: string): string {
  return `sha256:${digit.repeat(64)}`;
}

/** An image of one layer whose digests consist of `digit`. */
export function imageOf(digit: string, rest: Partial<StoredImage> = {}): StoredImage {
  const digest = imageId(digit);
  return {
    id: digest,
    manifestDigest: digest,
    names: ["docker.io/library/busybox:latest"],
    digests: [`docker.io/library/busybox@${digest}`],
    created: "2024-01-31T12:00:00Z",
    size: 4_260_000,
    platform: { os: "linux", architecture: "amd64" },
    config: {
      architecture: "amd64",
      os: "linux",
      diffIds: [`sha256:${digit.repeat(64)}`],
      cmd: ["sh"],
      env: ["PATH=/bin"],
      user: "",
      workingDir: "",
      volumes: [],
      exposedPorts: [],
      labels: {},
      history: [],
    },
    chainIDs: [digest],
    ownersLost: false,
    layers: [{
      digest,
      diffID: digest,
      mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
      size: 2_000_000,
    }],
    ...rest,
  };
}

/** Writes images into the store, with the directories and blobs they need. */
export function storeImages(dataRoot: string, images: StoredImage[]): void {
  const paths = openStore(dataRoot);
  updateImages(dataRoot, (before) => [...before, ...images]);
  for (const chainID of images.flatMap((image) => image.chainIDs)) {
    mkdirSync(`${paths.layers}/${chainID.slice(7)}/diff`, { recursive: true });
  }
}

/** Gives stored layers their records and images their blobs, with these sizes in bytes. */
export function storeSizes(
  dataRoot: string,
  sizes: { layers?: Record<string, number>; blobs?: Record<string, number> },
): void {
  const paths = storePaths(dataRoot);
  for (const [chainID, size] of Object.entries(sizes.layers ?? {})) {
    const record = { diffID: chainID, size, entries: 1, ownersLost: false };
    writeFileSync(`${paths.layers}/${chainID.slice(7)}/layer.json`, JSON.stringify(record));
  }
  for (const [digest, size] of Object.entries(sizes.blobs ?? {})) {
    writeFileSync(`${paths.blobs}/${digest.slice(7)}`, new Uint8Array(size));
  }
}
