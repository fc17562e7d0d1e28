import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const root = resolve(import.meta.dirname, "..");
const samples = suite("samples");

/** Times differ from run to run and machine to machine, and so does what the machine can do. */
const masked = (text: string): string => text.replace(/[\d.]+ µs/g, "… µs").replace(/\(wasm \w+\)/g, "(wasm …)");

for (const [name, programs] of [
  ["mnist", ["mnist.tfg"]],
  ["session", ["session.tfg"]],
] as const)
  samples(`${name} prints what its expected.txt says`, () => {
    const folder = join(root, "samples", name);
    for (const program of programs)
      execFileSync(
        process.execPath,
        [join(root, "bin/tfgc.mjs"), join(folder, program), "-o", join(folder, "generated")],
        {
          stdio: ["ignore", "ignore", "inherit"],
        },
      );
    const output = masked(execFileSync(process.execPath, [join(folder, "app.ts")], { encoding: "utf8" }));
    const expected = join(folder, "expected.txt");
    if (process.env.UPDATE_GOLDEN === "1") writeFileSync(expected, output);
    assert.is(output, readFileSync(expected, "utf8"));
  });

samples.run();
