/** The unit of the user's systemd that starts containers at boot. */
import { mkdirSync, rmSync } from "node:fs";
import { exists, writeText } from "../ffi/quick_files.ts";
import { TsboxError } from "../errors.ts";
import type { EngineContext } from "./context.ts";

const UNIT = "tsbox.service";

/** What the unit starts, and with what it finds the same store as now. */
export interface BootCommand {
  /** The executable, absolute. */
  path: string;
  /** In front of the command. */
  flags: readonly string[];
}

/**
 * Writes the unit, and has systemd start it at boot.
 * @returns the unit's path, and whether it will run without a log-in
 * @throws TsboxError "host" when there is no systemd for this user
 */
export async function installBootUnit(
  context: EngineContext,
  command: BootCommand,
): Promise<{ path: string; lingers: boolean }> {
  const folder = unitFolder(context);
  const path = `${folder}/${UNIT}`;
  mkdirSync(folder, { recursive: true });
  writeText(path, unitText(command, context), 0o644);
  try {
    await systemctl(["daemon-reload"], context);
    await systemctl(["--quiet", "enable", UNIT], context);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
  return { path, lingers: exists(`/var/lib/systemd/linger/${context.env["USER"] ?? ""}`) };
}

/** Takes it away again. Containers go on. @throws TsboxError "host", "not-found" when it is not there */
export async function uninstallBootUnit(context: EngineContext): Promise<string> {
  const path = `${unitFolder(context)}/${UNIT}`;
  if (!exists(path)) {
    throw new TsboxError("not-found", `Cannot remove "${path}": it is not there`, {
      hint: "'tsbox system install' makes it",
    });
  }
  await systemctl(["--quiet", "disable", UNIT], context);
  rmSync(path, { force: true });
  await systemctl(["daemon-reload"], context);
  return path;
}

function unitFolder({ env, home }: EngineContext): string {
  const config = env["XDG_CONFIG_HOME"];
  return `${config?.startsWith("/") ? config : `${home}/.config`}/systemd/user`;
}

/** The containers that it starts ask systemd for scopes of their own, and are not part of the service. */
function unitText({ path, flags }: BootCommand, { env }: EngineContext): string {
  const words = [path, ...flags, "system", "start-containers"].map(quoted).join(" ");
  const kept = ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "DOCKER_CONFIG"].flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [`Environment=${quoted(`${name}=${value}`)}\n`];
  });
  return `# Written by 'tsbox system install'.
[Unit]
Description=Start containers of tsbox

[Service]
Type=oneshot
RemainAfterExit=yes
${kept.join("")}ExecStart=${words}

[Install]
WantedBy=default.target
`;
}

/** For systemd, which knows escapes, specifiers and variables (systemd.service(5), "Command lines"). */
function quoted(word: string): string {
  if (/\p{Cc}/u.test(word)) {
    throw new TsboxError("unsupported", `Cannot write the unit: ${JSON.stringify(word)} is in it`);
  }
  const escaped = word.replace(/["\\]/g, "\\$&").replaceAll("%", "%%").replaceAll("$", "$$$$");
  return `"${escaped}"`;
}

async function systemctl(args: readonly string[], { env }: EngineContext): Promise<void> {
  let child;
  try {
    child = Bun.spawn(["systemctl", "--user", ...args], {
      env: { ...env },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
  } catch {
    throw withoutSystemd("there is no systemctl");
  }
  const errors = (await child.stderr.text()).trim().split("\n")[0] ?? "";
  if (await child.exited !== 0) throw withoutSystemd(errors);
}

function withoutSystemd(reason: string): TsboxError {
  return new TsboxError("host", `Cannot use the user's systemd: ${reason}`, {
    hint:
      "without it, run 'tsbox system start-containers' at boot by other means, such as cron's @reboot",
  });
}
