import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const root = resolve(import.meta.dirname, "../..");
const packed = suite("the packed package");
const project = mkdtempSync(join(tmpdir(), "tfgc-package-"));
const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { cwd: project, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

packed.before(() => {
  // `npm test` built dist/ before; packing must not build it again while other tests read it.
  execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", project], { cwd: root, stdio: "ignore" });
  const archive = readdirSync(project).find((name) => name.endsWith(".tgz")) ?? "";
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "empty", private: true, type: "module" }));
  run("npm", "install", "--no-audit", "--no-fund", "--prefer-offline", archive);
});
packed.after(() => rmSync(project, { recursive: true }));

const model = `graph scale[N] {
  /// Any numbers.
  input x: f32[N, 2]
  param w: f32[2] = ones
  output y = x * w + 1
}
`;
const app = `import { createSession } from "./out/scale.ts";
await using session = await createSession();
const { y } = await session.run("y", { x: Float32Array.of(1, 2, 3, 4) });
console.log(y.shape.join(), y.data.join(), session.stats.device);
`;

packed("holds what it needs and nothing of the clone's", () => {
  const files = readdirSync(join(project, "node_modules/tfgc"));
  assert.equal(files.sort(), ["CHANGELOG.md", "LICENSE", "README.md", "bin", "dist", "package.json"]);
});

packed("compiles a program, and the module runs there", () => {
  writeFileSync(join(project, "scale.tfg"), model);
  writeFileSync(join(project, "app.ts"), app);
  run(process.execPath, "node_modules/.bin/tfgc", "scale.tfg", "-o", "out");
  assert.is(run(process.execPath, "app.ts"), "2,2 2,3,4,5 wasm fma\n");
});

for (const form of [["--standalone"], ["--js"], ["--js", "--standalone"]])
  packed(`also writes ${form.join(" ")}`, () => {
    writeFileSync(join(project, "scale.tfg"), model);
    const name = `out${form.join("")}`;
    run(process.execPath, "node_modules/.bin/tfgc", "scale.tfg", "-o", name, ...form);
    const module = `./${name}/scale.${form.includes("--js") ? "js" : "ts"}`;
    writeFileSync(join(project, `app${name}.ts`), app.replace("./out/scale.ts", module));
    assert.is(run(process.execPath, `app${name}.ts`), "2,2 2,3,4,5 wasm fma\n");
  });

packed("runs in Node 22, the oldest that is promised", () => {
  writeFileSync(join(project, "scale.tfg"), model);
  run(process.execPath, "node_modules/.bin/tfgc", "scale.tfg", "-o", "old");
  // Node 22 has no `await using`.
  const closing = app
    .replace("./out/", "./old/")
    .replace("await using session", "const session")
    .concat("await session[Symbol.asyncDispose]();\n");
  writeFileSync(join(project, "old.ts"), closing);
  mkdirSync(join(project, "node22"));
  writeFileSync(join(project, "node22/package.json"), JSON.stringify({ name: "node22", private: true }));
  run("npm", "install", "--no-audit", "--no-fund", "--prefer-offline", "--prefix", "node22", "node@22");
  const node = join(project, "node22/node_modules/node/bin/node");
  assert.match(run(node, "--version"), /^v22\./);
  assert.is(run(node, "old.ts"), "2,2 2,3,4,5 wasm fma\n");
});

packed("is a library too", () => {
  writeFileSync(
    join(project, "library.ts"),
    `import * as compiler from "tfgc";
import { TfgError, openSession } from "tfgc/runtime";
console.log(typeof compiler.compileGraph, typeof openSession, new TfgError("TFG0000", "x").message);
`,
  );
  assert.is(run(process.execPath, "library.ts"), "function function TFG0000 x\n");
});

packed.run();
