/** A real registry, a home with a pulled busybox image in it, and containers run from that image. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type CliOptions, type CliResult, type Home, makeHome, tsbox, tsboxOk } from "./cli.ts";
import { type ImageOptions, pushImage } from "./images.ts";
import { family, killAll } from "./process_family.ts";
import { type RegistryProcess, startRegistry } from "./registry_process.ts";

/** What a test file of `run` works with. */
export interface BusyboxContainers {
  registry: RegistryProcess;
  home: Home;
  /** Reference of the pulled image. */
  image: string;
  /** `tsbox run --rm FLAGS IMAGE COMMAND`, without a network unless a flag is about one. */
  run(
    flags: readonly string[],
    command?: readonly string[],
    options?: Partial<CliOptions>,
  ): Promise<CliResult>;
  /** Runs a shell script like that and returns what it printed; throws when it fails or complains. */
  sh(flags: readonly string[], script: string, options?: Partial<CliOptions>): Promise<string>;
  /** The words of `tsbox` for the same, for tests that start it themselves. */
  words(flags: readonly string[], command?: readonly string[]): string[];
  /** Names of all that a container leaves in the store: directories, names, links, things half deleted. */
  leftovers(): string[];
  stop(): Promise<void>;
}

const NETWORK_FLAG = /^(--net(work)?(=|$)|-p|--publish(=|$))/;

/** Starts the registry, pushes the image and pulls it. To be stopped in `afterAll`. */
export async function busyboxContainers(image: ImageOptions = {}): Promise<BusyboxContainers> {
  const registry = await startRegistry();
  const home = makeHome();
  const { reference } = await pushImage(registry, "box", image);
  await tsboxOk(["pull", "-q", reference], { home });
  const words = (flags: readonly string[], command: readonly string[] = []) => {
    const alone = flags.some((flag) => NETWORK_FLAG.test(flag)) ? [] : ["--network", "none"];
    return ["run", "--rm", ...alone, ...flags, reference, ...command];
  };
  return {
    registry,
    home,
    image: reference,
    words,
    run: (flags, command, options) => tsbox(words(flags, command), { home, ...options }),
    sh: async (flags, script, options) => {
      const result = await tsbox(words(flags, ["sh", "-c", script]), { home, ...options });
      if (result.status === 0 && result.stderr === "") return result.stdout;
      throw new Error(`${script}: ${result.status}\n${result.stdout}${result.stderr}`);
    },
    leftovers: () => [
      ...namesInTmp(home.dataRoot),
      ...["containers", "names", "unsettled"].flatMap((folder) =>
        namesIn(`${home.dataRoot}/${folder}`)
      ),
    ],
    stop: async () => {
      // What a test that failed has left would run for ever, and slow down all that come after.
      killAll(family(home.path));
      home.remove();
      await registry.stop();
    },
  };
}

/** Milliseconds in which a container that has left the store is deleted by the process that outlives its command. */
const DELETION = 500;

/** What is in `tmp/` of a store, when the deletions of ended containers are over. */
export function namesInTmp(dataRoot: string): string[] {
  const folder = `${dataRoot}/tmp`;
  const deadline = Date.now() + DELETION;
  const isGoing = () => namesIn(folder).some((name) => name.startsWith("trash-container-"));
  while (isGoing() && Date.now() < deadline) Bun.sleepSync(2);
  return namesIn(folder);
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Host pids of live processes whose command line contains `mark`. */
export function processesWith(mark: string): number[] {
  return readdirSync("/proc").map(Number).filter((pid) => {
    if (!(pid > 0) || pid === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(mark);
    } catch {
      return false; // it has ended meanwhile
    }
  });
}

/** Waits until `done` says so. @throws Error with `what` after 10 seconds */
export async function until(what: string, done: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!done()) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await Bun.sleep(10);
  }
}
