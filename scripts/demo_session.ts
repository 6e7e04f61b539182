/**
 * The part of `make demo` that runs as an ordinary user: a registry on loopback, an image made of Debian's
 * busybox, and tsbox running it. Prints every command as one would type it, checks what it printed, and
 * leaves nothing running and nothing on the disk.
 */
import { hostname, userInfo } from "node:os";
import { makeHome, TSBOX } from "../tests/support/cli.ts";
import { pushImage } from "../tests/support/images.ts";
import { startRegistry } from "../tests/support/registry_process.ts";

interface Step {
  /** What the reader shall notice. */
  why: string;
  /** After `tsbox`. */
  args: string[];
  /** What the output must look like, or the demo has failed. */
  shows: RegExp;
}

const print = (text: string): void => void process.stdout.write(text);

function steps(image: string): Step[] {
  const run = (...words: string[]) => ["run", "--rm", image, ...words];
  return [
    {
      why: "Pull the image: every blob is checked against its digest, then unpacked.",
      args: ["pull", image],
      shows: /sha256:[0-9a-f]{64}/,
    },
    { why: "It is in the store of this user.", args: ["images"], shows: /demo +latest/ },
    {
      why: "Inside we are root ...",
      args: run("id"),
      shows: /uid=0\(root\)/,
    },
    {
      why: `... which outside is only ${userInfo().username} (${userInfo().uid}), ` +
        "and the other ids are subordinate ones.",
      args: run("cat", "/proc/self/uid_map"),
      shows: new RegExp(`^ +0 +${userInfo().uid} +1\\n`),
    },
    {
      why: `A hostname of its own; this machine is "${hostname()}".`,
      args: run("hostname"),
      shows: new RegExp(`^(?!${RegExp.escape(hostname())}\\n)[0-9a-f]{12}\\n$`),
    },
    {
      why: "Its command is process 1, and sees no process of this machine.",
      args: run("ps"),
      shows: /^PID[^\n]*\n +1 [^\n]* ps\n$/,
    },
    {
      why: "A root file system of its own: the image's, with nothing of this machine in it.",
      args: run("ls", "/"),
      shows: /^bin\ndemo.txt\ndev\netc\nhome\n/,
    },
    {
      why: "No network at all, when told so.",
      args: ["run", "--rm", "--network", "none", image, "ls", "/sys/class/net"],
      shows: /^lo\n$/,
    },
    { why: "Nothing is left of these containers.", args: ["ps", "-aq"], shows: /^$/ },
    { why: "And the image goes, too.", args: ["rmi", image], shows: /Untagged/ },
  ];
}

async function perform(step: Step, env: Record<string, string>): Promise<void> {
  print(`\n# ${step.why}\n$ tsbox ${step.args.join(" ")}\n`);
  const child = Bun.spawn([TSBOX, ...step.args], {
    env,
    cwd: env["HOME"] ?? "/",
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const output = await child.stdout.text();
  print(output);
  const status = await child.exited;
  if (status !== 0) throw new Error(`tsbox ${step.args.join(" ")} ended with ${status}`);
  if (!step.shows.test(output)) {
    throw new Error(`this is not what was expected, ${step.shows}`);
  }
}

async function main(): Promise<void> {
  const home = makeHome();
  print(
    "\n# A registry of Debian's docker-registry on this machine, and an image of Debian's busybox.\n",
  );
  print("$ docker-registry serve config.yml &\n");
  const registry = await startRegistry();
  try {
    const image = await pushImage(registry, "demo", {
      layers: [[{ path: "demo.txt", content: "Hello from the second layer\n" }]],
    });
    print(`pushed ${image.reference} (${image.layers.length} layers, ${image.manifest.digest})\n`);
    for (const step of steps(image.reference)) await perform(step, home.env);
    print(
      "\nThat was tsbox. With access to a registry of the world: dist/tsbox run -it alpine sh\n",
    );
  } finally {
    await registry.stop();
    home.remove();
  }
}

try {
  await main();
} catch (thrown) {
  process.stderr.write(`demo: ${thrown instanceof Error ? thrown.message : thrown}\n`);
  process.exitCode = 1;
}
