/**
 * One blob on its way to a repository (OCI distribution spec 1.1, "Pushing blobs"): in one piece, in chunks
 * where the registry wants it so, and on from where it was when the connection was cut.
 */
import { TsboxError } from "../errors.ts";
import { isDigest } from "../oci/digest.ts";
import type { Audience } from "./authenticator.ts";
import type { Connection } from "./connection.ts";
import { refusalError } from "./registry_errors.ts";
import { type RetryBudget, throwIfCancelled, TransientError } from "./retry.ts";
import { discard, type HttpAnswer, type HttpRequest } from "./transport.ts";
import { blobBody, type BlobSource } from "./upload_body.ts";

/** Bytes of a PATCH where not all is sent at once; a registry may ask for more. */
const CHUNK = 16 * 1024 * 1024;
/** Most that a registry may ask for. */
const MAX_CHUNK = 1024 * 1024 * 1024;

/** Answers to a whole blob that mean: not like this. */
const WANTS_CHUNKS = new Set([405, 411, 413, 501]);

/** What the registry has of a blob. */
interface Session {
  /** Where the next part goes, by the registry's word. */
  url: URL;
  /** Bytes it has. */
  offset: number;
  /** A request failed half-way: only the registry knows. */
  uncertain: boolean;
}

export class BlobUpload {
  readonly #connection: Connection;
  readonly #audience: Audience;
  readonly #source: BlobSource;
  readonly #onBytes: (position: number) => void;
  #session: Session | undefined;
  /** Undefined: all that is left in one request. */
  #chunk: number | undefined;
  #minimum = 0;
  #confirmed = 0;
  #failures = 0;

  /** @param onBytes told the bytes that were handed to the connection; fewer than before after a failure */
  constructor(
    connection: Connection,
    audience: Audience,
    source: BlobSource,
    onBytes: (position: number) => void,
  ) {
    this.#connection = connection;
    this.#audience = audience;
    this.#source = source;
    this.#onBytes = onBytes;
  }

  /** Whether the repository has the blob. @throws TransientError, TsboxError("unauthorized") */
  async exists(): Promise<boolean> {
    const url = this.#url(`blobs/${this.#source.digest}`);
    const answer = await this.#send({ method: "HEAD", url, headers: {} });
    const { status } = answer.response;
    if (status !== 200 && status !== 404) throw await this.#refusal(answer);
    await discard(answer);
    return status === 200;
  }

