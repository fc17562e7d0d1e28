/**
 * Each `diagnostics/TFGnnnn.tfg` is a wrong program and the `.txt` beside it the message, as text, that it must get.
 * `UPDATE_GOLDEN=1` rewrites the texts.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkProgram } from "../compiler/check/index.ts";
import { foreignTargets } from "../compiler/check/foreign.ts";
import { buildGraph } from "../compiler/cli/build.ts";
import { catalogue, explain } from "../compiler/diagnostics/catalogue.ts";
import { render } from "../compiler/diagnostics/render.ts";
import { type AnySession, type Compiled, openSession, TfgError } from "../runtime/index.ts";
import type { Diagnostic, Label } from "../grammar/diagnostic.ts";
import { sourceFile, type SourceFile } from "../grammar/source.ts";
import { bytesOf, checkpoint, safetensors } from "./weights-files.ts";

const root = join(import.meta.dirname, "..");
const folder = join(import.meta.dirname, "diagnostics");

const textOf = (code: string): string => readFileSync(join(folder, `${code}.txt`), "utf8");
const programOf = (code: string): SourceFile =>
  sourceFile("bad.tfg", readFileSync(join(folder, `${code}.tfg`), "utf8"));

// ---- the messages, from source to text -------------------------------------------------------------

const messages = suite("messages");

const library = new Map(
  globSync("*.tfg", { cwd: join(root, "compiler/std") }).map((name) => {
    return [`std/${name.slice(0, -4)}`, readFileSync(join(root, "compiler/std", name), "utf8")];
  }),
);

/** All that the compiler has to say about a program; TFG0902 it says to who asks for it. */
function diagnose(text: string, code: string): readonly Diagnostic[] {
  const read = (path: string): string | undefined => (path === "bad.tfg" ? text : undefined);
  return checkProgram({ path: "bad.tfg", read, library, bounds: code === "TFG0902" }).diagnostics;
}

const AsyncFunction: new (...parts: string[]) => (...args: unknown[]) => Promise<unknown> = Object.getPrototypeOf(
  async () => {},
).constructor;

/** The codes whose programs the compiler tells as it should, from end to end. */
const wired = globSync("*.tfg", { cwd: folder })
  .map((name) => name.slice(0, 7))
  .toSorted();

/** `text` with the line of the library where `attention` has its constraint today; the golden file says 141. */
function ofLibrary(text: string): string {
  const lines = (library.get("std/nn") ?? "").split("\n");
  return text.replaceAll("141", String(lines.indexOf("    where D % heads == 0 {") + 1));
}

/** Goldens of run time have no program in the folder: the catalogue has it, with what an app does. */
for (const { code, run } of catalogue.values()) {
  if (run === undefined) continue;
  messages(`${code} is told at run time as its golden file has it`, async () => {
    const told = `${await failureOf(run.program, run.wrong)}\n`;
    if (process.env.UPDATE_GOLDEN === "1") writeFileSync(join(folder, `${code}.txt`), told);
    assert.is(told, textOf(code));
    assert.is(await failureOf(run.program, run.right), undefined);
  });
}

/** What no text of a program can show: files of weights that are wrong in some way, and a module without a part. */
const outside: Readonly<Record<string, (session: AnySession, compiled: Compiled) => Promise<unknown>>> = {
  TFG0701: (session) =>
    session.restore(safetensors({ "head/kernel": { dtype: "F32", shape: [4], data_offsets: [0, 16] } }, f32(4))),
  TFG0702: (session) => session.restore(new Uint8Array(7)),
  TFG0703: (session) => session.restore(Uint8Array.of(...new Uint8Array(7).fill(255), 127, 123, 125)),
  TFG0704: (session) => {
    const files = checkpoint("model.ckpt", [{ name: "kernel", type: 1, shape: [4], data: f32(4) }]);
    return session.restore(new Map([...files].filter(([name]) => name.endsWith(".index"))));
  },
  TFG0811: (_, compiled) => openSession(compiled, { device: "js" }),
};
const f32 = (count: number): Uint8Array => bytesOf(new Float32Array(count));

for (const [code, act] of Object.entries(outside)) {
  messages(`${code} is told as its golden file has it`, async () => {
    const program = "graph g[N] {\n  input x: f32[N, 4]\n  param kernel: f32[4] = ones\n  output y = x * kernel\n}\n";
    const compiled = await compiledOf(program);
    const session = await openSession(compiled);
    const told = `${await messageOf(() => act(session, compiled))}\n`;
    if (process.env.UPDATE_GOLDEN === "1") writeFileSync(join(folder, `${code}.txt`), told);
    assert.is(told, textOf(code));
  });
}

