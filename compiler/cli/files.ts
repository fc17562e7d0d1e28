/** The files that the commands read and write. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import { type SourceFile, sourceFile } from "../../grammar/source.ts";

/** A source, or the message why there is none (TFG0601). */
export type Source = { readonly file: SourceFile } | { readonly problem: Diagnostic };

export async function readSource(path: string): Promise<Source> {
  try {
    const bytes = await readFile(path);
    return { file: sourceFile(path, new TextDecoder("utf-8", { fatal: true }).decode(bytes)) };
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
  EACCES: "permission denied",
  ERR_ENCODING_INVALID_ENCODED_DATA: "it is not UTF-8 text",
};

/** What went wrong with a file, in words where the system has only a code. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  return reasons[code] ?? error.message;
}

/** `models/lenet.tfg` -> `lenet`. */
export const stemOf = (path: string): string => basename(path).replace(/\.tfg$/, "");

/** Writes a file and the folders above it. */
export async function writeOutput(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
