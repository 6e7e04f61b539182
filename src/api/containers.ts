/** `/containers`. */
import type { Hono } from "hono";
import type { ContainerSummary } from "../engine/api_types.ts";
import type { EngineContext } from "../engine/context.ts";
import { inspectObject } from "../engine/inspect.ts";
import { CONTAINER_FILTERS, DOCKER_CONTAINER_FILTERS } from "../engine/container_filter.ts";
import { containerSummaries, scanFor } from "../engine/list.ts";
import { pruneContainers } from "../engine/prune_containers.ts";
import { PRUNE_FILTERS } from "../engine/prune_filters.ts";
import { removeContainer } from "../engine/remove.ts";
import { sweepContainers } from "../engine/sweep_containers.ts";
import type { Door } from "./door.ts";
import { filtersOf, flagOf, limitOf, type Query, refuse } from "./query.ts";

/** Adds the routes. */
export function containerRoutes(app: Hono, { context, self }: Door): void {
  app.get("/containers/json", (c) => c.json(list(context, (name) => c.req.query(name))));

  app.post("/containers/prune", async (c) => {
    const filters = filtersOf((name) => c.req.query(name), PRUNE_FILTERS);
    const { ids, reclaimed } = await pruneContainers(context, self, filters);
    return c.json({ ContainersDeleted: ids, SpaceReclaimed: reclaimed });
  });

  app.get("/containers/:id/json", (c) => {
    refuse((name) => c.req.query(name), "size");
    return c.json(inspectObject(context, c.req.param("id"), "container"));
  });

  app.delete("/containers/:id", async (c) => {
    const query = (name: string) => c.req.query(name);
    refuse(query, "link");
    await removeContainer(context, self, c.req.param("id"), {
      force: flagOf(query, "force"),
      volumes: flagOf(query, "v"),
    });
    await sweepContainers(context, self);
    return c.body(null, 204);
  });
}

function list(context: EngineContext, query: Query) {
  refuse(query, "size", "before", "since");
  const last = limitOf(query);
  const wanted = {
    all: flagOf(query, "all"),
    filters: filtersOf(query, CONTAINER_FILTERS, DOCKER_CONTAINER_FILTERS),
    ...(last !== undefined && { last }),
  };
  const scan = scanFor(context.dataRoot, wanted);
  return containerSummaries(context, scan, wanted).map(withNetworks);
}

/** Clients look for a container's networks here, and not at its NetworkMode. */
function withNetworks(container: ContainerSummary) {
  const Networks = { [container.HostConfig.NetworkMode]: {} };
  return { ...container, NetworkSettings: { Networks } };
}
