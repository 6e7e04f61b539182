/** The API's handlers in this process over a real store. */
import { makeApi } from "../../src/api/app.ts";
import type { Door } from "../../src/api/door.ts";
import { makeContext } from "../../src/engine/context.ts";

/** What the API of the user whose home is `home` is made from. */
export function doorOf(home: string, signal: AbortSignal = new AbortController().signal): Door {
  const main = new URL("../../src/main.ts", import.meta.url).pathname;
  const context = makeContext({
    env: { HOME: home, XDG_DATA_HOME: home },
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    build: { version: "1.2.3", commit: "abcdef0" },
  });
  return { context, self: { path: process.execPath, args: [main, "@worker"] }, signal };
}

export interface Answer {
  status: number;
  headers: Headers;
  /** The JSON of the body; undefined when there is none. */
  body: unknown;
}

/** Asks for `METHOD /path`. */
export async function ask(home: string, request: string): Promise<Answer> {
  const [method = "", path = ""] = request.split(" ");
  const response = await makeApi(doorOf(home)).request(path, { method });
  const text = await response.text();
  const isJson = response.headers.get("content-type") === "application/json";
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? undefined : isJson ? JSON.parse(text) : text,
  };
}
