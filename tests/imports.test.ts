/** Imports: files under settings, circles of files, packages with a `tfg` export; and configs of every type. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkProgram } from "../compiler/check/index.ts";
import { resolvePackage } from "../compiler/cli/imports.ts";
import { interpret } from "../compiler/interpret.ts";
import { library } from "../compiler/std/sources.ts";

const test = suite("imports");

/** The outputs of a program without inputs, by the interpreter, or what is wrong with it. */
function outcome(files: Readonly<Record<string, string>>, set: Readonly<Record<string, string>> = {}): unknown {
  const { graphs, diagnostics } = checkProgram({
    path: "main.tfg",
    read: (path) => files[path],
    library,
    set: new Map(Object.entries(set)),
  });
  if (diagnostics.length > 0)
    return diagnostics.map(({ code, message, primary }) => `${primary.span.file.path} ${code} ${message}`);
  return Object.fromEntries(
    graphs.flatMap((graph) =>
      graph.outputs.map(({ name }) => {
        const found = interpret(graph, { feeds: new Map(), variables: new Map(), fetches: [name] }).get(name);
        return [name, [...(found?.data ?? [])]];
      }),
    ),
  );
}

const MODEL =
  'config K: int = 2\nconfig NAMES: str[] = ["a"]\nconst TWICE = 2 * K\ndef scaled[..S](x: f32[..S]) -> f32[..S] = x * TWICE\n';

test("an import sets configs of its file, for itself only", () => {
  const main = `import { scaled } from "./m.tfg"
    import { scaled as seven, TWICE } from "./m.tfg?K=7"
    import * as m from "./m.tfg?NAMES=b,c&K=9"
    graph g { output o = [scaled(1.0), seven(1.0), m.scaled(1.0)] output n = [TWICE, len(m.NAMES)] }`;
  assert.equal(outcome({ "main.tfg": main, "m.tfg": MODEL }), { o: [4, 14, 18], n: [14, 2] });
  // --set is for every file that the import does not set.
  assert.equal(outcome({ "main.tfg": main, "m.tfg": MODEL }, { K: "5" }), { o: [10, 14, 18], n: [14, 2] });
});

test("settings of an import that do not fit are messages at the import", () => {
  const importing = (query: string): unknown =>
    outcome({
      "main.tfg": `import { scaled } from "./m.tfg?${query}"\ngraph g { output o = scaled(1.0) }`,
      "m.tfg": MODEL,
    });
  assert.equal(importing("Q=1"), ['main.tfg TFG0201 "./m.tfg" has no config `Q`']);
  assert.equal(importing("K=x"), ["main.tfg TFG0210 `?K=x`: an int is expected"]);
  assert.equal(importing("K"), ["main.tfg TFG0601 `?K` sets no configs"]);
  assert.equal(importing("K=1&K=2"), ["main.tfg TFG0601 `K` is set twice"]);
});

test("mistakes in a file that is imported under two settings are told once", () => {
  const files = {
    "main.tfg":
      'import { f } from "./m.tfg?K=1"\nimport { f as h } from "./m.tfg?K=2"\ngraph g { output o = f(1.0) + h(1.0) }',
    "m.tfg": "config K: int = 2\ndef f(x: f32) -> f32 = x * Q",
  };
  assert.equal(outcome(files), ["m.tfg TFG0201 unknown name `Q`"]);
});

test("files may import each other for functions, but consts and calls may not go in circles", () => {
  const two = (main: string, other: string): unknown => outcome({ "main.tfg": main, "b.tfg": other });
  assert.equal(
    two(
      'import { f } from "./b.tfg"\ndef k(x: f32) -> f32 = x * 3\nconst C = 3\ngraph g { output o = f(1.0) }',
      'import { k, C } from "./main.tfg"\ndef f(x: f32) -> f32 = k(x) * C',
    ),
    { o: [9] },
  );
  assert.equal(
    two(
      'import { B } from "./b.tfg"\nconst A = B + 1\ngraph g { output o = A }',
      'import { A } from "./main.tfg"\nconst B = A + 1',
    ),
    ["b.tfg TFG0204 `A` needs itself"],
  );
  assert.equal(
    two(
      'import * as b from "./b.tfg"\ndef k(x: f32) -> f32 = b.f(x)\ngraph g { output o = k(1.0) }',
      'import { k } from "./main.tfg"\ndef f(x: f32) -> f32 = k(x) * 2',
    ),
    ["b.tfg TFG0410 `k` and `f` call each other"],
  );
});

