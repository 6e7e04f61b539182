import { capabilityName } from "../../container/capability_names.ts";
import type { DeviceRequest, SeccompChoice } from "../../container/run_options.ts";
import { messageOf, TsboxError } from "../../errors.ts";
import { readFile } from "./environment.ts";
import { cleanPath } from "../../container/paths.ts";
import { absolutePath } from "./paths.ts";

/** `--cap-add`, `--cap-drop`: `ALL` or a capability with or without `CAP_`, in upper case with it. */
export function parseCapability(text: string, flag: "CapAdd" | "CapDrop"): string {
  const name = capabilityName(text);
  if (name !== undefined) return name;
  const full = `CAP_${text.toUpperCase().replace(/^CAP_/, "")}`;
  throw new TsboxError("invalid-argument", `invalid ${flag}: unknown capability: "${full}"`);
}

/** What `--security-opt` decides. */
export interface Security {
  seccomp: SeccompChoice;
  noNewPrivileges: boolean;
}

/** Every `--security-opt`; the last of a kind counts. */
export function parseSecurity(specs: readonly string[], cwd: string): Security {
  const security: Security = { seccomp: { kind: "default" }, noNewPrivileges: false };
  for (const spec of specs) {
    const [, key = "", value] = /^([^=:]*)(?:[=:](.*))?$/s.exec(spec) ?? [];
    if (key === "no-new-privileges") security.noNewPrivileges = switched(spec, value);
    else if (!value) {
      throw new TsboxError("invalid-argument", `Invalid --security-opt: "${spec}"`);
    } else if (key === "seccomp") security.seccomp = seccompChoice(value, cwd);
    else throw otherOption(key, spec);
  }
  return security;
}

function switched(spec: string, value: string | undefined): boolean {
  if (value === undefined || value === "true") return true;
  if (value === "false") return false;
  throw new TsboxError("invalid-argument", `invalid --security-opt: "${spec}"`);
}

function otherOption(key: string, spec: string): TsboxError {
  if (["apparmor", "label", "systempaths", "credentialspec", "writable-cgroups"].includes(key)) {
    return new TsboxError("unsupported", `--security-opt ${spec} is not supported by tsbox yet`);
  }
  return new TsboxError("invalid-argument", `invalid --security-opt: "${spec}"`);
}

function seccompChoice(value: string, cwd: string): SeccompChoice {
  if (value === "unconfined") return { kind: "unconfined" };
  if (value === "builtin") return { kind: "default" };
  const path = absolutePath(cwd, value);
  const json = new TextDecoder().decode(profileBytes(path, value));
  try {
    JSON.parse(json);
  } catch (cause) {
    throw new TsboxError(
      "invalid-argument",
      `seccomp profile (${value}) is not JSON: ${messageOf(cause)}`,
      { cause },
    );
  }
  return { kind: "profile", path, json };
}

function profileBytes(path: string, value: string): Uint8Array {
  try {
    return readFile(path);
  } catch (cause) {
    const message = `opening seccomp profile (${value}) failed: ${messageOf(cause)}`;
    throw new TsboxError("not-found", message, { cause });
  }
}

/** `--device host[:container][:rwm]`. */
export function parseDevice(spec: string): DeviceRequest {
  const parts = spec.split(":");
  const [source = "", second, third] = parts;
  if (parts.length > 3 || source === "") {
    throw new TsboxError("invalid-argument", `invalid device specification: ${spec}`);
  }
  const accessSecond = parts.length === 2 && second !== undefined && isAccess(second);
  const target = second === undefined || accessSecond ? source : second;
  const access = third ?? (accessSecond ? second : undefined) ?? "rwm";
  if (!isAccess(access)) throw new TsboxError("invalid-argument", `bad mode specified: ${access}`);
  for (const path of [source, target]) {
    if (!path.startsWith("/")) {
      throw new TsboxError("invalid-argument", `${path} is not an absolute path`);
    }
  }
  return { source: cleanPath(source), target: cleanPath(target), access };
}

function isAccess(text: string): boolean {
  return /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;
}