  /**
   * Has the registry take the blob over from another repository of its; true when it did.
   * @param sources all such repositories: one token serves for them all
   * @throws TsboxError, TransientError: both mean only that it has to be sent
   */
  async mount(from: string, sources: readonly string[]): Promise<boolean> {
    await this.giveUp();
    const url = this.#url("blobs/uploads/");
    url.search = `?mount=${encodeURIComponent(this.#source.digest)}&from=${
      encodeURIComponent(from)
    }`;
    const audience = { ...this.#audience, sources };
    const request = { method: "POST", url, headers: {} } as const;
    const answer = await this.#connection.authorized(audience, request);
    const { status } = answer.response;
    await discard(answer);
    // Anything else than "created" may have begun an upload, as if there had been no wish.
    if (status === 202) this.#session = this.#begun(answer);
    return status === 201;
  }

  /**
   * Sends the blob, with as many tries as the budget has.
   * @throws TsboxError
   */
  async send(budget: RetryBudget): Promise<void> {
    for (;;) {
      try {
        return await this.#advance(budget);
      } catch (error) {
        if (this.#session) this.#session.uncertain = true;
        await budget.spend(error);
        this.#failures++;
      }
    }
  }

  async #advance(budget: RetryBudget): Promise<void> {
    const { size } = this.#source;
    // The answer to the last request may have been lost, and not the blob.
    if (this.#failures > 0 && await this.exists()) return;
    // A server may cut a request that is too long for it instead of saying so.
    if (this.#failures > 1) this.#chunk ??= Math.max(CHUNK, this.#minimum);
    let session = await this.#certainSession();
    if (session.offset === 0 && this.#chunk === undefined) {
      if (await this.#put(session, 0)) return;
      session = await this.#certainSession();
    }
    while (session.offset < size) {
      const before = session.offset;
      await this.#patch(session);
      if (session.offset <= before) throw this.#stuck();
      if (session.offset > this.#confirmed) budget.progress();
      this.#confirmed = Math.max(this.#confirmed, session.offset);
    }
    await this.#put(session, size);
  }

  /** The session, as the registry has it. */
  async #certainSession(): Promise<Session> {
    if (this.#session?.uncertain) this.#session = await this.#status(this.#session);
    return this.#session ??= await this.#start();
  }

  /** Tells the registry that it may forget an upload; it will some day anyway. */
  async giveUp(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    await this.#send({ method: "DELETE", url: session.url, headers: {} }).then(discard, () => {});
  }

  async #start(): Promise<Session> {
    const url = this.#url("blobs/uploads/");
    const answer = await this.#send({ method: "POST", url, headers: {} });
    if (answer.response.status !== 202) throw await this.#refusal(answer);
    await discard(answer);
    return this.#begun(answer);
  }

  #begun(answer: HttpAnswer): Session {
    const asked = Number(answer.response.headers.get("oci-chunk-min-length") ?? 0);
    this.#minimum = Number.isSafeInteger(asked) ? Math.min(Math.max(asked, 0), MAX_CHUNK) : 0;
    return { url: this.#location(answer, undefined), offset: 0, uncertain: false };
  }

  /** Undefined when the registry knows nothing (any more) of the upload: begin anew. */
  async #status(session: Session): Promise<Session | undefined> {
    const answer = await this.#send({ method: "GET", url: session.url, headers: {} });
    const { status } = answer.response;
    if (status === 408 || status === 429 || status >= 500) throw await this.#refusal(answer);
    await discard(answer);
    const offset = status === 204 || status === 200 || status === 202 ? receivedOf(answer) : 0;
    // "0-0" is said of no byte as well as of one.
    if (offset <= 1 || offset > this.#source.size) return undefined;
    return { url: this.#location(answer, session.url), offset, uncertain: false };
  }

  /** Ends the upload with the bytes from `start` on; false when the registry wants chunks. */
  async #put(session: Session, start: number): Promise<boolean> {
    const { digest, size } = this.#source;
    const url = new URL(session.url);
    // The location is not ours to write anew: it may be signed.
    url.search += `${url.search === "" ? "?" : "&"}digest=${encodeURIComponent(digest)}`;
    const answer = await this.#send({ method: "PUT", ...this.#body(url, start, size) });
    const { status, headers } = answer.response;
    if (status === 201 || status === 204) {
      await discard(answer);
      checkDigest(headers.get("docker-content-digest"), this.#source, answer);
      return true;
    }
    if (start === 0 && size > 0 && WANTS_CHUNKS.has(status)) {
      await discard(answer);
      this.#chunk = Math.max(CHUNK, this.#minimum);
      session.uncertain = true;
      return false;
    }
    // What it has of an upload that was cut may be wrong: from the beginning, then.
    throw this.#lost(status === 400 && start > 0 && this.#failures > 0 ? 404 : status) ??
      await this.#refusal(answer);
  }

  async #patch(session: Session): Promise<void> {
    const { size } = this.#source;
    const start = session.offset;
    const end = Math.min(start + (this.#chunk ?? size), size);
    const request = this.#body(session.url, start, end);
    const headers = { ...request.headers, "Content-Range": `${start}-${end - 1}` };
    const answer = await this.#send({ ...request, method: "PATCH", headers });
    const { status } = answer.response;
    if (status !== 202) throw this.#lost(status) ?? await this.#refusal(answer);
    await discard(answer);
    session.url = this.#location(answer, session.url);
    // Without a Range all of it has come: that is what 202 says.
    session.offset = answer.response.headers.has("range") ? receivedOf(answer) : end;
    if (session.offset > end) throw this.#stuck();
  }

  #body(url: URL, start: number, end: number): Pick<HttpRequest, "url" | "headers" | "body"> {
    const finish = this.#connection.timing.finish;
    const body = blobBody(this.#source, start, end, finish, this.#onBytes);
    return {
      url,
      headers: { "Content-Type": "application/octet-stream" },
      body: end > start ? body : { length: 0, open: () => new Uint8Array() },
    };
  }

  #send(request: Pick<HttpRequest, "url" | "method" | "headers" | "body">): Promise<HttpAnswer> {
    throwIfCancelled(this.#audience.signal);
    return this.#connection.authorized(this.#audience, request);
  }

  /** An upload the registry has given up, or at another place than we thought: worth another look. */
  #lost(status: number): TransientError | undefined {
    if (status !== 404 && status !== 416) return undefined;
    if (status === 404) this.#session = undefined;
    return this.#stuck();
  }

  #stuck(): TransientError {
    const { reference, base } = this.#audience;
    return new TransientError(
      new TsboxError(
        "unavailable",
        `Cannot push ${reference.familiar}: ${base.host} lost the upload of ${this.#source.digest}`,
      ),
    );
  }

  #refusal(answer: HttpAnswer): Promise<Error> {
    return refusalError(answer, this.#audience.reference, "upload", this.#connection.timing);
  }

  #url(path: string): URL {
    const { base, reference } = this.#audience;
    return new URL(`${reference.repository}/${path}`, base);
  }

  /** @param known in place of a location that is not said */
  #location(answer: HttpAnswer, known: URL | undefined): URL {
    const location = answer.response.headers.get("location");
    if (location !== null) {
      return this.#connection.transport.target(this.#audience.base, answer.url, location);
    }
    if (known !== undefined) return known;
    throw new TsboxError(
      "unavailable",
      `Cannot push ${this.#audience.reference.familiar}: ${answer.url.host} does not say where to`,
    );
  }
}

/** Bytes the registry has, by its `Range: 0-<last>`. */
function receivedOf(answer: HttpAnswer): number {
  const range = answer.response.headers.get("range") ?? "";
  const last = /^(?:bytes=)?0-(\d{1,15})$/.exec(range)?.[1];
  return last === undefined ? 0 : Number(last) + 1;
}

function checkDigest(told: string | null, source: BlobSource, answer: HttpAnswer): void {
  if (told === null || !isDigest(told) || told === source.digest) return;
  if (told.slice(0, 6) !== source.digest.slice(0, 6)) return;
  throw new TsboxError(
    "corrupt",
    `Cannot push the blob ${source.digest}: ${answer.url.host} stored ${told} in its place`,
  );
}
