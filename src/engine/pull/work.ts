/** What is to be done for the layers of an image. Pure. */
import type { Digest } from "../../oci/digest.ts";
import type { LayerDescriptor } from "../../oci/manifest.ts";
import type { Reference } from "../../oci/reference.ts";
import type { RegistryClient } from "../../registry/registry_client.ts";
import type { UserNamespace } from "../../rootless/user_namespace.ts";
import type { SelfCommand } from "../../rootless/worker.ts";
import type { UnpackLimits } from "../../storage/unpack.ts";
import type { WorkerPool } from "../worker_pool.ts";
import type { LayerState } from "../pull_events.ts";

/** A layer to be provided. */
export interface WantedLayer {
  descriptor: LayerDescriptor;
  diffID: Digest;
  chainID: string;
  isBase: boolean;
}

/** An image of a registry. */
export interface RegistrySource {
  kind: "registry";
  reference: Reference;
  client: RegistryClient;
}

/** Where the bytes of layers come from that the store does not have. */
export type LayerSource =
  | RegistrySource
  /** Complete files of ours, whose digests were checked. */
  | { kind: "files"; pathOf: (digest: Digest) => string };

/** What all layers of a pull have in common, or of an archive that is loaded. */
export interface LayerWork {
  dataRoot: string;
  source: LayerSource;
  /** Opened when the first layer is to be unpacked. */
  userns: () => UserNamespace;
  self: SelfCommand;
  /** Unpack the layers. */
  workers: WorkerPool;
  limits: UnpackLimits;
  /** Layers that are worked on at a time; docker's three when not given. */
  atOnce?: number;
  signal: AbortSignal;
  onLayer: (digest: string, state: LayerState) => void;
}
