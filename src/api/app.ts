/** Docker's Engine API over the engine: which handler answers what. */
import { Hono } from "hono";
import { containerRoutes } from "./containers.ts";
import type { Door } from "./door.ts";
import { failure, pageNotFound } from "./failure.ts";
import { imageRoutes } from "./images.ts";
import { missingRoutes } from "./missing_routes.ts";
import { registryRoutes } from "./registry.ts";
import { systemRoutes } from "./system.ts";
import { API_VERSION, checkVersion, withoutVersion } from "./version.ts";

/** The whole API; its `fetch` answers a request and never throws. Listens to nothing. */
export function makeApi(door: Door): Hono {
  const app = new Hono({ getPath: (request) => withoutVersion(new URL(request.url).pathname) });
  app.use(async (c, next) => {
    c.header("Server", `tsbox/${door.context.build.version} (linux)`);
    c.header("Api-Version", API_VERSION);
    c.header("Ostype", "linux");
    c.header("Docker-Experimental", "false");
    checkVersion(new URL(c.req.url).pathname);
    await next();
  });
  app.onError((thrown, c) => failure(c, thrown));
  app.notFound(pageNotFound);
  systemRoutes(app, door);
  registryRoutes(app, door);
  imageRoutes(app, door);
  containerRoutes(app, door);
  missingRoutes(app);
  return app;
}
