/**
 * What can be done before a container exists, in an order that keeps the kernel busy: namespaces are made
 * (and the network's helper started) while the rest is still being found out.
 */
import type { RunOptions } from "../../container/run_options.ts";
import { raw } from "../../ffi/libc.ts";
import { namespaceTypes } from "../../container/spec.ts";
import { closeFile } from "../../ffi/quick_files.ts";
import { chooseDriver, type Driver } from "../../rootless/drivers/choose_driver.ts";
import { Launch } from "../../rootless/launch.ts";
import { ownIdMap } from "../../rootless/subids.ts";
import {
  keptUserNamespace,
  openUserNamespace,
  type UserNamespace,
} from "../../rootless/user_namespace.ts";
import type { ContainerRecord } from "../../storage/container_record.ts";
import type { NewContainer } from "../../storage/containers.ts";
import type { StoredImage } from "../../storage/image_index.ts";
import { openStore } from "../../storage/layout.ts";
import type { EngineContext } from "../context.ts";
import { ensureRuntimeDir } from "../runtime_dir.ts";
import { attach, type Session } from "./attach.ts";
import { prepareBindSources } from "./bind_sources.ts";
import type { RunHost } from "./host.ts";
import { imageById, imageFor } from "./image.ts";
import { prepareNetwork, type RunNetwork } from "./network.ts";

/** A run whose container is still to be made. */
export interface Preparation {
  options: RunOptions;
  context: EngineContext;
  host: RunHost;
  /** Undefined with `--rootfs`, as the driver is. */
  image: StoredImage | undefined;
  driver: Driver | undefined;
  userns: UserNamespace;
  session: Session;
  network: RunNetwork;
  cgroup: GivenCgroup | undefined;
  /** The launch, begun at the latest now. */
  launch(): Promise<Launch>;
  /** Has what was prepared done by a process that outlives us; false when it is still ours to do. */
  leave(): boolean;
  /** Ends whatever was begun and is not part of a running container. */
  giveUp(): void;
}

/** Everything about one container that is being run. */
export interface Run extends Preparation {
  container: NewContainer;
  /** What is known of a container that was made, and perhaps ran, before. */
  previous?: ContainerRecord | undefined;
}

/** What a monitor has already. */
export interface Given {
  /** The image's id, in place of its name; empty with `--rootfs`. */
  imageId: string;
  /** That image, when it is known. */
  image?: StoredImage | undefined;
  /** Its descriptor is ours to close. */
  userns?: UserNamespace | undefined;
  session: Session;
  cgroup?: GivenCgroup | undefined;
}

/** A control group that was made for the container. */
export interface GivenCgroup {
  /** Absolute. */
  path: string;
  /** Its directory. */
  fd: number;
  /** Whether the kernel killed a process in it for want of memory. */
  oomKilled(): boolean;
  /** Whether it did so since the last time that this was asked or an event said so. */
  oomUntold(): boolean;
  /** Takes away what others have left beside it. */
  tidy(): void;
}

/** Finds the image, pulling it when needed, and begins the launch. @throws TsboxError; nothing is left then */
export async function prepareRun(
  options: RunOptions,
  context: EngineContext,
  host: RunHost,
  given?: Given,
): Promise<Preparation> {
  // What is seen in a container has the usual modes, also for a caller who is careful with their own files.
  raw("umask", 0o22);
  if (!options.debugPlan) prepareBindSources(options.mounts);
  const { tmp } = openStore(context.dataRoot);
  const { runtimeDir, storageDriver: wanted } = context;
  ensureRuntimeDir(runtimeDir, context.uid);
  const image = await imageOf(options, context, host, given);
  const userns = given?.userns ?? userNamespace(options, context, host);
  const request = { userns, directory: tmp, runtimeDir, ...(wanted && { wanted }) };
  const driver = image && chooseDriver(request);
  const session = given?.session ?? attach(options, host);
  let network: RunNetwork | undefined;
  let launch: Launch | undefined;
  const giveUp = () => {
    network?.disconnect();
    launch?.abort();
    session.abandon();
    // Called once: a second close could hit somebody else's descriptor.
    closeFile(userns.fd);
  };
  try {
    const connection = network = await prepareNetwork(options, context);
    const begin = async () => {
      if (launch !== undefined) return launch;
      launch = new Launch({
        userns,
        namespaces: namespaceTypes(options),
        init: await init(options),
        lasting: given !== undefined,
        cgroup: given?.cgroup?.fd,
      });
      if (!options.debugPlan) connection.start(launch);
      return launch;
    };
    // A process made before the daemon's mount would not have its descriptor.
    if (driver?.name !== "fuse-overlayfs") await begin();
    return {
      options,
      context,
      host,
      image,
      driver,
      userns,
      session,
      network,
      cgroup: given?.cgroup,
      launch: begin,
      leave: () => launch?.leave() ?? false,
      giveUp,
    };
  } catch (error) {
    giveUp();
    throw error;
  }
}

async function imageOf(
  options: RunOptions,
  context: EngineContext,
  host: RunHost,
  given: Given | undefined,
): Promise<StoredImage | undefined> {
  if (options.rootfs !== undefined) return undefined;
  if (given === undefined) return await imageFor(options, context, host);
  return given.image ?? imageById(given.imageId, context);
}

async function init(options: RunOptions): Promise<Uint8Array | undefined> {
  if (!options.init) return undefined;
  return (await import("../../rootless/init/init_elf.ts")).initElf();
}

/** The user namespace of a container, kept or new. @throws TsboxError when the host allows none */
export function userNamespace(
  options: RunOptions,
  { uid, gid, runtimeDir }: EngineContext,
  host: RunHost,
): UserNamespace {
  const request = { uid, gid, name: host.userName, mode: options.userns };
  const kept = keptUserNamespace(request, runtimeDir);
  if (kept !== undefined) return kept;
  const map = ownIdMap(request);
  if (map.reason !== undefined) {
    const { message, hint = "" } = map.reason;
    host.notice(`tsbox: warning: only one user id is available in containers: ${message}; ${hint}`);
  }
  return openUserNamespace(map, runtimeDir);
}
