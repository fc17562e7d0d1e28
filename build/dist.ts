/**
 * Writes `dist/`: JavaScript and declarations of the compiler and the runtime, and the sources of the runtime,
 * which `--standalone` puts into the modules it writes.
 */
import { execFileSync } from "node:child_process";
import { cpSync, globSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const dist = join(root, "dist");
const made = join(root, `dist.${process.pid}`);

const typescript = createRequire(import.meta.url).resolve("typescript/package.json");
try {
  execFileSync(
    process.execPath,
    [join(dirname(typescript), "bin", "tsc"), "-p", join(root, "build"), "--outDir", made],
    {
      stdio: "inherit",
    },
  );
  for (const file of globSync("runtime/**/*.ts", { cwd: root })) cpSync(join(root, file), join(made, file));
  // The new folder takes the old one's place at once, so that nothing reads a half-written one.
  rmSync(dist, { recursive: true, force: true });
  renameSync(made, dist);
} finally {
  rmSync(made, { recursive: true, force: true });
}