test("a config has any type, from its declaration and from --set", () => {
  const main = `
    config A: int = 3  config B: f32 = 0.5  config C: bool = true  config D: str = "same"  config E: int[2] = 4
    config F: f32[] = [0.5, 1]  config G: u8 = 255  config H: bool[] = [true, false]  config I: u32 = 4294967295
    graph g {
      output o = [A * 1.0, B, E[0] + E[1] * 1.0, F[0], G * 1.0]
      output p = if C && H[0] && D == "same" then len(F) else -len(F)
      output q = I as u32
    }`;
  assert.equal(outcome({ "main.tfg": main }), { o: [3, 0.5, 8, 0.5, 255], p: [2], q: [4294967295] });
  const set = { A: "-2", B: "1e3", C: "false", D: "x", E: "5", F: "[2, 3, 4]", G: "0x10", H: "true", I: "7" };
  assert.equal(outcome({ "main.tfg": main }, set), { o: [-2, 1000, 10, 2, 16], p: [-3], q: [7] });
  const wrong = (given: Readonly<Record<string, string>>): unknown => outcome({ "main.tfg": main }, given);
  assert.equal(wrong({ G: "256" }), ["main.tfg TFG0210 256 does not fit into `u8`"]);
  assert.equal(wrong({ E: "1,2,3" }), ["main.tfg TFG0210 int[2] is declared, but this is a list of 3"]);
  assert.equal(wrong({ A: "1.5" }), ["main.tfg TFG0210 `--set A=1.5`: an int is expected"]);
  assert.equal(wrong({ C: "1" }), ["main.tfg TFG0210 `--set C=1`: true or false is expected"]);
});

test("a package is imported by its `tfg` export", () => {
  const root = mkdtempSync(join(tmpdir(), "tfgc-imports-"));
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  try {
    const exported = {
      ".": { tfg: "./src/index.tfg", default: "./index.js" },
      "./layers/*": { default: { tfg: "./src/*.tfg" } },
    };
    put("node_modules/nets/package.json", JSON.stringify({ exports: exported }));
    put(
      "node_modules/nets/src/index.tfg",
      'import { twice } from "./two.tfg"\ndef four(x: f32) -> f32 = twice(twice(x))',
    );
    put("node_modules/nets/src/two.tfg", "def twice(x: f32) -> f32 = x * 2");
    put("node_modules/@me/one/package.json", JSON.stringify({ exports: { tfg: "./one.tfg" } }));
    put("node_modules/@me/one/one.tfg", "const ONE = 1.0");
    put("node_modules/bad/package.json", JSON.stringify({ exports: { tfg: "./../nets/src/two.tfg" } }));
    put("node_modules/plain/package.json", JSON.stringify({ exports: { ".": "./index.js" } }));
    put("models/deep/main.tfg", "");
    const main = join(root, "models/deep/main.tfg");
    const check = (text: string): string[] => {
      const read = (path: string): string | undefined => (path === main ? text : readFileSync(path, "utf8"));
      return checkProgram({ path: main, read, resolve: resolvePackage, library }).diagnostics.map(
        ({ code, message, primary }) => `${code} ${message}: ${primary.text}`,
      );
    };
    assert.equal(
      check(
        'import { four } from "nets" import { twice } from "nets/layers/two" import { ONE } from "@me/one" graph g { output o = four(twice(ONE)) }',
      ),
      [],
    );
    for (const [name, why] of [
      ["absent", "no package `absent` is installed here"],
      ["plain", "`plain` has no `tfg` export"],
      ["nets/other", '`nets` has no `tfg` export for "./other"'],
      ["bad", '`bad` exports "./../nets/src/two.tfg", which is no `.tfg` file of its own'],
      ["Not A Name", "not the name of a package"],
    ])
      assert.equal(check(`import { a } from "${name}" graph g { output o = 1 }`), [
        `TFG0601 cannot find "${name}": ${why}`,
      ]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test.run();
