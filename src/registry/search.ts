/**
 * Finds repositories by a word: with the v1 search API, which Docker Hub has and few others, or in a registry's
 * list of repositories (distribution spec, "Listing Repositories" of the docker registry API).
 */
import { TsboxError } from "../errors.ts";
import { type JsonReader, readJson } from "../oci/json_reader.ts";
import { readBody } from "./body.ts";
import type { Connection } from "./connection.ts";
import type { CredentialSource } from "./credentials.ts";
import { MAX_PAGES, nextPage } from "./next_page.ts";
import { isPassing, passingError, readRefusal, statusText } from "./registry_errors.ts";
import { RetryBudget, withRetries } from "./retry.ts";
import { Session } from "./session.ts";
import { discard, type HttpAnswer } from "./transport.ts";

/** A repository that fits. */
export interface FoundRepository {
  /** What `pull` takes. */
  name: string;
  description: string;
  stars: number;
  official: boolean;
}

export interface SearchQuery {
  /** As in a reference; `docker.io` for Docker Hub. */
  registry: string;
  term: string;
  /** The most that are wanted. */
  limit: number;
  signal: AbortSignal | undefined;
}

/** Docker Hub's index, which is not where its images are. */
const HUB_INDEX = "https://index.docker.io/v1/";

/** Bytes of one page of results. */
const MAX_PAGE = 4 * 1024 * 1024;
/** Names asked for at once; what the distribution project's registry gives at most. */
const PAGE_NAMES = 1000;

/** Statuses by which a registry says that it has no such thing. */
const ABSENT = new Set([400, 403, 404, 405, 410, 501]);

/**
 * The repositories that fit, at most `limit` where the registry counts stars, all of them otherwise.
 * @throws TsboxError("unauthorized" | "unavailable" | "corrupt" | "limit-exceeded" | "unsupported")
 */
export async function searchRegistry(
  connection: Connection,
  credentials: Pick<CredentialSource, "find">,
  query: SearchQuery,
): Promise<FoundRepository[]> {
  const { registry, signal } = query;
  const { transport, endpoints } = connection;
  if (registry === "docker.io") {
    const base = new URL(HUB_INDEX);
    // Nobody needs to be logged in to search Docker Hub, and the password is not the index's business.
    const session = new Session(transport, { base, credentials: undefined, scopes: [], signal });
    const found = await new Search(connection, session, query, base).index();
    return found ?? refuseSearch(base.host);
  }
  const budget = new RetryBudget(connection.timing, signal);
  const base = await withRetries(budget, () => endpoints.find(registry, signal));
  const known = await credentials.find(registry);
  const scopes = ["registry:catalog:*"];
  const session = new Session(transport, { base, credentials: known, scopes, signal });
  const search = new Search(connection, session, query, new URL("/v1/", base));
  return await search.index() ?? await search.catalog(base) ?? refuseSearch(base.host);
}

function refuseSearch(host: string): never {
  throw new TsboxError("unsupported", `Cannot search ${host}: it offers no list of repositories`);
}

class Search {
  readonly #connection: Connection;
  readonly #session: Session;
  readonly #query: SearchQuery;
  readonly #v1: URL;

  constructor(connection: Connection, session: Session, query: SearchQuery, v1: URL) {
    this.#connection = connection;
    this.#session = session;
    this.#query = query;
    this.#v1 = v1;
  }

  /** By the v1 API; undefined when there is none. */
  async index(): Promise<FoundRepository[] | undefined> {
    const url = new URL("search", this.#v1);
    url.searchParams.set("q", this.#query.term);
    url.searchParams.set("n", String(this.#query.limit));
    const page = await this.#page(url);
    if (!page?.json.has("results")) return undefined;
    return page.json.objects("results").map((result) => this.#readResult(result));
  }

  #readResult(json: JsonReader): FoundRepository {
    const name = json.string("name");
    const isHub = this.#query.registry === "docker.io";
    return {
      name: isHub ? name.replace(/^library\//, "") : `${this.#query.registry}/${name}`,
      description: json.optionalString("description") ?? "",
      stars: json.has("star_count") ? json.size("star_count") : 0,
      official: json.boolean("is_official"),
    };
  }

  /** By the list of all repositories; undefined when there is none. */
  async catalog(base: URL): Promise<FoundRepository[] | undefined> {
    const { registry, term } = this.#query;
    const wanted = term.toLowerCase();
    const found = new Set<string>();
    let url: URL | undefined = new URL(`_catalog?n=${PAGE_NAMES}`, base);
    for (let pages = 0; url !== undefined && pages < MAX_PAGES; pages++) {
      const page: Page | undefined = await this.#page(url);
      if (page === undefined) return undefined;
      const names = page.json.strings("repositories");
      for (const name of names) if (name.toLowerCase().includes(wanted)) found.add(name);
      url = names.length === 0 ? undefined : nextPage(page.answer, base);
    }
    return [...found].map((name) => ({
      name: `${registry}/${name}`,
      description: "",
      stars: 0,
      official: false,
    }));
  }

  /** A JSON object; undefined when the registry has nothing there. */
  #page(url: URL): Promise<Page | undefined> {
    const { timing } = this.#connection;
    return withRetries(new RetryBudget(timing, this.#query.signal), async () => {
      const answer = await this.#session.get(url);
      const { status, headers } = answer.response;
      if (status !== 200 && !ABSENT.has(status)) throw await this.#refused(answer);
      const isJson = /\bjson\b/i.test(headers.get("content-type") ?? "");
      if (status !== 200 || !isJson) {
        // Registries with pages for people answer to any path with one of them.
        await discard(answer);
        return undefined;
      }
      const body = await readBody(answer, MAX_PAGE, timing.stall, "search result");
      return { answer, json: readJson(body, "search result", MAX_PAGE) };
    });
  }

  async #refused(answer: HttpAnswer): Promise<Error> {
    const { status } = answer.response;
    const { message } = await readRefusal(answer, this.#connection.timing);
    const text = message || `${status} ${statusText(status)}`.trim();
    const code = status === 401 ? "unauthorized" : "unavailable";
    const { registry } = this.#query;
    const hint = status === 401 ? { hint: `use 'tsbox login ${registry}' first` } : {};
    const error = new TsboxError(code, `Cannot search ${registry}: ${text}`, hint);
    return isPassing(status) ? passingError(answer, error) : error;
  }
}

interface Page {
  answer: HttpAnswer;
  json: JsonReader;
}
