import type { CommandGrammar, Flag } from "../flags.ts";
import { RESOURCE_FLAGS } from "./resource_flags.ts";

/** Flags docker's `run` has and tsbox has not; `name:letter` where there is a short form. */
const UNSUPPORTED = "annotation attach:a blkio-weight-device cpu-count cpu-percent cpu-rt-period " +
  "cpu-rt-runtime device-cgroup-rule disable-content-trust domainname gpus io-maxbandwidth " +
  "io-maxiops ip ip6 isolation kernel-memory link link-local-ip mac-address " +
  "net-alias network-alias privileged publish-all:P " +
  "runtime storage-opt use-api-socket uts volume-driver";

/** The flags of `run` that tsbox obeys. */
const SUPPORTED: Flag[] = [
  ...RESOURCE_FLAGS,
  { name: "add-host", value: "list", help: "Add a custom host-to-IP mapping (host:ip)" },
  { name: "cap-add", value: "list", help: "Add Linux capabilities" },
  { name: "cap-drop", value: "list", help: "Drop Linux capabilities" },
  { name: "cidfile", value: "string", help: "Write the container ID to the file" },
  { name: "debug-plan", help: "Print the system calls of the start instead of making them" },
  { name: "detach", short: "d", help: "Run container in background and print container ID" },
  {
    name: "detach-keys",
    value: "string",
    help: "Override the key sequence for detaching a container",
  },
  { name: "device", value: "list", help: "Add a host device to the container" },
  { name: "dns", value: "list", help: "Set custom DNS servers" },
  { name: "dns-option", value: "list", help: "Set DNS options" },
  { name: "dns-opt", alias: "dns-option", value: "list", help: "" },
  { name: "dns-search", value: "list", help: "Set custom DNS search domains" },
  {
    name: "entrypoint",
    value: "string",
    help: "Overwrite the default ENTRYPOINT of the image",
  },
  { name: "env", short: "e", value: "list", help: "Set environment variables" },
  { name: "env-file", value: "list", help: "Read in a file of environment variables" },
  { name: "expose", value: "list", help: "Expose a port or a range of ports" },
  { name: "group-add", value: "list", help: "Add additional groups to join" },
  { name: "health-cmd", value: "string", help: "Command to run to check health" },
  {
    name: "health-interval",
    value: "duration",
    help: "Time between running the check (ms|s|m|h) (default 30s)",
  },
  {
    name: "health-retries",
    value: "int",
    help: "Consecutive failures needed to report unhealthy (default 3)",
  },
  {
    name: "health-start-interval",
    value: "duration",
    help: "Time between running the check during the start period (ms|s|m|h) (default 5s)",
  },
  {
    name: "health-start-period",
    value: "duration",
    help: "Start period for the container to initialize before counting retries (ms|s|m|h)",
  },
  {
    name: "health-timeout",
    value: "duration",
    help: "Maximum time to allow one check to run (ms|s|m|h) (default 30s)",
  },
  { name: "hostname", short: "h", value: "string", help: "Container host name" },
  {
    name: "init",
    help: "Run an init inside the container that forwards signals and reaps processes",
  },
  { name: "interactive", short: "i", help: "Keep STDIN open even if not attached" },
  { name: "ipc", value: "string", help: "IPC mode to use (private|host)" },
  { name: "label", short: "l", value: "list", help: "Set meta data on a container" },
  { name: "label-file", value: "list", help: "Read in a line delimited file of labels" },
  { name: "log-driver", value: "string", help: "Logging driver for the container" },
  { name: "log-opt", value: "list", help: "Log driver options" },
  { name: "mount", value: "mount", help: "Attach a filesystem mount to the container" },
  { name: "name", value: "string", help: "Assign a name to the container" },
  { name: "network", value: "network", help: "Network of the container (private|host|none)" },
  { name: "net", alias: "network", value: "network", help: "" },
  { name: "no-healthcheck", help: "Disable any container-specified HEALTHCHECK" },
  { name: "pid", value: "string", help: "PID namespace to use (host)" },
  { name: "platform", value: "string", help: "Set the platform of the image" },
  { name: "publish", short: "p", value: "list", help: "Publish a container's port(s) to the host" },
  {
    name: "pull",
    value: "string",
    help: 'Pull image before running ("always", "missing", "never") (default "missing")',
  },
  { name: "quiet", short: "q", help: "Suppress the pull output" },
  { name: "read-only", help: "Mount the container's root filesystem as read only" },
  {
    name: "restart",
    value: "string",
    help: 'Restart policy to apply when a container exits (default "no")',
  },
  { name: "rm", help: "Automatically remove the container when it exits" },
  { name: "rootfs", value: "string", help: "Use this directory as root filesystem, no image" },
  {
    name: "security-opt",
    value: "list",
    help: "Security options (seccomp=FILE|unconfined, no-new-privileges)",
  },
  { name: "shm-size", value: "bytes", help: "Size of /dev/shm" },
  { name: "sig-proxy", help: "Proxy received signals to the process (default true)" },
  { name: "stop-signal", value: "string", help: "Signal to stop the container" },
  { name: "stop-timeout", value: "int", help: "Timeout (in seconds) to stop a container" },
  { name: "sysctl", value: "map", help: "Sysctl options" },
  { name: "tmpfs", value: "list", help: "Mount a tmpfs directory" },
  { name: "tty", short: "t", help: "Allocate a pseudo-TTY" },
  { name: "ulimit", value: "ulimit", help: "Ulimit options" },
  {
    name: "user",
    short: "u",
    value: "string",
    help: "Username or UID (format: <name|uid>[:<group|gid>])",
  },
  { name: "userns", value: "string", help: "User namespace to use (auto|single)" },
  { name: "volume", short: "v", value: "list", help: "Bind mount a volume" },
  { name: "volumes-from", value: "list", help: "Mount volumes from the specified container(s)" },
  { name: "workdir", short: "w", value: "string", help: "Working directory inside the container" },
];

function refused(): Flag[] {
  return UNSUPPORTED.split(" ").map((word): Flag => {
    const [name = "", short] = word.split(":");
    return { name, help: "", value: "string", unsupported: true, ...(short && { short }) };
  });
}

/** `tsbox run`. */
export const runGrammar: CommandGrammar = {
  path: "run",
  aliases: ["container run", "run"],
  summary: "Create and run a new container from an image",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  args: { min: 1 },
  optionsFirst: true,
  flags: SUPPORTED,
  refused,
};
