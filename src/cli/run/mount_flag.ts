import type { MountRequest } from "../../container/run_options.ts";
import { TsboxError } from "../../errors.ts";
import { readVolumeField, type VolumeFields, volumeRequest } from "./volume_fields.ts";
import { mountTarget, propagation } from "./mounts.ts";
import { cleanPath } from "../../container/paths.ts";
import { absolutePath } from "./paths.ts";
import { parseSize } from "../../container/size.ts";

/** Refuses the value of the flag; the caller knows how to say so. */
type Refuse = (reason: string) => Error;

interface Fields {
  type: string;
  source: string;
  target: string;
  readOnly: boolean;
  bind: { propagation?: string; nonRecursive?: boolean };
  tmpfs: { size?: number; mode?: number };
  volume: VolumeFields;
}

const BARE = ["readonly", "ro", "bind-nonrecursive", "volume-nocopy"];

/** Docker's `--mount type=bind|tmpfs|volume,source=...,target=...`, a line of CSV with `key=value` fields. */
export function parseMount(spec: string, cwd: string, refuse: Refuse): MountRequest {
  const fields: Fields = {
    type: "volume",
    source: "",
    target: "",
    readOnly: false,
    bind: {},
    tmpfs: {},
    volume: {},
  };
  for (const field of csvFields(spec, refuse)) readField(fields, field, cwd, refuse);
  if (fields.target === "") throw refuse("target is required");
  const has = (group: object) => Object.keys(group).length > 0;
  if (fields.type !== "bind" && has(fields.bind)) {
    throw refuse(`cannot mix 'bind-*' options with mount type '${fields.type}'`);
  }
  if (fields.type !== "tmpfs" && has(fields.tmpfs)) {
    throw refuse(`cannot mix 'tmpfs-*' options with mount type '${fields.type}'`);
  }
  if (fields.type !== "volume" && has(fields.volume)) {
    throw refuse(`cannot mix 'volume-*' options with mount type '${fields.type}'`);
  }
  if (fields.type === "volume") return volumeMount(fields);
  if (fields.type === "bind") return bindMount(fields);
  if (fields.type === "tmpfs") return tmpfsMount(fields);
  throw otherType(fields.type);
}

function otherType(type: string): TsboxError {
  if (["image", "npipe", "cluster"].includes(type)) {
    return new TsboxError("unsupported", `--mount type=${type} is not supported by tsbox yet`, {
      hint: "use type=bind, type=volume or type=tmpfs",
    });
  }
  return new TsboxError("invalid-argument", `mount type unknown: "${type}"`);
}

function readField(fields: Fields, field: string, cwd: string, refuse: Refuse): void {
  const equals = field.indexOf("=");
  const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
  if (equals < 0 && !BARE.includes(key)) {
    throw refuse(`invalid field '${field}' must be a key=value pair`);
  }
  const value = equals < 0 ? "true" : field.slice(equals + 1);
  const invalid = () => refuse(`invalid value for ${key}: ${value}`);
  switch (key) {
    case "type":
      fields.type = value.toLowerCase();
      break;
    case "source":
    case "src":
      fields.source = /^\.{1,2}(\/|$)/.test(value) ? absolutePath(cwd, value) : value;
      break;
    case "target":
    case "dst":
    case "destination":
      fields.target = value;
      break;
    case "readonly":
    case "ro":
      fields.readOnly = boolean(value, invalid);
      break;
    case "bind-propagation":
      fields.bind.propagation = value.toLowerCase();
      break;
    case "bind-nonrecursive":
      fields.bind.nonRecursive = boolean(value, invalid);
      break;
    case "bind-recursive":
      if (value !== "enabled" && value !== "disabled") throw recursion(value, invalid);
      fields.bind.nonRecursive = value === "disabled";
      break;
    case "tmpfs-size":
      fields.tmpfs.size = parseSize(value) ?? raise(invalid());
      break;
    case "tmpfs-mode":
      if (!/^[0-7]{1,4}$/.test(value)) throw invalid();
      fields.tmpfs.mode = parseInt(value, 8);
      break;
    case "volume-nocopy":
      fields.volume.noCopy = boolean(value, invalid);
      break;
    case "volume-subpath":
    case "volume-driver":
    case "volume-label":
    case "volume-opt":
      readVolumeField(fields.volume, key, value, invalid);
      break;
    default:
      throw otherKey(key, field, refuse);
  }
}

function recursion(value: string, invalid: () => Error): Error {
  if (value !== "writable" && value !== "readonly") return invalid();
  return new TsboxError("unsupported", `bind-recursive=${value} is not supported by tsbox yet`);
}

function otherKey(key: string, field: string, refuse: Refuse): Error {
  if (/^image-subpath$/.test(key) || key === "consistency") {
    return new TsboxError("unsupported", `--mount ${key} is not supported by tsbox yet`);
  }
  return refuse(`unexpected key '${key}' in '${field}'`);
}

function raise(error: Error): never {
  throw error;
}

function boolean(value: string, invalid: () => Error): boolean {
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw invalid();
}

function bindMount(fields: Fields): MountRequest {
  const target = mountTarget("bind", fields.target);
  const wrong = (what: string) =>
    new TsboxError("invalid-argument", `invalid mount config for type "bind": ${what}`);
  if (fields.source === "") throw wrong("field Source must not be empty");
  if (!fields.source.startsWith("/")) {
    throw wrong(`invalid mount path: '${fields.source}' mount path must be absolute`);
  }
  const word = fields.bind.propagation ?? "";
  const spread = propagation(word);
  if (word !== "" && spread === undefined) throw wrong(`invalid propagation mode: ${word}`);
  return {
    type: "bind",
    source: cleanPath(fields.source),
    target,
    readOnly: fields.readOnly,
    createSource: false,
    ...(spread && { propagation: spread }),
    ...(fields.bind.nonRecursive !== undefined && { nonRecursive: fields.bind.nonRecursive }),
  };
}

function volumeMount({ source, target, readOnly, volume }: Fields): MountRequest {
  return volumeRequest(volume, { name: source, target: mountTarget("volume", target), readOnly });
}

function tmpfsMount(fields: Fields): MountRequest {
  if (fields.source !== "") {
    throw new TsboxError(
      "invalid-argument",
      'invalid mount config for type "tmpfs": field Source must not be specified',
    );
  }
  return {
    type: "tmpfs",
    target: mountTarget("tmpfs", fields.target),
    readOnly: fields.readOnly,
    options: [],
    ...fields.tmpfs,
  };
}

/** The fields of one CSV record (RFC 4180): a field in double quotes may hold commas. */
function csvFields(line: string, refuse: Refuse): string[] {
  if (line.trim() === "") throw refuse("value is empty");
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (let end = ","; end === ",";) {
    const match = field.exec(line);
    if (!match) throw refuse(`parse error: bare " in non-quoted field`);
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    end = match[3] ?? "";
  }
  return fields;
}
