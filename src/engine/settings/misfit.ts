/** A value that is not what its setting takes; who reads it says where it was. */
export class Misfit extends Error {
  override readonly name = "Misfit";
  /** Inside the setting, as `[0]` or `."docker.io".mirrors`; empty for the whole of it. */
  readonly at: string;
  /** The value, as JSON, cut; without what a URL has for a user and a password. */
  readonly shown: string;
  /** `a whole number from 1 to 100`. */
  readonly expected: string;

  constructor(value: unknown, expected: string, at = "") {
    super(`not ${expected}`);
    const text = JSON.stringify(value) ?? "nothing";
    this.shown = text.replace(/\/\/[^/"]*@/g, "//***@").slice(0, 100);
    this.expected = expected;
    this.at = at;
  }
}
