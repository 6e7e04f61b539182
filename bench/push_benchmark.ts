/** How long it takes to push an image that is in the store to a registry that has nothing of it. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { TSBOX } from "../tests/support/cli.ts";
import { startRegistry } from "../tests/support/registry_process.ts";
import { hyperfine } from "./hyperfine.ts";
import { ok } from "./places.ts";
import { type Section, slowerGoal, timingTable } from "./report.ts";
import { FOUR_LAYERS } from "./subjects.ts";
import type { Surroundings } from "./surroundings.ts";

const RUNS = 8;

/** skopeo pushes from an OCI layout: like tsbox, it has the layers as they are to be sent. */
export async function benchmarkPush(around: Surroundings): Promise<Section> {
  const { place } = around;
  const { reference } = await around.pushed(FOUR_LAYERS);
  const folder = join(place.path, "target");
  const target = await startRegistry({ folder: place.path, storage: folder });
  const layout = join(place.path, "layout");
  try {
    const name = `${target.host}/${reference.slice(reference.indexOf("/") + 1)}`;
    ok(place, [TSBOX, "pull", "-q", reference]);
    ok(place, [TSBOX, "tag", reference, name]);
    const source = ["--src-tls-verify=false", `docker://${reference}`];
    ok(place, ["skopeo", "copy", "-q", ...source, `oci:${layout}:it`]);
    const prepare = `rm -rf ${folder}/docker`;
    const skopeo = `skopeo copy -q --dest-tls-verify=false oci:${layout}:it docker://${name}`;
    const timings = await hyperfine([
      { name: "tsbox push", command: `${TSBOX} push -q ${name}`, prepare },
      { name: "skopeo copy oci:", command: skopeo, prepare },
    ], { runs: RUNS, rounds: RUNS / 2, env: place.env, folder: place.path });
    return {
      heading: "Pushing to an empty registry",
      blocks: [
        `${FOUR_LAYERS.title}, to docker-registry on loopback, its storage on the same tmpfs. skopeo pushes from ` +
        "an OCI layout.",
        timingTable(timings),
      ],
      goals: [slowerGoal(`push, ${FOUR_LAYERS.title}`, timings, 1)],
    };
  } finally {
    await target.stop();
    rmSync(layout, { recursive: true, force: true });
    ok(place, ["sh", "-c", place.emptyStores]);
  }
}
