/**
 * TensorFlow's V2 checkpoints ("tensor bundles"): PREFIX.index is a table of names to what and where, the tensors'
 * bytes lie in PREFIX.data-00000-of-0000N. See tensorflow/core/protobuf/tensor_bundle.proto.
 */
import { TfgError } from "./errors.ts";
import { type ByteSource, truncated } from "./files.ts";
import type { StoredTensor, Weights } from "./restore.ts";
import { keyText, readTable, type Table } from "./table.ts";
import {
  cursorOf,
  type Field,
  fieldsOf,
  MalformedError,
  maskedCrc,
  noBytes,
  takeBytes,
  takeVarint,
  textOf,
} from "./wire.ts";

/** Opens a file beside the index; undefined where there is none. */
export type OpenFile = (name: string) => Promise<ByteSource | undefined>;

/** `DataType` of TensorFlow: our name and the bytes of an element. */
const dtypes: Readonly<Record<number, readonly [name: string, bytes: number]>> = {
  1: ["f32", 4],
  2: ["f64", 8],
  3: ["i32", 4],
  4: ["u8", 1],
  5: ["i16", 2],
  6: ["i8", 1],
  7: ["string", 0],
  8: ["complex64", 8],
  9: ["i64", 8],
  10: ["bool", 1],
  14: ["bf16", 2],
  17: ["u16", 2],
  18: ["complex128", 16],
  19: ["f16", 2],
  20: ["resource", 0],
  21: ["variant", 0],
  22: ["u32", 4],
  23: ["u64", 8],
};

/** A part of a partitioned variable: where it starts and how much there is of it along each axis. */
interface Slice {
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  /** The sizes as the file has them: -1 stands for the whole axis. */
  readonly lengths: readonly number[];
}

interface BundleEntry {
  readonly dtype: string;
  readonly width: number;
  readonly shape: readonly number[];
  readonly shard: number;
  readonly offset: number;
  readonly size: number;
  readonly crc: number;
  /** Of a partitioned variable; each has an entry of its own. */
  readonly slices: readonly Slice[];
}

const elementsOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

const fieldsBy = (message: Uint8Array<ArrayBuffer>, number: number): Field[] =>
  [...fieldsOf(message)].filter((field) => field.number === number);
const valueOf = (message: Uint8Array<ArrayBuffer>, number: number): number =>
  fieldsBy(message, number).at(-1)?.value ?? 0;

function shapeOf(message: Uint8Array<ArrayBuffer>): number[] {
  const shape = fieldsBy(message, 2).map((dim) => valueOf(dim.bytes, 1));
  if (shape.some((size) => size < 0) || !Number.isSafeInteger(elementsOf(shape)))
    throw new MalformedError(`the shape [${shape.join(", ")}]`);
  return shape;
}

function sliceOf(message: Uint8Array<ArrayBuffer>, shape: readonly number[]): Slice {
  const extents = fieldsBy(message, 1).map(({ bytes }) => bytes);
  const starts = extents.map((extent) => valueOf(extent, 1));
  const lengths = extents.map((extent) => fieldsBy(extent, 2)[0]?.value ?? -1);
  const sizes = lengths.map((length, i) => (length < 0 ? Number(shape[i]) : length));
  const isInside = shape.every(
    (size, i) => Number(starts[i]) >= 0 && Number(sizes[i]) >= 0 && Number(starts[i]) + Number(sizes[i]) <= size,
  );
  if (starts.length !== shape.length || !isInside)
    throw new MalformedError(`the slice [${starts}] + [${sizes}] of [${shape}]`);
  return { starts, sizes, lengths };
}

function entryOf(message: Uint8Array<ArrayBuffer>): BundleEntry {
  // A value that is a reference has 100 added.
  const type = valueOf(message, 1) % 100;
  const [dtype, width] = dtypes[type] ?? [`type ${type}`, 0];
  const shape = fieldsBy(message, 2).flatMap(({ bytes }) => shapeOf(bytes));
  return {
    dtype,
    width,
    shape,
    shard: valueOf(message, 3),
    offset: valueOf(message, 4),
    size: valueOf(message, 5),
    crc: valueOf(message, 6),
    slices: fieldsBy(message, 7).map(({ bytes }) => sliceOf(bytes, shape)),
  };
}

