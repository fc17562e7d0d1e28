/** Compiles the programs of `samples/` to `samples/<name>/generated/`, which is not committed. */
import { globSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { main } from "../compiler/cli.ts";

const root = resolve(import.meta.dirname, "..");
for (const file of globSync("samples/*/*.tfg", { cwd: root }).sort()) {
  const code = await main([join(root, file), "-o", join(root, dirname(file), "generated")]);
  if (code !== 0) process.exitCode = code;
}
