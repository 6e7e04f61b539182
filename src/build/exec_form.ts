/** The JSON form of an instruction's arguments. Pure. */

/** The words of `["a", "b"]`; undefined when the text is not a list of strings in JSON, and so a shell's. */
export function execForm(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.every((word) => typeof word === "string")) return value;
  } catch {
    // A shell has a command of that name.
  }
  return undefined;
}
