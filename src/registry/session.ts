/** Speaks to a registry about itself and not about one image: log-ins, searches. */
import { TsboxError } from "../errors.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credentials } from "./credential_helper.ts";
import { isPassing, passingError, readRefusal } from "./registry_errors.ts";
import { askForToken, basicHeader, bearerHeader, readToken } from "./token.ts";
import { discard, type HttpAnswer, type Transport } from "./transport.ts";

export interface SessionOptions {
  /** The registry's `/v2/`, or what stands in its place. */
  base: URL;
  credentials: Credentials | undefined;
  /** What tokens are to be good for. */
  scopes: readonly string[];
  /** Asks for an identity token when there is a password. */
  offline?: boolean;
  signal: AbortSignal | undefined;
}

export class Session {
  readonly #transport: Transport;
  readonly #options: SessionOptions;
  #header: string | undefined;
  #identityToken: string | undefined;

  constructor(transport: Transport, options: SessionOptions) {
    this.#transport = transport;
    this.#options = options;
  }

  /** What the token server gave to be kept in place of the password. */
  get identityToken(): string | undefined {
    return this.#identityToken;
  }

  /**
   * The answer to a GET, after whatever authentication it takes; its status may be any, also 401 again.
   * @throws TsboxError("unauthorized") when there are no credentials or the token server refuses them;
   *   as {@link Transport.send}
   */
  async get(url: URL): Promise<HttpAnswer> {
    const answer = await this.#send(url);
    if (answer.response.status !== 401 || !answer.fromAskedHost) return answer;
    const challenges = parseChallenges(answer.response.headers.get("www-authenticate"));
    const header = await this.#authorization(challenges, answer);
    if (header === undefined || header === this.#header) return answer;
    await discard(answer);
    this.#header = header;
    return await this.#send(url);
  }

  #send(url: URL): Promise<HttpAnswer> {
    const { base, signal } = this.#options;
    const headers: Record<string, string> = this.#header ? { Authorization: this.#header } : {};
    return this.#transport.send({ url, headers, origin: base, signal });
  }

  async #authorization(
    challenges: Challenge[],
    answer: HttpAnswer,
  ): Promise<string | undefined> {
    const { credentials, base } = this.#options;
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer === undefined) {
      const isBasic = challenges.some(({ scheme }) => scheme === "basic");
      return isBasic && credentials?.kind === "password" ? basicHeader(credentials) : undefined;
    }
    if (credentials?.kind === "registry-token") return bearerHeader(credentials.token, base);
    await discard(answer);
    return await this.#token(bearer);
  }

  async #token(challenge: Challenge): Promise<string> {
    const { base, credentials, scopes, offline, signal } = this.#options;
    const answer = await askForToken(this.#transport, {
      base,
      challenge,
      scopes,
      credentials,
      offline: offline === true && credentials?.kind === "password",
      purpose: base.host,
      signal,
    });
    if (answer.response.status !== 200) throw await this.#refused(answer);
    const token = await readToken(answer, this.#transport.timing.stall);
    this.#identityToken = token.identityToken;
    return bearerHeader(token.token, base);
  }

  async #refused(answer: HttpAnswer): Promise<Error> {
    const { base } = this.#options;
    const { status } = answer.response;
    const { message } = await readRefusal(answer, this.#transport.timing);
    if (isPassing(status)) {
      const text = `Get "${base.href}": received unexpected HTTP status: ${status}`;
      return passingError(answer, new TsboxError("unavailable", `${text} from ${answer.url.host}`));
    }
    const detail = message || "unauthorized: incorrect username or password";
    return new TsboxError("unauthorized", `Get "${base.href}": ${detail}`);
  }
}
