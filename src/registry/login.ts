/** Asks a registry whether it knows a user, before anything is stored. */
import { TsboxError } from "../errors.ts";
import type { Credentials } from "./credential_helper.ts";
import { DOCKER_HUB_KEY } from "./credentials.ts";
import type { Connection } from "./connection.ts";
import { isPassing, passingError, statusText } from "./registry_errors.ts";
import { RetryBudget, withRetries } from "./retry.ts";
import { Session } from "./session.ts";
import { discard, type HttpAnswer } from "./transport.ts";

/** What a user logs in to. */
export interface LoginServer {
  /** As in a reference: `docker.io`, `localhost:5000`. */
  registry: string;
  /** The name docker keeps the credentials under. */
  key: string;
}

/**
 * The server a user named, by docker's rules: scheme and path do not count, no name is Docker Hub.
 * @throws TsboxError("invalid-argument") when it is no host
 */
export function loginServer(text: string): LoginServer {
  const host = text.replace(/^https?:\/\//, "").split("/")[0] ?? "";
  if (text === "" || host === "docker.io" || host === "index.docker.io") {
    return { registry: "docker.io", key: DOCKER_HUB_KEY };
  }
  const url = URL.canParse(`https://${host}/`) ? new URL(`https://${host}/`) : undefined;
  if (url === undefined || url.username !== "" || /[@?#\\\s]/.test(host)) {
    throw new TsboxError("invalid-argument", `Cannot log in to ${JSON.stringify(text)}: no host`, {
      hint: "write HOST or HOST:PORT",
    });
  }
  return { registry: host, key: host };
}

/**
 * Tries credentials at a registry's `/v2/`.
 * @returns the identity token to keep in place of the password, if the registry gives one
 * @throws TsboxError("unauthorized") in docker's words when they are refused, "unavailable"
 */
export async function checkLogin(
  { transport, endpoints }: Connection,
  registry: string,
  credentials: Credentials,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  return await withRetries(new RetryBudget(transport.timing, signal), async () => {
    const base = await endpoints.find(registry, signal);
    const session = new Session(transport, {
      base,
      credentials,
      scopes: [],
      offline: true,
      signal,
    });
    const answer = await session.get(base);
    await discard(answer);
    checkAnswer(answer, base);
    return session.identityToken;
  });
}

function checkAnswer(answer: HttpAnswer, base: URL): void {
  const { status } = answer.response;
  if (status === 200 && answer.fromAskedHost) return;
  const why = status === 200
    ? `was redirected to ${answer.url.host}`
    : `failed with status: ${`${status} ${statusText(status)}`.trim()}`;
  const error = new TsboxError(
    status === 401 ? "unauthorized" : "unavailable",
    `login attempt to ${base.href} ${why}`,
  );
  throw isPassing(status) ? passingError(answer, error) : error;
}
