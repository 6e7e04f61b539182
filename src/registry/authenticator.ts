/**
 * Answers a registry's challenge: basic, or a bearer token from the realm it names (distribution's token
 * and OAuth2 specifications). Secrets go to the registry they belong to and to its realm, nowhere else.
 */
import { TsboxError } from "../errors.ts";
import { readJson } from "../oci/json_reader.ts";
import type { Reference } from "../oci/reference.ts";
import { readBody } from "./body.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credentials } from "./credential_helper.ts";
import type { CredentialSource } from "./credentials.ts";
import { accessDenied, refusalError } from "./registry_errors.ts";
import type { HttpAnswer, Transport } from "./transport.ts";

/** Bytes of a token server's answer. */
const MAX_TOKEN_BODY = 1024 * 1024;
/** Seconds a token lives when nobody says (token specification). */
const DEFAULT_LIFE = 60;
/** Seconds before its end that a token counts as ended. */
const MARGIN = 10;
const CLIENT_ID = "tsbox";

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
    return { header: basic(credentials), expires: Infinity };
  }

  async #bearer(
    audience: Audience,
    challenge: Challenge,
    credentials: Credentials | undefined,
  ): Promise<Authorization> {
    if (credentials?.kind === "registry-token") {
      return { header: bearerHeader(credentials.token, audience), expires: Infinity };
    }
    const realm = this.#realm(audience, challenge.parameters.get("realm") ?? "");
    const service = challenge.parameters.get("service");
    // The scope is ours to choose: a challenge might ask for more than this request needs.
    const query = { ...(service && { service }), scope: scopesOf(audience).join(" ") };
    const answer = credentials?.kind === "identity-token"
      ? await this.#post(audience, realm, { ...query, refresh_token: credentials.token })
      : await this.#get(audience, realm, query, credentials);
    if (answer.response.status !== 200) throw await this.#refused(answer, audience, credentials);
    return await this.#readToken(answer, audience);
  }

  /** Only a registry that may itself use plain HTTP can have a realm that does. */
  #realm(audience: Audience, text: string): URL {
    const realm = URL.canParse(text) ? new URL(text) : undefined;
    const isSafe = realm?.protocol === "https:" ||
      (realm?.protocol === "http:" && this.#transport.isInsecure(audience.base) &&
        this.#transport.isInsecure(realm));
    if (realm !== undefined && isSafe && realm.username === "" && realm.password === "") {
      return realm;
    }
    throw new TsboxError(
      "unauthorized",
      `Cannot get a token for ${audience.reference.familiarName}: ${audience.base.host} names a realm that is no https URL`,
    );
  }

  #get(
    audience: Audience,
    realm: URL,
    query: Record<string, string>,
    credentials: Credentials | undefined,
  ): Promise<HttpAnswer> {
    const url = new URL(realm);
    for (const [name, value] of Object.entries(query)) {
      // Several scopes are several parameters here, and one with spaces in OAuth2's form.
      const values = name === "scope" ? value.split(" ") : [value];
      for (const one of values) url.searchParams.append(name, one);
    }
    const headers: Record<string, string> = {};
    if (credentials?.kind === "password") {
      url.searchParams.set("account", credentials.username);
      headers["Authorization"] = basic(credentials);
    }
    return this.#transport.send({ url, headers, origin: audience.base, signal: audience.signal });
  }

  #post(audience: Audience, url: URL, query: Record<string, string>): Promise<HttpAnswer> {
    const form = { grant_type: "refresh_token", client_id: CLIENT_ID, ...query };
    return this.#transport.send({
      url,
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams(form).toString(),
      origin: audience.base,
      signal: audience.signal,
    });
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
      { hint: `use docker login ${reference.registry} again` },
    );
  }

  async #readToken(answer: HttpAnswer, audience: Audience): Promise<Authorization> {
    const body = await readBody(answer, MAX_TOKEN_BODY, this.#transport.timing.stall, "token");
    const json = readJson(body, "token", MAX_TOKEN_BODY);
    const token = json.optionalString("token") || json.string("access_token");
    const life = Math.max(json.has("expires_in") ? json.size("expires_in") : 0, DEFAULT_LIFE);
    const expires = performance.now() + (life - MARGIN) * 1000;
    return { header: bearerHeader(token, audience), expires };
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

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function bearerHeader(token: string, { base }: Audience): string {
  if (/^[\x21-\x7e]+$/.test(token)) return `Bearer ${token}`;
  throw new TsboxError(
    "unauthorized",
    `Cannot use the token for ${base.host}: it is not plain text`,
  );
}
