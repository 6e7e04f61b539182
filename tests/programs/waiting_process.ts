/** A process like a container's that waits for its network: in our user namespace and a network of its own. */
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Arena } from "../../src/ffi/arena.ts";
import { CLONE, PR } from "../../src/ffi/constants.ts";
import { runProgram } from "../../src/ffi/executor.ts";
import { raw } from "../../src/ffi/libc.ts";
import { opClone, opDefaultSignals, sendSignal, waitBlocking } from "../../src/ffi/process.ts";
import { Program } from "../../src/ffi/program.ts";
import { ownIdMap } from "../../src/rootless/subids.ts";
import { readKeeper } from "../../src/rootless/keeper_record.ts";
import { openUserNamespace } from "../../src/rootless/user_namespace.ts";

/** The process, and how to run a command beside it. */
export interface WaitingProcess {
  pid: number;
  /** Runs a shell command in its namespaces. */
  enter(command: string): Bun.Subprocess<"ignore", "pipe", "pipe">;
  end(): void;
}

function networkOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

/** Servers that were started beside it, and their children. */
function sharing(pid: number): number[] {
  const network = networkOf(pid);
  const others = readdirSync("/proc").map(Number).filter((other) => other > 0 && other !== pid);
  return others.filter((other) => network !== undefined && networkOf(other) === network);
}

/** Makes one; it sleeps for a minute. */
export function waitingProcess(): WaitingProcess {
  const folder = mkdtempSync(join(tmpdir(), "tsbox-waiting-"));
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const userns = openUserNamespace(ownIdMap({ uid, gid, mode: "auto" }), folder);
  const keeper = readKeeper(`${folder}/keeper-${userns.map.kind}`)?.pid ?? -1;
  const program = new Program(Arena.live());
  const { arena } = program;
  opClone(program, CLONE.VFORK);
  program.op("join", "setns", [userns.fd, CLONE.NEWUSER]);
  program.op("become root", "setresgid", [0, 0, 0]);
  program.op("become root", "setresuid", [0, 0, 0]);
  program.op("make a network", "unshare", [CLONE.NEWNET]);
  program.op("die with us", "prctl", [PR.SET_PDEATHSIG, 9]);
  opDefaultSignals(program);
  const argv = arena.vector(["sleep", "60"]);
  program.op("wait", "execve", [arena.text("/bin/sleep"), argv, arena.vector([])]);
  const pid = runProgram(program);
  raw("prctl", PR.SET_DUMPABLE, 1);
  return {
    pid,
    enter: (command) =>
      Bun.spawn(
        ["nsenter", "-t", String(pid), "-U", "-n", "--preserve-credentials", "sh", "-c", command],
        { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
      ),
    end() {
      for (const other of sharing(pid)) sendSignal(other, 9);
      for (const process of [pid, keeper]) if (sendSignal(process, 9)) waitBlocking(process);
      rmSync(folder, { recursive: true });
    },
  };
}
