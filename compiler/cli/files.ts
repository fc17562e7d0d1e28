/** The files that the commands read and write. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { chmod, mkdir, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import { type SourceFile, sourceFile } from "../../grammar/source.ts";
import { TfgError } from "../../runtime/errors.ts";

/** A source, or the message why there is none (TFG0601). */
export type Source = { readonly file: SourceFile } | { readonly problem: Diagnostic };

/** More than a program has; what is longer was not meant for the compiler, and would keep it busy for minutes. */
const longestSource = 4 * 2 ** 20;

/** Read at once: to wait would be to start Node's pool of threads, which costs more than reading a source. */
export async function readSource(path: string): Promise<Source> {
  return readFrom(path, () => readBytes(path));
}

/** The text of an imported file; undefined if it cannot be read. */
export function readImported(path: string): string | undefined {
  try {
    return textOf(readBytes(path));
  } catch {
    return undefined;
  }
}

function readBytes(path: string): Uint8Array {
  const status = statSync(path);
  // Opening a pipe waits for a writer, reading a device may never end.
  if (!status.isFile() && !status.isDirectory()) throw new Error("it is a pipe or a device, not a file");
  refuseLong(status.size);
  return readFileSync(path);
}

const textOf = (bytes: Uint8Array): string => new TextDecoder("utf-8", { fatal: true }).decode(bytes);

function refuseLong(size: number): void {
  if (size > longestSource) throw new Error(`it has ${size} bytes, and a source at most ${longestSource}`);
}

export async function readStandardInput(): Promise<Source> {
  return readFrom("<stdin>", () => buffer(process.stdin));
}

async function readFrom(path: string, read: () => Uint8Array | Promise<Uint8Array>): Promise<Source> {
  try {
    const bytes = await read();
    refuseLong(bytes.length);
    return { file: sourceFile(path, textOf(bytes)) };
  } catch (error) {
    return { problem: unreadable(path, reasonOf(error)) };
  }
}

function unreadable(path: string, reason: string): Diagnostic {
  const span = { file: sourceFile(path, ""), start: 0, end: 0 };
  return {
    code: "TFG0601",
    severity: "error",
    message: `cannot read "${path}": ${reason}`,
    primary: { span, text: "" },
    related: [],
    notes: [],
    helps: [],
  };
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is not a folder",
  EEXIST: "a part of the path is not a folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "nothing can be written there",
  ENOSPC: "no space is left",
  ELOOP: "it is a link that leads to itself",
  ERR_ENCODING_INVALID_ENCODED_DATA: "it is not UTF-8 text",
};

/** What went wrong with a file, in words where the system has only a code. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return reasons[codeOf(error)] ?? error.message;
}

const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "");

/** `models/lenet.tfg` -> `lenet`. */
export const stemOf = (path: string): string => basename(path).replace(/\.tfg$/, "");

/** Writes a file and the folders above it. Throws TFG0601 where it cannot. */
export async function writeOutput(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await makeFolder(dirname(path));
    await writeFile(path, content);
  } catch (error) {
    // Of a new file the system misses nothing but the folder, and that is one which takes no files.
    const reason = codeOf(error) === "ENOENT" ? reasons.EROFS : reasonOf(error);
    throw new TfgError("TFG0601", `cannot write "${path}": ${reason}`, { cause: error });
  }
}

/**
 * Writes a file that exists, at once: another process sees the old text or the new one, and so does the user after a
 * crash. A link stays a link, and who may read the file stays the same. Throws TFG0601 where it cannot.
 */
export async function replaceFile(path: string, content: string): Promise<void> {
  try {
    const target = await realpath(path);
    const { mode } = await stat(target);
    const beside = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`);
    try {
      await writeFile(beside, content, { mode, flush: true });
      // The mode that a file is made with is cut by the process's mask.
      await chmod(beside, mode);
      await rename(beside, target);
    } finally {
      await rm(beside, { force: true });
    }
  } catch (error) {
    throw new TfgError("TFG0601", `cannot write "${path}": ${reasonOf(error)}`, { cause: error });
  }
}

/** Makes a folder and those above it. Node's own `recursive` does not return where folders cannot be made, as in /proc. */
async function makeFolder(path: string): Promise<void> {
  if (existsSync(path)) return;
  if (dirname(path) !== path) await makeFolder(dirname(path));
  // Another process may make it at the same time.
  await mkdir(path).catch((error: unknown) => {
    if (!existsSync(path)) throw error;
  });
}
