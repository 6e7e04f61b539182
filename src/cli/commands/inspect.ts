import { TsboxError } from "../../errors.ts";
import type { EngineContext } from "../../engine/context.ts";
import { containerTotals } from "../../engine/container_sizes.ts";
import { findContainer } from "../../storage/find_container.ts";
import { inspectObject, type ObjectType } from "../../engine/inspect.ts";
import type { Command } from "../command.ts";
import type { CommandGrammar } from "../flags.ts";
import { withOmittedFields } from "../format/omitted_fields.ts";
import { printFormatted } from "../format/print_formatted.ts";
import { compileTemplate } from "../format/template.ts";
import type { CliIo } from "../io.ts";
import type { ParsedLine } from "../parse.ts";
import { errorText } from "../report.ts";

/** `--format` of every inspection. */
export const FORMAT = {
  name: "format",
  short: "f",
  value: "string",
  help: 'Format output: "json" or a Go template',
};

const SIZE = {
  name: "size",
  short: "s",
  help: "Display total file sizes of containers",
} as const;

/** `tsbox inspect`. */
export const command: Command = inspector({
  path: "inspect",
  aliases: ["inspect"],
  summary: "Return low-level information on containers, images and volumes",
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  args: { min: 1 },
  flags: [
    FORMAT,
    SIZE,
    {
      name: "type",
      value: "string",
      help: "Only inspect objects of the given type (container|image|volume)",
    },
  ],
}, undefined);

/** `tsbox image inspect`. */
export const image: Command = inspector({
  path: "image inspect",
  aliases: ["image inspect"],
  summary: "Display detailed information on one or more images",
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  args: { min: 1 },
  flags: [FORMAT, {
    name: "platform",
    value: "string",
    help: 'Fail unless the image is for this platform, "os[/arch[/variant]]"',
  }],
}, "image");

/** `tsbox container inspect`. */
export const container: Command = inspector({
  path: "container inspect",
  aliases: ["container inspect"],
  summary: "Display detailed information on one or more containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  args: { min: 1 },
  flags: [FORMAT, SIZE],
}, "container");

function inspector(grammar: CommandGrammar, type: ObjectType): Command {
  return {
    grammar,
    run: async (line, io, context) => {
      const { flags } = line;
      const wanted = type ?? typeFlag(flags.last("type"));
      const sizes = flags.on("size") ? await sizesOf(line, io, context) : new Map();
      return inspectEach(line, io, (name) => {
        const found = inspectObject(context, name, wanted, flags.last("platform"));
        const size = "Id" in found ? sizes.get(found.Id) : undefined;
        return size === undefined ? found : { ...found, ...size };
      });
    },
  };
}

/** `SizeRw` and `SizeRootFs` of the containers that the words mean, by id. */
async function sizesOf(
  { args }: ParsedLine,
  io: CliIo,
  context: EngineContext,
): Promise<Map<string, { SizeRw: number; SizeRootFs: number }>> {
  const ids = args.flatMap((name) => {
    try {
      return findContainer(context.dataRoot, name).record.id;
    } catch {
      // It may be an image, or is complained about later.
      return [];
    }
  });
  return await containerTotals(context, io.self, ids);
}

/** Every object that is there is shown, what is not is complained about at the end. */
export function inspectEach(
  line: ParsedLine,
  io: CliIo,
  look: (name: string) => unknown,
): number {
  const found: unknown[] = [];
  let errors = "";
  for (const name of line.args) {
    try {
      found.push(look(name));
    } catch (thrown) {
      errors += errorText(thrown);
    }
  }
  printFormatted(io, formatted(found, line.flags.last("format")));
  if (errors !== "") io.err(errors);
  return errors === "" ? 0 : 1;
}

function formatted(found: readonly unknown[], format: string | undefined): string {
  if (!format) return JSON.stringify(found, null, 4) + "\n";
  if (format === "json") return JSON.stringify(found) + "\n";
  const template = compileTemplate(format);
  return found.map((object) => template(withOmittedFields(object)) + "\n").join("");
}

/** Docker's other kinds of objects do not exist here. */
function typeFlag(text: string | undefined): ObjectType {
  if (text === undefined || text === "") return undefined;
  if (text === "container" || text === "image" || text === "volume") return text;
  throw new TsboxError("invalid-argument", `"${text}" is not a valid value for --type`, {
    hint: "it is container, image or volume",
  });
}
