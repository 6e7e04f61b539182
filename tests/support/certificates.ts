/** Throw-away certificates for TLS tests, made by openssl. */
import { readFileSync } from "node:fs";

export interface Certificate {
  cert: string;
  key: string;
}

/**
 * An authority of its own and a certificate it signed.
 * @param dir an empty directory to work in
 * @param names as openssl's subjectAltName writes them, such as `IP:127.0.0.1`
 */
export function makeCertificate(dir: string, names = "IP:127.0.0.1"): Certificate & { ca: string } {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl(
    dir,
    "req",
    "-x509",
    ...key,
    "-keyout",
    "ca.key",
    "-out",
    "ca.crt",
    "-subj",
    "/CN=Test CA",
  );
  openssl(dir, "req", ...key, "-keyout", "own.key", "-out", "own.csr", "-subj", "/CN=own");
  Bun.spawnSync(["sh", "-c", `echo "subjectAltName=${names}" >ext`], { cwd: dir });
  const ca = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"];
  openssl(
    dir,
    "x509",
    "-req",
    "-in",
    "own.csr",
    ...ca,
    "-out",
    "own.crt",
    "-days",
    "2",
    "-extfile",
    "ext",
  );
  const read = (name: string) => readFileSync(`${dir}/${name}`, "utf8");
  return { ca: read("ca.crt"), cert: read("own.crt"), key: read("own.key") };
}

function openssl(cwd: string, ...args: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args], { cwd, stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`openssl ${args[0]}: ${stderr.toString()}`);
}
