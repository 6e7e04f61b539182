/** A server that speaks what it wants, and what is expected of who listens to it. */
import { createServer as createTcpServer, type Socket } from "node:net";

/** The error's one line; throws when there is none, or when it is more than one. */
export async function failure(action: Promise<unknown>): Promise<string> {
  const error: unknown = await action.then(() => "success", (error: unknown) => error);
  const text = String(error);
  if (!text.startsWith("TsboxError: ") || text.includes("\n")) {
    throw new Error(`not clean: ${text.slice(0, 300)}`);
  }
  return text;
}

/** A server below HTTP: it answers every connection's first request by `answer`. */
export async function rawServer(answer: (socket: Socket, path: string) => void) {
  const tcp = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => answer(socket, data.toString("latin1").split(" ")[1] ?? ""));
  });
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  const address = tcp.address();
  const port = typeof address === "object" ? address?.port : 0;
  return { host: `127.0.0.1:${port}`, [Symbol.dispose]: () => void tcp.close() };
}

/** Writes `piece` for ever, no faster than it is read. */
export function pour(socket: Socket, piece: Uint8Array): void {
  const more = () => {
    while (!socket.destroyed && socket.write(piece));
    if (!socket.destroyed) socket.once("drain", more);
  };
  more();
}

/** The head of an answer of status 200. */
export const ok = (type: string, ...headers: string[]) =>
  ["HTTP/1.1 200 OK", `Content-Type: ${type}`, ...headers, "", ""].join("\r\n");
