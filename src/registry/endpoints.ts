/** Finds where and how a registry is spoken to: https, or http where that is allowed. */
import { TsboxError } from "../errors.ts";
import { registryUrl } from "./hosts.ts";
import { discard, type Transport } from "./transport.ts";

/** Milliseconds: a plain HTTP server may wait for more after TLS's first words. */
const PROBE_TIMEOUT = 5_000;

export class Endpoints {
  readonly #transport: Transport;
  readonly #probes = new Map<string, Promise<URL>>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The URL of the registry's `/v2/`. */
  find(registry: string, signal: AbortSignal | undefined): Promise<URL> {
    const secure = registryUrl(registry);
    const mustBeSecure = !this.#transport.isInsecure(secure) ||
      this.#transport.hasOwnAuthority(secure);
    if (mustBeSecure) return Promise.resolve(secure);
    const known = this.#probes.get(registry);
    if (known !== undefined) return known;
    const probe = this.#probe(registry, secure, signal);
    this.#probes.set(registry, probe);
    probe.catch(() => this.#probes.delete(registry));
    return probe;
  }

  /** As docker does: TLS when the server speaks it, plain HTTP else. */
  async #probe(registry: string, secure: URL, signal: AbortSignal | undefined): Promise<URL> {
    try {
      await this.#ping(secure, signal);
      return secure;
    } catch (error) {
      if (error instanceof TsboxError && error.code === "cancelled") throw error;
    }
    const plain = registryUrl(registry, "http");
    await this.#ping(plain, signal);
    return plain;
  }

  /** Any HTTP answer, also 401, shows that the protocol is right. */
  async #ping(url: URL, signal: AbortSignal | undefined): Promise<void> {
    const timeout = Math.min(PROBE_TIMEOUT, this.#transport.timing.response);
    const answer = await this.#transport.send({ url, origin: url, headers: {}, signal, timeout });
    await discard(answer);
    // What comes over TLS to a server of plain HTTP on the same port (nginx) is an answer, too.
    if (url.protocol === "https:" || answer.response.status !== 400) return;
    throw new TsboxError(
      "unavailable",
      `Cannot speak to ${url.host}: it answers 400 to plain HTTP`,
    );
  }
}
