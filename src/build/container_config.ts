/** The `config` part of an image config, in the words of its JSON (OCI image spec, config.md; docker's additions). */

import type { Healthcheck } from "../oci/healthcheck.ts";

export type Keys = Record<string, Record<string, never>>;

export interface ContainerConfig {
  User?: string;
  ExposedPorts?: Keys;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Volumes?: Keys;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  Healthcheck?: Healthcheck;
  OnBuild?: string[];
  /** What shell forms are given to; `/bin/sh -c` when it is missing. */
  Shell?: string[];
}
