/** Files of this package, found by its name: the same from sources and from the bundle in `dist/`. */
import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { RuntimeFiles } from "../targets/standalone.ts";
import { UsageError } from "./usage.ts";

const manifest = import.meta.resolve("tfgc/package.json");
const here = (path: string): string => fileURLToPath(new URL(path, manifest));

/** `0.1.0` */
export async function packageVersion(): Promise<string> {
  const { version }: { version: string } = JSON.parse(await readFile(fileURLToPath(manifest), "utf8"));
  return version;
}

const isSource = import.meta.url.endsWith(".ts");

/** The part of the runtime that standalone modules include; `checkpoints` adds the reader of TensorFlow's files. */
const entryName = (checkpoints: boolean): string => (checkpoints ? "index" : "standalone");

/** The entry of the runtime for a bundler: the source in a clone, what was built from it elsewhere. */
export const runtimeEntry = (checkpoints: boolean): string =>
  here(isSource ? `runtime/${entryName(checkpoints)}.ts` : `dist/runtime/${entryName(checkpoints)}.js`);

/** The runtime's sources; `dist/` holds a copy of them. */
export const runtimeSources = (checkpoints: boolean): Promise<RuntimeFiles> =>
  readFolder(here(isSource ? "runtime" : "dist/runtime"), /(?<!\.d)\.ts$/, `${entryName(checkpoints)}.ts`);

/** The runtime's declarations, which only a build makes. */
export const runtimeDeclarations = (checkpoints: boolean): Promise<RuntimeFiles> =>
  readFolder(here("dist/runtime"), /\.d\.ts$/, `${entryName(checkpoints)}.d.ts`);

async function readFolder(folder: string, pattern: RegExp, entry: string): Promise<RuntimeFiles> {
  const names = globSync("**/*", { cwd: folder }).filter((name) => pattern.test(name));
  if (!names.includes(entry)) throw new UsageError(`${folder} holds no ${entry}: run \`npm run build\``);
  const texts = await Promise.all(
    names.map(async (name) => [name, await readFile(`${folder}/${name}`, "utf8")] as const),
  );
  return { texts: new Map(texts), entry };
}
