/**
 * Writes `docs/std/`: a page for each module of the standard library, from its sources. A function is shown with its
 * signature as written, its `///` comment, and an assertion of a test that calls it, with what that assertion needs.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expressionsOfType, partsOf, within } from "../compiler/check/walk.ts";
import { library } from "../compiler/std/sources.ts";
import { parse } from "../grammar/read.ts";
import { type SourceFile, sourceFile, spanText } from "../grammar/source.ts";
import type { Declaration, Statement, SyntaxFile, TestDeclaration } from "../grammar/syntax.ts";

const folder = resolve(import.meta.dirname, "..", "docs", "std");

/** Below this many characters an example is shown whole; longer ones are left to the test. */
const longest = 900;

type Described = Extract<Declaration, { kind: "function" | "optimizer" | "const" | "config" }>;

/** The pages by file name. */
export function pages(): Map<string, string> {
  const modules = [...library].filter(([, text]) => /^(def|layer|optimizer|const)\b/m.test(text)).sort();
  const made = new Map(modules.map(([name, text]) => [`${stem(name)}.md`, page(name, text)]));
  made.set("README.md", index(modules));
  return made;
}

const stem = (name: string): string => name.replace(/^std\//, "");

function index(modules: readonly (readonly [string, string])[]): string {
  const prelude = library.get("std/prelude") ?? "";
  const lines = modules.map(([name, text]) => {
    const isImplicit = prelude.includes(`"${name}"`);
    const names = [...text.matchAll(/^(?:def|layer|optimizer) ([A-Za-z]\w*)/gm)].map(([, found]) => found);
    return `## [${name}](${stem(name)}.md)\n\n${moduleDoc(text)}${isImplicit ? "" : "\n\nIt is imported by name."}\n\n${names.map((each) => `[\`${each}\`](${stem(name)}.md#${each})`).join(" · ")}\n`;
  });
  return [
    "# The standard library\n",
    "What every file sees without an import, and what it can import. The library is written in `.tfg` itself: these pages",
    "are made from its sources by `npm run generate`, and each example is a test that `tfgc test std` runs.\n",
    ...lines,
  ].join("\n");
}

/** The comment at the head of a file. */
const moduleDoc = (text: string): string =>
  (/^(?:\/\/\/.*\n)+/.exec(text)?.[0] ?? "").replace(/^\/\/\/ ?/gm, "").trim();

function page(name: string, text: string): string {
  const file = sourceFile(`${name}.tfg`, text);
  const { tree } = parse(file);
  const tests = tree.declarations.filter((declaration) => declaration.kind === "test");
  const parts = [`# ${name}`, moduleDoc(text)];
  const headings = [...text.matchAll(/^\/\/ -{2,} (.+?) -+$/gm)].map((found) => ({ at: found.index, text: found[1] }));
  let shown = -1;
  for (const declaration of described(tree)) {
    const last = headings.findLastIndex(({ at }) => at < declaration.span.start);
    const heading = headings[last];
    if (heading?.text !== undefined && last > shown) {
      parts.push(`## ${heading.text.charAt(0).toUpperCase()}${heading.text.slice(1)}`);
      shown = last;
    }
    parts.push(entry(file, declaration, tests));
  }
  return `${parts.join("\n\n")}\n`;
}

function described(tree: SyntaxFile): readonly Described[] {
  return tree.declarations.filter(
    (declaration): declaration is Described =>
      (declaration.kind === "function" ||
        declaration.kind === "optimizer" ||
        declaration.kind === "const" ||
        declaration.kind === "config") &&
      !declaration.name.text.startsWith("_"),
  );
}

function entry(file: SourceFile, declaration: Described, tests: readonly TestDeclaration[]): string {
  const { text: name } = declaration.name;
  const example = exampleOf(name, tests);
  return [
    `### ${name}`,
    `\`\`\`tfg\n${signature(file, declaration)}\n\`\`\``,
    ...(documented(file, declaration) ? [declaration.doc] : []),
    ...(example === undefined ? [] : [`\`\`\`tfg\n${example}\n\`\`\``]),
  ].join("\n\n");
}

/** Whether the comment is the declaration's own: the one at the head of a file is the file's. */
const documented = (file: SourceFile, { doc }: Described): boolean => doc !== "" && doc !== moduleDoc(file.text);

/** What stands before the body. */
function signature(file: SourceFile, declaration: Described): string {
  const start = file.text.lastIndexOf("\n", declaration.name.span.start) + 1;
  if (declaration.kind === "const" || declaration.kind === "config") return spanText({ ...declaration.span, start });
  const { body } = declaration;
  return file.text.slice(start, body.span.start).trimEnd().replace(/ *=$/, "").trimEnd();
}

// ---- examples ------------------------------------------------------------------------------------------------

/** The first assertion that calls the function, behind the bindings that it needs. */
function exampleOf(name: string, tests: readonly TestDeclaration[]): string | undefined {
  for (const { body } of tests) {
    const lines = new Map(
      body.statements.map((statement): [Statement, ReadonlySet<string>] => [statement, namesIn(statement)]),
    );
    const calls = [...lines].filter(([, names]) => names.has(name)).map(([statement]) => statement);
    const [first] = calls;
    if (!first) continue;
    // A call in a binding is told by an assertion that reads what it binds.
    const asserted = body.statements.find(
      (statement) => statement.kind === "assert" && needs(statement, lines).has(first),
    );
    if (!asserted) continue;
    const wanted = needs(asserted, lines);
    const text = body.statements
      .filter((statement) => wanted.has(statement))
      .map((statement) => spanText(statement.span).replace(/^ {2}/gm, ""))
      .join("\n");
    if (text.length <= longest) return text;
  }
  return undefined;
}

/** The statement and those that bind what it reads, and so on. */
function needs(statement: Statement, lines: ReadonlyMap<Statement, ReadonlySet<string>>): ReadonlySet<Statement> {
  const found = new Set([statement]);
  for (const each of found)
    for (const [other] of lines)
      if (boundNames(other).some((name) => lines.get(each)?.has(name) || shares(each, name))) found.add(other);
  return found;
}

/** Whether `reuse="name"` in a statement means the instance that another one named. */
const shares = (statement: Statement, name: string): boolean =>
  new RegExp(`reuse="${name}"`).test(spanText(statement.span));

function boundNames(statement: Statement): readonly string[] {
  switch (statement.kind) {
    case "binding": {
      const named = [...spanText(statement.span).matchAll(/\bname="(\w+)"/g)].map(([, name]) => name ?? "");
      return [...statement.names.map(({ text }) => text), ...named];
    }
    case "const":
    case "param":
    case "state":
      return [statement.name.text];
    default:
      return [];
  }
}

function namesIn(statement: Statement): ReadonlySet<string> {
  const names = new Set<string>();
  const type = "type" in statement && statement.type && "kind" in statement.type ? statement.type : undefined;
  for (const root of [...partsOf(statement).expressions, ...(type ? expressionsOfType(type) : [])])
    for (const expression of within(root)) if (expression.kind === "name") names.add(expression.name);
  return names;
}

if (import.meta.main) {
  mkdirSync(folder, { recursive: true });
  const made = pages();
  for (const name of readdirSync(folder)) if (!made.has(name)) rmSync(join(folder, name));
  for (const [name, text] of made) writeFileSync(join(folder, name), text);
}
