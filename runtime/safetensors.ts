/** Safetensors: eight bytes of header length, a JSON header, then the tensors' bytes without gaps. */
import type { DType } from "./abi.ts";
import { TfgError } from "./errors.ts";
import { type ByteSource, isFileSet, openFile, truncated, type WeightsSource } from "./files.ts";
import type { StoredTensor, Weights } from "./restore.ts";

/** Bytes of an element. */
const sizeOf = (dtype: unknown): number =>
  dtype === "BOOL" ? 1 : Number(/^(?:BF|F|I|U)(8|16|32|64)(?:_E\dM\d)?$/.exec(String(dtype))?.[1] ?? 0) / 8;

/** No header of an honest file is longer. */
const longestHeader = 100e6;

/** The key that an object of the JSON `text` has twice; `JSON.parse` would drop the first without a word. */
function twinOf(text: string): string | undefined {
  const keys: Set<string>[] = [];
  for (const [token, key, colon] of text.matchAll(/("(?:[^"\\]|\\.)*")\s*(:?)|[{}]/g)) {
    if (token === "{") keys.push(new Set());
    else if (token === "}") keys.pop();
    else if (key && colon) {
      const name: string = JSON.parse(key);
      if (keys.at(-1)?.has(name)) return name;
      keys.at(-1)?.add(name);
    }
  }
  return undefined;
}

const areCounts = (values: unknown): values is number[] =>
  Array.isArray(values) && values.every((value) => Number.isSafeInteger(value) && value >= 0);

/** Reads the header and checks all of it. Throws TFG0702 for a truncated file, TFG0703 for a header that lies. */
export async function readSafetensors(file: ByteSource): Promise<Weights> {
  const { name: fileName, size } = file;
  const check: (holds: unknown, why: string) => asserts holds = (holds, why) => {
    if (!holds) throw new TfgError("TFG0703", `"${fileName}" has a header that cannot be trusted: ${why}`);
  };
  if (size < 8) throw truncated(fileName, `${size} bytes are no safetensors file`);
  const start = await file.read(0, Math.min(9, size));
  const length = Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true));
  const begin = 8 + length;
  // A file that goes on as JSON may well have been cut off.
  check(
    length <= longestHeader && (begin <= size || (start[8] ?? 123) === 123),
    `it claims to be ${length} bytes long`,
  );
  if (begin > size) throw truncated(fileName, `its header ends at byte ${begin}, the file at ${size}`);
  let text = "";
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await file.read(8, begin));
    header = JSON.parse(text);
  } catch {
    check(false, "it is not JSON");
  }
  check(typeof header === "object" && header && !Array.isArray(header), "it is not an object");
  const twin = twinOf(text);
  check(twin === undefined, `it names "${twin}" twice`);
  const tensors = new Map<string, StoredTensor>();
  const metadata: Record<string, string> = Object.create(null);
  const ranges: (readonly [from: number, to: number, name: string])[] = [];
  for (const [name, entry] of Object.entries(header)) {
    const { dtype, shape, data_offsets: offsets } = Object(entry) as Record<string, unknown>;
    if (name === "__metadata__") {
      const isText = Object.values(Object(entry)).every((value) => typeof value === "string");
      check(isText && typeof entry === "object", "its metadata are not strings");
      Object.assign(metadata, entry);
      continue;
    }
    const width = sizeOf(dtype);
    check(width, `"${name}" has the unknown dtype ${JSON.stringify(dtype)}`);
    const [from, to] = areCounts(offsets) && offsets.length === 2 ? (offsets as [number, number]) : [0, -1];
    const fits = areCounts(shape) && shape.reduce((a, b) => a * b, width) === to - from;
    check(fits, `"${name}" is ${dtype}${JSON.stringify(shape)} at ${JSON.stringify(offsets)}`);
    ranges.push([from, to, name]);
    tensors.set(name, { dtype: String(dtype).toLowerCase(), shape, read: () => file.read(begin + from, begin + to) });
  }
  let end = 0;
  for (const [from, to, name] of ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    check(from === end, `"${name}" begins at byte ${from} of the data, not at ${end}`);
    end = to;
  }
  end += begin;
  if (end > size) throw truncated(fileName, `its tensors end at byte ${end}, the file at ${size}`);
  check(end === size, `${size - end} bytes behind the last tensor are not described`);
  return { name: fileName, format: "safetensors", tensors, metadata };
}

/** The reader of a module that carries no other. */
export async function readSafetensorsFrom(from: WeightsSource): Promise<Weights> {
  if (isFileSet(from)) throw new TfgError("TFG0601", "this module reads one safetensors file, not a set of files");
  return readSafetensors(await openFile(from));
}

/** A tensor to be written; `data` holds elements of `dtype`. */
export interface WritableTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView<ArrayBuffer>;
}

/** A safetensors file: wide elements first, so that all are aligned, then by name. */
export function writeSafetensors(tensors: Iterable<WritableTensor>, metadata?: Readonly<Record<string, string>>): Blob {
  const widthOf = ({ dtype }: WritableTensor): number => sizeOf(dtype.toUpperCase());
  const sorted = [...tensors].sort((a, b) => widthOf(b) - widthOf(a) || (a.name < b.name ? -1 : 1));
  let end = 0;
  const entries = sorted.map(({ name, dtype, shape, data }) => {
    const from = end;
    end += data.byteLength;
    return [name, { dtype: dtype.toUpperCase(), shape, data_offsets: [from, end] }];
  });
  const header = JSON.stringify(Object.fromEntries(metadata ? [["__metadata__", metadata], ...entries] : entries));
  const bytes = new TextEncoder().encode(header);
  const length = Math.ceil(bytes.length / 8) * 8;
  const start = new Uint8Array(8 + length).fill(0x20, 8);
  new DataView(start.buffer).setBigUint64(0, BigInt(length), true);
  start.set(bytes, 8);
  return new Blob([start, ...sorted.map(({ data }) => data)]);
}
