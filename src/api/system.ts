/** `/_ping`, `/version`, `/info` and `/system/df`. */
import type { Hono } from "hono";
import { diskUsage } from "../engine/disk_usage.ts";
import { systemInfo } from "../engine/info.ts";
import { versionInfo } from "../engine/version.ts";
import type { EngineContext } from "../engine/context.ts";
import type { Door } from "./door.ts";
import { API_VERSION, MIN_API_VERSION } from "./version.ts";

/** Adds the routes. */
export function systemRoutes(app: Hono, { context, self }: Door): void {
  // Clients ask this first, to learn the version from the headers that every answer has.
  app.get("/_ping", (c) => {
    c.header("Cache-Control", "no-cache, no-store, must-revalidate");
    c.header("Pragma", "no-cache");
    return c.text("OK");
  });
  app.get("/version", (c) => c.json(version(context)));
  app.get("/system/df", async (c) => {
    // Everything is looked at anyway: `type` only asks for less.
    const { LayersSize, Images, Containers, Volumes } = await diskUsage(context, self);
    return c.json({ LayersSize, Images, Containers, Volumes, BuildCache: [] });
  });
  app.get("/info", (c) => c.json(info(context)));
}

function version(context: EngineContext) {
  const { Version, GitCommit, BunVersion, Os, Arch, KernelVersion } = versionInfo(context).Server;
  const Details = {
    ApiVersion: API_VERSION,
    MinAPIVersion: MIN_API_VERSION,
    GitCommit,
    BunVersion,
    Os,
    Arch,
    KernelVersion,
  };
  return {
    Platform: { Name: "tsbox" },
    // By this name docker's client finds the server among its components, and lists no second one.
    Components: [{ Name: "Engine", Version, Details: { ...Details, Experimental: "false" } }],
    Version,
    ...Details,
  };
}

/** With what `tsbox info` has no line for, but docker's client looks at. */
function info(context: EngineContext) {
  return {
    ...systemInfo(context),
    CgroupDriver: "none",
    Plugins: { Volume: [], Network: ["host", "none", "private"], Authorization: null, Log: [] },
    Runtimes: { tsbox: { path: "tsbox" } },
    DefaultRuntime: "tsbox",
    Swarm: { LocalNodeState: "inactive", ControlAvailable: false },
    SystemTime: new Date().toISOString(),
  };
}
