/** `run`: what the image's config says, and how the command line overrides it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";
import { tsbox, tsboxOk } from "../support/cli.ts";
import { type ImageSettings, pushImage } from "../support/images.ts";

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

const accounts = {
  passwd: ["alice:x:1000:1000::/home/alice:/bin/sh"],
  group: ["alice:x:1000:", "staff:x:50:alice", "audio:x:63:"],
};

let images = 0;

/** Pushes an image with this config; returns `run` for it. */
async function imageWith(config: ImageSettings) {
  const { reference } = await pushImage(box.registry, `config${images++}`, {
    busybox: accounts,
    config,
  });
  return async (flags: readonly string[] = [], command: readonly string[] = []) => {
    const words = ["run", "--rm", "-q", "--network", "none", ...flags, reference, ...command];
    const { stdout, stderr, status } = await tsbox(words, { home: box.home });
    return status === 0 ? stdout : `${status}: ${stderr}`;
  };
}

test("CMD is the default command, and the command line takes its place", async () => {
  const run = await imageWith({ Cmd: ["echo", "from", "CMD"] });
  expect(await run()).toBe("from CMD\n");
  expect(await run([], ["echo", "mine"])).toBe("mine\n");
});

test("ENTRYPOINT stays in front of CMD or the command line", async () => {
  const run = await imageWith({ Entrypoint: ["echo", "entry"], Cmd: ["default"] });
  expect(await run()).toBe("entry default\n");
  expect(await run([], ["a", "b c"])).toBe("entry a b c\n");
  expect(await run(["--entrypoint", "printf"], ["<%s>", "x"])).toBe("<x>");
  expect(await run(["--entrypoint", ""], ["echo", "bare"])).toBe("bare\n");
  expect(await run(["--entrypoint", "echo"])).toBe("\n");
});

test("the shell forms are a shell's arguments", async () => {
  const run = await imageWith({
    Entrypoint: ["/bin/sh", "-c", "echo $0 $NAME; exit 0"],
    Env: ["NAME=shell"],
  });
  expect(await run()).toBe("/bin/sh shell\n");
  expect(await run([], ["zero"])).toBe("zero shell\n");
  const cmd = await imageWith({ Cmd: ["/bin/sh", "-c", "echo cmd $NAME"], Env: ["NAME=shell"] });
  expect(await cmd()).toBe("cmd shell\n");
});

test("an image without any command needs one", async () => {
  const run = await imageWith({});
  expect(await run()).toStartWith("125: ");
  expect(await run()).toContain("no command specified");
  expect(await run([], ["echo", "given"])).toBe("given\n");
});

test("ENV is set, PATH is used to find the command, and -e wins", async () => {
  const run = await imageWith({
    Env: ["PATH=/opt:/bin", "A=image", "B=image=1", "EMPTY="],
    Cmd: ["sh", "-c", 'echo "$PATH,$A,$B,${EMPTY-unset}"'],
  });
  expect(await run()).toBe("/opt:/bin,image,image=1,\n");
  expect(await run(["-e", "A=mine"])).toBe("/opt:/bin,mine,image=1,\n");
  expect(await run(["-e", "PATH=/opt"])).toContain('127: tsbox: exec: "sh"');
  expect(await run(["-e", "EMPTY"])).toBe("/opt:/bin,image,image=1,unset\n");
});

test("WORKDIR is made when it is missing, and -w wins", async () => {
  const run = await imageWith({ WorkingDir: "/made/for you", Cmd: ["sh", "-c", "pwd; ls -A"] });
  expect(await run()).toBe("/made/for you\n");
  expect(await run(["-w", "/root"])).toBe("/root\n");
});

test.each([
  ["alice", "1000 1000 1000,50 /home/alice"],
  ["1000", "1000 1000 1000,50 /home/alice"],
  ["alice:audio", "1000 63 63 /home/alice"],
  ["1000:50", "1000 50 50 /home/alice"],
  ["4000:4001", "4000 4001 4001 /"],
  ["", "0 0 0 /root"],
])("USER %j is found in the image's files", async (user, expected) => {
  const run = await imageWith({
    User: user,
    Cmd: ["sh", "-c", "echo $(id -u) $(id -g) $(id -G | tr ' ' ,) $HOME"],
  });
  expect(await run()).toBe(`${expected}\n`);
  expect(await run(["-u", "0"])).toBe("0 0 0 /root\n");
});

test("USER that the image does not have is refused", async () => {
  const run = await imageWith({ User: "ghost", Cmd: ["true"] });
  expect(await run()).toContain("unable to find user ghost");
  expect(await run(["-u", "root"])).toBe("");
});

test("VOLUME is a folder that is there and can be written, also by its user", async () => {
  const run = await imageWith({
    Volumes: { "/data/deep": {} },
    Cmd: ["sh", "-c", "echo x >/data/deep/file && cat /data/deep/file"],
  });
  expect(await run()).toBe("x\n");
  expect(await run(["--read-only"])).toBe("x\n");
  expect(await run(["--read-only", "--tmpfs", "/data/deep"])).toBe("x\n");
});

test("what a container gets in any case is not written into its own layer", async () => {
  const run = await imageWith({ Cmd: ["true"] });
  expect(await run(["--rm=false", "--name", "clean"])).toBe("");
  const [record] = JSON.parse(await tsboxOk(["inspect", "clean"], { home: box.home }));
  const upper = `${box.home.dataRoot}/containers/${record.Id}/upper`;
  expect(readdirSync(upper)).toEqual([]);
  await tsboxOk(["rm", "clean"], { home: box.home });
});

test("a VOLUME on /etc does not hide the files that tsbox puts there", async () => {
  const run = await imageWith({
    Volumes: { "/etc": {} },
    Cmd: ["grep", "-c", "localhost", "/etc/hosts"],
  });
  expect(await run()).not.toBe("0\n");
  expect(await run(["--read-only"])).not.toBe("0\n");
  expect(await run(["--read-only"], ["sh", "-c", "echo x >/etc/new && cat /etc/new"])).toBe("x\n");
});

test("EXPOSE, STOPSIGNAL and labels are told by inspect and ps, and the flags win", async () => {
  const { reference } = await pushImage(box.registry, "told", {
    config: {
      Cmd: ["true"],
      ExposedPorts: { "80/tcp": {}, "53/udp": {} },
      StopSignal: "SIGQUIT",
      Labels: { from: "image", both: "image" },
    },
  });
  const { home } = box;
  const told = async (name: string, flags: string[]) => {
    await tsboxOk(["run", "-q", "--network", "none", "--name", name, ...flags, reference], {
      home,
    });
    const [found] = JSON.parse(await tsboxOk(["inspect", name], { home }));
    const ports = await tsboxOk(["ps", "-a", "--format", "{{.Ports}}", "-f", `name=${name}`], {
      home,
    });
    return { config: found.Config, ports: ports.trim() };
  };
  const plain = await told("plain", []);
  expect(plain.config.StopSignal).toBe("SIGQUIT");
  expect(plain.config.Labels).toEqual({ from: "image", both: "image" });
  expect(plain.config.ExposedPorts).toEqual({ "80/tcp": {}, "53/udp": {} });
  const own = await told("own", ["--stop-signal", "USR1", "-l", "both=flag", "-l", "mine"]);
  expect(own.config.StopSignal).toBe("USR1");
  expect(own.config.Labels).toEqual({ from: "image", both: "flag", mine: "" });
  await tsboxOk(["rm", "plain", "own"], { home });
});
