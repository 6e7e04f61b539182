/** Containers that run when the disk becomes full: what is told of them then, and later, is the truth. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";
import { TSBOX } from "../support/cli.ts";

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

/** Runs a script with a store of its own on 48 MB, which the function `fill` fills to the last byte. */
async function onSmallDisk(script: string): Promise<string> {
  const small = `
    mount -t tmpfs -o size=48m tmpfs "$XDG_DATA_HOME" || exit 9
    mkdir -p signal || exit 9
    tsbox() { ${TSBOX} "$@"; }
    run() { name=$1; shift; tsbox run -d --name "$name" --network none -v "$PWD/signal:/signal" "$@" >/dev/null; }
    fill() {
      for size in 1M 4k 1; do cat /dev/zero | dd of="$XDG_DATA_HOME/$size" bs=$size 2>/dev/null; done
      [ "$(df --output=avail "$XDG_DATA_HOME" | tail -1)" -eq 0 ] || exit 8
    }
    empty() { rm "$XDG_DATA_HOME"/1M "$XDG_DATA_HOME"/4k "$XDG_DATA_HOME"/1; }
    states() { tsbox ps -a --format '{{.Names}} {{.State}} {{.Status}}' | sed -E 's/([)]|Up).*/\\1/' | sort; }
    until_state() { i=0; until states | grep -q "$1"; do i=$((i+1)); [ $i -lt 200 ] || { states; exit 7; }; sleep 0.05; done; }
    tsbox pull -q ${box.image} >/dev/null || exit 9
    ${script}`;
  const shell = Bun.spawn(["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", small], {
    cwd: box.home.path,
    env: box.home.env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  });
  const [out, err] = await Promise.all([shell.stdout.text(), shell.stderr.text()]);
  const status = await shell.exited;
  if (status !== 0) throw new Error(`status ${status}: ${out}${err}`);
  return out;
}

test(
  "how containers end while the disk is full is known then and later, and they are started again",
  async () => {
    const out = await onSmallDisk(`
    wait_for='until [ -e /signal/go ]; do usleep 20000; done;'
    run five ${box.image} sh -c "$wait_for exit 5"
    run again --restart always ${box.image} sh -c "$wait_for [ -e /signal/stay ] && sleep 1000; touch /signal/stay; exit 6"
    run asked ${box.image} sh -c 'trap "exit 7" TERM; sleep 1000 & wait'
    fill
    tsbox wait five >code & sleep 0.3; touch signal/go; wait $!
    echo "waited: $(cat code)"
    tsbox stop asked
    until_state "again running"
    states
    tsbox stop -t 0 again
    states
    empty
    states
    tsbox inspect -f '{{.Name}} {{.State.ExitCode}} {{.State.Error}}' five asked again
    ls "$XDG_DATA_HOME"/tsbox/containers/*/ | grep -c spare
    tsbox rm five asked again >/dev/null
    ls "$XDG_DATA_HOME/tsbox/containers"; ls "$XDG_DATA_HOME/tsbox/tmp"`);
    const ended = "asked exited Exited (7)\nfive exited Exited (5)\n";
    expect(out).toBe(
      `waited: 5\nasked\nagain running Up\n${ended}again\n` +
        `again exited Exited (137)\n${ended}again exited Exited (137)\n${ended}` +
        "/five 5 \n/asked 7 \n/again 137 \n0\n",
    );
  },
  60_000,
);

test("what cannot be begun on a full disk says why, and leaves nothing", async () => {
  const out = await onSmallDisk(`
    tsbox create --name made --network none ${box.image} true >/dev/null
    fill
    for words in "run --rm" "run -d" create; do
      tsbox $words --network none ${box.image} true 2>&1 | grep -v 'only one user id'
    done
    tsbox start made 2>&1
    empty
    tsbox ps -a --format '{{.Names}} {{.State}}'
    tsbox start -a made && tsbox rm made >/dev/null
    ls "$XDG_DATA_HOME/tsbox/containers"; ls "$XDG_DATA_HOME/tsbox/tmp"`);
  const lines = out.trim().split("\n");
  expect(lines).toHaveLength(5);
  for (const line of lines.slice(0, 4)) {
    expect(line).toMatch(/^tsbox: Cannot .*: ENOSPC.*; free some space$/);
  }
  expect(lines[4]).toBe("made created");
}, 60_000);