/** The key of a slice: "ordered code" of 0, the name, the rank, and start and length along each axis. */
export function sliceKey(name: string, { starts, lengths }: Pick<Slice, "starts" | "lengths">): string {
  const escaped = Array.from(new TextEncoder().encode(name), (byte) =>
    byte === 0 ? [0, 255] : byte === 255 ? [255, 0] : [byte],
  );
  const signed = (value: number): number[] => {
    if (value < 0) return [0x7f];
    // Seven bits a byte behind the number of bytes in unary, so that bytes are in the order of what they stand for.
    const count = Math.floor(value.toString(2).length / 7) + 1;
    const code = Array.from({ length: count }, (_, i) => Math.floor(value / 256 ** (count - 1 - i)) % 256);
    code[0] = Number(code[0]) | ((0xff00 >> count) & 255);
    return code;
  };
  const rank = starts.length ? [1, starts.length] : [0];
  const axes = starts.flatMap((start, i) => [...signed(start), ...signed(Number(lengths[i]))]);
  return String.fromCharCode(0, ...escaped.flat(), 0, 1, ...rank, ...axes);
}

const suffix = "/.ATTRIBUTES/VARIABLE_VALUE";

/** The readable part of a key of an object graph: `a.Sb` there is a `/` in a name, `..` a dot. */
const readable = (key: string): string =>
  key.endsWith(suffix)
    ? key.slice(0, -suffix.length).replace(/\.(S|\.)/g, (_, code) => (code === "S" ? "/" : "."))
    : key;

/** Copies a part into the whole, row by row. */
function place(
  whole: Uint8Array,
  shape: readonly number[],
  part: Uint8Array,
  { starts, sizes }: Slice,
  width: number,
): void {
  const row = (sizes.at(-1) ?? 1) * width;
  const rows = row && part.length / row;
  for (let r = 0; r < rows; r++) {
    let [rest, at, stride] = [r, (starts.at(-1) ?? 0) * width, (shape.at(-1) ?? 1) * width];
    for (let axis = shape.length - 2; axis >= 0; axis--) {
      const size = Number(sizes[axis]);
      at += (Number(starts[axis]) + (rest % size)) * stride;
      rest = Math.floor(rest / size);
      stride *= Number(shape[axis]);
    }
    whole.set(part.subarray(r * row, (r + 1) * row), at);
  }
}

