import type { ContainerState } from "../storage/container_record.ts";
import type { StatusWord } from "./api_types.ts";

/** Docker's word for a state. */
export function statusWord(state: ContainerState): StatusWord {
  return state.status === "running" && state.paused ? "paused" : state.status;
}
