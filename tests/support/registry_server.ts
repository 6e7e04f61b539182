/**
 * A real HTTP registry for tests, in this process, that can be told to misbehave: cut connections, stall,
 * answer errors, lie about content, redirect, ask for basic or token authentication.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createReadStream } from "node:fs";
import type { AddressInfo } from "node:net";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import type { Descriptor } from "../../src/oci/manifest.ts";

/** What goes wrong. `match` is a part of the request's path; `times` (default 1) counts down. */
export type Fault =
  & { match: string; times?: number }
  & (
    /** The connection ends after so many bytes of the body. */
    | { kind: "cut"; after: number; ignoreRange?: true }
    /** A few bytes now and then. */
    | { kind: "drip"; bytes: number; pause: number }
    /** Nothing more comes after so many bytes; -1: not even a head. */
    | { kind: "stall"; after: number }
    | { kind: "status"; status: number; headers?: Record<string, string>; body?: string }
    /** Content of the right size whose last byte is another. */
    | { kind: "corrupt" }
    /** More bytes than there are, without a Content-Length. */
    | { kind: "longer" }
    | { kind: "redirect"; to: string }
    /** The whole blob in spite of a Range header. */
    | { kind: "ignore-range" }
    /** No Content-Length: a cut looks like an end. */
    | { kind: "no-length"; after: number }
  );

export interface ServerAuth {
  /** `token` and `oauth2` answer at /token of this server, or of `realm`. */
  kind: "basic" | "token";
  /** Undefined with `token`: anonymous tokens are given. */
  username?: string;
  password?: string;
  /** Accepted by POST /token; given to who logs in by GET /token?offline_token=true. */
  identityToken?: string;
  /** In place of this server's /token. */
  realm?: string;
  /** Seconds a token lives by its own word. */
  expiresIn?: number;
}

export interface RegistryServerOptions {
  tls?: { cert: string; key: string };
  auth?: ServerAuth;
}

export interface SeenRequest {
  method: string;
  path: string;
  headers: Record<string, string | undefined>;
  body: string;
}

type Content = Uint8Array | { path: string; size: number };

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";

export class RegistryServer {
  /** `127.0.0.1:port`: the registry part of references. */
  readonly host: string;
  readonly requests: SeenRequest[] = [];
  readonly faults: Fault[] = [];
  auth: ServerAuth | undefined;
  /** Tokens that were given out; clear it to make them all invalid. */
  readonly tokens = new Set<string>();

  readonly #server: ReturnType<typeof createServer>;
  readonly #tls: boolean;
  readonly #blobs = new Map<string, Content>();
  readonly #manifests = new Map<string, { bytes: Uint8Array; mediaType: string }>();
  #tokenCount = 0;