/** Opens the checkpoint whose index is `index`; its data files are found by `open`. */
export async function readCheckpoint(index: ByteSource, open: OpenFile): Promise<Weights> {
  const prefix = index.name.replace(/\.index$/, "");
  /** Adds the name of the file to what was found wrong in it. */
  const guard = async <T>(file: ByteSource, job: () => T | Promise<T>): Promise<T> => {
    try {
      return await job();
    } catch (error) {
      throw error instanceof MalformedError ? truncated(file.name, error.message) : error;
    }
  };
  const refuse = (why: string): TfgError => new TfgError("TFG0703", `"${index.name}" cannot be trusted: ${why}`);
  const table: Table = await guard(index, () => readTable(index));
  const header = table.get("");
  if (!header) throw truncated(index.name, "it has no header");
  const [first] = await guard(index, () => [...fieldsOf(header)]);
  if (first?.number === 1 && first.bytes.length)
    throw new TfgError("TFG0702", `"${index.name}" is a V1 (TensorSlice) checkpoint; save it again in the V2 format`);
  const [shards, endianness] = await guard(index, () => [valueOf(header, 1), valueOf(header, 2)]);
  if (endianness) throw new TfgError("TFG0702", `"${index.name}" was written on a big-endian machine`);

  const entries = await guard(
    index,
    () => new Map(Array.from(table, ([key, value]) => [key, key ? entryOf(value) : undefined])),
  );
  const files = new Map<number, ByteSource>();
  for (const [key, entry] of entries) {
    if (!entry || entry.slices.length) continue;
    const { shard, offset, size, width, shape, dtype } = entry;
    const name = keyText(key);
    if (!(shard >= 0 && shard < shards)) throw refuse(`"${name}" lies in file ${shard} of ${shards}`);
    // A slice's entry has the shape of the slice.
    if (width && size !== elementsOf(shape) * width)
      throw refuse(`"${name}" is ${dtype}[${shape.join(", ")}] in ${size} bytes`);
    const digits = (n: number): string => String(n).padStart(5, "0");
    const path = `${prefix}.data-${digits(shard)}-of-${digits(shards)}`;
    const file = files.get(shard) ?? (await open(path));
    if (!file) throw new TfgError("TFG0704", `the data file "${path}" of the checkpoint is missing`);
    files.set(shard, file);
    if (!(offset >= 0 && size >= 0 && offset + size <= file.size))
      throw truncated(file.name, `"${name}" ends at byte ${offset + size}, the file at ${file.size}`);
  }

  const readEntry = async (
    name: string,
    { shard, offset, size, crc, dtype }: BundleEntry,
  ): Promise<Uint8Array<ArrayBuffer>> => {
    const file = files.get(shard);
    if (!file) throw refuse(`"${name}" lies in no file`);
    const bytes = await file.read(offset, offset + size);
    if (dtype !== "string" && maskedCrc(bytes) !== crc)
      throw truncated(file.name, `the crc of "${name}" does not agree`);
    return bytes;
  };
  const readSlices = async (name: string, { slices, shape, width }: BundleEntry): Promise<Uint8Array<ArrayBuffer>> => {
    const whole = new Uint8Array(elementsOf(shape) * width);
    let count = 0;
    for (const slice of slices) {
      const part = entries.get(sliceKey(name, slice));
      if (!part || part.shape.join() !== slice.sizes.join() || part.width !== width)
        throw refuse(`"${name}" lacks its part at [${slice.starts}]`);
      place(whole, shape, await readEntry(name, part), slice, width);
      count += elementsOf(slice.sizes);
    }
    if (count !== elementsOf(shape))
      throw refuse(`the parts of "${name}" have ${count} elements of ${elementsOf(shape)}`);
    return whole;
  };

  const tensors = new Map<string, StoredTensor>();
  for (const [key, entry] of entries) {
    // Keys that begin with a zero are parts.
    if (!entry || key.charCodeAt(0) === 0) continue;
    const name = keyText(key);
    tensors.set(readable(name), {
      dtype: entry.dtype,
      shape: entry.shape,
      read: () => (entry.slices.length ? readSlices(name, entry) : readEntry(name, entry)),
    });
  }
  const graph = tensors.get(objectGraph);
  const aliases = graph ? await guard(index, async () => namesOf(await graph.read())) : new Map<string, string>();
  return { name: prefix, format: "tensorflow-v2", tensors, aliases };
}

const objectGraph = "_CHECKPOINTABLE_OBJECT_GRAPH";

/** The names that variables had in the program, by the object graph that TF 2 saves as a string. */
function namesOf(bytes: Uint8Array<ArrayBuffer>): Map<string, string> {
  const cursor = cursorOf(bytes);
  const size = takeVarint(cursor);
  // The crc of the lengths lies between them and the text.
  takeBytes(cursor, 4);
  const names = new Map<string, string>();
  const ambiguous = new Set<string>();
  for (const node of fieldsBy(takeBytes(cursor, size), 1))
    for (const attribute of fieldsBy(node.bytes, 2)) {
      const [full = "", key = ""] = [2, 3].map((number) =>
        textOf(fieldsBy(attribute.bytes, number).at(-1)?.bytes ?? noBytes()),
      );
      if (names.has(full) && names.get(full) !== readable(key)) ambiguous.add(full);
      names.set(full, readable(key));
    }
  for (const name of ambiguous) names.delete(name);
  return names;
}
