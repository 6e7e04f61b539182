/** `pull --all-tags`: every tag of a repository, one after the other. */
import { TsboxError } from "../errors.ts";
import { parseReference, type Reference } from "../oci/reference.ts";
import { RegistryClient } from "../registry/registry_client.ts";
import type { EngineContext } from "./context.ts";
import { pullImage, type PullOptions } from "./pull.ts";
import { registryOptions } from "./registry_options.ts";
import { firstFound, searchedReferences } from "./short_names.ts";

/**
 * Pulls all tags of a repository; what was pulled stays when a later one fails.
 * @throws TsboxError "invalid-argument" in docker's words for a tag or digest; as pullImage
 */
export async function pullAllTags(
  text: string,
  context: EngineContext,
  options: PullOptions,
): Promise<void> {
  const { tagIsDefault, digest } = parseReference(text);
  if (!tagIsDefault || digest !== undefined) {
    throw new TsboxError("invalid-argument", "tag can't be used with --all-tags/-a");
  }
  const client = new RegistryClient(registryOptions(context));
  const { signal, onEvent = () => {} } = options;
  const { reference, found } = await firstFound(
    searchedReferences(context, text),
    (one) => client.tags(one, { signal }),
  );
  // All of them are looked at before the first is pulled.
  const tagged = found.map((tag) => withTag(reference, tag));
  let newer = false;
  for (const { canonical } of tagged) {
    await pullImage(canonical, context, {
      ...options,
      onEvent: (event) => {
        if (event.kind !== "done") return onEvent(event);
        newer ||= event.newer;
        onEvent({ ...event, tags: "part" });
      },
    });
  }
  onEvent({ kind: "done", reference: reference.name, newer, tags: "all" });
}

/** A registry can say anything. */
function withTag({ name, familiarName }: Reference, tag: string): Reference {
  const reference = /^[\w][\w.-]{0,127}$/.test(tag) ? parseReference(`${name}:${tag}`) : undefined;
  if (reference !== undefined) return reference;
  throw new TsboxError(
    "corrupt",
    `Cannot pull ${familiarName}: its registry lists ${
      JSON.stringify(tag.slice(0, 128))
    }, which is no tag`,
  );
}