  private constructor(server: ReturnType<typeof createServer>, options: RegistryServerOptions) {
    this.#server = server;
    this.#tls = options.tls !== undefined;
    this.auth = options.auth;
    this.host = `127.0.0.1:${addressOf(server).port}`;
    server.on("request", (request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(options: RegistryServerOptions = {}): Promise<RegistryServer> {
    const server = options.tls ? createTlsServer(options.tls) : createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new RegistryServer(server, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** `http://127.0.0.1:port`. */
  get origin(): string {
    return `${this.#tls ? "https" : "http"}://${this.host}`;
  }

  addBlob(bytes: Uint8Array, mediaType = "application/octet-stream"): Descriptor {
    const digest = digestOf(bytes);
    this.#blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  /** A blob that is read from disk while it is sent; the caller knows its digest. */
  addFile(path: string, descriptor: Descriptor): Descriptor {
    this.#blobs.set(descriptor.digest, { path, size: descriptor.size });
    return descriptor;
  }

  addManifest(
    repository: string,
    tag: string | undefined,
    document: unknown,
    mediaType: string,
  ): Descriptor {
    const bytes = new TextEncoder().encode(JSON.stringify(document));
    const descriptor: Descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
    for (const name of tag === undefined ? [descriptor.digest] : [descriptor.digest, tag]) {
      this.#manifests.set(`${repository}/${name}`, { bytes, mediaType });
    }
    return descriptor;
  }

  /**
   * A whole image of one platform.
   * @param config the `config` part of the image config
   */
  addImage(
    repository: string,
    tag: string | undefined,
    layers: { descriptor: Descriptor; diffId: Digest }[],
    config: Record<string, unknown> = {},
    platform: { os: string; architecture: string; variant?: string } = {
      os: "linux",
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
    },
  ): Descriptor {
    const diffIds = layers.map((layer) => layer.diffId);
    const image = { ...platform, config, rootfs: { type: "layers", diff_ids: diffIds } };
    const document = {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: this.addBlob(new TextEncoder().encode(JSON.stringify(image)), OCI_CONFIG),
      layers: layers.map((layer) => layer.descriptor),
    };
    return { ...this.addManifest(repository, tag, document, OCI_MANIFEST), platform };
  }

  addIndex(repository: string, tag: string, manifests: Descriptor[]): Descriptor {
    const document = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
    return this.addManifest(repository, tag, document, OCI_INDEX);
  }

  /** Requests whose path contains `part`. */
  seen(part: string): SeenRequest[] {
    return this.requests.filter((request) => request.path.includes(part));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    const seen = { method: request.method ?? "", path, headers: headersOf(request), body: "" };
    this.requests.push(seen);
    for await (const chunk of request) seen.body += String(chunk);
    const fault = this.#takeFault(path);
    if (fault?.kind === "status") {
      response.writeHead(fault.status, fault.headers ?? {}).end(fault.body ?? "");
      return;
    }
    if (fault?.kind === "redirect") {
      response.writeHead(307, { Location: fault.to }).end();
      return;
    }
    if (path.startsWith("/token")) return this.#giveToken(seen, response);
    if (!this.#isAllowed(seen)) return this.#challenge(response);
    if (path === "/v2/") return void response.writeHead(200).end("{}");
    await this.#serve(seen, response, fault);
  }

  #takeFault(path: string): Fault | undefined {
    const fault = this.faults.find((fault) => path.includes(fault.match) && (fault.times ?? 1) > 0);
    if (fault) fault.times = (fault.times ?? 1) - 1;
    return fault;
  }

  #isAllowed({ headers }: SeenRequest): boolean {
    if (this.auth === undefined) return true;
    const authorization = headers["authorization"] ?? "";
    if (this.auth.kind === "basic") return authorization === basic(this.auth);
    return this.tokens.has(authorization.replace(/^Bearer /, ""));
  }

  #challenge(response: ServerResponse): void {
    const realm = this.auth?.realm ?? `${this.origin}/token`;
    const challenge = this.auth?.kind === "basic"
      ? `Basic realm="test"`
      : `Bearer realm="${realm}",service="test registry",scope="repository:other:push"`;
    response.writeHead(401, { "WWW-Authenticate": challenge });
    response.end(`{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`);
  }

  #giveToken(seen: SeenRequest, response: ServerResponse): void {
    const { auth } = this;
    const isGood = seen.method === "POST"
      ? new URLSearchParams(seen.body).get("refresh_token") === auth?.identityToken
      : auth?.username === undefined || seen.headers["authorization"] === basic(auth);
    if (!isGood) {
      response.writeHead(401).end(`{"details":"incorrect username or password"}`);
      return;
    }
    const token = `token-${++this.#tokenCount}`;
    this.tokens.add(token);
    const field = seen.method === "POST" ? "access_token" : "token";
    const wantsIdentity =
      new URL(seen.path, this.origin).searchParams.get("offline_token") === "true";
    response.end(JSON.stringify({
      [field]: token,
      expires_in: auth?.expiresIn ?? 300,
      ...(wantsIdentity && auth?.identityToken && { refresh_token: auth.identityToken }),
    }));
  }

  async #serve(
    seen: SeenRequest,
    response: ServerResponse,
    fault: Fault | undefined,
  ): Promise<void> {
    const [, repository = "", kind = "", name = ""] =
      /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(seen.path) ?? [];
    const manifest = this.#manifests.get(`${repository}/${name}`);
    const content = kind === "manifests" ? manifest?.bytes : this.#blobs.get(name);
    if (content === undefined) {
      const code = kind === "manifests" ? "MANIFEST_UNKNOWN" : "BLOB_UNKNOWN";
      const message = code.toLowerCase().replace("_", " ");
      response.writeHead(404).end(JSON.stringify({ errors: [{ code, message }] }));
      return;
    }
    const headers = kind === "manifests"
      ? {
        "Content-Type": manifest?.mediaType ?? "",
        "Docker-Content-Digest": digestOf(manifest?.bytes ?? new Uint8Array()),
      }
      : { "Content-Type": "application/octet-stream" };
    await this.#send(seen, response, content, headers, fault);
  }

  async #send(
    seen: SeenRequest,
    response: ServerResponse,
    content: Content,
    headers: Record<string, string>,
    fault: Fault | undefined,
  ): Promise<void> {
    const size = content instanceof Uint8Array ? content.length : content.size;
    const range = /^bytes=(\d+)-$/.exec(seen.headers["range"] ?? "")?.[1];
    const ignores = fault?.kind === "ignore-range" || (fault?.kind === "cut" && fault.ignoreRange);
    const isPart = range !== undefined && !ignores;
    const start = isPart ? Number(range) : 0;
    const limit = fault !== undefined && "after" in fault ? Math.max(fault.after, 0) : Infinity;
    const hasLength = fault?.kind !== "no-length" && fault?.kind !== "longer";
    if (fault?.kind === "stall" && fault.after < 0) return;
    response.writeHead(isPart ? 206 : 200, {
      ...headers,
      ...(hasLength && { "Content-Length": String(size - start) }),
      ...(isPart && { "Content-Range": `bytes ${start}-${size - 1}/${size}` }),
    });
    response.flushHeaders();
    if (fault?.kind === "drip") return await drip(response, content, start, fault);
    let sent = 0;
    for await (const chunk of chunksOf(content, start)) {
      const part = chunk.subarray(0, Math.max(limit - sent, 0));
      sent += part.length;
      const isLast = start + sent === size;
      await write(response, fault?.kind === "corrupt" && isLast ? changed(part) : part);
      if (sent < limit || fault === undefined) continue;
      if (fault.kind === "stall") return;
      if (fault.kind === "cut") return await cut(response);
      if (fault.kind === "no-length") break;
    }
    if (fault?.kind === "longer") await write(response, new Uint8Array(10));
    response.end();
  }
}

function addressOf(server: ReturnType<typeof createServer>): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address;
}

