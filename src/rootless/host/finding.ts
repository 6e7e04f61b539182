/** What a look at one part of the host found. */
export type Finding =
  | { name: string; status: "ok"; detail: string }
  | {
    name: string;
    /** `limited`: containers run, but something is lost; `missing`: they do not. */
    status: "limited" | "missing";
    detail: string;
    /** What does not work without it. */
    lost: string;
    /** The command, or the change, that brings it. */
    fix: string;
  };

/** A finding that all is well. */
export function fine(name: string, detail: string): Finding {
  return { name, status: "ok", detail };
}
