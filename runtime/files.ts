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

interface Handle {
  stat(): Promise<{ readonly size: number; isFile(): boolean }>;
  read(into: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
  close(): Promise<void>;
}

interface NodeModules {
  "node:fs/promises": { open(path: string | URL): Promise<Handle> };
  "node:zlib": { inflateRawSync(bytes: Uint8Array): Uint8Array<ArrayBuffer> };
}

/** A module of Node, or undefined where there is none (Node 22.3 and later have `getBuiltinModule`). */
export function nodeModule<M extends keyof NodeModules>(name: M): NodeModules[M] | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(id: M): NodeModules[M] } };
  return process?.getBuiltinModule?.(name);
}

export const truncated = (name: string, what: string): TfgError =>
  new TfgError("TFG0702", `"${name}" is truncated or altered: ${what}`);

async function openPath(
  open: (path: string | URL) => Promise<Handle>,
  name: string,
  path: string | URL,
): Promise<ByteSource> {
  const within = async <T>(job: (handle: Handle) => Promise<T>): Promise<T> => {
    const handle = await open(path);
    try {
      return await job(handle);
    } finally {
      await handle.close();
    }
  };
  return within(async (first) => {
    const stat = await first.stat();
    if (!stat.isFile()) throw new Error("not a file");
    return {
      name,
      size: stat.size,
      read: (from, to) =>
        within(async (handle) => {
          const bytes = new Uint8Array(to - from);
          for (let done = 0; done < bytes.length; ) {
            const { bytesRead } = await handle.read(bytes, done, bytes.length - done, from + done);
            if (!bytesRead) throw truncated(name, `it ends before byte ${to}`);
            done += bytesRead;
          }
          return bytes;
        }),
    };
  });
}

function inMemory(name: string, bytes: Uint8Array<ArrayBuffer>): ByteSource {
  return { name, size: bytes.length, read: async (from, to) => bytes.subarray(from, to) };
}

async function download(name: string, stream: ReadableStream<Uint8Array>): Promise<ByteSource> {
  const parts: BlobPart[] = [];
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(new Uint8Array(value));
  }
  return inMemory(name, new Uint8Array(await new Blob(parts).arrayBuffer()));
}

/** Opens a file. Throws TFG0601 where it cannot be read. */
export async function openFile(from: FileSource, name = typeof from === "string" || from instanceof URL ? String(from) : "weights"): Promise<ByteSource> {
  if (from instanceof ArrayBuffer) return inMemory(name, new Uint8Array(from));
  if (ArrayBuffer.isView(from)) return inMemory(name, new Uint8Array(new Uint8Array(from.buffer, from.byteOffset, from.byteLength)));
  if (from instanceof Blob) {
    const read = async (start: number, end: number) => new Uint8Array(await from.slice(start, end).arrayBuffer());
    return { name, size: from.size, read };
  }
  try {
    if (from instanceof ReadableStream) return await download(name, from);
    const fs = nodeModule("node:fs/promises");
    if (fs && !/^(https?|data|blob):/.test(name))
      return await openPath(fs.open, name, /^file:/.test(name) ? new URL(name) : name);
    const response = await fetch(from);
    if (!response.ok || !response.body) throw new Error(`${response.status} ${response.statusText}`);
    return await download(name, response.body);
  } catch (cause) {
    throw new TfgError("TFG0601", `cannot read "${name}": ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}
