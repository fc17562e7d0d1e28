import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const root = resolve(import.meta.dirname, "..");
const folder = mkdtempSync(join(root, "out-types-"));
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
const types = suite("types of generated modules");

types.after(() => rmSync(folder, { recursive: true }));

const tfgc = (...args: string[]): void => {
  execFileSync(process.execPath, [join(root, "bin/tfgc.mjs"), ...args], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
};

/** Compiles `files` of `at` as a user's project does that asks for everything strict; the messages, empty if all is well. */
function compile(at: string, files: readonly string[]): string {
  const options = {
    target: "es2022",
    module: "nodenext",
    moduleResolution: "nodenext",
    lib: ["es2023", "dom", "esnext.disposable"],
    types: [],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noImplicitOverride: true,
    noFallthroughCasesInSwitch: true,
    noImplicitReturns: true,
    noPropertyAccessFromIndexSignature: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    isolatedModules: true,
    noEmit: true,
    rewriteRelativeImportExtensions: true,
  };
  writeFileSync(join(at, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files }));
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, "-p", at, "--pretty", "false"], { encoding: "utf8" });
  return (stdout + stderr).trim();
}

for (const form of [[], ["--js"], ["--standalone"], ["--js", "--standalone"]]) {
  types(`misuses are errors of TypeScript, and uses are not: ${form.join(" ") || "the default form"}`, () => {
    const at = join(folder, form.join("") || "default");
    mkdirSync(at);
    tfgc("tests/types/lenet.tfg", "-o", at, ...form);
    const isJs = form.includes("--js");
    const use = readFileSync(join(root, "tests/types/use.ts"), "utf8").replace(
      "./lenet.js",
      isJs ? "./lenet.js" : "./lenet.ts",
    );
    writeFileSync(join(at, "use.ts"), use);
    assert.is(compile(at, ["use.ts"]), "");
  });
}

const hasErrors = {
  inside: 'import { createSession, type Session, TfgError } from "./program.js";',
  apart: 'import { TfgError } from "tfgc/runtime";\nimport { createSession, type Session } from "./program.js";',
};

for (const form of [[], ["--js"], ["--standalone"], ["--js", "--standalone"]])
  types(`steps, variables, loops and branches: ${form.join(" ") || "the default form"}`, () => {
    const at = join(folder, `program${form.join("")}`);
    mkdirSync(at);
    tfgc("tests/types/program.tfg", "-o", at, ...form);
    const use = readFileSync(join(root, "tests/types/use-program.ts"), "utf8")
      .replace(/^import .*$/m, form.includes("--standalone") ? hasErrors.inside : hasErrors.apart)
      .replace(/^declare const TfgError.*\n/m, "")
      .replace("./program.js", form.includes("--js") ? "./program.js" : "./program.ts");
    writeFileSync(join(at, "use.ts"), use);
    writeFileSync(join(at, "main.ts"), 'import { main } from "./use.ts";\n\nvoid main();\n');
    assert.is(compile(at, ["main.ts"]), "");
    assert.equal(JSON.parse(execFileSync(process.execPath, [join(at, "main.ts")], { encoding: "utf8" })), {
      nothing: {},
      one: 1,
      eight: 8,
      chosen: 10,
      told: [
        "TFG0812 program chosen program.tfg:12: at most five runs: assert count < 5 (line 12): count is 5",
        "TFG0802 program chosen program.tfg:2: where T % 2 == 0 (line 2): T is 1",
      ],
    });
  });

types("what the source says of a variable and a default stands in the module", () => {
  const at = join(folder, "program");
  const text = readFileSync(join(at, "program.ts"), "utf8");
  assert.match(text, '  /** How many runs were counted. */\n  count: ["i32", readonly []];');
  assert.match(text, "  /** One more run. */\n  advance: ");
  assert.match(text, "  /** bool, true unless it is fed */\n  go: ");
});

types("the module itself is as strict as the project that holds it", () => {
  const at = join(folder, "strict");
  mkdirSync(at);
  tfgc("tests/types/lenet.tfg", "-o", at, "--standalone");
  cpSync(join(at, "lenet.ts"), join(at, "copy.ts"));
  // Of constants alone: its kernels have nothing to do.
  writeFileSync(join(at, "plain.tfg"), "graph plain {\n  output five = 2.0 + 3.0\n}\n");
  tfgc(join(at, "plain.tfg"), "-o", at);
  // Division by a literal needs no test for 0, which TypeScript would call "always truthy".
  writeFileSync(join(at, "division.tfg"), "graph division {\n  input x: u32[4]\n  output y = x / 3 + x % 5\n}\n");
  tfgc(join(at, "division.tfg"), "-o", at);
  assert.is(compile(at, ["copy.ts", "plain.ts", "division.ts"]), "");
  assert.not.match(readFileSync(join(at, "lenet.ts"), "utf8"), /@ts-(nocheck|ignore|expect-error)|^import /m);
});

types("the app of the README compiles", () => {
  const at = join(folder, "readme");
  mkdirSync(at);
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const block = (language: string): string => readme.match(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``))?.[1] ?? "";
  writeFileSync(join(at, "digits.tfg"), block("tfg"));
  writeFileSync(join(at, "app.ts"), `declare const console: { log(...values: unknown[]): void };\n${block("ts")}`);
  tfgc(join(at, "digits.tfg"), "-o", join(at, "generated"));
  assert.is(compile(at, ["app.ts"]), "");
});

types.run();
