/**
 * A registry that counts as one on the internet: its name is only known to a proxy, which leads to a real
 * server on loopback with a certificate for that name.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { makeCertificate } from "./certificates.ts";
import { RegistryServer } from "./registry_server.ts";

export const FAR_REGISTRY = "registry.test";
/** Another name of the same server: somebody else on the internet. It also plays Docker Hub's registry. */
export const FAR_NEIGHBOUR = "cdn.test";

export interface FarRegistry extends AsyncDisposable {
  server: RegistryServer;
  /** What makes a program reach it. */
  env: Record<string, string>;
  /** Every `host:port` that the proxy was asked for. */
  asked: string[];
}

/** @param dir an empty directory for its certificate */
export async function startFarRegistry(dir: string): Promise<FarRegistry> {
  mkdirSync(dir, { recursive: true });
  const names = `DNS:${FAR_REGISTRY},DNS:${FAR_NEIGHBOUR},DNS:registry-1.docker.io`;
  const { ca, cert, key } = makeCertificate(dir, names);
  writeFileSync(`${dir}/authorities.pem`, ca);
  const server = await RegistryServer.start({ tls: { cert, key } });
  const target = Number(server.host.split(":")[1]);
  const asked: string[] = [];
  const proxy = createServer((_, response) => void response.writeHead(502).end());
  proxy.on("connect", (request, socket) => {
    asked.push(request.url ?? "");
    const upstream = connect(target, "127.0.0.1");
    socket.on("error", () => upstream.destroy()).on("close", () => upstream.destroy());
    upstream.on("error", () => socket.destroy()).on("close", () => socket.destroy());
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as AddressInfo;
  return {
    server,
    asked,
    env: {
      HTTPS_PROXY: `http://127.0.0.1:${port}`,
      SSL_CERT_FILE: `${dir}/authorities.pem`,
    },
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections();
      proxy.close();
      await server[Symbol.asyncDispose]();
    },
  };
}
