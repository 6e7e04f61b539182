import { UNUSED_NETWORK, UNUSED_NETWORK_SETTINGS } from "./absent_fields.ts";
import type { MountRequest } from "../container/run_options.ts";
import type { Health } from "../container/health_state.ts";
import type { ContainerRecord, ContainerState } from "../storage/container_record.ts";
import type { StoredContainer } from "../storage/containers.ts";
import type { StoredImage } from "../storage/image_index.ts";
import { oomKills } from "../rootless/cgroup/container_cgroup.ts";
import { healthOf } from "./health/health_of.ts";
import { statusWord } from "./status_word.ts";
import { hostConfig, portBindings } from "./host_config.ts";
import { keySet, lowerDirectories } from "./inspect_image.ts";
import { jsonLogPath } from "../storage/log/log_files.ts";
import { mountPoints } from "./mount_points.ts";

/** Go's zero time, for what has not happened. */
const NEVER = "0001-01-01T00:00:00Z";

/**
 * `GET /containers/{id}/json` of Docker's API.
 * @param image the container's image, unless it was removed by force
 */
export function containerInspection(
  dataRoot: string,
  { record, directory }: StoredContainer,
  image: StoredImage | undefined,
) {
  const { options, spec } = record;
  const rootfs = record.image.id === "";
  return {
    Id: record.id,
    Created: record.created,
    Path: spec.args[0] ?? "",
    Args: spec.args.slice(1),
    State: { ...statePart(record.state), ...healthPart(record, directory) },
    Image: record.image.id,
    ResolvConfPath: `${directory}/resolv.conf`,
    HostnamePath: `${directory}/hostname`,
    HostsPath: `${directory}/hosts`,
    LogPath: options.log?.driver === "json-file" ? jsonLogPath(directory, record.id) : "",
    Name: `/${record.name}`,
    RestartCount: record.restartCount ?? 0,
    Driver: record.driver,
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: "",
    ExecIDs: null,
    HostConfig: hostConfig(options),
    GraphDriver: {
      Data: rootfs ? {} : {
        ...(image && { LowerDir: lowerDirectories(dataRoot, image).join(":") }),
        UpperDir: `${directory}/upper`,
        WorkDir: `${directory}/work`,
      },
      Name: record.driver,
    },
    Mounts: mountPoints(options.mounts),
    Config: configPart(record, image),
    NetworkSettings: {
      ...UNUSED_NETWORK_SETTINGS,
      Ports: record.state.status === "running" ? portBindings(record.ports ?? options.publish) : {},
      Networks: { [options.network]: UNUSED_NETWORK },
    },
  };
}

function statePart(state: ContainerState) {
  const ended = state.status === "exited" || state.status === "restarting";
  return {
    Status: statusWord(state),
    Running: state.status === "running" || state.status === "restarting",
    Paused: state.status === "running" && state.paused === true,
    Restarting: state.status === "restarting",
    OOMKilled: wasOomKilled(state),
    Dead: false,
    Pid: state.status === "running" ? state.pid : 0,
    ExitCode: "exitCode" in state ? state.exitCode ?? 0 : 0,
    Error: "error" in state ? state.error ?? "" : "",
    StartedAt: "startedAt" in state ? state.startedAt : NEVER,
    FinishedAt: ended ? state.finishedAt : NEVER,
  };
}

function healthPart(record: ContainerRecord, directory: string): { Health?: Health } {
  const health = healthOf(record, directory);
  return health === undefined ? {} : { Health: health };
}

/** Also of a container that goes on without the process that was killed. */
function wasOomKilled(state: ContainerState): boolean {
  if (state.status === "exited") return state.oomKilled === true;
  return state.status === "running" && state.cgroup !== undefined && oomKills(state.cgroup) > 0;
}

function configPart(record: ContainerRecord, image?: StoredImage) {
  const { options, spec, labels, image: from } = record;
  const config = image?.config;
  const { entrypoint } = options;
  const check = options.healthcheck?.Test[0] === "NONE"
    ? options.healthcheck
    : record.healthcheck ?? config?.healthcheck;
  const command = options.command.length > 0 ? options.command : null;
  const exposed = new Set([
    ...(config?.exposedPorts ?? []),
    ...(options.expose ?? []),
    ...options.publish.map((port) => `${port.containerPort}/${port.protocol}`),
  ]);
  return {
    Hostname: spec.hostname,
    Domainname: "",
    User: options.user ?? config?.user ?? "",
    AttachStdin: options.interactive && !options.detach,
    AttachStdout: !options.detach,
    AttachStderr: !options.detach,
    ...(exposed.size > 0 && { ExposedPorts: keySet([...exposed].sort()) }),
    Tty: options.tty,
    OpenStdin: options.interactive,
    StdinOnce: options.interactive && !options.detach,
    Env: spec.env,
    // An entrypoint of the user's makes the image's command void.
    Cmd: command ?? (entrypoint === undefined ? config?.cmd : null) ?? null,
    Image: from.reference,
    Volumes: declaredVolumes(options.mounts, config),
    WorkingDir: spec.cwd,
    Entrypoint: entrypoint === undefined
      ? config?.entrypoint ?? null
      : entrypoint === ""
      ? null
      : [entrypoint],
    OnBuild: null,
    Labels: labels,
    ...(options.stopTimeout !== undefined && { StopTimeout: options.stopTimeout }),
    ...(check !== undefined && { Healthcheck: check }),
    ...(stopSignal(options.stopSignal, config?.stopSignal)),
  };
}

/** The image's, and those of `-v /path`. */
function declaredVolumes(mounts: readonly MountRequest[], config?: StoredImage["config"]) {
  const own = mounts.filter((m) => m.type === "volume" && m.anonymous && m.origin === "volume");
  const paths = [...(config?.volumes ?? []), ...own.map(({ target }) => target)];
  return paths.length > 0 ? keySet([...new Set(paths)]) : null;
}

function stopSignal(own: string | undefined, image: string | undefined) {
  const signal = own ?? image;
  return signal === undefined ? {} : { StopSignal: signal };
}
