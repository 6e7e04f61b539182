/** The control group of a monitored container: one home for all its lives, a new group for each. */
import { NOTICE_SIGNAL, noticeChanges } from "../../ffi/directory_notice.ts";
import { neededControllers } from "../../container/cgroup_values.ts";
import type { RunOptions } from "../../container/run_options.ts";
import {
  applyLimits,
  type ContainerCgroup,
  makeCgroup,
  oomKills,
  removeCgroup,
  thaw,
} from "../../rootless/cgroup/container_cgroup.ts";
import {
  type CgroupHome,
  leaveHome,
  openCgroupHome,
  tidyHome,
} from "../../rootless/cgroup/home.ts";
import type { GivenCgroup } from "../run/preparation.ts";
import type { EngineContext } from "../context.ts";

/** Milliseconds between looks: a group at its limit reports that again and again. */
const LOOK = 50;

export class ControlGroup {
  readonly #home: CgroupHome;
  #current: ContainerCgroup | undefined;
  /** Of the processes that the kernel killed for want of memory, how many were told of. */
  #told = 0;
  #look: NodeJS.Timeout | undefined;
  #tell: (() => void) | undefined;

  private constructor(home: CgroupHome) {
    this.#home = home;
  }

  /**
   * Finds a place for a container's group.
   * @returns undefined where there is none, and nothing was asked for that needs one
   * @throws TsboxError "host" with the remedy when a limit was asked for that cannot be kept
   */
  static async open(
    id: string,
    options: RunOptions,
    { env, uid }: EngineContext,
  ): Promise<ControlGroup | undefined> {
    const { resources, cgroupParent: parent } = options;
    const needed = resources === undefined ? [] : neededControllers(resources);
    try {
      return new ControlGroup(await openCgroupHome({ id, env, uid, parent, needed }));
    } catch (error) {
      if (needed.length > 0 || parent !== undefined) throw error;
      return undefined;
    }
  }

  /** A group with the limits, for one life. @throws TsboxError when a limit is refused; no group is left then */
  async begin({ resources }: RunOptions): Promise<GivenCgroup> {
    const group = makeCgroup(this.#home.path, this.#home.name);
    try {
      if (resources !== undefined) applyLimits(group.path, resources);
    } catch (error) {
      await removeCgroup(group);
      throw error;
    }
    this.#current = group;
    this.#told = 0;
    return {
      ...group,
      oomKilled: () => oomKills(group.path) > 0,
      oomUntold: () => this.#untold(group.path),
      tidy: () => tidyHome(this.#home),
    };
  }

  /** Calls `tell` each time the kernel has killed processes of this life for want of memory. */
  watchMemory(tell: () => void): void {
    const first = this.#tell === undefined;
    this.#tell = tell;
    if (first) {
      process.on(NOTICE_SIGNAL, () => this.#look ??= setTimeout(() => this.#lookAt(), LOOK));
    }
    if (this.#current !== undefined && noticeChanges(this.#current.fd)) this.#lookAt();
  }

  #lookAt(): void {
    this.#look = undefined;
    const group = this.#current;
    if (group === undefined) return;
    if (this.#untold(group.path)) this.#tell?.();
  }

  /** True once for what happened since the last time. */
  #untold(path: string): boolean {
    const before = this.#told;
    this.#told = oomKills(path);
    return this.#told > before;
  }

  /** Lets a paused container go on, so that it can obey. */
  thaw(): void {
    if (this.#current !== undefined) thaw(this.#current.path);
  }

  /** After the last life: systemd removes the scope once we have ended, too. */
  leave(): void {
    leaveHome(this.#home);
  }

  /** The life is over. */
  async end(): Promise<void> {
    const group = this.#current;
    this.#current = undefined;
    if (group !== undefined) await removeCgroup(group);
  }
}
