/** The documents of an image archive: of an OCI image layout, and docker's own. Pure. */
import type { Digest } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import { parseReference } from "../../oci/reference.ts";

/** An image and the names it is to have where the archive is read. */
export interface ArchivedImage {
  /** Canonical `registry/repository:tag`. */
  names: readonly string[];
  manifest: Descriptor;
  config: Descriptor;
  layers: readonly Descriptor[];
}

/** Which readers an archive is for: by default both of them. */
export type ArchiveFormat = "docker-archive" | "oci-archive";

/** containerd's and so docker's annotation of an image's full name. */
export const NAME_ANNOTATION = "io.containerd.image.name";
/** The OCI image spec's, which docker fills with the tag alone. */
export const REF_ANNOTATION = "org.opencontainers.image.ref.name";

/** Where a blob is in an archive (OCI image-layout.md, "Blobs"). */
export function blobName(digest: Digest): string {
  return `blobs/${digest.replace(":", "/")}`;
}

/** Names and contents of the documents that are no blobs. */
export function archiveDocuments(
  images: readonly ArchivedImage[],
  format: ArchiveFormat | undefined,
): [name: string, content: string][] {
  const documents: [string, string][] = [];
  if (format !== "docker-archive") {
    documents.push(["oci-layout", `{"imageLayoutVersion":"1.0.0"}`]);
    documents.push(["index.json", JSON.stringify(ociIndex(images))]);
  }
  if (format !== "oci-archive") {
    documents.push(["manifest.json", JSON.stringify(images.map(dockerEntry))]);
  }
  return documents;
}

function ociIndex(images: readonly ArchivedImage[]) {
  return {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: images.flatMap(({ names, manifest: { mediaType, digest, size } }) => {
      const entry = { mediaType, digest, size };
      if (names.length === 0) return [entry];
      return names.map((name) => ({ ...entry, annotations: annotations(name) }));
    }),
  };
}

function annotations(name: string): Record<string, string> {
  return { [NAME_ANNOTATION]: name, [REF_ANNOTATION]: parseReference(name).tag ?? "latest" };
}

function dockerEntry({ names, config, layers }: ArchivedImage) {
  return {
    Config: blobName(config.digest),
    RepoTags: names.length === 0 ? null : names.map((name) => parseReference(name).familiar),
    Layers: layers.map(({ digest }) => blobName(digest)),
  };
}
