/** `search`: images on Docker Hub or in a registry, the ones with the most stars first. */
import { Connection } from "../registry/connection.ts";
import { CredentialSource } from "../registry/credentials.ts";
import { loginServer } from "../registry/login.ts";
import { type FoundRepository, searchRegistry } from "../registry/search.ts";
import { TsboxError } from "../errors.ts";
import type { EngineContext } from "./context.ts";
import { registryOptions } from "./registry_options.ts";
import { booleanFilter, type Filters, passes } from "./filters.ts";

export const SEARCH_FILTERS = ["stars", "is-official"];
/** Docker says that it will go; what it tells is gone already. */
export const DOCKER_SEARCH_FILTERS = ["is-automated"];

const DEFAULT_LIMIT = 25;
const MAX_LIMIT = 100;

export interface SearchOptions {
  /** 0: docker's default. */
  limit?: number;
  filters: Filters;
  /** In place of what is stored for the registry. */
  user?: { username: string; password: string };
}

/**
 * @param text `TERM` for Docker Hub, `HOST[:PORT]/TERM` for a registry
 * @throws TsboxError "invalid-argument" in docker's words; as searchRegistry
 */
export async function searchImages(
  text: string,
  { limit = 0, filters, user }: SearchOptions,
  context: EngineContext,
  signal: AbortSignal,
): Promise<FoundRepository[]> {
  const most = limit === 0 ? DEFAULT_LIMIT : limit;
  if (most < 1 || most > MAX_LIMIT) {
    throw new TsboxError("invalid-argument", `limit ${limit} is outside the range of [1, 100]`);
  }
  const fits = filter(filters);
  const { dockerConfigDir, env } = context;
  const stored = new CredentialSource(dockerConfigDir, env);
  const connection = new Connection(registryOptions(context));
  const found = await searchRegistry(
    connection,
    user === undefined ? stored : { find: () => Promise.resolve({ kind: "password", ...user }) },
    { ...searched(text), limit: most, signal },
  );
  return found.filter(fits).sort((a, b) => b.stars - a.stars).slice(0, most);
}

/** The first part is a registry only when it can be no user's name, as in an image's name. */
function searched(text: string): { registry: string; term: string } {
  if (text.includes("://")) {
    throw new TsboxError("invalid-argument", `invalid repository name: ${text}`, {
      hint: "write HOST[:PORT]/TERM without a scheme",
    });
  }
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(slash, 0));
  if (!/[.:]/.test(first) && first !== "localhost") return { registry: "docker.io", term: text };
  return { registry: loginServer(first).registry, term: text.slice(slash + 1) };
}

function filter(filters: Filters): (found: FoundRepository) => boolean {
  const official = booleanFilter(filters, "is-official");
  for (const stars of filters.get("stars") ?? []) {
    if (!/^\d{1,9}$/.test(stars)) {
      throw new TsboxError("invalid-argument", `invalid filter 'stars=${stars}'`, {
        hint: "it is a number",
      });
    }
  }
  return (found) =>
    (official === undefined || found.official === official) &&
    passes(filters, "stars", (stars) => found.stars >= Number(stars));
}
