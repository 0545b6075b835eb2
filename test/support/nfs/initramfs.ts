/** Writes the archive from which a Linux kernel fills its first file system: the "newc" format of cpio. */

export interface Entry {
  path: string;
  /** With the type of the file, as `stat` tells it. */
  mode: number;
  content?: Buffer;
}

export const DIRECTORY = 0o040_755;
export const PROGRAM = 0o100_755;
export const FILE = 0o100_644;

/** Folders come before what is in them. */
export function initramfs(entries: readonly Entry[]): Buffer {
  const end: Entry = { path: 'TRAILER!!!', mode: 0 };
  return Buffer.concat([...entries, end].flatMap(record));
}

function record({ path, mode, content = Buffer.alloc(0) }: Entry, index: number): Buffer[] {
  const name = Buffer.from(`${path}\0`);
  const links = 1;
  // Inode, mode, owner, group, links, time, size, four numbers of devices, length of the name, no checksum.
  const numbers = [index + 1, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = `070701${numbers.map((number) => number.toString(16).padStart(8, '0')).join('')}`;
  return [padded(Buffer.concat([Buffer.from(header), name])), padded(content)];
}

/** Each part begins at a multiple of four. */
function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
