/** `/images`. */
import type { Hono } from "hono";
import { containerCounts } from "../engine/container_counts.ts";
import { IMAGE_FILTERS, imageSummaries } from "../engine/images.ts";
import { layerShares, readImageParts } from "../engine/image_sizes.ts";
import { inspectObject } from "../engine/inspect.ts";
import { type RemovedImage, removeImage } from "../engine/remove_image.ts";
import { booleanFilter } from "../engine/filters.ts";
import { imageHistory } from "../engine/image_history.ts";
import { PRUNE_FILTERS } from "../engine/prune_filters.ts";
import { pruneImages } from "../engine/prune_images.ts";
import { tagImage } from "../engine/tag_image.ts";
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
      users: containerCounts(context.dataRoot),
      ...(shares !== undefined && { shares }),
    }));
  });

  app.get("/images/:name{.+}/history", (c) => {
    // A JSON object, of which the images here know three fields.
    refuse((name) => c.req.query(name), "platform");
    return c.json(imageHistory(context, c.req.param("name")));
  });

  app.post("/images/:name{.+}/tag", (c) => {
    const [repository = "", tag] = [c.req.query("repo"), c.req.query("tag")];
    tagImage(context, c.req.param("name"), tag ? `${repository}:${tag}` : repository);
    return c.body(null, 201);
  });

  app.post("/images/prune", async (c) => {
    const filters = filtersOf((name) => c.req.query(name), [...PRUNE_FILTERS, "dangling"]);
    // Docker's default: only those without a name.
    const all = booleanFilter(filters, "dangling") === false;
    const { removed, reclaimed } = await pruneImages(context, self, { all, filters, signal });
    return c.json({ ImagesDeleted: removed.flatMap(deletions), SpaceReclaimed: reclaimed });
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
    return c.json(deletions(await removeImage(context, self, c.req.param("name"), options)));
  });
}

function deletions({ untagged, deleted }: RemovedImage) {
  return [
    ...untagged.map((Untagged) => ({ Untagged })),
    ...deleted.map((Deleted) => ({ Deleted })),
  ];
}