/** What an app is told that does `call` with a session of the only graph of `program`; undefined if nothing. */
async function failureOf(program: string, call: string): Promise<string | undefined> {
  const session = await openSession(await compiledOf(program));
  return messageOf(() => new AsyncFunction("session", call)(session));
}

async function compiledOf(program: string): Promise<Compiled> {
  const { graphs } = checkProgram({ path: "g.tfg", read: () => program, library });
  const [graph] = graphs;
  assert.ok(graph);
  const built = await buildGraph(graph, { targets: ["wasm"], observe: () => {} });
  return built.inProcess("wasm");
}

/** As the command line prints it. */
async function messageOf(act: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    assert.instance(error, TfgError, String(error));
    return error instanceof TfgError ? `error[${error.code}]: ${error.text}` : undefined;
  }
}

for (const code of wired) {
  messages(`${code} is told as its golden file has it`, () => {
    const told = `${diagnose(programOf(code).text, code)
      .map((item) => render(item))
      .join("\n")}\n`;
    if (process.env.UPDATE_GOLDEN === "1" && code !== "TFG0310") writeFileSync(join(folder, `${code}.txt`), told);
    assert.is(told, code === "TFG0310" ? ofLibrary(textOf(code)) : textOf(code));
  });
}

messages.run();

// ---- layouts, from diagnostics made by hand ----------------------------------------------------------

const layouts = suite("layouts");

/** The place of the `nth` occurrence of `words` in `file`. */
function at(file: SourceFile, words: string, text: string, nth = 1): Label {
  let start = -1;
  for (let count = 0; count < nth; count++) start = file.text.indexOf(words, start + 1);
  assert.ok(start >= 0, `"${words}" does not occur ${nth} times`);
  return { span: { file, start, end: start + words.length }, text };
}

function wrong(code: string, message: string, primary: Label, more: Partial<Diagnostic> = {}): Diagnostic {
  return { code, severity: "error", message, primary, related: [], notes: [], helps: [], ...more };
}

function hasLayout(diagnostic: Diagnostic): void {
  assert.is(`${render(diagnostic)}\n`, textOf(diagnostic.code));
}

layouts("a caret behind the last word, and the bracket that it closes hanging below", () => {
  const file = programOf("TFG0101");
  const behind = at(file, "784", "").span.end;
  const primary = { span: { file, start: behind, end: behind }, text: "expected `]`" };
  const related = [at(file, "[", "opened here", 2)];
  const helps = [{ text: "insert `]`", edits: [{ span: primary.span, text: "]" }] }];
  hasLayout(wrong("TFG0101", "expected `]` to close the shape of `x`", primary, { related, helps }));
});

layouts("labels on lines that follow each other", () => {
  const file = programOf("TFG0204");
  const primary = at(file, "scale", "`loss` uses `scale` …");
  const related = [at(file, "loss", "… which uses `loss`", 2)];
  const notes = ["a graph has no cycles; a value carried from run to run is a `state`"];
  hasLayout(wrong("TFG0204", "`loss` and `scale` need each other", primary, { related, notes }));
});

layouts("related labels above the primary one", () => {
  const file = programOf("TFG0301");
  const primary = at(file, "x @ w", "f32[N, 784] @ f32[728, 10]");
  const related = [
    at(file, "784", "the inner dimension of `x` is 784"),
    at(file, "728", "the inner dimension of `w` is 728"),
  ];
  const edit = { span: at(file, "f32[728, 10]", "").span, text: "f32[784, 10]" };
  const helps = [{ text: "did you mean `param w: f32[784, 10]`?", edits: [edit] }];
  hasLayout(wrong("TFG0301", "shapes do not agree in `x @ w`", primary, { related, helps }));
});

layouts("three labels on one line, the one in the middle without text", () => {
  const file = programOf("TFG0302");
  const primary = at(file, "+", "");
  const related = [at(file, "logits", "f32[N, 10]", 2), at(file, "bias", "f32[N]", 2)];
  const notes = ["shapes are aligned from the right; a symbolic dimension is never stretched"];
  const helps = [{ text: "to add one value per row write `logits + bias[:, new]`" }];
  hasLayout(wrong("TFG0302", "cannot broadcast f32[N, 10] with f32[N]", primary, { related, notes, helps }));
});

