import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sampleNames } from "../build/samples.ts";

const root = resolve(import.meta.dirname, "..");
const samples = suite("samples");

/** Times differ from run to run and machine to machine, and so does what the machine can do. */
const masked = (text: string): string => text.replace(/[\d.]+ µs/g, "… µs").replace(/\(wasm \w+\)/g, "(wasm …)");
/** What a sample says about times on stderr is nobody's to see here; errors of its run are thrown with theirs. */
const run = (...args: readonly string[]): string =>
  execFileSync(process.execPath, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

samples("they are found", () => {
  assert.ok(sampleNames.length >= 13, sampleNames.join());
});

for (const name of sampleNames)
  samples(`${name} prints what its expected.txt says`, () => {
    run("build/samples.ts", name);
    const output = masked(run(join("samples", name, "app.ts")));
    const expected = join(root, "samples", name, "expected.txt");
    if (process.env.UPDATE_GOLDEN === "1") writeFileSync(expected, output);
    assert.is(output, readFileSync(expected, "utf8"));
    // The README says how it is run.
    assert.match(readFileSync(join(root, "samples", name, "README.md"), "utf8"), `npm run sample ${name}\n`);
  });

samples("one that is not there is a wrong command line", () => {
  assert.throws(() => run("build/sample.ts", "nest"), /there is no sample nest: dcgan, gpt2, /);
});

samples.run();
