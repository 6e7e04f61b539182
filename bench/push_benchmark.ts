/** How long it takes to push an image that is in the store to a registry that has nothing of it. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { PushedImage } from "../tests/support/images.ts";
import { type RegistryProcess, startRegistry } from "../tests/support/registry_process.ts";
import { hyperfine, type Timing } from "./hyperfine.ts";
import { ok, type Place } from "./places.ts";

/** skopeo pushes from an OCI layout: like tsbox, it has the layers as they are to be sent. */
export async function benchmarkPush(
  place: Place,
  tsbox: string,
  image: PushedImage,
  runs: number,
): Promise<Timing[]> {
  const folder = join(place.path, "target");
  const target = await startRegistry({ folder: place.path, storage: folder });
  const layout = join(place.path, "layout");
  try {
    const name = copyName(image, target);
    ok(place, [tsbox, "pull", "-q", image.reference]);
    ok(place, [tsbox, "tag", image.reference, name]);
    const source = ["--src-tls-verify=false", `docker://${image.reference}`];
    ok(place, ["skopeo", "copy", "-q", ...source, `oci:${layout}:it`]);
    const prepare = `rm -rf ${folder}/docker`;
    const skopeo = `skopeo copy -q --dest-tls-verify=false oci:${layout}:it docker://${name}`;
    return await hyperfine([
      { name: "tsbox push", command: `${tsbox} push -q ${name}`, prepare },
      { name: "skopeo copy oci:", command: skopeo, prepare },
    ], { runs, rounds: runs / 2, env: place.env, folder: place.path });
  } finally {
    await target.stop();
    rmSync(layout, { recursive: true, force: true });
    ok(place, ["sh", "-c", place.emptyStores]);
  }
}

function copyName({ reference }: PushedImage, { host }: RegistryProcess): string {
  return `${host}/${reference.slice(reference.indexOf("/") + 1)}`;
}
