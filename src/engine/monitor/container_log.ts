/** What every log driver is to a monitor. */
import type { LogSubject } from "../../container/log_tag.ts";
import type { ContainerRecord } from "../../storage/container_record.ts";

/** Where a monitor puts the container's output. */
export interface ContainerLog {
  /** A life begins. */
  begin(record: ContainerRecord): void;
  /** Keeps what was read; resolves when more may come. `bytes` may be used again then. */
  write(kind: "stdout" | "stderr", bytes: Uint8Array): Promise<void> | void;
  /** A life has ended: nothing more comes of lines without an end. */
  end(): void;
  close(): void;
}

/** A container as its log describes it. */
export function subjectOf(record: ContainerRecord): LogSubject {
  const { id, name, image, spec, labels } = record;
  return {
    id,
    name,
    imageId: image.id,
    imageName: image.reference,
    command: spec.args,
    labels,
    env: spec.env,
  };
}
