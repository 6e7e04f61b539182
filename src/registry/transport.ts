/** One HTTP request: its TLS, proxy, time-outs and redirects. Knows nothing of registries' rules. */
import { messageOf, TsboxError } from "../errors.ts";
import {
  certificateDirs,
  type HostCertificates,
  hostCertificates,
  systemAuthorities,
} from "./certificates.ts";
import { hostNames, isLoopback } from "./hosts.ts";
import { isListedInsecure, refuseBlocked, type RegistryPolicy } from "./policy.ts";
import { proxyFor } from "./proxy.ts";
import { type Lookup, Reach } from "./reach.ts";
import { cancelled, type Timing, TransientError } from "./retry.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface TransportOptions {
  /** Absolute: `$XDG_CONFIG_HOME/tsbox`. */
  configDir: string;
  /** Absolute: `~/.docker`. */
  dockerConfigDir: string;
  env: Environment;
  userAgent: string;
  timing: Timing;
  policy: RegistryPolicy;
  /** In place of the system's name service. */
  lookup?: Lookup;
}

export interface HttpRequest {
  url: URL;
  method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  headers: Record<string, string>;
  /** A text is a form with secrets, and no redirect is followed with it. */
  body?: string | UploadBody;
  /** The registry this is about: decides what is allowed on the way. */
  origin: URL;
  signal?: AbortSignal | undefined;
  /** Milliseconds until the answer's head, or more of the body is taken; default {@link Timing.response}. */
  timeout?: number;
}

/** What is sent to a registry; can be sent again from its beginning. */
export interface UploadBody {
  /** Bytes. */
  length: number;
  /**
   * @param alive to be called whenever more is asked for, since the other side takes it; with the
   *   milliseconds to wait from now on, if others
   */
  open(alive: (wait?: number) => void): Uint8Array | ReadableStream<Uint8Array>;
}

/** An answer whose body is not yet read. Read or {@link discard} it, or the connection stays. */
export interface HttpAnswer {
  response: Response;
  /** Where it came from in the end. */
  url: URL;
  /** Whether it came from the host that was asked: only that may ask for credentials. */
  fromAskedHost: boolean;
  /** Cuts the connection. */
  abort: () => void;
  signal: AbortSignal | undefined;
}

