/** What a log says of its container: docker's `tag`, `labels` and `env` of `--log-opt`. Pure. */
import { TsboxError } from "../errors.ts";

/** A container as its log describes it. */
export interface LogSubject {
  /** 64 hexadecimal digits. */
  id: string;
  name: string;
  /** `sha256:...`; empty with `--rootfs`. */
  imageId: string;
  imageName: string;
  /** As executed. */
  command: readonly string[];
  labels: Readonly<Record<string, string>>;
  /** `K=V`. */
  env: readonly string[];
}

const SHORT = 12;

/** The fields of a tag's template. */
const FIELDS: Readonly<Record<string, (subject: LogSubject) => string>> = {
  ID: ({ id }) => id.slice(0, SHORT),
  FullID: ({ id }) => id,
  Name: ({ name }) => name,
  ImageID: ({ imageId }) => imageId.replace("sha256:", "").slice(0, SHORT),
  ImageFullID: ({ imageId }) => imageId,
  ImageName: ({ imageName }) => imageName,
  Command: ({ command }) => command.join(" "),
  DaemonName: () => "tsbox",
};

const FIELD = /\{\{\s*\.(\w+)\s*\}\}/g;

/** @throws TsboxError "unsupported" for a template with more than plain fields in it */
export function checkTag(template: string): void {
  const rest = template.replaceAll(FIELD, (all, name: string) => FIELDS[name] ? "" : all);
  if (!rest.includes("{{")) return;
  const names = Object.keys(FIELDS).map((name) => `{{.${name}}}`);
  throw new TsboxError("unsupported", `Cannot use the log opt tag=${template}`, {
    hint: `a tag has ${names.join(" ")}`,
  });
}

/** @param template checked */
export function renderTag(template: string, subject: LogSubject): string {
  return template.replaceAll(FIELD, (_, name: string) => FIELDS[name]?.(subject) ?? "");
}

/** The labels and variables that the options choose, and the tag where there is one, by name. */
export function logAttributes(
  options: Readonly<Record<string, string>>,
  subject: LogSubject,
): Record<string, string> {
  const found: Record<string, string> = {};
  const labels = Object.entries(subject.labels);
  const env = subject.env.map((word): [string, string] => {
    const equals = word.indexOf("=");
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
  take(found, labels, chooser(options["labels"], options["labels-regex"]));
  take(found, env, chooser(options["env"], options["env-regex"]));
  const tag = options["tag"];
  if (tag !== undefined) found["tag"] = renderTag(tag, subject);
  return found;
}

function take(
  into: Record<string, string>,
  pairs: readonly [string, string][],
  isChosen: (name: string) => boolean,
): void {
  for (const [name, value] of pairs) if (isChosen(name)) into[name] = value;
}

function chooser(list = "", pattern = ""): (name: string) => boolean {
  const names = new Set(list.split(",").filter((name) => name !== ""));
  const expression = pattern === "" ? undefined : new RegExp(pattern);
  return (name) => names.has(name) || expression?.test(name) === true;
}
