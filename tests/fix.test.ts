/** `tfgc check --fix`, and that each fix a message offers makes its program better. */
import {
  existsSync,
  globSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkProgram } from "../compiler/check/index.ts";
import { fixText } from "../compiler/cli/fix.ts";
import { applyEdits, compatible, fixesIn } from "../compiler/diagnostics/edits.ts";
import { printGraph } from "../compiler/ir/print.ts";
import { library } from "../compiler/std/sources.ts";
import type { Diagnostic } from "../grammar/diagnostic.ts";
import { spanText } from "../grammar/source.ts";
import { mutate, randomNumbers } from "./grammar-mutations.ts";
import { tfgc } from "./command-line.ts";

const check = (text: string): readonly Diagnostic[] =>
  checkProgram({ path: "bad.tfg", read: (path) => (path === "bad.tfg" ? text : undefined), library }).diagnostics;

// ---- each message that offers a fix ----------------------------------------------------------------------------

const offers = suite("fixes");
const folder = join(import.meta.dirname, "diagnostics");

/** Fixes behind which another error stands that is no fault of theirs, with its code. */
const behind: Readonly<Record<string, string>> = {
  TFG0205: "TFG0206",
  TFG0502: "TFG0106",
};

let offered = 0;
for (const name of globSync("*.txt", { cwd: folder }).sort()) {
  const code = name.slice(0, 7);
  if (!readFileSync(join(folder, name), "utf8").includes("[fix]")) continue;
  offered++;
  offers(`of ${code} mends its program`, () => {
    const text = readFileSync(join(folder, `${code}.tfg`), "utf8");
    const before = check(text);
    const file = before[0]?.primary.span.file;
    assert.ok(file);
    const [fix, ...others] = fixesIn(file, before);
    assert.ok(fix);
    assert.is(fix.diagnostic.code, code);
    assert.equal(others, []);
    const left = check(applyEdits(text, fix.edits)).map((diagnostic) => diagnostic.code);
    assert.equal(left, behind[code] === undefined ? [] : [behind[code]]);
  });
}

offers("of warnings change nothing of what is computed, and no name of a variable", () => {
  let count = 0;
  for (const name of [...globSync("cases/lints/*.tfg", { cwd: import.meta.dirname }), "diagnostics/TFG0903.tfg"]) {
    const text = readFileSync(join(import.meta.dirname, name), "utf8");
    const program = (other: string) => checkProgram({ path: "bad.tfg", read: () => other, library });
    const { graphs, diagnostics } = program(text);
    const file = diagnostics[0]?.primary.span.file;
    // `output` before a node is meant to add a result.
    const fixes = file ? fixesIn(file, diagnostics).filter((fix) => !fix.text.startsWith("output ")) : [];
    if (fixes.length === 0 || diagnostics.some(({ severity }) => severity === "error")) continue;
    count += fixes.length;
    const after = program(
      applyEdits(
        text,
        fixes.flatMap((fix) => fix.edits),
      ),
    );
    assert.equal(
      after.graphs.map((graph) => printGraph(graph)),
      graphs.map((graph) => printGraph(graph)),
      name,
    );
    const codes = new Set(fixes.map((fix) => fix.diagnostic.code));
    assert.not.ok(
      after.diagnostics.some(({ code, helps }) => codes.has(code) && helps.some((help) => help.edits)),
      name,
    );
  }
  assert.ok(count >= 5);
});

offers("are many", () => {
  // Those that the reference of the language marks, and more.
  const marked = [
    "TFG0101 TFG0102 TFG0103 TFG0104 TFG0105 TFG0107 TFG0201 TFG0203 TFG0205 TFG0207 TFG0301 TFG0304 TFG0306",
    "TFG0316 TFG0402 TFG0403 TFG0502 TFG0602",
  ];
  for (const code of marked.join(" ").split(" "))
    assert.match(readFileSync(join(folder, `${code}.txt`), "utf8"), "[fix]", code);
  assert.ok(offered >= 18);
});

offers.run();

// ---- edits -------------------------------------------------------------------------------------------------------

const edits = suite("edits");

