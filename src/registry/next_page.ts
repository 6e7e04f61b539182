/** Lists of a registry that come in pages (distribution spec, "Listing Tags"). */
import { TsboxError } from "../errors.ts";
import type { Reference } from "../oci/reference.ts";
import type { HttpAnswer } from "./transport.ts";

/** Pages of a list that are read. */
export const MAX_PAGES = 100;

/** The page after this one (RFC 8288); only the registry itself can go on with its list. Pure. */
export function nextPage({ response, url }: HttpAnswer, base: URL): URL | undefined {
  const [, target = ""] = /<([^>]{1,4096})>\s*;[^,]*\brel="?next"?/i.exec(
    (response.headers.get("link") ?? "").slice(0, 8192),
  ) ?? [];
  if (target === "" || !URL.canParse(target, url.href)) return undefined;
  const next = new URL(target, url.href);
  return next.origin === base.origin ? next : undefined;
}

/** A list of tags that goes on and on. */
export function endlessTags({ familiarName }: Reference): TsboxError {
  return new TsboxError(
    "limit-exceeded",
    `Cannot pull ${familiarName}: its list of tags has more than ${MAX_PAGES} pages`,
    { hint: "pull the tags you need" },
  );
}
