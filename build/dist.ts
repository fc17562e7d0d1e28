/**
 * Writes `dist/`: JavaScript and declarations of the compiler and the runtime; the sources of the runtime, which
 * `--standalone` puts into the modules it writes; and the command line as a bundle, for most of the time that a
 * command takes would else go into finding and reading 300 modules.
 */
import { execFileSync } from "node:child_process";
import { cpSync, globSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { build } from "esbuild";

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
  await bundleCommandLine();
  // The new folder takes the old one's place at once, so that nothing reads a half-written one.
  rmSync(dist, { recursive: true, force: true });
  renameSync(made, dist);
} finally {
  rmSync(made, { recursive: true, force: true });
}

/**
 * `compiler/cli.js` with a chunk for each command in `compiler/cli/`. The assembler and esbuild are large, are there as
 * dependencies, and most commands load neither.
 */
async function bundleCommandLine(): Promise<void> {
  const folder = join(made, "compiler");
  for (const name of ["cli.js", "cli.d.ts", "cli"]) rmSync(join(folder, name), { recursive: true, force: true });
  const { metafile } = await build({
    entryPoints: [join(root, "compiler/cli.ts")],
    outdir: folder,
    chunkNames: "cli/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node22.18",
    external: ["wabt", "esbuild"],
    // Names stay, for the stack that a mistake of the compiler prints.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "none",
    metafile: true,
    absWorkingDir: root,
  });
  writeFileSync(join(folder, "cli", "LICENSES.txt"), licences(Object.keys(metafile.inputs)));
}

/** What the bundled packages ask to be said of them. Throws for one that says nothing. */
function licences(inputs: readonly string[]): string {
  const folders = new Set(inputs.flatMap((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []));
  const parts = [...folders].sort().map((folder) => {
    const { name, version, license }: Record<string, string> = JSON.parse(
      readFileSync(join(root, folder, "package.json"), "utf8"),
    );
    const [file] = globSync("{LICENSE,LICENCE,license}*", { cwd: join(root, folder) });
    if (license === undefined) throw new Error(`${folder} has no licence`);
    const text = file === undefined ? "" : `\n${readFileSync(join(root, folder, file), "utf8").trim()}\n`;
    return `${name} ${version}: ${license}\n${text}`;
  });
  return parts.join(`\n${"-".repeat(80)}\n\n`);
}
