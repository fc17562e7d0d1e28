/** Makes weights files for tests, honest and hostile ones, by code of its own. */

/** A safetensors file from the text of its header and its data. */
export function safetensors(
  header: unknown,
  data: Uint8Array = new Uint8Array(0),
  length?: bigint,
): Uint8Array<ArrayBuffer> {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  const bytes = Buffer.from(text);
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(length ?? BigInt(bytes.length));
  return new Uint8Array(Buffer.concat([start, bytes, data]));
}

// ---- protocol buffers --------------------------------------------------------------------------

export function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

export const int = (field: number, value: number | bigint): number[] => [...varint(field * 8), ...varint(value)];
export const message = (field: number, body: readonly number[]): number[] => [
  ...varint(field * 8 + 2),
  ...varint(body.length),
  ...body,
];
export const text = (field: number, value: string): number[] => message(field, [...Buffer.from(value)]);
export const fixed32 = (field: number, value: number): number[] => [...varint(field * 8 + 5), ...u32(value)];
export const u32 = (value: number): number[] => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];

// ---- crc32c, bit by bit ------------------------------------------------------------------------

export function crc(bytes: Iterable<number>): number {
  let state = 0xffffffff;
  for (const byte of bytes) {
    state ^= byte;
    for (let bit = 0; bit < 8; bit++) state = (state >>> 1) ^ (state & 1 ? 0x82f63b78 : 0);
  }
  return ~state >>> 0;
}

export function masked(bytes: Iterable<number>): number {
  const value = crc(bytes);
  return (((value >>> 15) | (value << 17)) + 0xa282ead8) >>> 0;
}

// ---- snappy ------------------------------------------------------------------------------------

/** Compresses greedily with copies of all three kinds, so that a decoder meets them. */
export function snappy(data: readonly number[]): number[] {
  const out = varint(data.length);
  const literal: number[] = [];
  const flush = (): void => {
    while (literal.length) {
      const part = literal.splice(0, 300);
      const length = part.length - 1;
      out.push(
        ...(length < 60 ? [length << 2] : length < 256 ? [60 << 2, length] : [61 << 2, length & 255, length >> 8]),
        ...part,
      );
    }
  };
  for (let at = 0, kind = 0; at < data.length; ) {
    let [best, from] = [0, 0];
    for (let start = Math.max(0, at - 2000); start < at; start++) {
      let length = 0;
      while (length < 60 && at + length < data.length && data[start + length] === data[at + length]) length++;
      if (length > best) [best, from] = [length, start];
    }
    if (best < 4) {
      literal.push(data[at++] as number);
      continue;
    }
    flush();
    const offset = at - from;
    kind = (kind % 3) + 1;
    if (kind === 1 && best <= 11) out.push(1 | ((best - 4) << 2) | ((offset >> 8) << 5), offset & 255);
    else if (kind === 3) out.push(3 | ((best - 1) << 2), ...u32(offset));
    else out.push(2 | ((best - 1) << 2), offset & 255, offset >> 8);
    at += best;
  }
  flush();
  return out;
}

// ---- LevelDB tables ----------------------------------------------------------------------------

export type Entries = readonly (readonly [key: string, value: readonly number[]])[];

const latin = (key: string): number[] => [...Buffer.from(key, "latin1")];

function blockOf(entries: Entries, interval: number): number[] {
  const out: number[] = [];
  const restarts: number[] = [];
  let before: number[] = [];
  entries.forEach(([name, value], i) => {
    const key = latin(name);
    let shared = 0;
    if (i % interval === 0) restarts.push(out.length);
    else while (shared < Math.min(key.length, before.length) && key[shared] === before[shared]) shared++;
    out.push(
      ...varint(shared),
      ...varint(key.length - shared),
      ...varint(value.length),
      ...key.slice(shared),
      ...value,
    );
    before = key;
  });
  return [...out, ...restarts.flatMap(u32), ...u32(restarts.length)];
}

/** A table with `perBlock` entries in a block. */
export function table(
  entries: Entries,
  { perBlock = 3, interval = 2, isSnappy = false } = {},
): Uint8Array<ArrayBuffer> {
  const out: number[] = [];
  const write = (block: number[]): number[] => {
    const content = isSnappy ? snappy(block) : block;
    const at = out.length;
    const typed = [...content, isSnappy ? 1 : 0];
    out.push(...typed, ...u32(masked(typed)));
    return [...varint(at), ...varint(content.length)];
  };
  const index: [string, number[]][] = [];
  for (let i = 0; i < entries.length; i += perBlock) {
    const part = entries.slice(i, i + perBlock);
    index.push([part.at(-1)?.[0] ?? "", write(blockOf(part, interval))]);
  }
  const handles = [...write(blockOf([], 1)), ...write(blockOf(index, 1))];
  while (handles.length < 40) handles.push(0);
  return Uint8Array.from([...out, ...handles, 0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb]);
}

// ---- V2 checkpoints ----------------------------------------------------------------------------

export interface CheckpointTensor {
  readonly name: string;
  /** `DataType` of TensorFlow. */
  readonly type: number;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
  readonly shard?: number;
}

export const bytesOf = (data: ArrayBufferView): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

export const shapeMessage = (shape: readonly number[]): number[] => shape.flatMap((size) => message(2, int(1, size)));

/** The files of a checkpoint by their names. `extra` are further entries of the index. */
export function checkpoint(
  prefix: string,
  tensors: readonly CheckpointTensor[],
  { shards = 1, isSnappy = false, extra = [] as Entries, header = int(1, shards) } = {},
): Map<string, Uint8Array<ArrayBuffer>> {
  const data = Array.from({ length: shards }, (): number[] => []);
  const entries = tensors.map(({ name, type, shape, data: bytes, shard = 0 }): [string, number[]] => {
    const at = data[shard]?.length ?? 0;
    data[shard]?.push(...bytes);
    // As protocol buffers do it, what is 0 is left out.
    const fields = [
      ...int(1, type),
      ...message(2, shapeMessage(shape)),
      ...(shard ? int(3, shard) : []),
      ...(at ? int(4, at) : []),
      ...(bytes.length ? int(5, bytes.length) : []),
      ...fixed32(6, masked(bytes)),
    ];
    return [name, fields];
  });
  const sorted = [["", header] as const, ...entries, ...extra].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const digits = (n: number): string => String(n).padStart(5, "0");
  return new Map([
    [`${prefix}.index`, table(sorted, { isSnappy })],
    ...data.map((bytes, i) => [`${prefix}.data-${digits(i)}-of-${digits(shards)}`, Uint8Array.from(bytes)] as const),
  ]);
}
