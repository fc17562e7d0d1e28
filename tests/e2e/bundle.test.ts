import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(root, "out-bundle-"));
const bundles = suite("generated modules in a bundler");

bundles.before(() => {
  for (const form of [["--js"], []])
    execFileSync(process.execPath, [join(root, "bin/tfgc.mjs"), "samples/session/session.tfg", "-o", folder, ...form], {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
    });
});
bundles.after(() => rmSync(folder, { recursive: true }));

async function bundle(contents: string): Promise<string> {
  const stdin = { contents, resolveDir: folder };
  const { outputFiles } = await build({
    stdin,
    bundle: true,
    write: false,
    format: "esm",
    treeShaking: true,
    logLevel: "error",
  });
  return outputFiles[0]?.text ?? "";
}

for (const name of ["session.ts", "session.js"]) {
  bundles(`a graph that is not used disappears: ${name}`, async () => {
    const text = await bundle(
      `import { arithmetic } from "./${name}"; export const open = () => arithmetic.createSession();`,
    );
    assert.match(text, "arithmetic");
    assert.not.match(text, "linear");
    assert.not.match(text, "Variable_1");
  });

  bundles(`importing does nothing: ${name}`, async () => {
    const text = await bundle(`import "./${name}";`);
    // What is left of a module without side effects is at most the comment that names its file.
    assert.is(text.replace(/^\s*\/\/.*$/gm, "").trim(), "");
  });
}

bundles.run();
