/** What Docker's API has and tsbox does not have yet: refused by name. */
import type { Hono } from "hono";
import { TsboxError } from "../errors.ts";

/** Methods and paths of Docker's API v1.47; a name that ends in dots may have slashes in it. */
const MISSING = `
  POST /build
  POST /build/cancel
  POST /build/prune
  POST /commit
  GET /configs
  POST /configs/create
  GET /configs/{id}
  DELETE /configs/{id}
  POST /configs/{id}/update
  POST /containers/create
  GET /containers/{id}/archive
  PUT /containers/{id}/archive
  POST /containers/{id}/attach
  GET /containers/{id}/attach/ws
  GET /containers/{id}/changes
  POST /containers/{id}/exec
  GET /containers/{id}/export
  POST /containers/{id}/kill
  GET /containers/{id}/logs
  POST /containers/{id}/pause
  POST /containers/{id}/rename
  POST /containers/{id}/resize
  POST /containers/{id}/restart
  POST /containers/{id}/start
  GET /containers/{id}/stats
  POST /containers/{id}/stop
  GET /containers/{id}/top
  POST /containers/{id}/unpause
  POST /containers/{id}/update
  POST /containers/{id}/wait
  GET /distribution/{name...}/json
  GET /events
  GET /exec/{id}/json
  POST /exec/{id}/resize
  POST /exec/{id}/start
  POST /grpc
  POST /images/create
  GET /images/get
  POST /images/load
  GET /images/{name...}/get
  POST /images/{name...}/push
  GET /networks
  POST /networks/create
  POST /networks/prune
  GET /networks/{id}
  DELETE /networks/{id}
  POST /networks/{id}/connect
  POST /networks/{id}/disconnect
  GET /nodes
  GET /nodes/{id}
  DELETE /nodes/{id}
  POST /nodes/{id}/update
  GET /plugins
  POST /plugins/create
  GET /plugins/privileges
  POST /plugins/pull
  GET /plugins/{name...}/json
  DELETE /plugins/{name...}
  POST /plugins/{name...}/disable
  POST /plugins/{name...}/enable
  POST /plugins/{name...}/push
  POST /plugins/{name...}/set
  POST /plugins/{name...}/upgrade
  GET /secrets
  POST /secrets/create
  GET /secrets/{id}
  DELETE /secrets/{id}
  POST /secrets/{id}/update
  GET /services
  POST /services/create
  GET /services/{id}
  DELETE /services/{id}
  GET /services/{id}/logs
  POST /services/{id}/update
  POST /session
  GET /swarm
  POST /swarm/init
  POST /swarm/join
  POST /swarm/leave
  POST /swarm/unlock
  GET /swarm/unlockkey
  POST /swarm/update
  GET /tasks
  GET /tasks/{id}
  GET /tasks/{id}/logs
  GET /volumes
  POST /volumes/create
  POST /volumes/prune
  GET /volumes/{name}
  PUT /volumes/{name}
  DELETE /volumes/{name}
`;

/** Adds the routes. They come last: what tsbox has wins. */
export function missingRoutes(app: Hono): void {
  for (const route of MISSING.trim().split("\n").map((line) => line.trim())) {
    const [method = "", path = ""] = route.split(" ");
    app.on(method, pattern(path), () => {
      // Docker's client goes on to the next kind of object where it reads "not supported".
      throw new TsboxError("unsupported", `${route} is not supported by tsbox yet`);
    });
  }
}

/** `/images/:name{.+}/get`, as the router writes `/images/{name...}/get`. */
function pattern(path: string): string {
  return path.replace(/\{(\w+)\.\.\.\}/g, ":$1{.+}").replace(/\{(\w+)\}/g, ":$1");
}
