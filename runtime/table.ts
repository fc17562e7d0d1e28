/** Tables of LevelDB, as TensorFlow uses them: sorted keys and values in blocks, an index of blocks, a footer. */
import type { ByteSource } from "./files.ts";
import {
  cursorOf,
  isAtEnd,
  MalformedError,
  maskedCrc,
  takeBytes,
  takeU32,
  takeVarint,
  textOf,
  unsnappy,
} from "./wire.ts";

const footerSize = 48;
const magic = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];

/** Whether the file ends as a table does. */
export async function isTable(file: ByteSource): Promise<boolean> {
  if (file.size < footerSize) return false;
  const end = await file.read(file.size - 8, file.size);
  return magic.every((byte, i) => end[i] === byte);
}

/** Keys are text, one character a byte: those of partitioned variables are binary. */
export type Table = Map<string, Uint8Array<ArrayBuffer>>;

/** Reads all of a table. Throws MalformedError, also for a crc that does not agree. */
export async function readTable(file: ByteSource): Promise<Table> {
  if (!(await isTable(file))) throw new MalformedError("it does not end as a table does");
  const bytes = await file.read(0, file.size);
  const footer = cursorOf(bytes, bytes.length - footerSize);
  // The handle of the meta index, which TensorFlow leaves empty.
  takeVarint(footer);
  takeVarint(footer);
  const block = (offset: number, size: number): Uint8Array<ArrayBuffer> => {
    if (offset < 0 || offset > bytes.length) throw new MalformedError(`a block lies at byte ${offset}`);
    const cursor = cursorOf(bytes, offset);
    const content = takeBytes(cursor, size);
    const [compression] = takeBytes(cursor, 1);
    if (maskedCrc(bytes.subarray(offset, offset + size + 1)) !== takeU32(cursor))
      throw new MalformedError(`the crc of the block at byte ${offset} does not agree`);
    if (compression === 0) return content;
    if (compression === 1) return unsnappy(content);
    throw new MalformedError(`a block is compressed in the unknown way ${compression}`);
  };
  const table: Table = new Map();
  for (const [, handle] of entriesOf(block(takeVarint(footer), takeVarint(footer)))) {
    const cursor = cursorOf(handle);
    for (const [key, value] of entriesOf(block(takeVarint(cursor), takeVarint(cursor)))) table.set(key, value);
  }
  return table;
}

/** The entries of a block. Each key is a part of the one before it and a rest; the restart points are not needed. */
function* entriesOf(block: Uint8Array<ArrayBuffer>): Generator<[string, Uint8Array<ArrayBuffer>], void> {
  const restarts = takeU32(cursorOf(block, Math.max(0, block.length - 4)));
  const end = block.length - 4 - 4 * restarts;
  if (end < 0) throw new MalformedError(`a block of ${block.length} bytes claims ${restarts} restart points`);
  const cursor = cursorOf(block.subarray(0, end));
  for (let key = ""; !isAtEnd(cursor); ) {
    const shared = takeVarint(cursor);
    const rest = takeVarint(cursor);
    const size = takeVarint(cursor);
    if (shared < 0 || shared > key.length) throw new MalformedError("a key continues one that is shorter");
    key = key.slice(0, shared) + String.fromCharCode(...takeBytes(cursor, rest));
    yield [key, takeBytes(cursor, size)];
  }
}

/** A key as the text that it stands for. */
export const keyText = (key: string): string => textOf(Uint8Array.from(key, (character) => character.charCodeAt(0)));
