/** Starts Debian's docker-registry: the real thing, on loopback, with storage of its own. */
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { closeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** How long the registry may take to answer, in milliseconds. */
const START_TIMEOUT = 15_000;

export interface RegistryOptions {
  /** Asks for this user by HTTP basic authentication. */
  credentials?: { user: string; password: string };
  /** Speaks https with these PEM files. */
  tls?: { certificate: string; key: string };
  /** Parent of the storage folder; default: the temporary directory. */
  folder?: string;
  /** Where it keeps what it has; default: in a folder of its own. */
  storage?: string;
}

/** A running registry. */
export interface RegistryProcess {
  /** `127.0.0.1:PORT`, as in an image reference. */
  host: string;
  /** `http://127.0.0.1:PORT` */
  url: string;
  /** For requests of the test's own: the `Authorization` of `credentials`, if any. */
  headers: Record<string, string>;
  /** What it has logged until now. */
  log(): string;
  stop(): Promise<void>;
}

/** Resolves when the registry answers; throws with its log when it does not. */
export async function startRegistry(options: RegistryOptions = {}): Promise<RegistryProcess> {
  const folder = mkdtempSync(join(options.folder ?? tmpdir(), "tsbox-registry-"));
  const logFile = join(folder, "log");
  const host = `127.0.0.1:${freePort()}`;
  const configFile = join(folder, "config.json");
  // The registry reads YAML, of which JSON is a part.
  writeFileSync(configFile, JSON.stringify(await configuration(options, host, folder)));
  const log = openSync(logFile, "a");
  const child = Bun.spawn(["docker-registry", "serve", configFile], {
    stdin: "ignore",
    stdout: log,
    stderr: log,
    env: { PATH: "/usr/bin:/bin", OTEL_TRACES_EXPORTER: "none" },
  });
  closeSync(log);
  const registry: RegistryProcess = {
    host,
    url: `${options.tls ? "https" : "http"}://${host}`,
    headers: authorization(options),
    log: () => readFileSync(logFile, "utf8"),
    stop: async () => {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await untilAnswering(registry, child);
  return registry;
}

/** A port nobody listens on now. Another process may take it before the registry does; then it says so. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

async function configuration(options: RegistryOptions, host: string, folder: string) {
  const { credentials, tls } = options;
  const passwords = join(folder, "htpasswd");
  if (credentials) {
    const hash = await Bun.password.hash(credentials.password, { algorithm: "bcrypt", cost: 4 });
    writeFileSync(passwords, `${credentials.user}:${hash}\n`);
  }
  return {
    version: 0.1,
    log: { level: "info" },
    storage: {
      filesystem: { rootdirectory: options.storage ?? join(folder, "storage") },
      delete: { enabled: true },
    },
    http: { addr: host, ...(tls && { tls }) },
    ...(credentials && { auth: { htpasswd: { realm: "tests", path: passwords } } }),
  };
}

function authorization({ credentials }: RegistryOptions): Record<string, string> {
  if (!credentials) return {};
  const { user, password } = credentials;
  return { authorization: `Basic ${btoa(`${user}:${password}`)}` };
}

async function untilAnswering(registry: RegistryProcess, child: Bun.Subprocess): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT;
  while (child.exitCode === null && Date.now() < deadline) {
    if (await answers(registry)) return;
    await Bun.sleep(20);
  }
  const log = registry.log();
  await registry.stop();
  throw new Error(`docker-registry does not answer on ${registry.url}:\n${log}`);
}

async function answers(registry: RegistryProcess): Promise<boolean> {
  try {
    const response = await fetch(`${registry.url}/v2/`, {
      headers: registry.headers,
      tls: { rejectUnauthorized: false },
    });
    return response.ok;
  } catch {
    return false;
  }
}
