import type { RunOptions } from "../container/run_options.ts";
import type { ContainerRecord, SpecSummary } from "./container_record.ts";

/** What lists show of a container, and filter by: a third of its record. */
export type ListedRecord =
  & Pick<
    ContainerRecord,
    | "id"
    | "name"
    | "otherName"
    | "created"
    | "image"
    | "labels"
    | "state"
    | "ports"
    | "exposed"
    | "healthcheck"
  >
  & {
    options: Pick<RunOptions, "network" | "mounts" | "publish" | "remove" | "rootfs">;
    spec: Pick<SpecSummary, "args">;
  };

/** A container in a list. */
export interface ListedContainer {
  record: ListedRecord;
  /** Absolute. */
  directory: string;
  /** Its run process lives: it will write the record's next state itself. */
  owned: boolean;
}

/** The part of a record that lists need. */
export function listedRecord(record: ListedRecord): ListedRecord {
  const { id, name, otherName, created, image, labels, state, ports, exposed, healthcheck } =
    record;
  const { network, mounts, publish, remove, rootfs } = record.options;
  return {
    id,
    name,
    ...(otherName !== undefined && { otherName }),
    created,
    image,
    labels,
    state,
    ...(ports !== undefined && { ports }),
    ...(exposed !== undefined && { exposed }),
    ...(healthcheck !== undefined && { healthcheck }),
    options: { network, mounts, publish, remove, ...(rootfs !== undefined && { rootfs }) },
    spec: { args: record.spec.args },
  };
}
