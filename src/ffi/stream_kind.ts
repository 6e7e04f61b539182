/** What a descriptor is beyond its file type: whether it is anything more than a stream of bytes. */
import { address, raw } from "./libc.ts";

const PIPEFS_MAGIC = 0x50495045;
const SOCKFS_MAGIC = 0x534f434b;
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_DOMAIN = 39;
const AF_UNIX = 1;
const SOCK_STREAM = 1;

/**
 * Whether the descriptor is a pipe without a name or a connected local stream: whoever has it can read or
 * write, and no more.
 *
 * A pipe with a name is a file, whose mode and owner can be changed. An internet or datagram socket can be
 * disconnected and connected anew, from the network it was made in.
 */
export function isBareStream(fd: number): boolean {
  const type = fileSystemOf(fd);
  if (type === PIPEFS_MAGIC) return true;
  return type === SOCKFS_MAGIC && socketOption(fd, SO_DOMAIN) === AF_UNIX &&
    socketOption(fd, SO_TYPE) === SOCK_STREAM;
}

function fileSystemOf(fd: number): number | undefined {
  // struct statfs of 64-bit machines: the type is its first word. Of a size that does not move.
  const words = new Uint32Array(1024);
  return raw("fstatfs", fd, address(words)) < 0 ? undefined : words[0];
}

function socketOption(fd: number, option: number): number | undefined {
  const words = new Uint32Array(1024);
  words[1] = 4;
  const [value, size] = [address(words), address(words) + 4];
  return raw("getsockopt", fd, SOL_SOCKET, option, value, size) < 0 ? undefined : words[0];
}
