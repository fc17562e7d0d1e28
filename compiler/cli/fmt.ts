/** `tfgc fmt FILE…`: brings sources into their canonical form, or with `--check` says which are not in it. */
import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { format } from "../../grammar/format.ts";
import { readSource, readStandardInput, replaceFile, type Source } from "./files.ts";
import type { Terminal } from "./terminal.ts";
import { type Options, UsageError } from "./usage.ts";

/** Exit code 1 where a source cannot be read or has errors, and with `--check` where one is not in canonical form. */
export async function fmtCommand(paths: readonly string[], options: Options, terminal: Terminal): Promise<number> {
  const isCheck = options.isSet("check");
  if (paths.includes("-")) {
    if (paths.length > 1) throw new UsageError("`-` stands for standard input, and goes with no other file");
    const source = await readStandardInput();
    const text = await formatted(source, terminal);
    if (text === undefined) return 1;
    if (!isCheck) terminal.out(text);
    else if ("file" in source && text !== source.file.text) {
      terminal.out(`${source.file.path}\n`);
      return 1;
    }
    return 0;
  }
  let code = 0;
  for (const path of await sourcesIn(paths)) {
    const source = await readSource(path);
    const text = await formatted(source, terminal);
    if (text === undefined) code = 1;
    else if ("file" in source && text !== source.file.text) {
      if (isCheck) {
        terminal.out(`${path}\n`);
        code = 1;
      } else {
        await replaceFile(path, text);
        terminal.error(`formatted ${path}\n`);
      }
    }
  }
  return code;
}

/** Undefined if the source has errors, which are printed. */
async function formatted(source: Source, terminal: Terminal): Promise<string | undefined> {
  const result = "file" in source ? format(source.file) : { diagnostics: [source.problem] };
  if ("text" in result) return result.text;
  // The compiler is loaded for this only: an editor that formats on every save should not wait for it.
  const { render } = await import("./engine.ts");
  for (const diagnostic of result.diagnostics) terminal.error(`${render(diagnostic)}\n`);
  return undefined;
}

/** The files of `paths`, and all sources beneath its folders, each once. */
async function sourcesIn(paths: readonly string[]): Promise<string[]> {
  const found = new Map<string, string>();
  for (const path of paths) {
    const isFolder = await stat(path).then(
      (status) => status.isDirectory(),
      () => false,
    );
    const sources = isFolder ? await sourcesBeneath(path) : [path];
    if (sources.length === 0) throw new UsageError(`there is no .tfg file beneath ${path}`);
    for (const source of sources) if (!found.has(resolve(source))) found.set(resolve(source), source);
  }
  return [...found.values()];
}

/** Neither installed packages nor hidden folders are the user's to format. */
async function sourcesBeneath(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isFile() && entry.name.endsWith(".tfg")) found.push(path);
    else if (entry.isDirectory() && entry.name !== "node_modules" && !entry.name.startsWith(".")) {
      found.push(...(await sourcesBeneath(path)));
    }
  }
  return found;
}
