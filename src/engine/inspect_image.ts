import { layerDirectory } from "../storage/layers.ts";
import type { StoredImage } from "../storage/image_index.ts";
import { configDocument } from "./config_document.ts";
import { repoDigests, repoTags } from "./images.ts";

/** What a container made of the image begins with. */
function configPart({ config }: StoredImage) {
  return {
    ...(config.user !== "" && { User: config.user }),
    ...(config.exposedPorts.length > 0 && { ExposedPorts: keySet(config.exposedPorts) }),
    Env: config.env,
    Cmd: config.cmd ?? null,
    ...(config.volumes.length > 0 && { Volumes: keySet(config.volumes) }),
    WorkingDir: config.workingDir,
    Entrypoint: config.entrypoint ?? null,
    Labels: Object.keys(config.labels).length === 0 ? null : config.labels,
    ...(config.stopSignal !== undefined && { StopSignal: config.stopSignal }),
    ...(config.healthcheck !== undefined && { Healthcheck: config.healthcheck }),
  };
}

/** Go's way to write a set: `{"80/tcp": {}}`. */
export function keySet(keys: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(keys.map((key) => [key, {}]));
}

/** The directories of the image's layers as overlayfs takes them: the top one first. */
export function lowerDirectories(dataRoot: string, image: Pick<StoredImage, "chainIDs">): string[] {
  return image.chainIDs.map((chainID) => layerDirectory(dataRoot, chainID)).reverse();
}

/** `GET /images/{name}/json` of Docker's API. */
export function imageInspection(dataRoot: string, image: StoredImage) {
  const { config } = image;
  const document = configDocument(dataRoot, image.id);
  const [top, ...below] = lowerDirectories(dataRoot, image);
  return {
    Id: image.id,
    RepoTags: repoTags(image),
    RepoDigests: repoDigests(image),
    Parent: "",
    Comment: document?.history.at(-1)?.comment ?? "",
    ...(image.created !== "" && { Created: image.created }),
    DockerVersion: document?.dockerVersion ?? "",
    Author: config.author ?? "",
    Config: { ...configPart(image), ...document?.build },
    Architecture: image.platform.architecture,
    ...(image.platform.variant !== undefined && { Variant: image.platform.variant }),
    Os: image.platform.os,
    Size: image.size,
    GraphDriver: {
      Data: {
        ...(below.length > 0 && { LowerDir: below.join(":") }),
        ...(top !== undefined && { UpperDir: top }),
      },
      Name: "overlay",
    },
    RootFS: { Type: "layers", Layers: config.diffIds },
    // Go's zero time, as docker says for an image that only a pull has named.
    Metadata: { LastTagTime: image.tagged ?? "0001-01-01T00:00:00Z" },
    // Not Docker's: with one mapped id, every file belongs to the user.
    OwnersLost: image.ownersLost,
  };
}
