/** Reading a `.tfg` file: words, grammar, repairs, and the typed tree. */
import type { Diagnostic } from "./diagnostic.ts";
import { spanAt, syntaxError } from "./messages.ts";
import { parseExpression, parseFile } from "./repair.ts";
import { positionAt, type SourceFile, type Span } from "./source.ts";
import type { Declaration, Expression, SyntaxFile } from "./syntax.ts";
import { type Damage, tidy } from "./tidy.ts";
import { readWords } from "./tokens.ts";
import { attachDocs, TreeReader } from "./tree.ts";

/**
 * The typed tree of `file` and what is wrong with its syntax (TFG0101 to TFG0105), in the order of the text.
 * Never throws. After errors the tree holds what could be read, with `error` expressions where values were left out.
 * With `part`, a stretch of whole declarations, that stretch only; spans are those of the file all the same.
 */
export function parse(file: SourceFile, part?: Span): { tree: SyntaxFile; diagnostics: Diagnostic[] } {
  const words = readWords(file, part?.start, part?.end);
  const { tokens, diagnostics: wrong, damage } = tidy(file, words);
  const parsed = parseFile(file, tokens);
  const inHoles: Diagnostic[] = [];
  const reader: TreeReader = new TreeReader(file, attachDocs(file, tokens, words.docs), (span) => {
    return readHole(file, span, inHoles, (node) => reader.expression(node));
  });
  const declarations: Declaration[] = [];
  for (const node of parsed.files) {
    for (const declaration of reader.readFile(node).declarations) {
      const chain = tooLong(declaration);
      if (chain === undefined) declarations.push(declaration);
      else reader.diagnostics.push(chain);
    }
  }
  const later = [...parsed.diagnostics, ...reader.diagnostics, ...inHoles];
  const diagnostics = [...wrong, ...later.filter((diagnostic) => isNews(file, diagnostic, damage))];
  diagnostics.sort((a, b) => a.primary.span.start - b.primary.span.start);
  return { tree: { kind: "file", declarations, span: spanAt(file, 0, file.text.length) }, diagnostics };
}

function readHole(
  file: SourceFile,
  span: Span,
  diagnostics: Diagnostic[],
  read: (node: NonNullable<ReturnType<typeof parseExpression>["tree"]>) => Expression,
): Expression {
  const { tokens, diagnostics: wrong } = tidy(file, readWords(file, span.start, span.end));
  diagnostics.push(...wrong);
  const parsed = parseExpression(file, tokens);
  if (wrong.length === 0) diagnostics.push(...parsed.diagnostics);
  return parsed.tree === undefined ? { kind: "error", span } : read(parsed.tree);
}

/** What a file that is known to be right holds, unread. */
export interface Outline {
  /** By name: each goes from its first line, comments and attributes included, to the next one's. */
  readonly declarations: ReadonlyMap<string, Span>;
  readonly imports: readonly Span[];
}

/** Undefined if a declaration cannot be found in this way. */
export function outline(file: SourceFile): Outline | undefined {
  const declarations = new Map<string, Span>();
  const imports: Span[] = [];
  const heads = [
    ...file.text.matchAll(
      /^(?:\/\/\/.*\n|@.*\n(?:[ )}\]].*\n)*)*(def|layer|optimizer|config|const|test|import|graph)\b *(\w*)/gm,
    ),
  ];
  for (const [i, head] of heads.entries()) {
    const [, kind, name = ""] = head;
    const span = spanAt(file, head.index, heads[i + 1]?.index ?? file.text.length);
    if (kind === "import") imports.push(span);
    else if (kind === "test") continue;
    else if (name === "" || declarations.has(name)) return undefined;
    else declarations.set(name, span);
  }
  return { declarations, imports };
}

/** Whether a message tells more than that something was lost on its line. */
function isNews(file: SourceFile, { primary, code }: Diagnostic, damage: readonly Damage[]): boolean {
  if (code !== "TFG0101" && code !== "TFG0103") return true;
  const line = positionAt(file, primary.span.start).line;
  return !damage.some(({ at, toEnd }) => toEnd || positionAt(file, at).line === line);
}

/** Later stages walk the tree by calls; no tree that a person writes is so deep. */
const deepest = 500;

/** A message if something in `declaration` is nested deeper than `deepest` nodes, as a sum of 500 terms is. */
function tooLong(declaration: Declaration): Diagnostic | undefined {
  if (declaration.span.end - declaration.span.start < deepest) return undefined;
  const walk: { readonly value: object; readonly depth: number; readonly span: Span }[] = [];
  walk.push({ value: declaration, depth: 0, span: declaration.span });
  for (let item = walk.pop(); item !== undefined; item = walk.pop()) {
    const isNode = "kind" in item.value;
    const depth = item.depth + (isNode ? 1 : 0);
    const span = isNode && "span" in item.value && depth <= deepest / 4 ? (item.value.span as Span) : item.span;
    if (depth > deepest) {
      return syntaxError(
        "TFG0101",
        `an expression with more than ${deepest} steps`,
        { span, text: "this is too long to compile" },
        { helps: [{ text: "give its parts names" }] },
      );
    }
    for (const [key, value] of Object.entries(item.value)) {
      if (typeof value === "object" && value !== null && !/span$|^keyword$|^operator$/i.test(key)) {
        walk.push({ value, depth, span });
      }
    }
  }
  return undefined;
}
