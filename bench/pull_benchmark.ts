/** How long it takes to pull a large image into an empty store, and what it takes at least. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type PushedImage, pushImage } from "../tests/support/images.ts";
import type { RegistryProcess } from "../tests/support/registry_process.ts";
import { hyperfine, type Timing } from "./hyperfine.ts";
import { packageTree } from "./large_layers.ts";
import type { Place } from "./places.ts";

const ENTRIES = 11_000;
const BYTES = 200e6;
/** As in a typical image: the distribution, the language, the dependencies, the program. */
const SHARES = [0.5, 0.3, 0.15, 0.05];

export interface LargeImages {
  /** All files in one layer. */
  one: PushedImage;
  /** The same number of files in four layers. */
  four: PushedImage;
}

export async function pushLargeImages(registry: RegistryProcess): Promise<LargeImages> {
  const layers = [];
  for (const [i, share] of SHARES.entries()) {
    layers.push(await packageTree(`part${i}`, Math.round(ENTRIES * share), BYTES * share));
  }
  const one = await pushImage(registry, "large-one", {
    busybox: false,
    layers: [await packageTree("usr", ENTRIES, BYTES)],
  });
  return { one, four: await pushImage(registry, "large-four", { busybox: false, layers }) };
}

/** tsbox, podman and the floor, each into an empty store. */
export async function benchmarkPull(
  place: Place,
  tsbox: string,
  image: PushedImage,
  registry: RegistryProcess,
  runs: number,
): Promise<Timing[]> {
  const blobs = await download(place, image, registry);
  const target = join(place.path, "floor");
  const untar = blobs.map((blob) => `gunzip -c ${blob} | tar -x -C ${target}`).join(" && ");
  const floor = join(place.path, "floor.sh");
  writeFileSync(floor, `${untar}\n`);
  const timings = await hyperfine([
    {
      name: "tsbox pull",
      command: `${tsbox} pull -q ${image.reference}`,
      prepare: place.emptyStores,
    },
    {
      name: "podman pull",
      command: `podman pull -q --tls-verify=false ${image.reference}`,
      prepare: place.emptyStores,
    },
    {
      name: "gunzip, tar -x",
      command: `sh -e ${floor}`,
      prepare: `rm -rf ${target}; mkdir ${target}`,
    },
  ], { runs, rounds: runs / 2, env: place.env, folder: place.path });
  for (const path of [...blobs, target]) rmSync(path, { recursive: true });
  return timings;
}

async function download(
  place: Place,
  image: PushedImage,
  registry: RegistryProcess,
): Promise<string[]> {
  const repository = image.reference.slice(registry.host.length + 1).split(":")[0];
  return await Promise.all(image.layers.map(async ({ digest }, i) => {
    const path = join(place.path, `layer-${i}.tar.gz`);
    await Bun.write(path, await fetch(`${registry.url}/v2/${repository}/blobs/${digest}`));
    return path;
  }));
}
