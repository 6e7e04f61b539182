/** How this process speaks to registries: the parts that reading and writing images share. */
import { Authenticator } from "./authenticator.ts";
import type { Audience } from "./authenticator.ts";
import { CredentialSource } from "./credentials.ts";
import { Endpoints } from "./endpoints.ts";
import { NO_POLICY, type RegistryPolicy } from "./policy.ts";
import type { Lookup } from "./reach.ts";
import { DEFAULT_TIMING, type Timing } from "./retry.ts";
import { discard, type HttpAnswer, type HttpRequest, Transport } from "./transport.ts";

export interface RegistryClientOptions {
  /** Absolute: `~/.config/tsbox` is looked for here, unless XDG_CONFIG_HOME says otherwise. */
  home: string;
  /** Absolute: docker's config.json and certs.d. */
  dockerConfigDir: string;
  /** The caller's environment: proxies, PATH of credential helpers, SSL_CERT_FILE, XDG_CONFIG_HOME. */
  env: Readonly<Record<string, string | undefined>>;
  /** `tsbox/1.0 ...`. */
  userAgent: string;
  /** Mirrors, insecure and blocked registries; none when not given. */
  policy?: RegistryPolicy;
  /** In place of {@link DEFAULT_TIMING}. */
  timing?: Partial<Timing>;
  /** In place of the system's name service. */
  lookup?: Lookup;
}

export class Connection {
  readonly timing: Timing;
  readonly transport: Transport;
  readonly endpoints: Endpoints;
  readonly #authenticator: Authenticator;

  constructor(options: RegistryClientOptions) {
    const { home, dockerConfigDir, env, userAgent, policy = NO_POLICY } = options;
    const xdg = env["XDG_CONFIG_HOME"];
    const configDir = `${xdg?.startsWith("/") ? xdg : `${home}/.config`}/tsbox`;
    this.timing = { ...DEFAULT_TIMING, ...options.timing };
    this.transport = new Transport({
      configDir,
      dockerConfigDir,
      env,
      userAgent,
      timing: this.timing,
      policy,
      ...(options.lookup && { lookup: options.lookup }),
    });
    this.endpoints = new Endpoints(this.transport);
    this.#authenticator = new Authenticator(
      this.transport,
      new CredentialSource(dockerConfigDir, env),
    );
  }

  /**
   * Sends a request with whatever authentication it takes. A URL on another host than the registry's, which
   * only the registry itself can have named, gets no credentials, however it asks.
   * @throws as {@link Transport.send} and {@link Authenticator.answer}
   */
  async authorized(
    audience: Audience,
    request: Pick<HttpRequest, "url" | "method" | "headers" | "body" | "timeout">,
  ): Promise<HttpAnswer> {
    const { base, signal } = audience;
    const send = (authorization: string | undefined) => {
      const headers = {
        ...request.headers,
        ...(authorization && { Authorization: authorization }),
      };
      return this.transport.send({ ...request, headers, origin: base, signal });
    };
    if (request.url.origin !== base.origin) return await send(undefined);
    const known = this.#authenticator.known(audience);
    const answer = await send(known);
    // What a redirect led to is not the registry: it gets no credentials, however it asks.
    if (answer.response.status !== 401 || !answer.fromAskedHost) return answer;
    const challenge = answer.response.headers.get("www-authenticate");
    if (challenge === null) return answer;
    await discard(answer);
    return await send(await this.#authenticator.answer(audience, challenge, known));
  }
}
