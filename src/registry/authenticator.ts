/**
 * Answers a registry's challenge: basic, or a bearer token from the realm it names (distribution's token
 * and OAuth2 specifications). Secrets go to the registry they belong to and to its realm, nowhere else.
 */
import { TsboxError } from "../errors.ts";
import type { Reference } from "../oci/reference.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credentials } from "./credential_helper.ts";
import type { CredentialSource } from "./credentials.ts";
import { accessDenied, refusalError } from "./registry_errors.ts";
import { askForToken, basicHeader, bearerHeader, readToken } from "./token.ts";
import type { HttpAnswer, Transport } from "./transport.ts";

/** Seconds before its end that a token counts as ended. */
const MARGIN = 10;

interface Authorization {
  header: string;
  /** On the clock of performance.now(). */
  expires: number;
}

/** One repository of one registry: what a token is good for. */
export interface Audience {
  /** The registry's `/v2/`. */
  base: URL;
  reference: Reference;
  signal: AbortSignal | undefined;
  /** What is to be done with the repository; reading when not given. */
  actions?: "pull,push";
  /** More repositories of the registry to read from: blobs are mounted from them. */
  sources?: readonly string[];
}

export class Authenticator {
  readonly #transport: Transport;
  readonly #credentials: CredentialSource;
  readonly #known = new Map<string, Authorization>();
  readonly #pending = new Map<string, Promise<Authorization>>();

  constructor(transport: Transport, credentials: CredentialSource) {
    this.#transport = transport;
    this.#credentials = credentials;
  }

  /** The header that worked before, while it lives. */
  known(audience: Audience): string | undefined {
    const authorization = this.#known.get(keyOf(audience));
    return authorization && authorization.expires > performance.now()
      ? authorization.header
      : undefined;
  }

  /**
   * The `Authorization` for a registry that answered 401.
   * @param refused the header that was sent, if any: it is not given again
   * @throws TsboxError("unauthorized") when there is nothing (else) to offer
   */
  async answer(
    audience: Audience,
    header: string | null,
    refused: string | undefined,
  ): Promise<string> {
    const key = keyOf(audience);
    const known = this.known(audience);
    // Another download may have renewed the token in the meantime.
    if (known !== undefined && known !== refused) return known;
    const pending = this.#pending.get(key) ?? this.#obtain(audience, parseChallenges(header));
    this.#pending.set(key, pending);
    try {
      const authorization = await pending;
      if (authorization.header === refused) throw denied(audience);
      this.#known.set(key, authorization);
      return authorization.header;
    } finally {
      this.#pending.delete(key);
    }
  }

  async #obtain(audience: Audience, challenges: Challenge[]): Promise<Authorization> {
    const credentials = await this.#credentials.find(audience.reference.registry);
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined) return await this.#bearer(audience, bearer, credentials);
    if (!challenges.some(({ scheme }) => scheme === "basic")) {
      throw denied(audience);
    }
    if (credentials?.kind !== "password") {
      throw denied(audience, ": no basic auth credentials");
    }
    return { header: basicHeader(credentials), expires: Infinity };
  }

  async #bearer(
    audience: Audience,
    challenge: Challenge,
    credentials: Credentials | undefined,
  ): Promise<Authorization> {
    if (credentials?.kind === "registry-token") {
      return { header: bearerHeader(credentials.token, audience.base), expires: Infinity };
    }
    const { base, reference, signal } = audience;
    const answer = await askForToken(this.#transport, {
      base,
      challenge,
      scopes: scopesOf(audience),
      credentials,
      purpose: reference.familiarName,
      signal,
    });
    if (answer.response.status !== 200) throw await this.#refused(answer, audience, credentials);
    return await this.#readToken(answer, audience);
  }

  async #refused(
    answer: HttpAnswer,
    { reference, actions }: Audience,
    credentials: Credentials | undefined,
  ): Promise<Error> {
    const { status } = answer.response;
    const wanted = actions === undefined ? "manifest" : "upload";
    const error = await refusalError(answer, reference, wanted, this.#transport.timing);
    const isRefusal = status === 400 || status === 401 || status === 403;
    if (!isRefusal || credentials === undefined) return error;
    return new TsboxError(
      "unauthorized",
      `Cannot log in to ${reference.registry}: ${answer.url.host} refused the stored credentials`,
      { hint: `use tsbox login ${reference.registry} again` },
    );
  }

  async #readToken(answer: HttpAnswer, audience: Audience): Promise<Authorization> {
    const { token, life } = await readToken(answer, this.#transport.timing.stall);
    const expires = performance.now() + (life - MARGIN) * 1000;
    return { header: bearerHeader(token, audience.base), expires };
  }
}

function keyOf(audience: Audience): string {
  return [audience.base.origin, ...scopesOf(audience)].join(" ");
}

function scopesOf({ reference, actions, sources = [] }: Audience): string[] {
  const others = sources.filter((repository) => repository !== reference.repository);
  return [
    `repository:${reference.repository}:${actions ?? "pull"}`,
    ...others.map((repository) => `repository:${repository}:pull`),
  ];
}

function denied({ reference, actions }: Audience, detail = ""): TsboxError {
  return accessDenied(reference, detail, actions === undefined ? "pull" : "push");
}
