/** How long it takes to pull an image into an empty store, and what it takes at least. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TSBOX } from "../tests/support/cli.ts";
import type { PushedImage } from "../tests/support/images.ts";
import type { RegistryProcess } from "../tests/support/registry_process.ts";
import { hyperfine, type Timing } from "./hyperfine.ts";
import type { Place } from "./places.ts";
import { fasterGoal, type Goal, type Section, timingTable } from "./report.ts";
import { FOUR_LAYERS, MANY, ONE_LAYER, SMALL } from "./subjects.ts";
import type { Surroundings } from "./surroundings.ts";

export async function benchmarkPull(around: Surroundings): Promise<Section> {
  const { place, disk } = around;
  const blocks: string[] = [];
  const goals: Goal[] = [];
  const measurements = [
    { subject: ONE_LAYER, where: place, runs: 6, wanted: 3 },
    { subject: FOUR_LAYERS, where: place, runs: 6, wanted: 3 },
    { subject: SMALL, where: place, runs: 6, wanted: 2 },
    { subject: MANY, where: place, runs: 4, wanted: 2 },
    { subject: FOUR_LAYERS, where: disk, runs: 2, wanted: undefined },
  ];
  for (const { subject, where, runs, wanted } of measurements) {
    const title = `${subject.title}, ${where === disk ? "disk" : "tmpfs"}`;
    const image = await around.pushed(subject);
    const timings = await timePull(where, image, await around.registry(), runs);
    blocks.push(`### ${title}`, timingTable(timings));
    if (wanted !== undefined) goals.push(fasterGoal(`pull, ${title}`, timings, wanted));
  }
  const intro = "From a registry on loopback.";
  return { heading: "Pulling into an empty store", blocks: [intro, ...blocks], goals };
}

/** tsbox, podman and the floor, each into an empty store. */
async function timePull(
  place: Place,
  image: PushedImage,
  registry: RegistryProcess,
  runs: number,
): Promise<Timing[]> {
  const folder = join(place.path, "blobs");
  mkdirSync(folder);
  const blobs = await download(folder, image, registry);
  const target = join(place.path, "floor");
  const floor = join(place.path, "floor.sh");
  writeFileSync(
    floor,
    blobs.map((blob) => `gunzip -c ${blob} | tar -x -C ${target}`).join(" && ") + "\n",
  );
  const prepare = place.emptyStores;
  const timings = await hyperfine([
    { name: "tsbox pull", command: `${TSBOX} pull -q ${image.reference}`, prepare },
    {
      name: "podman pull",
      command: `podman pull -q --tls-verify=false ${image.reference}`,
      prepare,
    },
    {
      name: "gunzip, tar -x",
      command: `sh -e ${floor}`,
      prepare: `rm -rf ${target}; mkdir ${target}`,
    },
  ], { runs, rounds: runs / 2, warmup: 0, env: place.env, folder: place.path });
  for (const path of [folder, target]) rmSync(path, { recursive: true });
  return timings;
}

async function download(
  folder: string,
  image: PushedImage,
  registry: RegistryProcess,
): Promise<string[]> {
  const repository = image.reference.slice(registry.host.length + 1).split(":")[0];
  return await Promise.all(image.layers.map(async ({ digest }, i) => {
    const path = join(folder, `layer-${i}.tar.gz`);
    await Bun.write(path, await fetch(`${registry.url}/v2/${repository}/blobs/${digest}`));
    return path;
  }));
}
