/** A TCP proxy in front of a server that cuts connections which send it too much: a bad line, for tests. */
import { connect, createServer, type Server, type Socket } from "node:net";

export class CuttingProxy {
  /** `127.0.0.1:port`. */
  readonly host: string;
  /** Connections that were cut. */
  cuts = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    const address = server.address();
    this.host = `127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  }

  /** @param limits bytes that a connection may send; when they are used up, no more are cut */
  static async start(target: string, limits: number[]): Promise<CuttingProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const proxy = new CuttingProxy(server);
    const port = Number(target.split(":")[1]);
    server.on("connection", (client) => proxy.#join(client, connect(port, "127.0.0.1"), limits));
    return proxy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #join(client: Socket, upstream: Socket, limits: number[]): void {
    let sent = 0;
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.on("error", end).on("close", end);
    }
    upstream.pipe(client);
    client.on("data", (bytes) => {
      sent += bytes.length;
      const limit = limits[0] ?? Infinity;
      upstream.write(bytes);
      if (sent <= limit) return;
      limits.shift();
      this.cuts++;
      end();
    });
  }
}
