/** What a command line can contain, as data: the parser obeys these tables and the help prints them. */

/** One flag of a command. */
export interface Flag {
  name: string;
  /** One letter. */
  short?: string;
  /** The word help shows for the value (`list`, `string`, ...); a flag without one is a boolean. */
  value?: string;
  help: string;
  /** Known to docker, not to tsbox: using it is an error that names it, help leaves it out. */
  unsupported?: true;
  /** An old name of this flag, which help leaves out. */
  alias?: string;
}

/** The grammar of one command. */
export interface CommandGrammar {
  /** As the user reaches it, without the program's name: `run`, `image ls`. */
  path: string;
  /** All ways to reach it, docker's order. */
  aliases: readonly string[];
  summary: string;
  /** What follows the path in the usage line. */
  usage: string;
  /** How many positional arguments it takes. */
  args: { min: number; max?: number };
  /** The first positional argument ends the options (`run`: they belong to the container). */
  optionsFirst?: true;
  flags: readonly Flag[];
  /** More flags that are unsupported; made when a flag is not among the others. */
  refused?(): readonly Flag[];
}

/** The flags that were given: values in order of appearance, booleans as `true` or `false`. */
export class FlagValues {
  readonly #values = new Map<string, string[]>();

  /** Appends a value. */
  add(name: string, value: string): void {
    const values = this.#values.get(name);
    if (values) values.push(value);
    else this.#values.set(name, [value]);
  }

  /** Every value of a repeatable flag, empty when it was not given. */
  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** The last value given, as docker takes it. */
  last(name: string): string | undefined {
    const values = this.#values.get(name);
    return values?.[values.length - 1];
  }

  /** A boolean flag. */
  on(name: string, byDefault = false): boolean {
    const value = this.last(name);
    return value === undefined ? byDefault : value === "true";
  }

  /** Whether the flag was given at all. */
  has(name: string): boolean {
    return this.#values.has(name);
  }
}

/** `-e, --env`, the way error messages name a flag. */
export function flagTitle(flag: Flag): string {
  return flag.short === undefined ? `--${flag.name}` : `-${flag.short}, --${flag.name}`;
}
