/** The changes of one layer as a layer of an image (OCI image spec, layer.md). As root of the user namespace. */
import { attributeNames } from "../ffi/file_copy.ts";
import { attribute, type ByteString, type FileStatus, statusAt } from "../ffi/files.ts";
import { TreeArchiver } from "./export_tree.ts";
import { mergedNames, type Source } from "./merged_tree.ts";

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";

/** Archives one directory, the upper one of an overlay: what it hides becomes whiteouts. */
export class ChangeArchiver extends TreeArchiver {
  protected override names(sources: readonly Source[], path: ByteString) {
    const names = mergedNames(sources);
    const [top] = sources;
    const status = top && statusAt(top.fd, "");
    if (top && status && hidesAll(top.fd) && !names.has(OPAQUE)) {
      this.#mark(`${path}${OPAQUE}`, status);
    }
    if (this.options.fuse) return names;
    // A file of the container's own of such a name would hide something.
    for (const name of names.keys()) if (name.startsWith(WHITEOUT)) names.delete(name);
    return names;
  }

  protected override whiteout(path: ByteString, name: ByteString, status: FileStatus): void {
    this.#mark(`${path}${WHITEOUT}${name}`, status);
  }

  #mark(name: ByteString, { mtime }: FileStatus): void {
    this.member({ kind: "file", name, mode: 0o600, uid: 0, gid: 0, mtime, size: 0 });
  }
}

/** Overlayfs and fuse-overlayfs each have their own way to say that a directory hides what is below it. */
function hidesAll(fd: number): boolean {
  const names = attributeNames(fd);
  return ["user.overlay.opaque", "user.fuseoverlayfs.opaque"]
    .some((name) => names.includes(name) && attribute(fd, name)?.[0] === 0x79); // "y"
}
