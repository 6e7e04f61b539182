/** The programs that carry a private network's traffic: found by the caller's PATH. */
import { accessSync, constants } from "node:fs";
import { TsboxError } from "../errors.ts";

/** In order of preference: pasta is faster and knows IPv6. */
const NAMES = ["pasta", "slirp4netns"] as const;
const USUAL_FOLDERS = "/usr/bin:/usr/local/bin:/bin";

/** A program that was found. */
export interface NetworkTool {
  name: (typeof NAMES)[number];
  /** Absolute. */
  path: string;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Every network program on this host, the preferred one first. */
export function networkTools(searchPath: string | undefined): NetworkTool[] {
  const folders = `${searchPath ?? ""}:${USUAL_FOLDERS}`.split(":").filter((f) =>
    f.startsWith("/")
  );
  return NAMES.flatMap((name) => {
    const path = folders.map((folder) => `${folder}/${name}`).find(isExecutable);
    return path === undefined ? [] : [{ name, path }];
  });
}

/** What is lost and what helps when there is no such program. */
export const NO_TOOL_HINT =
  "ask an administrator to run 'apt install passt', or pass --network none or --network host";

/** The program to use. @throws TsboxError "host" when there is none */
export function networkTool(searchPath: string | undefined): NetworkTool {
  const [best] = networkTools(searchPath);
  if (best !== undefined) return best;
  throw new TsboxError(
    "host",
    "Cannot make a private network: neither pasta nor slirp4netns is installed",
    { hint: NO_TOOL_HINT },
  );
}
