/** How errors look over HTTP: the one table from error codes to statuses, and Docker's shape. */
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { type ErrorCode, messageOf, TsboxError } from "../errors.ts";

const STATUS: Record<ErrorCode, ContentfulStatusCode> = {
  "invalid-argument": 400,
  "cannot-execute": 400,
  "command-not-found": 400,
  "unauthorized": 401,
  "not-found": 404,
  "conflict": 409,
  "in-use": 409,
  "invalid-state": 409,
  "limit-exceeded": 413,
  "corrupt": 500,
  "host": 500,
  "kernel": 500,
  "no-space": 500,
  "unsupported": 501,
  // Only the end of the service itself cancels what a request began.
  "cancelled": 503,
  "unavailable": 503,
};

/** The answer to a request that failed: `{"message": "..."}`. */
export function failure(c: Context, thrown: Error): Response {
  if (!(thrown instanceof TsboxError)) {
    return c.json({ message: `internal error: ${messageOf(thrown)}` }, 500);
  }
  const stage = thrown.stage === undefined ? "" : ` (stage: ${thrown.stage})`;
  const hint = thrown.hint === undefined ? "" : `; ${thrown.hint}`;
  return c.json({ message: `${thrown.message}${stage}${hint}` }, STATUS[thrown.code]);
}

/** Docker's answer to a path that means nothing. */
export function pageNotFound(c: Context): Response {
  return c.json({ message: "page not found" }, 404);
}
