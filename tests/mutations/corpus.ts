/** The correct programs that are mutated, by their paths. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkProgram } from "../../compiler/check/index.ts";
import { library } from "../../compiler/std/sources.ts";

/** Of a folder, in order: those of its programs in which nothing is wrong. */
export function correctPrograms(folder: string, patterns: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const path of globSync([...patterns], { cwd: folder }).sort()) {
    const text = readFileSync(join(folder, path), "utf8");
    const read = (wanted: string): string | undefined => (wanted === path ? text : undefined);
    const { diagnostics } = checkProgram({ path, read, library });
    if (diagnostics.every(({ severity }) => severity === "warning")) found.set(path, text);
  }
  return found;
}
