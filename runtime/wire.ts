/** The encodings that TensorFlow's files are made of: protocol buffers' wire format, crc32c, snappy. All input is doubted. */

/** Thrown for bytes that end too early or say what cannot be; the reader of the file adds its name. */
export class MalformedError extends Error {}

const malformed = (what: string): MalformedError => new MalformedError(what);

/** Reads on through bytes and never past their end. */
export interface Cursor {
  readonly bytes: Uint8Array<ArrayBuffer>;
  at: number;
}

export const cursorOf = (bytes: Uint8Array<ArrayBuffer>, at = 0): Cursor => ({ bytes, at });

export const isAtEnd = ({ bytes, at }: Cursor): boolean => at >= bytes.length;

export function takeBytes(cursor: Cursor, count: number): Uint8Array<ArrayBuffer> {
  const from = cursor.at;
  if (!(count >= 0 && count <= cursor.bytes.length - from))
    throw malformed(`${count} bytes are promised, ${cursor.bytes.length - from} are left`);
  cursor.at += count;
  return cursor.bytes.subarray(from, cursor.at);
}

/** A variable-length integer as int64. Those that a size or offset can be are exact. */
export function takeVarint(cursor: Cursor): number {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const [byte = 0] = takeBytes(cursor, 1);
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return Number(BigInt.asIntN(64, value));
  }
  throw malformed("an integer is longer than 64 bits");
}

export const takeU32 = (cursor: Cursor): number => {
  const bytes = takeBytes(cursor, 4);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
};

/** A field of a message: an integer, or bytes (a message, a string, packed numbers, a fixed-size number). */
export interface Field {
  readonly number: number;
  readonly value: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export const noBytes = (): Uint8Array<ArrayBuffer> => new Uint8Array(0);

/** The fields of a message in order. */
export function* fieldsOf(message: Uint8Array<ArrayBuffer>): Generator<Field, void> {
  for (const cursor = cursorOf(message); !isAtEnd(cursor); ) {
    const tag = takeVarint(cursor);
    const number = Math.floor(tag / 8);
    const wire = tag & 7;
    if (wire === 0) yield { number, value: takeVarint(cursor), bytes: noBytes() };
    else if (wire === 5) {
      const bytes = takeBytes(cursor, 4);
      yield { number, value: takeU32(cursorOf(bytes)), bytes };
    } else if (wire === 1 || wire === 2)
      yield { number, value: 0, bytes: takeBytes(cursor, wire === 1 ? 8 : takeVarint(cursor)) };
    else throw malformed(`wire type ${wire}`);
  }
}

const decoder = new TextDecoder();
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

let table: Int32Array | undefined;

/** CRC-32C (Castagnoli) of `bytes`. */
export function crc32c(bytes: Uint8Array): number {
  table ??= Int32Array.from({ length: 256 }, (_, n) => {
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0x82f63b78 : n >>> 1;
    return n;
  });
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = (table[(crc ^ (bytes[i] as number)) & 255] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** As files store it: rotated and shifted, so that a crc of data that contains crcs stays a good one. */
export const maskedCrc = (bytes: Uint8Array): number => {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
};

/** Decompresses a raw snappy block. */
export function unsnappy(block: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const cursor = cursorOf(block);
  const size = takeVarint(cursor);
  // A copy of three bytes yields 64 at most.
  if (!(size >= 0 && size <= block.length * 22)) throw malformed(`${block.length} bytes are said to unpack to ${size}`);
  const out = new Uint8Array(size);
  let end = 0;
  const littleEndian = (count: number): number =>
    takeBytes(cursor, count).reduceRight((value, byte) => value * 256 + byte, 0);
  while (!isAtEnd(cursor)) {
    const [tag = 0] = takeBytes(cursor, 1);
    const kind = tag & 3;
    const upper = tag >> 2;
    if (kind === 0) {
      const length = 1 + (upper < 60 ? upper : littleEndian(upper - 59));
      if (end + length > size) throw malformed("more bytes unpack than were promised");
      out.set(takeBytes(cursor, length), end);
      end += length;
      continue;
    }
    const length = kind === 1 ? 4 + (upper & 7) : 1 + upper;
    const offset = kind === 1 ? (upper >> 3) * 256 + littleEndian(1) : littleEndian(kind === 2 ? 2 : 4);
    if (offset === 0 || offset > end || end + length > size)
      throw malformed("a copy reaches outside of what is unpacked");
    // Byte by byte: a copy may overlap what it writes.
    for (const stop = end + length; end < stop; end++) out[end] = out[end - offset] as number;
  }
  if (end !== size) throw malformed(`${end} bytes unpack, ${size} were promised`);
  return out;
}