const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export class Transport {
  readonly #options: TransportOptions;
  readonly #certificates = new Map<string, HostCertificates>();
  readonly #reach: Reach;
  #system: string | null | undefined;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#reach = new Reach(options.lookup);
  }

  get timing(): Timing {
    return this.#options.timing;
  }

  /** Whether plain HTTP and unverified TLS are allowed for this host: loopback, or listed by the user. */
  isInsecure(url: URL): boolean {
    return isLoopback(url.hostname) || isListedInsecure(this.#options.policy, url);
  }

  /** Whether an authority was named for this host: then its certificate must hold, even on loopback. */
  hasOwnAuthority(url: URL): boolean {
    return this.#certificatesOf(url).ca.length > 0;
  }

  /**
   * Sends a request and follows redirects. `Authorization` goes to the asked host only.
   * @throws TransientError for what may pass, TsboxError for the rest
   */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    const headers = { ...request.headers };
    let url = request.url;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      await this.#checkReach(request.origin, url);
      const answer = await this.#exchange(request, url, headers);
      const location = answer.response.headers.get("location");
      if (!REDIRECTS.has(answer.response.status) || location === null) return answer;
      await discard(answer);
      if (typeof request.body === "string") {
        const to = redirectTarget(url, location);
        throw refusedRedirect(url, "it would send the credentials on", to);
      }
      if (!keepsMethod(request, answer.response.status)) {
        throw refusedRedirect(url, `it would make another request of ${request.method}`);
      }
      const next = this.target(request.origin, url, location);
      // Never given back: a chain may return to the first host with a path of its choice.
      if (next.origin !== url.origin) delete headers["Authorization"];
      url = next;
    }
    throw new TsboxError(
      "unavailable",
      `Cannot follow ${request.url.host}: more than ${MAX_REDIRECTS} redirects`,
    );
  }

  /**
   * The URL that a `Location` means.
   * @param origin the registry this is about @param from the URL that was asked
   * @throws TsboxError("unavailable") when nobody may be led there
   */
  target(origin: URL, from: URL, location: string): URL {
    const to = redirectTarget(from, location);
    if (to.protocol === "https:") return to;
    if (to.protocol !== "http:") throw refusedRedirect(from, `${to.protocol} is not http`, to);
    // A registry on this machine may use plain HTTP; a far one must not make us talk to this machine.
    const allowed = this.isInsecure(origin) && this.isInsecure(to);
    if (!allowed) throw refusedRedirect(from, "it is not https", to);
    return to;
  }

  /** Of redirects, token realms and places for uploads: a far registry is to lead to nothing near. */
  async #checkReach(origin: URL, url: URL): Promise<void> {
    if (url.host === origin.host || this.#isNamedByUser(url)) return;
    const isProxied = (url: URL) => proxyFor(url, this.#options.env) !== false;
    const verdict = await this.#reach.judge(origin, url, isProxied);
    if (verdict === "allowed") return;
    if (verdict === "unknown") throw unknownHost(url);
    throw new TsboxError(
      "unavailable",
      `Cannot follow ${origin.host} to ${url.host}: that is in this machine's network, the registry is not`,
      { hint: `if you know it, put its authority into ~/.config/tsbox/certs.d/${url.host}/ca.crt` },
    );
  }

  /** Hosts of the network that settings or certificates are for; this machine itself is never meant. */
  #isNamedByUser(url: URL): boolean {
    return !isLoopback(url.hostname) && (this.isInsecure(url) || this.hasOwnAuthority(url));
  }

  async #exchange(
    request: HttpRequest,
    url: URL,
    headers: Record<string, string>,
  ): Promise<HttpAnswer> {
    const { signal } = request;
    // Whoever may not be asked may not be the end of a redirect or give tokens either.
    refuseBlocked(this.#options.policy, url, `Cannot reach ${url.host}`);
    const own = new AbortController();
    const timeout = request.timeout ?? this.timing.response;
    let timer = setTimeout(() => own.abort(), timeout);
    let answered = false;
    const alive = (wait = timeout) => {
      clearTimeout(timer);
      if (!answered) timer = setTimeout(() => own.abort(), wait);
    };
    try {
      const response = await fetch(url, this.#init(request, url, headers, own.signal, alive));
      const fromAskedHost = url.origin === request.url.origin;
      return { response, url, fromAskedHost, abort: () => own.abort(), signal };
    } catch (error) {
      if (signal?.aborted) throw cancelled(signal);
      throw own.signal.aborted ? timedOut(url) : requestError(error, url);
    } finally {
      answered = true;
      clearTimeout(timer);
    }
  }

  #init(
    request: HttpRequest,
    url: URL,
    headers: Record<string, string>,
    own: AbortSignal,
    alive: (wait?: number) => void,
  ): BunFetchRequestInit {
    const { signal, method = "GET", body } = request;
    const upload = typeof body === "object" ? body : undefined;
    const proxy = proxyFor(url, this.#options.env);
    return {
      method,
      headers: {
        "User-Agent": this.#options.userAgent,
        "Accept-Encoding": "identity",
        ...headers,
        ...(upload && { "Content-Length": String(upload.length) }),
      },
      ...(typeof body === "string" && { body }),
      ...(upload && { body: upload.open(alive) }),
      redirect: "manual",
      // Content-Encoding is no part of a digest: what is received is what is checked.
      decompress: false,
      // Bun reads the proxy variables itself unless told; one rule decides, and it is ours.
      proxy: proxy && { url: proxy, respectNoProxy: false },
      tls: this.#tls(request.origin, url),
      signal: signal === undefined ? own : AbortSignal.any([signal, own]),
      timeout: false,
    };
  }

  /** The registry's own authorities count for what it points at, too; its client certificate never. */
  #tls(origin: URL, url: URL): BunFetchRequestInitTLS {
    if (url.protocol !== "https:") return {};
    const { ca, client } = this.#certificatesOf(url);
    const trusted = [...ca, ...this.#certificatesOf(origin).ca];
    if (ca.length === 0 && this.isInsecure(url)) return { rejectUnauthorized: false, ...client };
    this.#system ??= systemAuthorities(this.#options.env) ?? null;
    const system = this.#system === null ? [] : [this.#system];
    const all = [...system, ...trusted];
    return { ...(all.length > 0 && { ca: all }), ...client };
  }

  #certificatesOf(url: URL): HostCertificates {
    const known = this.#certificates.get(url.host);
    if (known !== undefined) return known;
    const { configDir, dockerConfigDir } = this.#options;
    const read = hostCertificates(certificateDirs(configDir, dockerConfigDir), hostNames(url));
    this.#certificates.set(url.host, read);
    return read;
  }
}