edits("that overlap wait for the next round", () => {
  const text = "graph g[N] {\n  input x: f32[N]\n  output y = relo(x) + tanhh(x)\n}\n";
  const diagnostics = check(text);
  const [first, second] = diagnostics;
  assert.ok(first && second);
  const { file } = first.primary.span;
  assert.is(compatible(fixesIn(file, diagnostics)).length, 2);
  assert.is(compatible(fixesIn(file, [first, first, second])).length, 2);
  assert.is(
    applyEdits(
      text,
      fixesIn(file, diagnostics).flatMap((fix) => fix.edits),
    ),
    text.replace("relo", "relu").replace("tanhh", "tanh"),
  );
});

edits("of other files are left alone", () => {
  const [diagnostic] = check("graph g[N] {\n  input x: f32[N]\n  output y = relo(x)\n}\n");
  assert.ok(diagnostic);
  assert.equal(fixesIn({ ...diagnostic.primary.span.file }, [diagnostic]), []);
  assert.is(spanText(diagnostic.primary.span), "relo");
});

edits.run();

// ---- any text -------------------------------------------------------------------------------------------------------

const texts = suite("texts");

texts("that are wrong in any way never get worse, and most get better", async () => {
  const seed = 20_240_607;
  const random = randomNumbers(seed);
  const programs = [
    ...globSync("*.tfg", { cwd: join(import.meta.dirname, "cases") }),
    "../../samples/mnist/mnist.tfg",
  ].map((name) => readFileSync(join(import.meta.dirname, "cases", name), "utf8"));
  const count = (diagnostics: readonly Diagnostic[], severity: string): number =>
    diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
  let [better, offering] = [0, 0];
  for (let round = 0; round < 150; round++) {
    const text = mutate(programs[round % programs.length] ?? "", random);
    const before = check(text);
    const fixed = await fixText(text, "bad.tfg", async (other) => check(other));
    const told = `seed ${seed}, round ${round}\n${text}\n---\n${fixed.text}`;
    const errors = count(fixed.diagnostics, "error") - count(before, "error");
    assert.ok(errors <= 0, told);
    if (fixed.text !== text)
      assert.ok(errors < 0 || count(fixed.diagnostics, "warning") < count(before, "warning"), told);
    assert.is(fixed.fixes.length > 0, fixed.text !== text, told);
    assert.equal(
      check(fixed.text).map((item) => item.message),
      fixed.diagnostics.map((item) => item.message),
      told,
    );
    if (before.some(({ helps }) => helps.some((help) => help.edits))) offering++;
    if (fixed.text !== text) better++;
  }
  assert.ok(offering > 45 && better > offering / 2, `${better} of ${offering}`);
});

texts.run();

// ---- the command -----------------------------------------------------------------------------------------------

