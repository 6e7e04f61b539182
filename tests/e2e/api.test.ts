/** `tsbox system service` with the clients of others: docker's own command line, and curl. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { type BusyboxContainers, busyboxContainers, until } from "../support/busybox_containers.ts";
import { type CliResult, TSBOX, tsbox, tsboxOk } from "../support/cli.ts";

const docker = Bun.which("docker");

let box: BusyboxContainers;
let service: Bun.Subprocess<"ignore", "pipe", "pipe">;
let socket = "";

beforeAll(async () => {
  box = await busyboxContainers();
  socket = `${box.home.runtimeDir}/tsbox.sock`;
  service = await startService();
});
afterAll(async () => {
  service.kill();
  await service.exited;
  await box.stop();
});

/** Returns once it says that it listens. */
async function startService(): Promise<typeof service> {
  const child = Bun.spawn([TSBOX, "system", "service"], {
    cwd: box.home.path,
    env: box.home.env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const { value } = await child.stdout.getReader().read();
  const said = new TextDecoder().decode(value);
  if (said === `Listening on unix://${socket}\n`) return child;
  throw new Error(`the service said ${said}${await child.stderr.text()}`);
}

async function client(command: readonly string[]): Promise<CliResult> {
  const child = Bun.spawn([...command], {
    cwd: box.home.path,
    env: { ...box.home.env, DOCKER_HOST: `unix://${socket}` },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 30_000,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { stdout, stderr, status: await child.exited };
}

/** What `docker ARGS` prints; throws when it fails. */
async function dockerOk(...args: string[]): Promise<string> {
  const { stdout, stderr, status } = await client([docker ?? "docker", ...args]);
  if (status === 0) return stdout;
  throw new Error(`docker ${args.join(" ")} ended with ${status}\n${stdout}${stderr}`);
}

const dockerFails = async (...args: string[]) => {
  const { stderr, status } = await client([docker ?? "docker", ...args]);
  expect(status).not.toBe(0);
  return stderr;
};

/** Runs a container that ends at once and stays. */
const ended = (name: string, status: number) =>
  tsbox(["run", "--network", "none", "--name", name, box.image, "sh", "-c", `exit ${status}`], {
    home: box.home,
  });

const curl = (...args: string[]) =>
  client(["curl", "-sS", "--max-time", "20", "--unix-socket", socket, ...args]);

describe("curl", () => {
  test("_ping is answered with and without a version, and to HEAD", async () => {
    expect((await curl("http://d/_ping")).stdout).toBe("OK");
    expect((await curl("http://d/v1.47/_ping")).stdout).toBe("OK");
    const head = (await curl("--head", "http://d/_ping")).stdout;
    expect(head).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(head).toMatch(/^Api-Version: 1.47\r$/m);
    expect(head).toMatch(/^Ostype: linux\r$/m);
  });

  test("errors are JSON with a message", async () => {
    const fails = async (...args: string[]) =>
      (await curl("--write-out", " %{http_code}", ...args)).stdout;
    expect(await fails("http://d/v1.47/nosuch")).toBe('{"message":"page not found"} 404');
    expect(await fails("-X", "POST", "http://d/v1.47/containers/create")).toBe(
      '{"message":"POST /containers/create is not supported by tsbox yet"} 501',
    );
    expect(await fails("http://d/v1.99/info")).toEndWith(" 400");
    expect(await fails("http://d/containers/nosuch/json")).toBe(
      '{"message":"No such container: nosuch"} 404',
    );
  });

  test("asking again and again keeps no descriptors", async () => {
    const descriptors = () => readdirSync(`/proc/${service.pid}/fd`).length;
    await curl("http://d/info");
    const before = descriptors();
    for (let i = 0; i < 5; i++) await curl("http://d/info", "http://d/containers/json?all=1");
    await until("connections are closed", () => descriptors() <= before);
  });
});

// Debian has no package of it alone; where it is missing curl stands for the clients.
describe.skipIf(docker === null)("docker's command line", () => {
  test("version speaks the newest version both know", async () => {
    const [client = "", server = ""] = (await dockerOk("version")).split("\nServer: ");
    expect(client).toContain("API version:       1.4");
    expect(server).toStartWith("tsbox\n Engine:\n");
    expect(await dockerOk("version", "-f", "{{.Server.Os}} {{.Server.APIVersion}}")).toBe(
      "linux 1.47\n",
    );
  });

  test("info shows this store and this user", async () => {
    const info = await dockerOk("info");
    const driver = await tsboxOk(["info", "-f", "{{.Driver}}"], { home: box.home });
    expect(info).toContain(`Storage Driver: ${driver}`);
    expect(info).toContain(`Docker Root Dir: ${box.home.dataRoot}`);
    expect(info).toContain("  rootless\n");
  });

  test("images and inspect show what tsbox has", async () => {
    const own = await tsboxOk(["images", "--no-trunc", "-q"], { home: box.home });
    expect(await dockerOk("images", "--no-trunc", "-q")).toBe(own);
    expect(await dockerOk("images", box.image)).toContain(own.slice(7, 19));
    expect(await dockerOk("images", "-q", "nosuch")).toBe("");
    expect(await dockerOk("inspect", "-f", "{{.Id}}", box.image)).toBe(own);
  });

  test("tag, history, system df and the prunes are those of tsbox", async () => {
    await dockerOk("tag", box.image, "api/tagged:1");
    expect(await dockerOk("history", "-q", "--no-trunc", "api/tagged:1")).toBe(
      await tsboxOk(["history", "-q", "--no-trunc", box.image], { home: box.home }),
    );
    await ended("pruned", 0);
    const row = /^(Images|Containers|Local Volumes) +\d+ +\d+ +\S+/gm;
    const own = await tsboxOk(["system", "df"], { home: box.home });
    const words = (text: string) => (text.match(row) ?? []).map((line) => line.split(/ {2,}/));
    expect(words(await dockerOk("system", "df"))).toEqual(words(own));
    expect(words(own)).toHaveLength(3);
    expect(await dockerOk("container", "prune", "-f")).toMatch(
      /^Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: 0B\n$/,
    );
    expect(await dockerOk("image", "prune", "-f")).toBe("Total reclaimed space: 0B\n");
    expect(await dockerOk("image", "prune", "-af", "--filter", "until=2000-01-01")).toBe(
      "Total reclaimed space: 0B\n",
    );
    expect(await dockerOk("rmi", "api/tagged:1")).toStartWith("Untagged: api/tagged:1\n");
  });

  test("ps shows what runs, and with -a what has ended", async () => {
    await ended("one", 3);
    expect(await dockerOk("ps", "-q")).toBe("");
    const format = "{{.Names}} {{.Image}} {{.State}} {{.Networks}}";
    expect(await dockerOk("ps", "-a", "--format", format)).toBe(`one ${box.image} exited none\n`);
    expect(await dockerOk("ps", "-aq", "-f", "exited=4")).toBe("");
    expect(await dockerOk("inspect", "-f", "{{.State.ExitCode}} {{.Name}}", "one")).toBe(
      "3 /one\n",
    );
    expect(await dockerOk("rm", "one")).toBe("one\n");
    expect(await dockerOk("ps", "-aq")).toBe("");
  });

  test("a container that runs is removed by force only, and its run ends", async () => {
    const script = "echo ready; sleep 30";
    const words = ["run", "--network", "none", "--name", "live", box.image, "sh", "-c", script];
    const child = Bun.spawn([TSBOX, ...words], {
      cwd: box.home.path,
      env: box.home.env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    await child.stdout.getReader().read();
    expect(await dockerOk("ps", "--format", "{{.Names}} {{.State}}")).toBe("live running\n");
    expect(await dockerFails("rm", "live")).toContain("container is running");
    expect(await dockerFails("rmi", box.image)).toContain("conflict");
    expect(await dockerOk("rm", "-f", "live")).toBe("live\n");
    expect(await child.exited).toBe(137);
    expect(box.leftovers()).toEqual([]);
  });

  test("inspect of nothing says so, as docker does", async () => {
    expect(await dockerFails("inspect", "nosuch")).toBe("Error: No such object: nosuch\n");
    expect(await dockerFails("rm", "nosuch")).toContain("No such container: nosuch");
  });

  test("what is not there yet is named", async () => {
    expect(await dockerFails("run", box.image)).toContain(
      "POST /containers/create is not supported by tsbox yet",
    );
    expect(await dockerFails("pull", box.image)).toContain("POST /images/create");
    expect(await dockerFails("ps", "-s")).toContain('"size"');
  });

  test("rmi removes the image with its layers", async () => {
    const removed = await dockerOk("rmi", box.image);
    expect(removed).toContain(`Untagged: ${box.image}`);
    expect(removed).toContain("Deleted: sha256:");
    expect(await tsboxOk(["images", "-q"], { home: box.home })).toBe("");
    expect(readdirSync(`${box.home.dataRoot}/layers`)).toEqual([]);
  });
});

describe("the service", () => {
  test("one that was killed is followed by the next", async () => {
    service.kill("SIGKILL");
    await service.exited;
    expect(existsSync(socket)).toBe(true);
    service = await startService();
    expect((await curl("http://d/_ping")).stdout).toBe("OK");
  });

  test("a second one is refused", async () => {
    const { stderr, status } = await tsbox(["system", "service"], { home: box.home });
    expect(stderr).toBe(
      `tsbox: Cannot listen on "unix://${socket}": it is already in use; ` +
        "choose another socket with --host\n",
    );
    expect(status).toBe(1);
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`${signal} ends it and removes its socket`, async () => {
      service.kill(signal);
      expect(await service.exited).toBe(0);
      expect(existsSync(socket)).toBe(false);
      expect(existsSync(`${socket}.lock`)).toBe(false);
      service = await startService();
    });
  }

  test("--host takes a socket, and nothing that others could reach", async () => {
    const { stderr } = await tsbox(["system", "service", "-H", "tcp://0.0.0.0:2375"], {
      home: box.home,
    });
    expect(stderr).toContain("only Unix sockets are supported");
    writeFileSync(`${box.home.path}/file`, "mine");
    const file = await tsbox(["system", "service", "-H", "unix://file"], { home: box.home });
    expect(file.stderr).toContain(`"unix://${box.home.path}/file": there is something`);
  });
});
