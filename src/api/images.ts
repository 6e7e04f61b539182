/** `/images`. */
import type { Hono } from "hono";
import { IMAGE_FILTERS, imageSummaries } from "../engine/images.ts";
import { layerShares, readImageParts } from "../engine/image_sizes.ts";
import { inspectObject } from "../engine/inspect.ts";
import { removeImage } from "../engine/remove_image.ts";
import type { Door } from "./door.ts";
import { filtersOf, flagOf, refuse } from "./query.ts";

/** Adds the routes. Names have slashes: they reach to the last word of the path. */
export function imageRoutes(app: Hono, { context, self, signal }: Door): void {
  // `all` changes nothing: there are no images between those that have a name once had one.
  app.get("/images/json", (c) => {
    const query = (name: string) => c.req.query(name);
    refuse(query, "manifests");
    const shares = flagOf(query, "shared-size")
      ? layerShares(readImageParts(context.dataRoot))
      : undefined;
    return c.json(imageSummaries(context, filtersOf(query, IMAGE_FILTERS), {
      labels: true,
      ...(shares !== undefined && { shares }),
    }));
  });

  app.get("/images/:name{.+}/json", (c) => {
    refuse((name) => c.req.query(name), "manifests", "platform");
    return c.json(inspectObject(context, c.req.param("name"), "image"));
  });

  // `noprune` keeps an image's parents, and here no image has one.
  app.delete("/images/:name{.+}", async (c) => {
    const query = (name: string) => c.req.query(name);
    refuse(query, "platforms");
    const options = { force: flagOf(query, "force"), signal };
    const { untagged, deleted } = await removeImage(context, self, c.req.param("name"), options);
    return c.json([
      ...untagged.map((Untagged) => ({ Untagged })),
      ...deleted.map((Deleted) => ({ Deleted })),
    ]);
  });
}