function headersOf(request: IncomingMessage): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, value?.toString()]),
  );
}

function basic({ username = "", password = "" }: ServerAuth): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

async function* chunksOf(content: Content, start: number): AsyncGenerator<Uint8Array> {
  if (!(content instanceof Uint8Array)) {
    for await (const chunk of createReadStream(content.path, { start })) yield chunk;
    return;
  }
  for (let at = start; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536);
}

async function write(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  if (response.destroyed) throw new Error("the client has gone");
  await new Promise<void>((resolve, reject) => {
    const onClose = () => reject(new Error("the client has gone"));
    response.once("close", onClose);
    response.write(bytes, () => {
      response.off("close", onClose);
      resolve();
    });
  });
}

async function drip(
  response: ServerResponse,
  content: Content,
  start: number,
  { bytes, pause }: { bytes: number; pause: number },
): Promise<void> {
  for await (const chunk of chunksOf(content, start)) {
    for (let at = 0; at < chunk.length; at += bytes) {
      await write(response, chunk.subarray(at, at + bytes));
      await Bun.sleep(pause);
    }
  }
  response.end();
}

/** What was written must arrive before the end does. */
async function cut(response: ServerResponse): Promise<void> {
  await Bun.sleep(20);
  response.socket?.destroy();
}

function changed(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
  return copy;
}