layouts("a label in another file, whose line numbers widen the margin", () => {
  const file = programOf("TFG0310");
  const library = sourceFile("std/nn.tfg", `${"\n".repeat(140)}    where D % heads == 0 {\n`);
  const primary = at(file, "10", "768 % 10 = 8");
  const where = at(library, "where D % heads == 0", "required here, with D = 768");
  const related = [{ ...where, span: { ...where.span, start: where.span.start + 6 } }];
  const helps = [{ text: "8, 12 and 16 divide 768" }];
  hasLayout(wrong("TFG0310", "768 is not divisible by 10", primary, { related, helps }));
});

layouts("a primary label without text below two lines with text", () => {
  const file = programOf("TFG0311");
  const related = [
    at(file, "max_pool2d |> max_pool2d", "rounds down: f32[N, H/4, H/4, 64]"),
    at(file, 'padding="same"', "rounds up: f32[N, (H + 3)/4, (H + 3)/4, 64]"),
  ];
  const notes = ["they differ when H % 4 != 0"];
  const helps = [{ text: "state it: `graph unet[N, H] where H % 4 == 0`; it is checked when `image` is fed" }];
  const message = "cannot prove that H/4 equals (H + 3)/4";
  hasLayout(wrong("TFG0311", message, at(file, "+", ""), { related, notes, helps }));
});

layouts("the text of the label to the left hangs below the one to the right", () => {
  const file = programOf("TFG0315");
  const primary = at(file, "i - 1", "is -1 when i = 0");
  const related = [at(file, "i in N", "0 ≤ i < N")];
  const helps = [{ text: "`x[i - 1] ?? 0.0`" }, { text: "or start at 1: `tensor(i in N - 1: x[i + 1] - x[i])`" }];
  hasLayout(wrong("TFG0315", "`x[i - 1]` can be out of range", primary, { related, helps }));
});

const rendered = (primary: Label, related: Label[] = []): string => render(wrong("TFG0101", "m", primary, { related }));

layouts("two texts that hang each have their line, from right to left", () => {
  const file = sourceFile("a.tfg", "a = f(b, c)\n");
  const told = rendered(at(file, "c", "three"), [at(file, "f", "one"), at(file, "b", "two")]);
  assert.is(
    told,
    `error[TFG0101]: m
 --> a.tfg:1:10
  |
1 | a = f(b, c)
  |     - -  ^ three
  |     | |
  |     | two
  |     one`,
  );
});

layouts("carets stand under their words behind tabs, wide and combining characters", () => {
  const file = sourceFile("a.tfg", '\ta = "漢字" + "e\u0301" + b\n');
  assert.is(
    rendered(at(file, "b", "here")),
    `error[TFG0101]: m
 --> a.tfg:1:20
  |
1 |     a = "漢字" + "e\u0301" + b
  |                        ^ here`,
  );
});

layouts("a span over several lines is marked to the end of its first line", () => {
  const file = sourceFile("a.tfg", "a = f(\n  b)  \nc = 1\n");
  assert.is(
    rendered(at(file, "f(\n  b)", "here")),
    `error[TFG0101]: m
 --> a.tfg:1:5
  |
1 | a = f(
  |     ^^ here`,
  );
});

layouts("an empty span at the end of the file has a caret", () => {
  const file = sourceFile("a.tfg", "graph g {");
  const end = { file, start: 9, end: 9 };
  assert.is(
    rendered({ span: end, text: "here" }),
    `error[TFG0101]: m
 --> a.tfg:1:10
  |
1 | graph g {
  |          ^ here`,
  );
});

layouts("a file without text has a place and no lines", () => {
  const file = sourceFile("none.tfg", "");
  assert.is(rendered({ span: { file, start: 0, end: 0 }, text: "" }), "error[TFG0101]: m\n --> none.tfg:1:1");
});

layouts("a long line is shown around its labels, and control characters as pictures", () => {
  const file = sourceFile("a.tfg", `${"x".repeat(400)}\u001B[31m b ${"y".repeat(400)}\n`);
  const lines = rendered(at(file, " b ", "here")).split("\n");
  assert.ok(lines.every((line) => line.length < 180));
  assert.ok(lines.every((line) => !line.includes("\u001B")));
  const [source = "", carets = ""] = lines.slice(3);
  assert.is(source.indexOf(" b "), carets.indexOf("^^^"));
});

