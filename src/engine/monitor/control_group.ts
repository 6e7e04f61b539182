/** The control group of a monitored container: one home for all its lives, a new group for each. */
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
import { type CgroupHome, leaveHome, openCgroupHome } from "../../rootless/cgroup/home.ts";
import type { GivenCgroup } from "../run/preparation.ts";
import type { EngineContext } from "../context.ts";

export class ControlGroup {
  readonly #home: CgroupHome;
  #current: ContainerCgroup | undefined;

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
    const { resources = {}, cgroupParent: parent } = options;
    const needed = neededControllers(resources);
    try {
      return new ControlGroup(await openCgroupHome({ id, env, uid, parent, needed }));
    } catch (error) {
      if (needed.length > 0 || parent !== undefined) throw error;
      return undefined;
    }
  }

  /** A group with the limits, for one life. @throws TsboxError when a limit is refused; no group is left then */
  async begin({ resources = {} }: RunOptions): Promise<GivenCgroup> {
    const group = makeCgroup(this.#home.path, this.#home.name);
    try {
      applyLimits(group.path, resources);
    } catch (error) {
      await removeCgroup(group);
      throw error;
    }
    this.#current = group;
    return { ...group, oomKilled: () => oomKills(group.path) > 0 };
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
