/** Weights of any format: finds out what a source is, and loads the reader of TensorFlow's files only for those. */
import { TfgError } from "./errors.ts";
import { type ByteSource, type FileSource, isFileSet, openFile, type WeightsSource } from "./files.ts";
import type { Weights } from "./restore.ts";
import { readSafetensors } from "./safetensors.ts";

type Open = (name: string) => Promise<ByteSource | undefined>;

const checkpointReader = () => import("./checkpoint.ts");
const tableReader = () => import("./table.ts");

/** A file that may not be there; what it is that failed is told by the caller, who knows all names that were tried. */
async function openIfAny(from: FileSource, name: string): Promise<ByteSource | undefined> {
  try {
    return await openFile(from, name);
  } catch {
    return undefined;
  }
}

async function readAs(file: ByteSource, open: Open): Promise<Weights | undefined> {
  if (file.name.endsWith(".safetensors")) return readSafetensors(file);
  if (file.name.endsWith(".index") || (await (await tableReader()).isTable(file)))
    return (await checkpointReader()).readCheckpoint(file, open);
  if (/(^|[\\/])checkpoint$/.test(file.name)) return followState(file, open);
  const start = await file.read(0, Math.min(9, file.size));
  return start[8] === 0x7b ? readSafetensors(file) : undefined;
}

/** TensorFlow's `checkpoint`, a text that names the latest of a folder. */
async function followState(file: ByteSource, open: Open): Promise<Weights> {
  const text = new TextDecoder().decode(await file.read(0, file.size));
  const path = /^\s*model_checkpoint_path\s*:\s*"((?:[^"\\]|\\.)*)"/m.exec(text)?.[1];
  if (!path) throw new TfgError("TFG0702", `"${file.name}" names no checkpoint`);
  const folder = file.name.slice(0, -"checkpoint".length);
  // Absolute paths are of the machine that trained; the files usually came along.
  for (const prefix of [path, folder + path, folder + path.replace(/^.*[\\/]/, "")]) {
    const index = await open(`${prefix}.index`);
    if (index) return (await checkpointReader()).readCheckpoint(index, open);
  }
  throw new TfgError("TFG0601", `"${file.name}" names the checkpoint "${path}", which has no .index file here`);
}

/**
 * Opens weights: a safetensors file; a TensorFlow checkpoint by its prefix or its `.index`; a SavedModel folder, or
 * one with TensorFlow's `checkpoint` file; or the files of any of them by name. Throws TFG0601, 0702, 0703 or 0704.
 */
export async function readWeights(from: WeightsSource): Promise<Weights> {
  if (isFileSet(from)) {
    const files = new Map<string, FileSource>(from instanceof Map ? from : Object.entries(from));
    const names = [...files.keys()];
    const open: Open = async (name) => {
      const file = files.get(name);
      return file === undefined ? undefined : openIfAny(file, name);
    };
    const main = names.length === 1 ? names : names.filter((name) => /\.(index|safetensors)$/.test(name));
    const file = main.length === 1 && main[0] !== undefined ? await open(main[0]) : undefined;
    const weights = file && (await readAs(file, open));
    if (weights) return weights;
    throw new TfgError("TFG0601", `one of the files must be an .index or a .safetensors; they are ${names.join(", ")}`);
  }
  if (typeof from !== "string" && !(from instanceof URL)) {
    const file = await openFile(from);
    const { isTable } = await tableReader();
    if (!(await isTable(file))) return readSafetensors(file);
    throw new TfgError("TFG0704", "an .index alone has no data: give all files of the checkpoint by their names");
  }
  const path = String(from).replace(/(.)\/+$/, "$1");
  const open: Open = (name) => openIfAny(name, name);
  let other: ByteSource | undefined;
  for (const end of ["", ".index", "/variables/variables.index", "/variables.index", "/checkpoint"]) {
    const file = await open(path + end);
    const weights = file && (await readAs(file, open));
    if (weights) return { ...weights, name: path };
    other ??= file;
  }
  if (other) throw new TfgError("TFG0702", `"${other.name}" is neither a safetensors file nor a TensorFlow checkpoint`);
  let tried = `there is no such file, no "${path}.index", and no folder with "variables/variables.index" or "checkpoint"`;
  // What the system says, if it says more than that.
  await openFile(path).catch((error: unknown) => {
    if (!(error instanceof TfgError)) return;
    if (/EISDIR|it is a folder/.test(error.text))
      tried = 'it is a folder without "variables/variables.index", "variables.index" or "checkpoint"';
    else if (!/ENOENT|404/.test(error.text)) throw error;
  });
  throw new TfgError("TFG0601", `cannot read "${path}": ${tried}`);
}
