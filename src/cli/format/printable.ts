/**
 * Control characters but tab and new line: C0, DEL and C1. Images and registries choose some of the
 * texts we print, and a terminal obeys what it is sent.
 */
const CONTROLS = /[^\P{Cc}\t\n]/gu;

/** The text with control characters written out (`\x1b`), so that a terminal shows them instead. */
export function printable(text: string): string {
  return text.replace(
    CONTROLS,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
