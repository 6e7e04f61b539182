import { expect, test } from "bun:test";
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { digestOf } from "../oci/digest.ts";
import { RegistryServer } from "../../tests/support/registry_server.ts";

const GIGABYTE = 1024 ** 3;

/** In a process of its own: the server's memory is not the client's. */
const READER = `
const { RegistryClient } = await import(process.argv[1]);
const [, , host, digest, size] = process.argv;
const { parseReference } = await import(process.argv[1].replace("registry/registry_client", "oci/reference"));
const client = new RegistryClient({ home: "/nonexistent", dockerConfigDir: "/nonexistent", env: {}, userAgent: "x" });
let [length, before] = [0, process.memoryUsage().rss];
let peak = before;
for await (const chunk of client.blob(parseReference(host + "/app"), { mediaType: "x", digest, size: Number(size) })) {
  // A disk that is slower than the network.
  if (length < 30_000_000) await Bun.sleep(1);
  length += chunk.length;
  peak = Math.max(peak, process.memoryUsage.rss());
}
console.log(JSON.stringify({ length, grown: peak - before }));
`;

test("a blob of 1 GB costs no more memory than a small one", async () => {
  const dir = mkdtempSync(`${tmpdir()}/memory-`);
  const file = openSync(`${dir}/blob`, "w");
  ftruncateSync(file, GIGABYTE);
  closeSync(file);
  await using server = await RegistryServer.start();
  const digest = digestOf(new Uint8Array());
  server.addFile(`${dir}/blob`, { mediaType: "x", digest, size: GIGABYTE });
  const module = `${import.meta.dir}/registry_client.ts`;
  const command = [process.execPath, "-e", READER, module, server.host, digest, String(GIGABYTE)];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  const { length, grown }: { length: number; grown: number } = JSON.parse(
    await child.stdout.text(),
  );
  expect(length).toBe(GIGABYTE);
  expect(grown).toBeLessThan(96 * 1024 ** 2);
  rmSync(dir, { recursive: true });
}, 120_000);
