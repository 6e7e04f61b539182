/** 4 or 6 for a literal IP address, undefined for anything else. */
export function ipVersion(text: string): 4 | 6 | undefined {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    const plain = (part: string) => Number(part) < 256 && (part === "0" || !part.startsWith("0"));
    return text.split(".").every(plain) ? 4 : undefined;
  }
  if (!/^[0-9a-fA-F:.]+$/.test(text) || !text.includes(":")) return undefined;
  return URL.canParse(`http://[${text}]/`) ? 6 : undefined;
}