layouts("colours are written only when asked for", () => {
  const diagnostic = wrong("TFG0301", "m", at(programOf("TFG0301"), "x @ w", "here"));
  assert.not.ok(render(diagnostic).includes("\u001B"));
  const colored = render(diagnostic, { color: true });
  assert.ok(colored.includes("\u001B[31m"));
  assert.is(stripVTControlCharacters(colored), render(diagnostic));
});

layouts("a warning says so", () => {
  const file = sourceFile("a.tfg", "a");
  const warning: Diagnostic = { ...wrong("TFG0901", "m", at(file, "a", "here")), severity: "warning" };
  assert.match(render(warning), /^warning\[TFG0901\]: m\n --> a\.tfg:1:1\n/);
});

layouts.run();

// ---- the catalogue -----------------------------------------------------------------------------------

const entries = suite("catalogue");

entries("has each code that a source file mentions", () => {
  const files = globSync(["compiler/**/*.ts", "grammar/**/*.ts", "runtime/**/*.ts"], { cwd: root });
  assert.ok(files.length > 20);
  const missing = new Set<string>();
  for (const file of files) {
    for (const [code] of readFileSync(join(root, file), "utf8").matchAll(/\bTFG\d{4}\b/g)) {
      if (!catalogue.has(code)) missing.add(`${code} in ${file}`);
    }
  }
  assert.equal([...missing], []);
});

entries("has an entry for each golden message", () => {
  const codes = globSync("*.txt", { cwd: folder }).map((name) => name.slice(0, 7));
  assert.is(codes.length >= 36, true);
  for (const code of codes) {
    assert.ok(catalogue.has(code), code);
    assert.ok(textOf(code).startsWith(`${code < "TFG0900" ? "error" : "warning"}[${code}]: `), code);
  }
});

entries("of a foreign name propose names that there are", () => {
  const targets = foreignTargets();
  assert.ok(targets.length > 50);
  for (const name of new Set(targets)) {
    if (name === "true" || name === "false") continue;
    const told = diagnose(`graph g[N] {\n  input x: f32[N]\n  output y = ${name}(x)\n}\n`, "");
    assert.not.ok(
      told.some(({ code }) => code === "TFG0201"),
      name,
    );
  }
});

entries("is in order, in lower case and without full stops", () => {
  const codes = [...catalogue.keys()];
  assert.equal(codes, codes.toSorted());
  for (const { code, title, text } of catalogue.values()) {
    assert.not.match(title, /^[A-Z](?![A-Z0-9])|\.$/, code);
    assert.match(text, /[.!]$/, code);
  }
});

entries("shows wrong programs that are told with the code itself, and right ones of which nothing is told", () => {
  for (const { code, wrong: bad, right } of catalogue.values()) {
    const told = (program: string): string[] => diagnose(program, code).map((item) => item.code);
    if (bad !== undefined) assert.equal(told(bad), [code], code);
    // Training is not built yet: a warning.
    if (right !== undefined) assert.equal(told(right), /\btrain\b/.test(right) ? ["TFG0106"] : [], code);
  }
});

/** What nothing shows, and why. */
const notShown: Readonly<Record<string, string>> = {
  TFG0407: "quantised parameters are not built yet",
  TFG0805: "the guard against NaN is not built yet",
};

entries("has an example and a golden message for each code, but for what is not built", () => {
  const golden = new Set(globSync("*.txt", { cwd: folder }).map((name) => name.slice(0, 7)));
  const missing = [...catalogue.keys()].filter((code) => !golden.has(code));
  assert.equal(missing, Object.keys(notShown));
  for (const { code, wrong: bad, run } of catalogue.values()) {
    const hasExample = bad !== undefined || run !== undefined;
    // What is not built changes from version to version.
    assert.is(hasExample, !(code in notShown) && !(code in outside) && code !== "TFG0106", code);
  }
});

entries("explains a code with its examples, and says nothing about an unknown one", () => {
  const text = explain("TFG0105") ?? "";
  assert.ok(text.startsWith("TFG0105: a matrix product that reads as an attribute\n\n"));
  assert.ok(text.includes("This is wrong:\n\n    graph g[N] {\n"));
  assert.ok(text.includes("      output y = x @ w\n"));
  assert.is(explain("TFG9999"), undefined);
});

entries.run();