const command = suite("check --fix");
const place = mkdtempSync(join(tmpdir(), "tfgc-fix-"));
command.after(() => rmSync(place, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(place, name);
  writeFileSync(path, text);
  return path;
}

const many = `graph g[Batch] {
  input image: float32[Btach, 28, 28, 1];
  h = image |> conv2D(8, 3, act=rleu)
  output y = h |> flatten |> dense(10, act=sofmax)
  output z = 2 h
}
`;
const mended = `graph g[Batch] {
  input image: f32[Batch, 28, 28, 1]
  h = image |> conv2d(8, 3, act=relu)
  output y = h |> flatten |> dense(10, act=softmax)
  output z = 2 * h
}
`;

command("mends what it can in as many rounds as it takes", async () => {
  const path = file("many.tfg", many);
  const { code, out, error } = await tfgc("check", "--fix", path);
  assert.is(readFileSync(path, "utf8"), mended);
  assert.is(code, 0, error);
  assert.is(out, "");
  assert.match(error, `${path}:3:16: fixed TFG0201, unknown function \`conv2D\`: conv2d\n`);
  assert.is(error.trim().split("\n").length, 7);
});

command("leaves what it cannot mend, and says it", async () => {
  const path = file("rest.tfg", "graph g[N] {\n  input x: f32[N, 4]\n  output y = relo(x)\n  output z = dense(x)\n}\n");
  const { code, error } = await tfgc("check", "--fix", path);
  assert.is(code, 1);
  assert.match(readFileSync(path, "utf8"), "output y = relu(x)");
  assert.match(error, "fixed TFG0201");
  assert.match(error, "error[TFG0208]: `dense` needs `units`");
});

command("keeps a file whose number of errors would not go down", async () => {
  // `tanhh` may be `tanh`, but then the string is wrong.
  const text = 'graph g[N] {\n  input x: f32[N]\n  output y = tanhh(x, "a")\n}\n';
  const path = file("worse.tfg", text);
  const { mtimeMs } = statSync(path);
  const { code, error } = await tfgc("check", "--fix", path);
  assert.is(code, 1);
  assert.is(readFileSync(path, "utf8"), text);
  assert.is(statSync(path).mtimeMs, mtimeMs);
  assert.not.match(error, "fixed");
});

command("tries one by one where all fixes together do not help", async () => {
  const text = `graph g[N] {
  input x: f32[N]
  output a = tanhh(x, "a")
  output b = relo(x)
}
`;
  const path = file("one.tfg", text);
  const { code } = await tfgc("check", "--fix", path);
  assert.is(code, 1);
  assert.match(readFileSync(path, "utf8"), "relu(x)");
});

command("reports as JSON what it did and what is left", async () => {
  const path = file("json.tfg", many);
  const { code, out } = await tfgc("check", "--fix", "--json", path);
  assert.is(code, 0);
  const { fixed, diagnostics } = JSON.parse(out);
  assert.equal(diagnostics, []);
  assert.is(fixed.length, 7);
  const misspelt = fixed.find((fix: { text: string }) => fix.text === "conv2d");
  assert.is(misspelt.code, "TFG0201");
  assert.equal([misspelt.line, misspelt.column, misspelt.edits[0].text], [3, 16, "conv2d"]);
});

command("applies fixes of warnings, and a right file stays as it is", async () => {
  const path = file("warn.tfg", "graph g[N] {\n  input x: f32[N]\n  output y = x + 1.0 |> relu\n}\n");
  assert.is((await tfgc("check", "--fix", path)).code, 0);
  const text = "graph g[N] {\n  input x: f32[N]\n  output y = (x + 1.0) |> relu\n}\n";
  assert.is(readFileSync(path, "utf8"), text);
  assert.equal(await tfgc("check", "--fix", path), { code: 0, out: "", error: "" });
  assert.is(readFileSync(path, "utf8"), text);
});

command("keeps line ends, a byte order mark, the mode and links", async () => {
  const path = file("dos.tfg", `\uFEFF${many.replaceAll("\n", "\r\n")}`);
  const { mode } = statSync(path);
  symlinkSync(path, join(place, "link.tfg"));
  assert.is((await tfgc("check", "--fix", join(place, "link.tfg"))).code, 0);
  assert.is(readFileSync(path, "utf8"), `\uFEFF${mended.replaceAll("\n", "\r\n")}`);
  assert.is(statSync(path).mode, mode);
  assert.ok(lstatSync(join(place, "link.tfg")).isSymbolicLink());
  assert.equal(globSync("*.tmp", { cwd: place }), []);
});

command("touches the files that are named, not those that they import", async () => {
  const part = "def f[N](x: f32[N]) -> f32[N] = relo(x)\n";
  const inner = file("part.tfg", part);
  const outer = file(
    "whole.tfg",
    'import { f } from "./part.tfg"\ngraph g[N] {\n  input x: f32[N]\n  output y = f(x)\n}\n',
  );
  assert.is((await tfgc("check", "--fix", outer)).code, 1);
  assert.is(readFileSync(inner, "utf8"), part);
  assert.is((await tfgc("check", "--fix", inner, outer)).code, 0);
  assert.is(readFileSync(inner, "utf8"), part.replace("relo", "relu"));
});

command("says of a file that is none what check says", async () => {
  const path = join(place, "none.tfg");
  const { code, error } = await tfgc("check", "--fix", path);
  assert.is(code, 1);
  assert.match(error, "TFG0601");
  assert.not.ok(existsSync(path));
});

command.run();
