/** How long `images` takes with a thousand images, and what a command that needs only one of them pays. */
import { createHash } from "node:crypto";
import { type StoredImage, updateImages } from "../src/storage/image_index.ts";
import { openStore } from "../src/storage/layout.ts";
import { imageOf } from "../tests/support/container_records.ts";
import { TSBOX } from "../tests/support/cli.ts";
import { hyperfine } from "./hyperfine.ts";
import { limitGoal, type Section, timingTable } from "./report.ts";
import type { Surroundings } from "./surroundings.ts";

const IMAGES = 1000;
const LAYERS = 7;
const RUNS = 50;
/** Milliseconds after which `images` remembers what it has listed. */
const SETTLED = 2100;

const digest = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;

/** An image as registries have them: about 4 KB of what is known of it. */
function largeImage(i: number): StoredImage {
  const layers = Array.from({ length: LAYERS }, (_, j) => ({
    digest: digest(`blob ${i} ${j}`),
    diffID: digest(`layer ${i} ${j}`),
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    size: 1_000_000 + j,
  }));
  const base = imageOf("a");
  const name = `docker.io/team${i % 20}/app-${i}`;
  return {
    ...base,
    id: digest(`config ${i}`),
    manifestDigest: digest(`manifest ${i}`),
    indexDigest: digest(`index ${i}`),
    names: [`${name}:1.${i}`],
    digests: [`${name}@${digest(`index ${i}`)}`],
    created: new Date(1.7e12 + i * 1e6).toISOString(),
    chainIDs: layers.map((_, j) => digest(`chain ${i} ${j}`)),
    layers,
    config: {
      ...base.config,
      env: Array.from(
        { length: 10 },
        (_, k) => `SOME_VARIABLE_${k}=/usr/local/some/path/${k}/${i}`,
      ),
      labels: Object.fromEntries(
        Array.from(
          { length: 10 },
          (_, k) => [`org.example.key${k}`, `https://example.com/${i}/${k}`],
        ),
      ),
    },
  };
}

export async function benchmarkImages({ place }: Surroundings): Promise<Section> {
  const root = `${place.path}/many`;
  openStore(root);
  updateImages(root, () => Array.from({ length: IMAGES }, (_, i) => largeImage(i)));
  await Bun.sleep(SETTLED);
  const command = `${TSBOX} --data-root ${root}`;
  const timings = await hyperfine([
    { name: `tsbox images, ${IMAGES} of them`, command: `${command} images` },
    { name: "tsbox image inspect of one", command: `${command} image inspect team7/app-7:1.7` },
    { name: "tsbox images, none", command: `${TSBOX} --data-root ${root}-none images` },
  ], { runs: RUNS, rounds: 5, env: place.env, folder: place.path });
  return {
    heading: "Listing images",
    blocks: [
      `images keeps its columns in the run that warms up. ${RUNS} runs each.`,
      timingTable(timings),
    ],
    goals: [limitGoal(`images, of ${IMAGES}`, timings[0], 20, "ms")],
  };
}
