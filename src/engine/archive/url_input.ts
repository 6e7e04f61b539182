/** An archive that is downloaded, with bounds on everything the other side decides but its size. */
import { messageOf, TsboxError } from "../../errors.ts";
import { proxyFor } from "../../registry/proxy.ts";
import type { ArchiveInput } from "./input.ts";

const MAX_REDIRECTS = 10;
/** Milliseconds without a byte after which a download is given up. */
const STALLED = 60_000;

/** What a download depends on. */
export interface DownloadOptions {
  /** The caller's, for proxies. */
  env: Readonly<Record<string, string | undefined>>;
  userAgent: string;
}

/** Whether it is downloaded and not a file. */
export function isDownload(source: string): boolean {
  return /^https?:\/\//i.test(source);
}

/** The URL without what only its server must know. */
export function publicUrl(text: string): string {
  const url = readUrl(text);
  url.username = "";
  url.password = "";
  return url.href;
}

/**
 * Reads what `text`, an http or https URL, leads to.
 * @throws TsboxError "invalid-argument" when it is none; while it is read "unavailable", "cancelled"
 */
export function urlInput(text: string, options: DownloadOptions): ArchiveInput {
  const url = readUrl(text);
  const name = JSON.stringify(publicUrl(text));
  return { name, pieces: (signal) => download(url, name, options, signal) };
}

function readUrl(text: string): URL {
  if (URL.canParse(text)) return new URL(text);
  throw new TsboxError("invalid-argument", `Cannot import ${JSON.stringify(text)}: not a URL`);
}

async function* download(
  url: URL,
  name: string,
  options: DownloadOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stall = new AbortController();
  const stopAll = AbortSignal.any([signal, stall.signal]);
  let timer = setTimeout(() => stall.abort(), STALLED);
  try {
    const response = await request(url, name, options, stopAll);
    for await (const piece of response.body ?? []) {
      clearTimeout(timer);
      yield piece;
      timer = setTimeout(() => stall.abort(), STALLED);
    }
  } catch (error) {
    if (signal.aborted) throw new TsboxError("cancelled", `Cannot download ${name}: cancelled`);
    if (error instanceof TsboxError) throw error;
    const why = stall.signal.aborted ? "nothing came for a minute" : messageOf(error);
    throw new TsboxError("unavailable", `Cannot download ${name}: ${why}`, { cause: error });
  } finally {
    clearTimeout(timer);
    stall.abort();
  }
}

/** Follows redirects itself: only to http and https, and without the first URL's password. */
async function request(
  start: URL,
  name: string,
  { env, userAgent }: DownloadOptions,
  signal: AbortSignal,
): Promise<Response> {
  let url = start;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const proxy = proxyFor(url, env);
    const response = await fetch(withoutPassword(url), {
      signal,
      redirect: "manual",
      // What is compressed is told by its first bytes, later.
      decompress: false,
      headers: { "User-Agent": userAgent, ...authorization(url) },
      ...(proxy !== false && { proxy: proxy.href }),
    });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || location === null) {
      return checked(response, name);
    }
    await response.body?.cancel();
    url = redirected(url, location, name);
  }
  throw new TsboxError("unavailable", `Cannot download ${name}: more than 10 redirects`);
}

function withoutPassword(url: URL): string {
  return publicUrl(url.href);
}

function authorization({ username, password }: URL): Record<string, string> {
  if (username === "" && password === "") return {};
  const words = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { Authorization: `Basic ${Buffer.from(words).toString("base64")}` };
}

function redirected(from: URL, location: string, name: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (to?.protocol === "https:" || (to?.protocol === "http:" && from.protocol === "http:")) {
    return to;
  }
  throw new TsboxError(
    "unavailable",
    `Cannot download ${name}: it redirects to what is not http or https, or away from https`,
  );
}

function checked(response: Response, name: string): Response {
  if (response.status === 200) return response;
  const code = response.status === 404 ? "not-found" : "unavailable";
  throw new TsboxError(code, `Cannot download ${name}: the server answered ${response.status}`);
}
