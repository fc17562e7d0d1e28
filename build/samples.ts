/**
 * Compiles programs of `samples/` to `samples/<name>/generated/`, which is not committed:
 * `node build/samples.ts [NAME…]`, all of them without a name.
 */
import { existsSync, globSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { main } from "../compiler/cli.ts";

const root = resolve(import.meta.dirname, "..");

/** Where a sample's size is not that of its program. Its README says the same. */
const settings: Readonly<Record<string, readonly string[]>> = {
  gpt2: ["VOCAB=128", "D=64", "LAYERS=3", "HEADS=4", "CONTEXT=64"],
  kmeans: ["K=3", "DIM=4"],
};

export const sampleNames: readonly string[] = globSync("samples/*/app.ts", { cwd: root })
  .map((file) => file.split(/[\\/]/)[1] ?? "")
  .sort();

/** Writes the modules of one sample; the exit code of the compiler. */
export async function compileSample(name: string): Promise<number> {
  for (const file of globSync(`samples/${name}/*.tfg`, { cwd: root }).sort()) {
    const set = (settings[name] ?? []).flatMap((setting) => ["--set", setting]);
    const code = await main([join(root, file), "-o", join(root, dirname(file), "generated"), ...set]);
    if (code !== 0) return code;
  }
  return 0;
}

/** Says which samples there are, unless `name` is one. */
export function isSample(name: string | undefined): name is string {
  if (name !== undefined && existsSync(join(root, "samples", name, "app.ts"))) return true;
  process.stderr.write(
    `${name === undefined ? "which sample?" : `there is no sample ${name}:`} ${sampleNames.join(", ")}\n`,
  );
  return false;
}

if (import.meta.main)
  for (const name of process.argv.length > 2 ? process.argv.slice(2) : sampleNames) {
    const code = isSample(name) ? await compileSample(name) : 2;
    if (code !== 0) process.exitCode = code;
  }
