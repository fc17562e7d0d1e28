/** Safetensors: eight bytes of header length, a JSON header, then the tensors' bytes without gaps. */
import type { DType } from "./abi.ts";
import { TfgError } from "./errors.ts";
import { type ByteSource, isFileSet, openFile, truncated, type WeightsSource } from "./files.ts";
import type { StoredTensor, Weights } from "./restore.ts";

const sizes: Record<string, number> = {
  F64: 8, I64: 8, U64: 8, F32: 4, I32: 4, U32: 4, F16: 2, BF16: 2, I16: 2, U16: 2, I8: 1, U8: 1, BOOL: 1, F8_E4M3: 1, F8_E5M2: 1,
};

/** No header of an honest file is longer. */
const longestHeader = 100e6;

/** Throws for a key that an object of the JSON `text` has twice; `JSON.parse` would drop the first without a word. */
function refuseTwins(text: string, refuse: (why: string) => TfgError): void {
  const keys: Set<string>[] = [];
  for (const match of text.matchAll(/("(?:[^"\\]|\\.)*")\s*(:?)|[{}]/g)) {
    const [token, key, colon] = match;
    if (token === "{") keys.push(new Set());
    else if (token === "}") keys.pop();
    else if (key && colon) {
      const name = String(JSON.parse(key));
      if (keys.at(-1)?.has(name)) throw refuse(`it names "${name}" twice`);
      keys.at(-1)?.add(name);
    }
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Reads the header and checks all of it. Throws TFG0702 for a truncated file, TFG0703 for a header that lies. */
export async function readSafetensors(file: ByteSource): Promise<Weights> {
  const refuse = (why: string): TfgError => new TfgError("TFG0703", `"${file.name}" has a header that cannot be trusted: ${why}`);
  if (file.size < 8) throw truncated(file.name, `${file.size} bytes are no safetensors file`);
  const start = await file.read(0, Math.min(9, file.size));
  const length = Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true));
  if (length > longestHeader) throw refuse(`it claims to be ${length} bytes long`);
  const begin = 8 + length;
  if (begin > file.size) {
    if ((start[8] ?? 0x7b) === 0x7b) throw truncated(file.name, `its header ends at byte ${begin}, the file at ${file.size}`);
    throw refuse(`it claims ${length} bytes of ${file.size}`);
  }
  let header: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await file.read(8, begin));
    header = JSON.parse(text);
    refuseTwins(text, refuse);
  } catch (cause) {
    if (cause instanceof TfgError) throw cause;
    throw refuse("it is not JSON");
  }
  if (!isRecord(header)) throw refuse("it is not an object");
  const tensors = new Map<string, StoredTensor>();
  const ranges: (readonly [from: number, to: number, name: string])[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") {
      if (!isRecord(entry) || Object.values(entry).some((value) => typeof value !== "string")) throw refuse("its metadata are not strings");
      continue;
    }
    if (!isRecord(entry)) throw refuse(`"${name}" is not described`);
    const { dtype, shape, data_offsets: offsets } = entry;
    const size = typeof dtype === "string" && Object.hasOwn(sizes, dtype) ? sizes[dtype] : undefined;
    if (typeof dtype !== "string" || size === undefined) throw refuse(`"${name}" has the unknown dtype ${JSON.stringify(dtype)}`);
    if (!Array.isArray(shape) || !shape.every(isCount)) throw refuse(`"${name}" has the shape ${JSON.stringify(shape)}`);
    if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) throw refuse(`"${name}" has the offsets ${JSON.stringify(offsets)}`);
    const [from, to] = offsets as [number, number];
    const bytes = shape.reduce((a: number, b: number) => a * b, size);
    if (!isCount(bytes) || to - from !== bytes) throw refuse(`"${name}" takes ${bytes} bytes by its shape, ${to - from} by its offsets`);
    ranges.push([from, to, name]);
    tensors.set(name, { dtype: dtype.toLowerCase(), shape, read: async () => file.read(begin + from, begin + to) });
  }
  ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let end = 0;
  for (const [from, to, name] of ranges) {
    if (from !== end) throw refuse(`"${name}" ${from < end ? "overlaps another tensor" : "leaves a gap before it"}`);
    end = to;
  }
  if (begin + end > file.size) throw truncated(file.name, `its tensors end at byte ${begin + end}, the file at ${file.size}`);
  if (begin + end < file.size) throw refuse(`${file.size - begin - end} bytes behind the last tensor are not described`);
  return { name: file.name, format: "safetensors", tensors };
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
  const sizeOf = (tensor: WritableTensor): number => sizes[tensor.dtype.toUpperCase()] ?? 1;
  const sorted = [...tensors].sort((a, b) => sizeOf(b) - sizeOf(a) || (a.name < b.name ? -1 : 1));
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
