import type { CommandEntry } from "./command.ts";
import { UsageError } from "./usage_error.ts";

/** Every command and where it lives; nothing is loaded before it is called. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    paths: ["run", "container run"],
    summary: "Create and run a new container from an image",
    load: () => import("./commands/run.ts").then((module) => module.command),
  },
  {
    paths: ["create", "container create"],
    summary: "Create a new container",
    load: () => import("./commands/create.ts").then((module) => module.command),
  },
  {
    paths: ["start", "container start"],
    summary: "Start one or more stopped containers",
    load: () => import("./commands/start.ts").then((module) => module.command),
  },
  {
    paths: ["stop", "container stop"],
    summary: "Stop one or more running containers",
    load: () => import("./commands/stop.ts").then((module) => module.command),
  },
  {
    paths: ["restart", "container restart"],
    summary: "Restart one or more containers",
    load: () => import("./commands/restart.ts").then((module) => module.command),
  },
  {
    paths: ["kill", "container kill"],
    summary: "Kill one or more running containers",
    load: () => import("./commands/kill.ts").then((module) => module.command),
  },
  {
    paths: ["pause", "container pause"],
    summary: "Pause all processes within one or more containers",
    load: () => import("./commands/pause.ts").then((module) => module.command),
  },
  {
    paths: ["unpause", "container unpause"],
    summary: "Unpause all processes within one or more containers",
    load: () => import("./commands/unpause.ts").then((module) => module.command),
  },
  {
    paths: ["stats", "container stats"],
    summary: "Display a live stream of container(s) resource usage statistics",
    load: () => import("./commands/stats.ts").then((module) => module.command),
  },
  {
    paths: ["update", "container update"],
    summary: "Update configuration of one or more containers",
    load: () => import("./commands/update.ts").then((module) => module.command),
  },
  {
    paths: ["wait", "container wait"],
    summary: "Block until one or more containers stop, then print their exit codes",
    load: () => import("./commands/wait.ts").then((module) => module.command),
  },
  {
    paths: ["rename", "container rename"],
    summary: "Rename a container",
    load: () => import("./commands/rename.ts").then((module) => module.command),
  },
  {
    paths: ["attach", "container attach"],
    summary: "Attach local standard input, output, and error streams to a running container",
    load: () => import("./commands/attach.ts").then((module) => module.command),
  },
  {
    paths: ["exec", "container exec"],
    summary: "Execute a command in a running container",
    load: () => import("./commands/exec.ts").then((module) => module.command),
  },
  {
    paths: ["top", "container top"],
    summary: "Display the running processes of a container",
    load: () => import("./commands/top.ts").then((module) => module.command),
  },
  {
    paths: ["cp", "container cp"],
    summary: "Copy files/folders between a container and the local filesystem",
    load: () => import("./commands/cp.ts").then((module) => module.command),
  },
  {
    paths: ["diff", "container diff"],
    summary: "Inspect changes to files or directories on a container's filesystem",
    load: () => import("./commands/diff.ts").then((module) => module.command),
  },
  {
    paths: ["pull", "image pull"],
    summary: "Download an image from a registry",
    load: () => import("./commands/pull.ts").then((module) => module.command),
  },
  {
    paths: ["push", "image push"],
    summary: "Upload an image to a registry",
    load: () => import("./commands/push.ts").then((module) => module.command),
  },
  {
    paths: ["images", "image ls", "image list"],
    summary: "List images",
    load: () => import("./commands/images.ts").then((module) => module.command),
  },
  {
    paths: ["container prune"],
    summary: "Remove all stopped containers",
    load: () => import("./commands/container_prune.ts").then((module) => module.command),
  },
  {
    paths: ["system df"],
    summary: "Show tsbox disk usage",
    load: () => import("./commands/system_df.ts").then((module) => module.command),
  },
  {
    paths: ["system prune"],
    summary: "Remove unused data",
    load: () => import("./commands/system_prune.ts").then((module) => module.command),
  },
  {
    paths: ["tag", "image tag"],
    summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    load: () => import("./commands/tag.ts").then((module) => module.command),
  },
  {
    paths: ["history", "image history"],
    summary: "Show the history of an image",
    load: () => import("./commands/history.ts").then((module) => module.command),
  },
  {
    paths: ["image prune"],
    summary: "Remove unused images",
    load: () => import("./commands/image_prune.ts").then((module) => module.command),
  },
  {
    paths: ["logs", "container logs"],
    summary: "Fetch the logs of a container",
    load: () => import("./commands/logs.ts").then((module) => module.command),
  },
  {
    paths: ["ps", "container ls", "container list", "container ps"],
    summary: "List containers",
    load: () => import("./commands/ps.ts").then((module) => module.command),
  },
  {
    paths: ["commit", "container commit"],
    summary: "Create a new image from a container's changes",
    load: () => import("./commands/commit.ts").then((module) => module.command),
  },
  {
    paths: ["port", "container port"],
    summary: "List port mappings or a specific mapping for the container",
    load: () => import("./commands/port.ts").then((module) => module.command),
  },
  {
    paths: ["events", "system events"],
    summary: "Get real time events from the store",
    load: () => import("./commands/events.ts").then((module) => module.command),
  },
  {
    paths: ["inspect"],
    summary: "Return low-level information on containers, images and volumes",
    load: () => import("./commands/inspect.ts").then((module) => module.command),
  },
  {
    paths: ["image inspect"],
    summary: "Display detailed information on one or more images",
    load: () => import("./commands/inspect.ts").then((module) => module.image),
  },
  {
    paths: ["container inspect"],
    summary: "Display detailed information on one or more containers",
    load: () => import("./commands/inspect.ts").then((module) => module.container),
  },
  {
    paths: ["rm", "container rm", "container remove"],
    summary: "Remove one or more containers",
    load: () => import("./commands/rm.ts").then((module) => module.command),
  },
  {
    paths: ["rmi", "image rm", "image remove"],
    summary: "Remove one or more images",
    load: () => import("./commands/rmi.ts").then((module) => module.command),
  },
  {
    paths: ["import", "image import"],
    summary: "Import the contents from a tarball to create a filesystem image",
    load: () => import("./commands/import.ts").then((module) => module.command),
  },
  {
    paths: ["export", "container export"],
    summary: "Export a container's filesystem as a tar archive",
    load: () => import("./commands/export.ts").then((module) => module.command),
  },
  {
    paths: ["load", "image load"],
    summary: "Load an image from a tar archive or STDIN",
    load: () => import("./commands/load.ts").then((module) => module.command),
  },
  {
    paths: ["save", "image save"],
    summary: "Save one or more images to a tar archive (streamed to STDOUT by default)",
    load: () => import("./commands/save.ts").then((module) => module.command),
  },
  {
    paths: ["login"],
    summary: "Authenticate to a registry",
    load: () => import("./commands/login.ts").then((module) => module.command),
  },
  {
    paths: ["logout"],
    summary: "Log out from a registry",
    load: () => import("./commands/logout.ts").then((module) => module.command),
  },
  {
    paths: ["search"],
    summary: "Search Docker Hub or a registry for images",
    load: () => import("./commands/search.ts").then((module) => module.command),
  },
  {
    paths: ["manifest annotate"],
    summary: "Add additional information to a local image manifest",
    load: () => import("./commands/manifest.ts").then((module) => module.annotate),
  },
  {
    paths: ["manifest create"],
    summary: "Create a local manifest list for annotating and pushing to a registry",
    load: () => import("./commands/manifest.ts").then((module) => module.create),
  },
  {
    paths: ["manifest inspect"],
    summary: "Display an image manifest, or manifest list",
    load: () => import("./commands/manifest.ts").then((module) => module.inspect),
  },
  {
    paths: ["manifest push"],
    summary: "Push a manifest list to a repository",
    load: () => import("./commands/manifest.ts").then((module) => module.push),
  },
  {
    paths: ["manifest rm"],
    summary: "Delete one or more manifest lists from local storage",
    load: () => import("./commands/manifest.ts").then((module) => module.rm),
  },
  {
    paths: ["info", "system info"],
    summary: "Display system-wide information",
    load: () => import("./commands/info.ts").then((module) => module.command),
  },
  {
    paths: ["volume create"],
    summary: "Create a volume",
    load: () => import("./commands/volume_create.ts").then((module) => module.command),
  },
  {
    paths: ["volume inspect"],
    summary: "Display detailed information on one or more volumes",
    load: () => import("./commands/volume_inspect.ts").then((module) => module.command),
  },
  {
    paths: ["volume ls", "volume list"],
    summary: "List volumes",
    load: () => import("./commands/volume_ls.ts").then((module) => module.command),
  },
  {
    paths: ["volume prune"],
    summary: "Remove unused local volumes",
    load: () => import("./commands/volume_prune.ts").then((module) => module.command),
  },
  {
    paths: ["volume rm", "volume remove"],
    summary: "Remove one or more volumes",
    load: () => import("./commands/volume_rm.ts").then((module) => module.command),
  },
  {
    paths: ["version"],
    summary: "Show the tsbox version information",
    load: () => import("./commands/version.ts").then((module) => module.command),
  },
  {
    paths: ["system check"],
    summary: "Verify the store, and mend it",
    load: () => import("./commands/system_check.ts").then((module) => module.command),
  },
  {
    paths: ["system install"],
    summary: "Start containers with a restart policy when the machine boots",
    load: () => import("./commands/system_install.ts").then((module) => module.command),
  },
  {
    paths: ["system uninstall"],
    summary: "Start no containers at boot any more",
    load: () => import("./commands/system_uninstall.ts").then((module) => module.command),
  },
  {
    paths: ["system start-containers"],
    summary: "Start the containers whose restart policy wants it",
    load: () => import("./commands/system_start_containers.ts").then((module) => module.command),
  },
  {
    paths: ["system service"],
    summary: "Answer Docker's API on a socket",
    load: () => import("./commands/system_service.ts").then((module) => module.command),
  },
  {
    paths: ["doctor"],
    summary: "Check what rootless containers need of this host",
    load: () => import("./commands/doctor.ts").then((module) => module.command),
  },
];

/** The command the words begin with, and how many of them name it. */
export function findCommand(
  words: readonly string[],
): { entry: CommandEntry; path: string; length: number } | undefined {
  const [first = "", second] = words;
  const two = `${first} ${second}`;
  let found: { entry: CommandEntry; path: string; length: number } | undefined;
  for (const entry of COMMANDS) {
    for (const path of entry.paths) {
      if (path === two) return { entry, path, length: 2 };
      if (path === first) found = { entry, path, length: 1 };
    }
  }
  return found;
}

/** Docker's answer to a word that names no command. */
export function unknownCommand(words: readonly string[], group: boolean): UsageError {
  const [first = "", second = ""] = words;
  const head = `tsbox: unknown command: tsbox ${group ? `${first} ${second}` : first}`;
  const usage = group ? `\n\nUsage:  tsbox ${first}` : "";
  const where = group ? ` ${first}` : "";
  return new UsageError(`${head}${usage}\n\nRun 'tsbox${where} --help' for more information`, 1);
}
