/** The wanted part of a blob out of an answer that may hold the part or the whole. */
import { TsboxError } from "../errors.ts";
import { bodyChunks } from "./body.ts";
import { TransientError } from "./retry.ts";
import { discard, type HttpAnswer } from "./transport.ts";

/**
 * The bytes from `offset` to the blob's end.
 * @param size of the whole blob
 * @throws TransientError when it ends early, TsboxError("corrupt") when the registry has another size
 */
export async function* blobRange(
  answer: HttpAnswer,
  offset: number,
  size: number,
  stall: number,
): AsyncGenerator<Uint8Array> {
  let position: number;
  try {
    position = startOf(answer, offset, size);
  } catch (error) {
    await discard(answer);
    throw error;
  }
  for await (const chunk of bodyChunks(answer, stall)) {
    const wanted = chunk.subarray(Math.max(offset - position, 0));
    position += chunk.length;
    if (position > size) throw wrongSize(answer, size, "more");
    if (wanted.length > 0) yield wanted;
  }
  if (position === size) return;
  // Without a Content-Length a cut looks like an end.
  throw new TransientError(
    new TsboxError("unavailable", `Cannot read from ${answer.url.host}: the blob ended early`),
  );
}

/** The place in the blob of the answer's first byte: servers may ignore Range (RFC 9110, 14.2). */
function startOf(answer: HttpAnswer, offset: number, size: number): number {
  const { status, headers } = answer.response;
  if (status === 416) throw wrongSize(answer, size, "fewer");
  if (status === 200) {
    const length = headers.get("content-length");
    if (length !== null && Number(length) !== size) throw wrongSize(answer, size, length);
    return 0;
  }
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get("content-range") ?? "") ??
    [];
  if (Number(start) !== offset || (total !== "*" && Number(total) !== size)) {
    throw wrongSize(answer, size, "another part");
  }
  return offset;
}

function wrongSize(answer: HttpAnswer, size: number, actual: string): TsboxError {
  return new TsboxError(
    "corrupt",
    `Cannot use a blob of ${answer.url.host}: the manifest says ${size} bytes, the registry has ${actual}`,
  );
}