/** Ends an answer nobody will read. */
export async function discard(answer: HttpAnswer): Promise<void> {
  try {
    await answer.response.body?.cancel();
  } catch {
    // It is gone already.
  }
}

/** 301 to 303 turn other methods into GET (RFC 9110, 15.4). */
function keepsMethod({ method = "GET" }: HttpRequest, status: number): boolean {
  return method === "GET" || method === "HEAD" || status === 307 || status === 308;
}

function refusedRedirect(from: URL, why: string, to?: URL): TsboxError {
  const where = to === undefined ? "" : ` to ${to.host}`;
  return new TsboxError(
    "unavailable",
    `Cannot follow the redirect of ${from.host}${where}: ${why}`,
  );
}

function redirectTarget(from: URL, location: string): URL {
  const next = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  if (next === undefined || location.length > 16_384) {
    throw new TsboxError("unavailable", `Cannot follow the redirect of ${from.host}: it is no URL`);
  }
  // User and password of a URL would be sent as Authorization.
  next.username = "";
  next.password = "";
  return next;
}

function unknownHost(url: URL): TransientError {
  const error = new TsboxError("unavailable", `Cannot reach ${url.host}: no such host`);
  return new TransientError(error, { unreachable: true });
}

function timedOut(url: URL): TransientError {
  return new TransientError(
    new TsboxError("unavailable", `Cannot reach ${url.host}: no answer in time`),
  );
}

const UNREACHABLE = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EAI_AGAIN",
]);

/** Bun names certificate problems as OpenSSL does. */
const CERTIFICATE = /CERT|VERIFY|SELF_SIGNED|ISSUER|ALTNAME|_CA$|HOSTNAME_MISMATCH/;

/** What an exception of fetch or of reading a body means for another try. */
export function requestError(error: unknown, url: URL): Error {
  if (error instanceof TsboxError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const text = `Cannot reach ${url.host}: ${reasonOf(code, error)}`;
  if (CERTIFICATE.test(code)) {
    return new TsboxError("unavailable", text, {
      cause: error,
      hint: `put its authority's certificate into ~/.config/tsbox/certs.d/${url.host}/ca.crt`,
    });
  }
  if (FINAL.has(code)) return new TsboxError("unavailable", text, { cause: error });
  const failure = new TsboxError("unavailable", text, { cause: error });
  return new TransientError(failure, { unreachable: UNREACHABLE.has(code) });
}

/** The server is of another kind, or wants to be a nuisance. */
const FINAL = new Set(["EPROTO", "ResponseHeadersTooLarge"]);

const REASONS: Record<string, string> = {
  ResponseHeadersTooLarge: "the headers of its answer are too large",
  Malformed_HTTP_Response: "its answer is not HTTP",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the connection was closed",
  ENOTFOUND: "no such host",
  EPROTO: "it does not speak TLS",
};

function reasonOf(code: string, error: unknown): string {
  const known = Object.hasOwn(REASONS, code) ? REASONS[code] : undefined;
  return known ?? messageOf(error).replace(/\. For more information.*$/s, "").slice(0, 200);
}
