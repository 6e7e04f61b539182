import { parseDetachKeys } from "../../container/detach_keys.ts";
import type { ExecOptions } from "../../container/exec_options.ts";
import { TsboxError } from "../../errors.ts";
import type { ParsedLine } from "../parse.ts";
import { makeEnvironment, splitPair } from "../run/environment.ts";
import { badValue } from "../usage_error.ts";
import { execGrammar } from "./grammar.ts";

/** Checks every value. Throws UsageError or TsboxError. */
export function makeExecOptions(
  line: ParsedLine,
  caller: Readonly<Record<string, string | undefined>>,
): ExecOptions {
  const { flags, args } = line;
  const [container = "", ...command] = args;
  const user = flags.last("user");
  const detachKeys = flags.last("detach-keys");
  if (detachKeys) parseDetachKeys(detachKeys);
  return {
    container,
    command,
    interactive: flags.on("interactive"),
    tty: flags.on("tty"),
    detach: flags.on("detach"),
    privileged: flags.on("privileged"),
    ...makeEnvironment(flags.all("env-file"), checkedEnv(line), caller),
    ...(user && { user }),
    ...(detachKeys && { detachKeys }),
    ...workdir(flags.last("workdir")),
  };
}

function checkedEnv({ flags }: ParsedLine): readonly string[] {
  for (const spec of flags.all("env")) {
    if (splitPair(spec)[0] !== "") continue;
    const flag = execGrammar.flags.find(({ name }) => name === "env") ?? { name: "env", help: "" };
    throw badValue(execGrammar, flag, spec, `invalid environment variable: ${spec}`);
  }
  return flags.all("env");
}

function workdir(path: string | undefined): { workdir?: string } {
  if (!path) return {};
  if (path.startsWith("/")) return { workdir: path };
  throw new TsboxError("invalid-argument", "Cwd must be an absolute path");
}
