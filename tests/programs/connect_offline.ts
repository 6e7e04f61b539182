/** Connects a waiting process where this is started, and prints the warning; meant for a namespace without routes. */
import { writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { planNetwork } from "../../src/network/plan.ts";
import { startNetwork } from "../../src/network/private_network.ts";
import { waitingProcess } from "./waiting_process.ts";

async function main(): Promise<void> {
  const waiting = waitingProcess();
  const plan = planNetwork({ publish: [], searchPath: undefined });
  const network = startNetwork(plan, waiting.pid, tmpdir());
  writeSync(1, `${await network.ready()}\n`);
  network.stop();
  waiting.end();
}

void main();
