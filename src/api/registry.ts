/** `/auth` and `/images/search`: what a client wants to know of registries. */
import type { Hono } from "hono";
import { authenticate } from "../engine/login.ts";
import { DOCKER_SEARCH_FILTERS, SEARCH_FILTERS, searchImages } from "../engine/search.ts";
import { TsboxError } from "../errors.ts";
import { type JsonReader, readJson } from "../oci/json_reader.ts";
import type { Door } from "./door.ts";
import { filtersOf, limitOf } from "./query.ts";

/** Bytes of a request's JSON. */
const MAX_BODY = 64 * 1024;

/** Adds the routes. */
export function registryRoutes(app: Hono, { context, signal }: Door): void {
  // The client stores what it learns; here nothing is.
  app.post("/auth", async (c) => {
    const body = readRequest(new Uint8Array(await c.req.arrayBuffer()), "request");
    const user = {
      username: body.optionalString("username") ?? "",
      password: body.optionalString("password") ?? "",
    };
    const server = body.optionalString("serveraddress") ?? "";
    const IdentityToken = await authenticate(server, user, context, signal) ?? "";
    return c.json({ Status: "Login Succeeded", IdentityToken });
  });

  app.get("/images/search", async (c) => {
    const query = (name: string) => c.req.query(name);
    const term = query("term") ?? "";
    const filters = filtersOf(query, SEARCH_FILTERS, DOCKER_SEARCH_FILTERS);
    const found = await searchImages(
      term,
      { limit: limitOf(query) ?? 0, filters, ...credentialsOf(c.req.header("X-Registry-Auth")) },
      context,
      signal,
    );
    return c.json(found.map(({ name, description, stars, official }) => ({
      star_count: stars,
      is_official: official,
      name,
      is_automated: false,
      description,
    })));
  });
}

/** The client's own credentials, as base64url of JSON; none when it sends none. */
function credentialsOf(header = ""): { user?: { username: string; password: string } } {
  if (header === "") return {};
  const json = readRequest(Buffer.from(header, "base64url"), "X-Registry-Auth");
  const username = json.optionalString("username");
  const password = json.optionalString("password");
  return username && password ? { user: { username, password } } : {};
}

function readRequest(bytes: Uint8Array, what: string): JsonReader {
  try {
    return readJson(bytes, what, MAX_BODY);
  } catch {
    // What JSON.parse says may quote a password.
    throw new TsboxError("invalid-argument", `Cannot read the ${what}: it is not a JSON object`);
  }
}
