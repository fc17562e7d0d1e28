/** Bytes to read from: paths in Node, URLs, blobs and buffers. Nothing is imported: a bundle for browsers stays free of Node. */
import { TfgError } from "./errors.ts";

/** A file of known size, read in parts. */
export interface ByteSource {
  readonly name: string;
  readonly size: number;
  /** The bytes from `from` up to `to`, which lie inside the file; a copy or a view that nobody else writes. */
  read(from: number, to: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Where bytes can come from; a string is a path in Node and a URL elsewhere. */
export type FileSource = string | URL | Blob | ArrayBuffer | ArrayBufferView | ReadableStream<Uint8Array>;

/** Files by name, for checkpoints that are not on a disk or a server. */
export type FileSet = ReadonlyMap<string, FileSource> | Readonly<Record<string, FileSource>>;
export type WeightsSource = FileSource | FileSet;

export function isFileSet(from: WeightsSource): from is FileSet {
  if (from instanceof Map) return true;
  return typeof from === "object" && Object.getPrototypeOf(from) === Object.prototype;
}

interface NodeModules {
  "node:fs/promises": {
    stat(path: string | URL): Promise<{ readonly size: number; isFile(): boolean; isDirectory(): boolean }>;
    open(path: string | URL): Promise<{
      read(into: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
      close(): Promise<void>;
    }>;
  };
  "node:zlib": { inflateRawSync(bytes: Uint8Array): Uint8Array<ArrayBuffer> };
}

/** A module of Node, or undefined where there is none (Node 22.3 and later have `getBuiltinModule`). */
export function nodeModule<M extends keyof NodeModules>(name: M): NodeModules[M] | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(id: M): NodeModules[M] } };
  return process?.getBuiltinModule?.(name);
}

export const truncated = (name: string, what: string): TfgError =>
  new TfgError("TFG0702", `"${name}" is truncated or altered: ${what}`);

async function openPath(fs: NodeModules["node:fs/promises"], name: string, path: string | URL): Promise<ByteSource> {
  const stat = await fs.stat(path);
  if (!stat.isFile()) throw new Error(stat.isDirectory() ? "it is a folder" : "it is no file");
  const read: ByteSource["read"] = async (from, to) => {
    const bytes = new Uint8Array(to - from);
    const handle = await fs.open(path);
    try {
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, from);
      if (bytesRead < bytes.length) throw truncated(name, `it ends before byte ${to}`);
    } finally {
      await handle.close();
    }
    return bytes;
  };
  return { name, size: stat.size, read };
}

function inMemory(name: string, bytes: Uint8Array<ArrayBuffer>): ByteSource {
  return { name, size: bytes.length, read: async (from, to) => bytes.subarray(from, to) };
}

/** Opens a file. Throws TFG0601 where it cannot be read. */
export async function openFile(
  from: FileSource,
  name = typeof from === "string" || from instanceof URL ? String(from) : "weights",
): Promise<ByteSource> {
  if (from instanceof Blob) {
    const read = async (start: number, end: number) => new Uint8Array(await from.slice(start, end).arrayBuffer());
    return { name, size: from.size, read };
  }
  if (from instanceof ArrayBuffer) return inMemory(name, new Uint8Array(from));
  if (ArrayBuffer.isView(from))
    return inMemory(name, new Uint8Array(from.buffer, from.byteOffset, from.byteLength).slice());
  try {
    const fs = nodeModule("node:fs/promises");
    const isStream = from instanceof ReadableStream;
    if (fs && !isStream && !/^(https?|data|blob):/.test(name))
      return await openPath(fs, name, name.startsWith("file:") ? new URL(name) : name);
    const response = isStream ? new Response(from) : await fetch(from);
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    return inMemory(name, new Uint8Array(await response.arrayBuffer()));
  } catch (cause) {
    throw new TfgError("TFG0601", `cannot read "${name}": ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}
