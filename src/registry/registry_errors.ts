/** What a registry's refusal means, in docker's words. */
import { TsboxError } from "../errors.ts";
import { type JsonReader, readJson } from "../oci/json_reader.ts";
import type { Reference } from "../oci/reference.ts";
import { readBody } from "./body.ts";
import { parseRetryAfter, type Timing, TransientError } from "./retry.ts";
import type { HttpAnswer } from "./transport.ts";

/** Bytes of an error's body. */
const MAX_BODY = 64 * 1024;

/** What was asked for: to get one of these, or to write anything. */
export type Wanted = "manifest" | "blob" | "upload";

/** The first of the errors a registry lists (distribution spec, "Error Codes"). */
export interface Refusal {
  code: string;
  message: string;
}

const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Reads the body of an answer that is no success and makes the error of it; to be thrown. */
export async function refusalError(
  answer: HttpAnswer,
  reference: Reference,
  wanted: Wanted,
  timing: Timing,
): Promise<Error> {
  const refusal = await readRefusal(answer, timing);
  const { status } = answer.response;
  const error = translate(status, refusal, reference, wanted, answer.url.host);
  return isPassing(status) ? passingError(answer, error) : error;
}

/** Whether a status is one of those that may be another a moment later. */
export function isPassing(status: number): boolean {
  return PASSING.has(status);
}

/** Worth another try, after the time the server asks for. */
export function passingError({ response }: HttpAnswer, final: TsboxError): TransientError {
  const retryAfter = parseRetryAfter(response.headers.get("retry-after"), Date.now());
  return new TransientError(final, retryAfter === undefined ? {} : { retryAfter });
}

/** Docker's answer to whoever may not know that a repository exists. */
export function accessDenied(
  reference: Reference,
  detail = "",
  verb: "pull" | "push" = "pull",
): TsboxError {
  return new TsboxError(
    "unauthorized",
    `${verb} access denied for ${reference.familiarName}, repository does not exist or may require 'docker login'${detail}`,
  );
}

function translate(
  status: number,
  refusal: Refusal,
  reference: Reference,
  wanted: Wanted,
  host: string,
): TsboxError {
  const detail = refusal.message === "" ? "" : `: ${refusal.message}`;
  const verb = wanted === "upload" ? "push" : "pull";
  if (status === 401 || status === 403 || refusal.code === "DENIED") {
    return accessDenied(reference, detail, verb);
  }
  if (refusal.code === "NAME_UNKNOWN") {
    return new TsboxError("not-found", `repository ${reference.familiarName} not found${detail}`);
  }
  if (status === 404 && wanted !== "upload") {
    return wanted === "manifest"
      ? new TsboxError(
        "not-found",
        `manifest for ${reference.familiar} not found${detail || ": manifest unknown"}`,
      )
      : new TsboxError(
        "not-found",
        `Cannot pull ${reference.familiar}: ${host} lacks a part of it${detail}`,
      );
  }
  const text = `${status} ${statusText(status)}`.trim();
  return new TsboxError(
    "unavailable",
    `Cannot ${verb} ${reference.familiar}: received unexpected HTTP status: ${text} from ${host}${detail}`,
    status === 429 ? { hint: "wait, or use tsbox login for a higher limit" } : {},
  );
}

/** What a registry or token server says to an answer that is no success, fit to be shown. */
export async function readRefusal(answer: HttpAnswer, timing: Timing): Promise<Refusal> {
  try {
    const body = await readBody(answer, MAX_BODY, timing.stall, "error");
    const first: JsonReader | undefined = readJson(body, "error", MAX_BODY).objects("errors")[0];
    const code = first?.optionalString("code") ?? "";
    const message = first?.optionalString("message") ?? "";
    return { code: code.toUpperCase(), message: printable(`${code.toLowerCase()}: ${message}`) };
  } catch (error) {
    if (error instanceof TsboxError && error.code === "cancelled") throw error;
    // Proxies and file servers answer in HTML: the status says enough.
    return { code: "", message: "" };
  }
}

/** Docker writes the code's name as words, too: `manifest unknown: manifest unknown`. */
function printable(text: string): string {
  const words = text.replace(/_/g, " ").replace(/[^\x20-\x7e]/g, "?").trim();
  const [code = "", ...rest] = words.split(": ");
  const message = rest.join(": ").slice(0, 300);
  return message === "" || message === code ? code.replace(/:$/, "") : `${code}: ${message}`;
}

const STATUS_TEXT: Record<number, string> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  408: "Request Timeout",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** Never the server's own words for it. */
export function statusText(status: number): string {
  return STATUS_TEXT[status] ?? "";
}
