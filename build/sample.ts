/** Compiles one sample and runs its app: `npm run sample NAME [-- OPTION…]`. */
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { compileSample, isSample } from "./samples.ts";

const root = resolve(import.meta.dirname, "..");
const [name, ...options] = process.argv.slice(2);
if (!isSample(name)) process.exitCode = 2;
else {
  const code = await compileSample(name);
  process.exitCode =
    code === 0
      ? (spawnSync(process.execPath, [join(root, "samples", name, "app.ts"), ...options], { stdio: "inherit" })
          .status ?? 1)
      : code;
}
