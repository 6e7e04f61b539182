/** How long it takes to load an image from a docker archive into an empty store. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { imageParts, oldDockerArchive } from "../tests/support/archives.ts";
import { tar, type TarEntry } from "../tests/support/tar.ts";
import { hyperfine, type Timing } from "./hyperfine.ts";
import { packageTree } from "./large_layers.ts";
import type { Place } from "./places.ts";

/** As many files as a large distribution has, and almost nothing in them. */
const MANY_FILES = 100_000;
const SMALL_LAYERS = 40;

/** An image by its layers, made when it is measured: each is large. */
interface Subject {
  title: string;
  layers(): Promise<(readonly TarEntry[])[]>;
}

const SUBJECTS: readonly Subject[] = [
  {
    title: "200 MB, 11,000 files, four layers",
    layers: () =>
      Promise.all(
        [0.5, 0.3, 0.15, 0.05].map((share, i) =>
          packageTree(`part${i}`, Math.round(11_000 * share), 200e6 * share)
        ),
      ),
  },
  {
    title: `${SMALL_LAYERS} small layers`,
    layers: () =>
      Promise.all(
        Array.from({ length: SMALL_LAYERS }, (_, i) => packageTree(`part${i}`, 24, 200_000)),
      ),
  },
  {
    title: `one layer of ${MANY_FILES.toLocaleString("en")} files`,
    layers: async () => [await packageTree("many", MANY_FILES, 100e6)],
  },
];

/** tsbox and podman, each into an empty store, from archives as docker wrote them. */
export async function benchmarkLoad(
  place: Place,
  tsbox: string,
  runs: number,
): Promise<{ title: string; timings: Timing[] }[]> {
  const archive = join(place.path, "image.tar");
  const results = [];
  for (const { title, layers } of SUBJECTS) {
    const parts = imageParts(await layers());
    writeFileSync(archive, tar(oldDockerArchive(parts, ["localhost/bench:latest"])));
    const timings = await hyperfine(
      [tsbox, "podman"].map((program) => ({
        name: program === tsbox ? "tsbox load" : "podman load",
        command: `${program} load -q -i ${archive}`,
        prepare: place.emptyStores,
      })),
      { runs, rounds: runs / 2, env: place.env, folder: place.path },
    );
    results.push({ title, timings });
    rmSync(archive);
  }
  return results;
}
