/** Gets bearer tokens from the realm a registry names (distribution's token and OAuth2 specifications). */
import { TsboxError } from "../errors.ts";
import { readJson } from "../oci/json_reader.ts";
import { readBody } from "./body.ts";
import type { Challenge } from "./challenge.ts";
import type { Credentials } from "./credential_helper.ts";
import type { HttpAnswer, Transport } from "./transport.ts";

/** Bytes of a token server's answer. */
const MAX_TOKEN_BODY = 1024 * 1024;
/** Seconds a token lives when nobody says (token specification). */
const DEFAULT_LIFE = 60;
const CLIENT_ID = "tsbox";

export interface TokenRequest {
  /** The `/v2/` of the registry that wants a token. */
  base: URL;
  challenge: Challenge;
  /** What the token is to be good for; ours to choose: a challenge might ask for more than we need. */
  scopes: readonly string[];
  credentials: Credentials | undefined;
  /** Asks for an identity token besides, to be kept in place of the password. */
  offline?: boolean;
  /** What a token could not be got for, in messages. */
  purpose: string;
  signal: AbortSignal | undefined;
}

export interface Token {
  token: string;
  /** Seconds. */
  life: number;
  /** To be kept in place of the password. */
  identityToken?: string;
}

/**
 * Asks the realm; the answer may be a refusal.
 * @throws TsboxError("unauthorized") when the realm is no place for secrets; as {@link Transport.send}
 */
export function askForToken(transport: Transport, request: TokenRequest): Promise<HttpAnswer> {
  const realm = safeRealm(transport, request);
  const { credentials } = request;
  const service = request.challenge.parameters.get("service") ?? "";
  return credentials?.kind === "identity-token"
    ? post(transport, realm, service, credentials.token, request)
    : get(transport, realm, service, request);
}

/** Only a registry that may itself use plain HTTP can have a realm that does. */
function safeRealm(transport: Transport, { base, challenge, purpose }: TokenRequest): URL {
  const text = challenge.parameters.get("realm") ?? "";
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe = realm?.protocol === "https:" ||
    (realm?.protocol === "http:" && transport.isInsecure(base) && transport.isInsecure(realm));
  if (realm !== undefined && isSafe && realm.username === "" && realm.password === "") {
    return realm;
  }
  throw new TsboxError(
    "unauthorized",
    `Cannot get a token for ${purpose}: ${base.host} names a realm that is no https URL`,
  );
}

function get(
  transport: Transport,
  realm: URL,
  service: string,
  { base, scopes, credentials, offline, signal }: TokenRequest,
): Promise<HttpAnswer> {
  const url = new URL(realm);
  if (service !== "") url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (offline) {
    url.searchParams.set("client_id", CLIENT_ID);
    url.searchParams.set("offline_token", "true");
  }
  const headers: Record<string, string> = {};
  if (credentials?.kind === "password") {
    url.searchParams.set("account", credentials.username);
    headers["Authorization"] = basicHeader(credentials);
  }
  return transport.send({ url, headers, origin: base, signal });
}

function post(
  transport: Transport,
  url: URL,
  service: string,
  refreshToken: string,
  { base, scopes, signal }: TokenRequest,
): Promise<HttpAnswer> {
  const form = {
    grant_type: "refresh_token",
    client_id: CLIENT_ID,
    ...(service && { service }),
    ...(scopes.length > 0 && { scope: scopes.join(" ") }),
    refresh_token: refreshToken,
  };
  return transport.send({
    url,
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(form).toString(),
    origin: base,
    signal,
  });
}

/**
 * The token of an answer of status 200.
 * @throws TsboxError("corrupt" | "limit-exceeded") when it holds none
 */
export async function readToken(answer: HttpAnswer, stall: number): Promise<Token> {
  const body = await readBody(answer, MAX_TOKEN_BODY, stall, "token");
  const json = readJson(body, "token", MAX_TOKEN_BODY);
  const token = json.optionalString("token") || json.string("access_token");
  const life = Math.max(json.has("expires_in") ? json.size("expires_in") : 0, DEFAULT_LIFE);
  const identityToken = json.optionalString("refresh_token");
  return { token, life, ...(identityToken && { identityToken }) };
}

export function basicHeader(
  { username, password }: { username: string; password: string },
): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** @throws TsboxError("unauthorized") when the token is no header's content */
export function bearerHeader(token: string, base: URL): string {
  if (/^[\x21-\x7e]+$/.test(token)) return `Bearer ${token}`;
  throw new TsboxError(
    "unauthorized",
    `Cannot use the token for ${base.host}: it is not plain text`,
  );
}
