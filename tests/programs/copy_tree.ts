/** copy_tree.ts TARGET LAYER...: composes layers, as the worker of the copy driver does; prints the summary. */
import { copyTree } from "../../src/storage/copy_tree.ts";

const [target = "", ...layers] = process.argv.slice(2);
process.stdout.write(JSON.stringify(copyTree(layers, target)));
