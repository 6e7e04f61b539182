/** choose_driver.ts DIRECTORY: asks for overlay there as root of a namespace; prints the driver or the error. */
import { chooseDriver } from "../../src/rootless/drivers/choose_driver.ts";
import { singleMap } from "../../src/rootless/id_map.ts";
import { openUserNamespace } from "../../src/rootless/user_namespace.ts";

const [directory = ""] = process.argv.slice(2);
const userns = openUserNamespace(singleMap(0, 0), directory);
try {
  const { name } = chooseDriver({ userns, directory, runtimeDir: directory, wanted: "overlay" });
  process.stdout.write(name);
} catch (error) {
  process.stdout.write(error instanceof Error ? error.message : String(error));
}
