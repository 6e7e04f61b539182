/** Where the user's session bus is. Apart from who speaks with it: every start asks this, and most find none. */
import { exists } from "../../ffi/quick_files.ts";

/** The bus's socket by the environment, if there is one. */
export function sessionBusPath(
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const [first = ""] = (env["DBUS_SESSION_BUS_ADDRESS"] ?? "").split(";");
  const path = first === "" ? undefined : /^unix:(?:.*,)?path=([^,]*)/.exec(first)?.[1];
  const runtime = env["XDG_RUNTIME_DIR"];
  const found = path === undefined ? runtime && `${runtime}/bus` : unescaped(path);
  return found && found.startsWith("/") && exists(found) ? found : undefined;
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
