/** Which mounts a container has, when volumes of the image and of other containers are counted in. */
import { defaultDestinations } from "./default_mounts.ts";
import { checkImageVolume } from "./mounts.ts";
import type { MountRequest, VolumeRequest } from "./run_options.ts";

/**
 * The mounts in docker's order of precedence: what the user asked for, then what other containers have,
 * then the image's volumes; each place has one. Pure.
 * @param taken of the containers of `--volumes-from`, the later ones of which win
 * @throws TsboxError "invalid-argument" for a path that no volume can have
 */
export function composeMounts(
  own: readonly MountRequest[],
  taken: readonly MountRequest[],
  imageVolumes: readonly string[],
): MountRequest[] {
  const mounts = new Map<string, MountRequest>();
  for (const mount of [...taken, ...own]) mounts.set(mount.target, mount);
  const reserved = defaultDestinations();
  for (const path of imageVolumes) {
    const target = checkImageVolume(path);
    // The kernel's file systems and our own files stay what they are: an image cannot have them replaced.
    if (!mounts.has(target) && !reserved.has(target)) mounts.set(target, imageVolume(target));
  }
  return [...mounts.values()];
}

function imageVolume(target: string): VolumeRequest {
  return {
    type: "volume",
    name: "",
    target,
    readOnly: false,
    noCopy: false,
    anonymous: true,
    origin: "image",
  };
}

/** What a container of `--volumes-from` shares: its binds and volumes, as it has them. */
export function sharedMounts(
  mounts: readonly MountRequest[],
  readOnly: boolean,
): MountRequest[] {
  return mounts.flatMap((mount): MountRequest[] => {
    if (mount.type === "tmpfs") return [];
    const access = { readOnly: mount.readOnly || readOnly };
    if (mount.type === "bind") return [{ ...mount, ...access, createSource: false }];
    return [{ ...mount, ...access, noCopy: true, origin: "from" }];
  });
}
