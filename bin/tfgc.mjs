#!/usr/bin/env node
// Starts the command line on a Node that can run it. Plain JavaScript, so that any Node can read this file: an older
// one hands over to the Node that the package `node` brings (a devDependency of the clone).
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major > 22 || (major === 22 && minor >= 18)) {
  module.enableCompileCache?.();
  // A clone runs its sources; the published package has only what was built from them.
  const source = new URL("../compiler/cli.ts", import.meta.url);
  const { main } = await import(
    existsSync(source) ? source.href : new URL("../dist/compiler/cli.js", import.meta.url).href
  );
  process.exitCode = await main(process.argv.slice(2));
} else {
  const node = newerNode();
  if (node === undefined) {
    process.stderr.write(`tfgc needs Node 22.18 or later, and this is ${process.version}\n`);
    process.exitCode = 2;
  } else {
    const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
    child.on("error", (error) => {
      process.stderr.write(`tfgc: cannot start ${node}: ${error.message}\n`);
      process.exitCode = 2;
    });
    child.on("exit", (code, signal) => {
      if (signal === null) process.exitCode = code ?? 1;
      else process.exitCode = 1;
    });
  }
}

/** The binary of the package `node`, looked up from this file and not from the caller's folder. */
function newerNode() {
  try {
    const manifest = module.createRequire(import.meta.url).resolve("node/package.json");
    const binary = join(dirname(manifest), "bin", process.platform === "win32" ? "node.exe" : "node");
    return existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}
