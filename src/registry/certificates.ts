/** TLS trust: the system's certificates, and per host those of docker's `certs.d` folders. */
import { readdirSync, readFileSync } from "node:fs";
import { messageOf, TsboxError } from "../errors.ts";

/** PEM texts for one host. */
export interface HostCertificates {
  ca: string[];
  client?: { cert: string; key: string };
}

/** Where the distributions keep the system's certificates; the first that is there is used. */
const SYSTEM_BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** Of a URL's host: it becomes a directory's name. */
const SAFE_HOST = /^(?:[a-z0-9][a-z0-9._-]*|\[[0-9a-f:.]+\])(?::[0-9]+)?$/i;

/** The `certs.d` folders in order; the first that has a folder for the host is used alone. */
export function certificateDirs(configDir: string, dockerConfigDir: string): string[] {
  const roots = [configDir, dockerConfigDir, "/etc/containers", "/etc/docker"];
  return roots.map((root) => `${root}/certs.d`);
}

/**
 * Reads the certificates for a host: `*.crt` are authorities, `x.cert` with `x.key` is ours.
 * @param names of the host with and without its port, as users name the folder
 * @throws TsboxError("invalid-argument") for a certificate without a key or an unreadable file
 */
export function hostCertificates(
  dirs: readonly string[],
  names: readonly string[],
): HostCertificates {
  const folders = dirs.flatMap((dir) =>
    names.filter((name) => SAFE_HOST.test(name)).map((name) => `${dir}/${name}`)
  );
  for (const folder of folders) {
    const files = listed(folder);
    if (files !== undefined) return readFolder(folder, files);
  }
  return { ca: [] };
}

function listed(folder: string): string[] | undefined {
  try {
    return readdirSync(folder).sort();
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw unreadable(folder, cause);
  }
}

function readFolder(folder: string, files: string[]): HostCertificates {
  const ca = files.filter((file) => file.endsWith(".crt")).map((file) => readPem(folder, file));
  const cert = files.find((file) => file.endsWith(".cert"));
  if (cert === undefined) return { ca };
  const key = cert.replace(/\.cert$/, ".key");
  if (!files.includes(key)) {
    throw new TsboxError(
      "invalid-argument",
      `Cannot use "${folder}": missing key ${key} for client certificate ${cert}`,
      { hint: "CA certificates must use the extension .crt" },
    );
  }
  return { ca, client: { cert: readPem(folder, cert), key: readPem(folder, key) } };
}

function readPem(folder: string, file: string): string {
  try {
    return readFileSync(`${folder}/${file}`, "utf8");
  } catch (cause) {
    throw unreadable(`${folder}/${file}`, cause);
  }
}

function unreadable(path: string, cause: unknown): TsboxError {
  return new TsboxError("invalid-argument", `Cannot read "${path}": ${messageOf(cause)}`, {
    cause,
  });
}

/**
 * The authorities of this system as one PEM text, so that those of a company count here as they do
 * for docker; undefined where there are none: Bun's own list is used then.
 */
export function systemAuthorities(
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const own = env["SSL_CERT_FILE"];
  for (const path of own ? [own] : SYSTEM_BUNDLES) {
    try {
      return readFileSync(path, "utf8");
    } catch {
      // Not this distribution's place.
    }
  }
  return undefined;
}
