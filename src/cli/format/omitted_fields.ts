/**
 * What docker's JSON leaves out while it is empty (Go's `omitempty`), but docker's templates find: there they are
 * evaluated over Go's structures, so `{{if .State.Health}}` is no error of a container without a check.
 */
import { isMap } from "./go_text.ts";

type Fields = Readonly<Record<string, unknown>>;

const IMAGE_CONFIG: Fields = {
  ArgsEscaped: false,
  ExposedPorts: {},
  Healthcheck: null,
  OnBuild: [],
  Shell: [],
  StopSignal: "",
  User: "",
  Volumes: {},
};

const VOLUME: Fields = { ClusterVolume: null, Status: {}, UsageData: null };

/** By the path of the structure they belong to; of containers, of images. */
const CONTAINER: Readonly<Record<string, Fields>> = {
  "": { SizeRw: null, SizeRootFs: null, ImageManifestDescriptor: null },
  State: { Health: null },
  Config: { ...IMAGE_CONFIG, MacAddress: "", NetworkDisabled: false, StopTimeout: null },
  HostConfig: { Annotations: {}, Init: null, Mounts: [], StorageOpt: {}, Sysctls: {}, Tmpfs: {} },
};
const IMAGE: Readonly<Record<string, Fields>> = {
  "": { Created: "", OsVersion: "", Variant: "", Descriptor: null, Manifests: [] },
  Config: IMAGE_CONFIG,
};

/**
 * Makes the fields that an inspected object lacks visible to templates alone: neither JSON nor a printed structure
 * shows them. `.ID` is Go's name of what JSON calls `Id`.
 */
export function withOmittedFields(object: unknown): unknown {
  if (!isMap(object)) return object;
  if ("Mountpoint" in object) hide(object, VOLUME);
  if (!("Id" in object)) return object;
  const isContainer = "HostConfig" in object;
  for (const [path, fields] of Object.entries(isContainer ? CONTAINER : IMAGE)) {
    const part = path === "" ? object : object[path];
    if (isMap(part)) hide(part, fields);
  }
  hide(object, { ID: object["Id"] });
  return object;
}

function hide(part: Record<string, unknown>, fields: Fields): void {
  for (const [name, value] of Object.entries(fields)) {
    if (!Object.hasOwn(part, name)) Object.defineProperty(part, name, { value, enumerable: false });
  }
}
