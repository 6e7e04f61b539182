/** The images that pull, push and load are measured with. */
import { type PushedImage, pushImage } from "../tests/support/images.ts";
import type { RegistryProcess } from "../tests/support/registry_process.ts";
import type { TarEntry } from "../tests/support/tar.ts";
import { packageTree } from "./large_layers.ts";

const ENTRIES = 11_000;
const BYTES = 200e6;
/** As in a typical image: the distribution, the language, the dependencies, the program. */
const SHARES = [0.5, 0.3, 0.15, 0.05];
/** As many files as a large distribution has, and almost nothing in them. */
const MANY_FILES = 100_000;
const SMALL_LAYERS = 40;

/** An image by its layers, made when it is measured: each is large. */
export interface Subject {
  title: string;
  layers(): Promise<TarEntry[][]>;
}

export const ONE_LAYER: Subject = {
  title: "200 MB, 11,000 files, one layer",
  layers: async () => [await packageTree("usr", ENTRIES, BYTES)],
};

export const FOUR_LAYERS: Subject = {
  title: "200 MB, 11,000 files, four layers",
  layers: () =>
    Promise.all(
      SHARES.map((share, i) => packageTree(`part${i}`, Math.round(ENTRIES * share), BYTES * share)),
    ),
};

export const SMALL: Subject = {
  title: `${SMALL_LAYERS} small layers`,
  layers: () =>
    Promise.all(
      Array.from({ length: SMALL_LAYERS }, (_, i) => packageTree(`part${i}`, 24, 200_000)),
    ),
};

export const MANY: Subject = {
  title: `one layer of ${MANY_FILES.toLocaleString("en")} files`,
  layers: async () => [await packageTree("many", MANY_FILES, 100e6)],
};

/** The image in a registry. */
export async function pushSubject(
  registry: RegistryProcess,
  name: string,
  { layers }: Subject,
): Promise<PushedImage> {
  return await pushImage(registry, name, { busybox: false, layers: await layers() });
}
