/**
 * Runs all benchmarks as the current user and prints docs/benchmarks.md on descriptor 3. `scripts/bench`
 * prepares the surroundings: the packages, a cgroup that podman and crun accept.
 *
 * Usage: main.ts [run|exec|background|version|pull|push|load|rmi|memory ...]   only these parts
 */
import { tmpdir } from "node:os";
import { TSBOX } from "../tests/support/cli.ts";
import { type PushedImage, pushImage } from "../tests/support/images.ts";
import { type RegistryProcess, startRegistry } from "../tests/support/registry_process.ts";
import { benchmarkBackground } from "./background_benchmark.ts";
import { makeBundles } from "./bundles.ts";
import { pushHugeImage } from "./huge_image.ts";
import { benchmarkExec } from "./exec_benchmark.ts";
import { benchmarkImages } from "./images_benchmark.ts";
import { benchmarkLoad } from "./load_benchmark.ts";
import { describeMachine } from "./machine.ts";
import { type PeakMemory, peakMemory } from "./peak_memory.ts";
import { makePlace, ok, type Place, removePlace } from "./places.ts";
import { benchmarkPull, type LargeImages, pushLargeImages } from "./pull_benchmark.ts";
import { benchmarkPush } from "./push_benchmark.ts";
import { report, type Results } from "./report.ts";
import { benchmarkRmi } from "./rmi_benchmark.ts";
import { benchmarkRun, benchmarkStages, benchmarkVersion } from "./run_benchmark.ts";

/** A tmpfs on every Linux; the disk of a shared machine is too noisy to compare on. */
const MEMORY = "/dev/shm";

const PARTS = [
  "version",
  "run",
  "exec",
  "background",
  "images",
  "pull",
  "push",
  "load",
  "rmi",
  "memory",
] as const;
type Part = typeof PARTS[number];

async function run(
  place: Place,
  registry: RegistryProcess,
): Promise<Pick<Results, "run" | "stages">> {
  const reference = await busybox(place, registry);
  const bundles = makeBundles(place, reference);
  return {
    run: await benchmarkRun(place, TSBOX, reference, bundles),
    stages: await benchmarkStages(place, TSBOX, reference),
  };
}

/** The image is in the stores of tsbox and podman. */
async function busybox(place: Place, registry: RegistryProcess): Promise<string> {
  const { reference } = await pushImage(registry, "busybox");
  ok(place, ["podman", "pull", "-q", "--tls-verify=false", reference]);
  ok(place, [TSBOX, "pull", "-q", reference]);
  return reference;
}

async function pull(
  memory: Place,
  disk: Place,
  registry: RegistryProcess,
  images: LargeImages,
): Promise<Results["pull"]> {
  const measured = async (title: string, place: Place, image: PushedImage, runs: number) => ({
    title: `200 MB, 11,000 files, ${title}`,
    timings: await benchmarkPull(place, TSBOX, image, registry, runs),
  });
  return [
    await measured("one layer, tmpfs", memory, images.one, 8),
    await measured("four layers, tmpfs", memory, images.four, 8),
    await measured("four layers, disk", disk, images.four, 2),
  ];
}

async function push(place: Place, { four }: LargeImages): Promise<Results["push"]> {
  const title = "200 MB, 11,000 files, four layers, tmpfs";
  return [{ title, timings: await benchmarkPush(place, TSBOX, four, 8) }];
}

async function memory(place: Place, registry: RegistryProcess): Promise<PeakMemory[]> {
  const image = await pushHugeImage(registry, place.path);
  const podman = ["podman", "pull", "-q", "--tls-verify=false", image];
  const peaks = [await peakMemory(place, "tsbox pull", [TSBOX, "pull", "-q", image])];
  ok(place, ["sh", "-c", place.emptyStores]);
  return [...peaks, await peakMemory(place, "podman pull", podman)];
}

async function measure(parts: readonly Part[]): Promise<Results> {
  const [tmpfs, disk] = [makePlace(MEMORY), makePlace(tmpdir())];
  const registry = await startRegistry();
  const wanted = (part: Part) => parts.includes(part);
  try {
    const images = wanted("pull") || wanted("push") ? await pushLargeImages(registry) : undefined;
    return {
      date: new Date().toISOString().slice(0, 10),
      machine: describeMachine(ok(tmpfs, [TSBOX, "--version"]).trim()),
      version: wanted("version") ? await benchmarkVersion(tmpfs, TSBOX) : [],
      ...(wanted("run") ? await run(tmpfs, registry) : { run: [], stages: [] }),
      exec: wanted("exec") ? await benchmarkExec(tmpfs, TSBOX, await busybox(tmpfs, registry)) : [],
      background: wanted("background")
        ? await benchmarkBackground(tmpfs, TSBOX, await busybox(tmpfs, registry))
        : [],
      images: wanted("images") ? await benchmarkImages(TSBOX, tmpfs.path) : [],
      pull: images && wanted("pull") ? await pull(tmpfs, disk, registry, images) : [],
      push: images && wanted("push") ? await push(tmpfs, images) : [],
      load: wanted("load") ? await benchmarkLoad(tmpfs, TSBOX, 6) : [],
      rmi: wanted("rmi") ? await benchmarkRmi(tmpfs, TSBOX) : [],
      memory: wanted("memory") ? await memory(disk, registry) : [],
    };
  } finally {
    await registry.stop();
    removePlace(tmpfs);
    removePlace(disk);
  }
}

const asked = PARTS.filter((part) => process.argv.slice(2).includes(part));
const results = await measure(asked.length > 0 ? asked : PARTS);
await Bun.write(Bun.file(3), report(results));
