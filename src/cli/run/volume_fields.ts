/** The `volume-*` fields of `--mount`. */
import type { VolumeRequest } from "../../container/run_options.ts";
import { checkVolumeName } from "../../container/volume_name.ts";
import { TsboxError } from "../../errors.ts";

/** What was given. */
export interface VolumeFields {
  noCopy?: boolean;
  subpath?: string;
  labels?: Record<string, string>;
  options?: Record<string, string>;
  driver?: string;
}

/** Takes over one field. @param invalid makes the error for its value */
export function readVolumeField(
  fields: VolumeFields,
  key: "volume-subpath" | "volume-driver" | "volume-label" | "volume-opt",
  value: string,
  invalid: () => Error,
): void {
  if (key === "volume-subpath") fields.subpath = value;
  else if (key === "volume-driver") fields.driver = localDriver(value);
  else if (key === "volume-label") fields.labels = { ...fields.labels, ...pair(value) };
  else if (value.includes("=")) fields.options = { ...fields.options, ...pair(value) };
  else throw invalid();
}

function localDriver(name: string): string {
  if (name === "local") return name;
  throw new TsboxError("unsupported", `volume-driver=${name} is not supported by tsbox`, {
    hint: "there is the driver local",
  });
}

function pair(text: string): Record<string, string> {
  const equals = text.indexOf("=");
  return equals < 0 ? { [text]: "" } : { [text.slice(0, equals)]: text.slice(equals + 1) };
}

/** The mount. @throws TsboxError "invalid-argument", in docker's words */
export function volumeRequest(
  { noCopy = false, subpath, labels, options }: VolumeFields,
  { name, target, readOnly }: { name: string; target: string; readOnly: boolean },
): VolumeRequest {
  const anonymous = name === "";
  if (!anonymous) checkVolumeName(name);
  if (anonymous && readOnly) {
    throw wrong("must not set ReadOnly mode when using anonymous volumes");
  }
  if (anonymous && subpath) throw wrong("must not set Subpath when using anonymous volumes");
  return {
    type: "volume",
    name,
    target,
    readOnly,
    noCopy,
    anonymous,
    origin: "mount",
    ...(subpath && { subpath: localPath(subpath) }),
    ...(labels && { labels }),
    ...(options && { driverOptions: options }),
  };
}

/** Relative and without a step up: what is left may still be links, which only the start can judge. */
function localPath(path: string): string {
  if (!path.startsWith("/") && !path.split("/").includes("..")) return path;
  throw wrong(`invalid Subpath "${path}": it must be a relative path within the volume`);
}

function wrong(what: string): TsboxError {
  return new TsboxError("invalid-argument", `invalid mount config for type "volume": ${what}`);
}
