/** A registry for tests that takes uploads and gives them back (OCI distribution spec 1.1, "Push"), and can be told to misbehave. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { digestOf } from "../../src/oci/digest.ts";

/** What goes wrong; `times` (default 1) counts down. `match` is the method and a part of the path. */
export type UploadFault =
  & { match: [method: string, path: string]; times?: number }
  & (
    /** So many bytes of the body are kept, then the connection ends. */
    | { kind: "cut"; after: number }
    | { kind: "status"; status: number; headers?: Record<string, string>; body?: string }
    /** The request is done, and its answer never comes. */
    | { kind: "lose-answer" }
  );

export interface SeenUpload {
  method: string;
  path: string;
  headers: Record<string, string | string[] | undefined>;
  /** Bytes of the body. */
  received: number;
}

export class UploadServer {
  readonly host: string;
  readonly requests: SeenUpload[] = [];
  readonly faults: UploadFault[] = [];
  /** `repository digest` */
  readonly blobs = new Map<string, Uint8Array>();
  readonly manifests = new Map<string, Uint8Array>();
  /** In place of this server, in the `Location` of uploads. */
  uploadHost: string | undefined;
  /** Asked for by basic authentication. */
  password: string | undefined;
  /** Sent when an upload begins. */
  minimumChunk: number | undefined;
  /** Uploads are forgotten when a connection is cut. */
  forgetful = false;
  readonly #sessions = new Map<string, Buffer>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    const address = server.address();
    this.host = `127.0.0.1:${isPort(address) ? address.port : 0}`;
    server.on("request", (request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<UploadServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new UploadServer(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Requests of a method whose path contains `part`. */
  seen(method: string, part: string): SeenUpload[] {
    return this.requests.filter((one) => one.method === method && one.path.includes(part));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url: path = "/", headers } = request;
    const seen: SeenUpload = { method, path, headers, received: 0 };
    this.requests.push(seen);
    const fault = this.#fault(method, path);
    if (fault?.kind === "status") {
      response.writeHead(fault.status, fault.headers ?? {}).end(fault.body ?? "");
      return;
    }
    const isUpload = path.startsWith("/uploads/");
    const expected = `Basic ${btoa(`alice:${this.password}`)}`;
    if (this.password !== undefined && !isUpload && headers.authorization !== expected) {
      response.writeHead(401, { "WWW-Authenticate": `Basic realm="test"` }).end();
      return;
    }
    const url = new URL(path, "http://registry");
    if (isUpload) return await this.#upload(request, response, url, seen, fault);
    const body = await whole(request, seen);
    const [, repository = "", rest = ""] =
      /^\/v2\/(.+?)\/((?:blobs|manifests)\/.*)$/.exec(url.pathname) ?? [];
    if (url.pathname === "/v2/") return void response.end("{}");
    if (rest === "blobs/uploads/") return this.#begin(response, url, repository);
    if (method === "GET" || method === "HEAD") {
      const [kind = "", name = ""] = rest.split("/");
      const found = (kind === "blobs" ? this.blobs : this.manifests).get(`${repository} ${name}`);
      response.writeHead(found === undefined ? 404 : 200);
      return void response.end(method === "GET" ? found : undefined);
    }
    if (rest.startsWith("manifests/")) {
      this.manifests.set(`${repository} ${rest.slice("manifests/".length)}`, body);
      response.writeHead(201, { "Docker-Content-Digest": digestOf(body) }).end();
      return;
    }
    response.writeHead(405).end();
  }

  #fault(method: string, path: string): UploadFault | undefined {
    const fault = this.faults.find(({ match: [m, part], times = 1 }) =>
      m === method && path.includes(part) && times > 0
    );
    if (fault) fault.times = (fault.times ?? 1) - 1;
    return fault;
  }

  #begin(response: ServerResponse, url: URL, repository: string): void {
    const [digest, from] = [url.searchParams.get("mount"), url.searchParams.get("from")];
    const source = this.blobs.get(`${from} ${digest}`);
    if (source !== undefined) {
      this.blobs.set(`${repository} ${digest}`, source);
      response.writeHead(201, { Location: "/" }).end();
      return;
    }
    const id = crypto.randomUUID();
    this.#sessions.set(id, Buffer.alloc(0));
    response.writeHead(202, {
      ...this.#state(id, repository),
      ...(this.minimumChunk !== undefined && { "OCI-Chunk-Min-Length": String(this.minimumChunk) }),
    }).end();
  }

  #state(id: string, repository: string): Record<string, string> {
    const size = this.#sessions.get(id)?.length ?? 0;
    const host = this.uploadHost === undefined ? "" : `http://${this.uploadHost}`;
    return {
      Location: `${host}/uploads/${id}?repository=${encodeURIComponent(repository)}`,
      Range: `0-${Math.max(size - 1, 0)}`,
    };
  }

  async #upload(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    seen: SeenUpload,
    fault: UploadFault | undefined,
  ): Promise<void> {
    const id = url.pathname.slice("/uploads/".length);
    const before = this.#sessions.get(id);
    if (before === undefined) return void response.writeHead(404).end();
    const repository = url.searchParams.get("repository") ?? "";
    if (request.method === "GET") {
      response.writeHead(204, this.#state(id, repository)).end();
      return;
    }
    const start = /^(\d+)-/.exec(request.headers["content-range"] ?? "")?.[1];
    if (start !== undefined && Number(start) !== before.length) {
      response.writeHead(416, this.#state(id, repository)).end();
      return;
    }
    const limit = fault?.kind === "cut" ? fault.after : Infinity;
    this.#sessions.set(id, Buffer.concat([before, await whole(request, seen, limit)]));
    if (fault?.kind === "cut") {
      if (this.forgetful) this.#sessions.delete(id);
      request.socket.destroy();
      return;
    }
    const digest = url.searchParams.get("digest");
    if (request.method === "PATCH") {
      response.writeHead(202, this.#state(id, repository)).end();
      return;
    }
    const bytes = this.#sessions.get(id) ?? Buffer.alloc(0);
    this.#sessions.delete(id);
    if (digest !== digestOf(bytes)) {
      response.writeHead(400).end(`{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}`);
      return;
    }
    this.blobs.set(`${repository} ${digest}`, bytes);
    if (fault?.kind === "lose-answer") return void request.socket.destroy();
    response.writeHead(201, { Location: "/", "Docker-Content-Digest": digest }).end();
  }
}

function isPort(address: ReturnType<Server["address"]>): address is AddressInfo {
  return typeof address === "object" && address !== null;
}

async function whole(
  request: IncomingMessage,
  seen: SeenUpload,
  limit = Infinity,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) {
    const bytes: Buffer = Buffer.from(part);
    parts.push(bytes.subarray(0, limit - seen.received));
    seen.received = Math.min(seen.received + bytes.length, limit);
    if (seen.received >= limit) break;
  }
  return Buffer.concat(parts);
}
