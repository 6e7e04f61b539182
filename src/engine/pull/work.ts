/** What a pull has to do. Pure. */
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

/** What all layers of a pull have in common. */
export interface PullWork {
  dataRoot: string;
  reference: Reference;
  client: RegistryClient;
  /** Opened when the first layer is to be unpacked. */
  userns: () => UserNamespace;
  self: SelfCommand;
  /** Unpack the layers. */
  workers: WorkerPool;
  limits: UnpackLimits;
  signal: AbortSignal;
  onLayer: (digest: string, state: LayerState) => void;
}
