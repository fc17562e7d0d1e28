/** From the place where the grammar stopped to a message that says what to do. */
import { distance } from "fastest-levenshtein";
import type { IToken, TokenType } from "chevrotain";
import type { Diagnostic, Label } from "./diagnostic.ts";
import { spanAt, syntaxError } from "./messages.ts";
import {
  closingOf,
  innermostOpen,
  isBetweenStatements,
  isCloser,
  isDeclarationOutside,
  isMissingComma,
  type Mishap,
  startsDeclaration,
  startsLine,
} from "./outline.ts";
import { type SourceFile, type Span, spanText } from "./source.ts";
import * as t from "./tokens.ts";
import { is } from "./tokens.ts";

export function complain(mishap: Mishap): Diagnostic {
  const { words, index, expected } = mishap;
  const word = words[index];
  const opener = innermostOpen(words, index);
  if (word !== undefined && !isDeclarationOutside(mishap)) {
    const special =
      strayCloser(mishap, word) ??
      misplacedDeclaration(mishap, word) ??
      secondEqual(mishap, word) ??
      wrongBeginning(mishap, word) ??
      keywordAsName(mishap, word) ??
      importWithoutBraces(mishap, word) ??
      headOfDeclaration(mishap, word) ??
      otherForms(mishap, word) ??
      typeMissing(mishap, word) ??
      valueMissing(mishap) ??
      afterPipe(mishap, word);
    if (special !== undefined) return special;
  }
  if (isMissingComma(mishap)) return commaMissing(mishap);
  const closer = opener === undefined ? undefined : t.closers.get(opener.tokenType);
  const isUnclosed = word === undefined || !isBetweenStatements(mishap) || isDeclarationOutside(mishap);
  if (
    opener !== undefined &&
    closer !== undefined &&
    isUnclosed &&
    (expected === closer.LABEL || isDeclarationOutside(mishap))
  ) {
    return unclosed(mishap, opener, closer.LABEL ?? closer.name);
  }
  const want = isBetweenStatements(mishap) ? "a statement" : expected;
  const trailing = trailingComma(mishap);
  return syntaxError("TFG0101", `expected ${want}, found ${found(mishap, index)}`, behind(mishap, `expected ${want}`), {
    helps: trailing === undefined ? [] : [{ text: "remove the last `,`", edits: [{ span: trailing, text: "" }] }],
  });
}

function unclosed(mishap: Mishap, opener: IToken, label: string): Diagnostic {
  const closing = closingOf(mishap, opener);
  const { comma } = closing;
  const expected = `expected ${label}`;
  const primary =
    comma === undefined
      ? behind({ ...mishap, index: closing.index }, expected)
      : { span: spanOf(mishap.file, comma), text: expected };
  const edits = [{ span: primary.span, text: label.replaceAll("`", "") }];
  return syntaxError("TFG0101", `${expected} to close ${ownerOf(mishap.words, opener)}`, primary, {
    related: [{ span: spanOf(mishap.file, opener), text: "opened here" }],
    helps: [{ text: `${comma === undefined ? "insert" : "write"} ${label}`, edits }],
  });
}

function commaMissing(mishap: Mishap): Diagnostic {
  const { file, words, index } = mishap;
  const [before, word] = [words[index - 1], words[index]];
  if (before !== undefined && word !== undefined && is(word, t.Ident)) {
    const span = { ...spanOf(file, before), end: t.endOf(word) };
    if (t.endOf(before) === word.startOffset && is(before, t.NumberLiteral))
      return syntaxError("TFG0101", `\`${spanText(span)}\` is neither a number nor a name`, {
        span,
        text: "a name does not begin with a digit",
      });
    if (before.image === word.image) {
      const helps = [{ text: "write it once", edits: [{ span: { ...span, start: t.endOf(before) }, text: "" }] }];
      const primary = { span: spanOf(file, word), text: "again" };
      return syntaxError("TFG0101", `\`${word.image}\` is written twice`, primary, { helps });
    }
  }
  const primary = behind(mishap, "expected `,`");
  return syntaxError("TFG0101", `expected \`,\` before ${found(mishap, mishap.index)}`, primary, {
    helps: [{ text: "insert `,`", edits: [{ span: primary.span, text: "," }] }],
  });
}

function strayCloser(mishap: Mishap, word: IToken): Diagnostic | undefined {
  if (!isCloser(word) || !(isBetweenStatements(mishap) || mishap.opened.length === 0)) return undefined;
  const span = spanOf(mishap.file, word);
  return syntaxError(
    "TFG0101",
    `\`${word.image}\` closes nothing`,
    { span, text: "nothing is open here" },
    {
      helps: [{ text: "remove it", edits: [{ span, text: "" }] }],
    },
  );
}

/** `a = b = c`, `output a := b`. */
function secondEqual(mishap: Mishap, word: IToken): Diagnostic | undefined {
  if (!isBetweenStatements(mishap)) return undefined;
  const span = spanOf(mishap.file, word);
  if (word.tokenType === t.Equal) {
    const text = "a comparison is written `==`";
    return syntaxError("TFG0101", "a statement has one `=`", { span, text });
  }
  if (word.tokenType !== t.ColonEqual) return undefined;
  const helps = [{ text: "write `=`", edits: [{ span, text: "=" }] }];
  const text = "it stands behind the name of a variable alone";
  return syntaxError("TFG0101", "`:=` updates a variable, and binds no name", { span, text }, { helps });
}

/** A declaration within another one. */
function misplacedDeclaration(mishap: Mishap, word: IToken): Diagnostic | undefined {
  const { file, words, index, opened } = mishap;
  const isWanted = mishap.expected === "a statement" || isBetweenStatements(mishap);
  if (!isWanted || word.tokenType === t.AttributeName || !startsDeclaration(words, index)) return undefined;
  if (isDeclarationOutside(mishap) || opened.length === 0) return undefined;
  const text = "move it to the top level of the file";
  return syntaxError("TFG0101", `${article(word.image)} \`${word.image}\` cannot stand within another declaration`, {
    span: spanOf(file, word),
    text,
  });
}

/** A line that begins neither a declaration nor a statement. */
function wrongBeginning(mishap: Mishap, word: IToken): Diagnostic | undefined {
  const { file, words, index, expected, opened } = mishap;
  const isInFile = expected === "a declaration";
  if (!isInFile && expected !== "a statement" && !isBetweenStatements(mishap)) return undefined;
  const span = spanOf(file, word);
  const next = words[index + 1];
  const isLoop = word.image === "while" && next?.tokenType !== t.LeftParen && next?.tokenType !== t.Equal;
  if (word.tokenType === t.For || isLoop) {
    return syntaxError("TFG0101", `there is no \`${word.image}\` statement`, {
      span,
      text: "repeat with `repeat`, `fold`, `scan` or `while`, or index with `tensor(i in N: …)`",
    });
  }
  if (!is(word, t.Ident)) return undefined;
  if (isInFile && /^(?:class|struct|interface|trait|type)$/.test(word.image)) {
    const text = "what owns variables is a `layer`, what is run is a `graph`";
    return syntaxError("TFG0101", `there is no \`${word.image}\``, { span, text });
  }
  const near = misspelt(mishap);
  if (near !== undefined) {
    return syntaxError(
      "TFG0101",
      `unknown kind of ${isInFile ? "declaration" : "statement"} \`${word.image}\``,
      {
        span,
        text: `did you mean \`${near}\`?`,
      },
      { helps: [{ text: near, edits: [{ span, text: near }] }] },
    );
  }
  if (isInFile) {
    if (!t.softKeywords.has(word.tokenType) && next?.tokenType !== t.Equal && next?.tokenType !== t.ColonEqual)
      return undefined;
    const text = `only \`import\`, \`config\`, \`const\`, \`def\`, \`layer\`, \`optimizer\`, \`graph\` and \`test\` stand here`;
    const what = t.softKeywords.has(word.tokenType) ? `\`${word.image}\`` : "a binding";
    return syntaxError("TFG0101", `${what} belongs in a graph or a function`, { span, text });
  }
  if (next?.tokenType === t.Pipe && opened.length > 0) {
    const text = `give it a name: \`y = ${word.image} |> …\``;
    return syntaxError("TFG0101", "a value needs a name", { span, text });
  }
  if (next?.tokenType === t.LeftParen && opened.length > 0) {
    const text = `give it a name: \`y = ${word.image}(…)\``;
    return syntaxError("TFG0101", "a value needs a name", { span, text });
  }
  if (ofGraphs.has(word.tokenType) && next !== undefined && is(next, t.Ident)) {
    const text = "it stands directly in the braces of a `graph`";
    return syntaxError("TFG0101", `\`${word.image}\` belongs in a graph`, { span, text });
  }
  if (next?.image === "==") {
    const place = spanOf(file, next);
    const helps = [{ text: "write `=`", edits: [{ span: place, text: "=" }] }];
    const label = { span: place, text: "a name is bound by `=`" };
    return syntaxError("TFG0101", "expected `=`, found `==`", label, { helps });
  }
  const followed = word.tokenType === t.Scope ? "a string" : "a name";
  const want = t.softKeywords.has(word.tokenType) ? `${followed} after \`${word.image}\`` : "`=`";
  if (next !== undefined && t.hardKeywords.has(next.tokenType) && t.softKeywords.has(word.tokenType)) {
    return keywordAsName({ ...mishap, index: index + 1, expected: "a name" }, next);
  }
  const primary = behind({ ...mishap, index: index + 1 }, `expected ${want}`);
  const quoted = followed === "a string" && next !== undefined && is(next, t.Ident) ? `"${next.image}"` : undefined;
  const helps = quoted ? [{ text: quoted, edits: [{ span: spanOf(file, next ?? word), text: quoted }] }] : [];
  return syntaxError("TFG0101", `expected ${want}, found ${found(mishap, index + 1)}`, primary, { helps });
}

/** `import numpy as np`, `import dense from "std/nn"`. */
function importWithoutBraces({ file, words, index }: Mishap, word: IToken): Diagnostic | undefined {
  if (words[index - 1]?.tokenType !== t.Import || !is(word, t.Ident)) return undefined;
  const span = spanOf(file, word);
  const isNamed = words[index + 1]?.tokenType === t.From;
  return syntaxError(
    "TFG0101",
    "an import names what it takes in braces",
    { span, text: isNamed ? `write \`{ ${word.image} }\`` : "there are no modules of other languages" },
    {
      notes: ["functions of the standard library need no import"],
      helps: isNamed
        ? [{ text: `{ ${word.image} }`, edits: [{ span, text: `{ ${word.image} }` }] }]
        : [{ text: '`import { name } from "./other.tfg"`' }],
    },
  );
}

/** `graph g(N) {`, `graph g[N]` without a brace, `def f(x: f32): f32`, results without names. */
function headOfDeclaration(mishap: Mishap, word: IToken): Diagnostic | undefined {
  const { file, words, index, expected } = mishap;
  const span = spanOf(file, word);
  const before = words[index - 1];
  if (word.image === "(" && words[index - 2]?.tokenType === t.Graph && expected.includes("`{`")) {
    const close = words.slice(index).find((other) => other.image === ")");
    const inside = close === undefined ? "" : file.text.slice(span.end, close.startOffset);
    const helps =
      close === undefined || !/^[\w\s,]*$/.test(inside)
        ? []
        : [{ text: `[${inside}]`, edits: [{ span: { ...span, end: t.endOf(close) }, text: `[${inside}]` }] }];
    const text = "a graph takes no arguments; its run dims stand in `[ ]`";
    return syntaxError("TFG0101", `expected \`[\` or \`{\`, found \`(\``, { span, text }, { helps });
  }
  if (expected === "`{`" && startsLine(file, words, index)) {
    const primary = behind(mishap, "expected `{`");
    const helps = [{ text: "insert `{`", edits: [{ span: primary.span, text: " {" }] }];
    return syntaxError("TFG0101", `expected \`{\`, found ${found(mishap, index)}`, primary, { helps });
  }
  if (word.tokenType === t.Colon && before?.image === ")" && expected === "`=` or `{`") {
    const isType = dtypes.test(words[index + 1]?.image ?? "");
    const text = isType ? "the type of the result stands behind `->`" : "a body is `= value` or `{ … return value }`";
    const helps = isType ? [{ text: "write `->`", edits: [{ span, text: " ->" }] }] : [];
    return syntaxError("TFG0101", `expected ${isType ? "`->`" : expected}, found \`:\``, { span, text }, { helps });
  }
  if (word.tokenType === t.Colon && expected === "`{`") {
    const text = "a block stands in braces: `{ … }`";
    return syntaxError("TFG0101", "expected `{`, found `:`", { span, text });
  }
  const opener = innermostOpen(words, index);
  const isResult = opener?.image === "(" && words[words.indexOf(opener) - 1]?.tokenType === t.Arrow;
  if (isResult && expected === t.Colon.LABEL && before !== undefined && dtypes.test(before.image)) {
    const text = `for example \`-> (first: ${before.image}…, second: …)\``;
    return syntaxError("TFG0101", "several results have names", { span: spanOf(file, before), text });
  }
  return undefined;
}

const ofCalls: ReadonlySet<TokenType> = new Set([t.Fn, t.Pipe, t.Arrow]);

/** `[f(i) for i in N]`, `x |> fn(h) => h`, `if c: a else: b`, `(a, b)`. */
function otherForms(mishap: Mishap, word: IToken): Diagnostic | undefined {
  const { file, words, index, expected } = mishap;
  const span = spanOf(file, word);
  const before = words[index - 1];
  if (word.tokenType === t.Colon && (expected === "`then`" || before?.tokenType === t.Else)) {
    const text = before?.tokenType === t.Else ? "" : " then";
    const label = "a conditional expression is written `if c then a else b`";
    const help = text === "" ? "remove `:`" : "write `then`";
    const helps = [{ text: help, edits: [{ span, text }] }];
    return syntaxError("TFG0101", `expected ${expected}, found \`:\``, { span, text: label }, { helps });
  }
  if (expected === "`else`") {
    const label = "an `if` in a value has both branches: `if c then a else b`";
    return syntaxError("TFG0101", `expected \`else\`, found ${found(mishap, index)}`, behind(mishap, label));
  }
  const opener = innermostOpen(words, index);
  const owner = opener === undefined ? undefined : words[words.indexOf(opener) - 1];
  const isOwned = owner !== undefined && (is(owner, t.Ident) || isCloser(owner) || ofCalls.has(owner.tokenType));
  if (word.tokenType === t.Comma && opener?.image === "(" && owner !== undefined && !isOwned) {
    const first = words.indexOf(opener);
    const close = matchingCloser(words, first);
    const inside = words.slice(first + 1, close === undefined ? index : words.indexOf(close));
    // Named arguments belong to a call whose name is missing.
    if (inside.some(({ tokenType }) => tokenType === t.Equal)) return undefined;
    const edits =
      close === undefined
        ? undefined
        : [
            { span: spanOf(file, opener), text: "[" },
            { span: spanOf(file, close), text: "]" },
          ];
    const helps = edits === undefined ? [] : [{ text: "write `[` and `]`", edits }];
    return syntaxError("TFG0101", "several values are a list", { span, text: "a list stands in `[ ]`" }, { helps });
  }
  if (word.tokenType === t.For && innermostOpen(words, index)?.tokenType !== t.LeftBrace) {
    const text = "a tensor of values is `tensor(i in N: …)`, their sum `sum(i in N: …)`";
    return syntaxError("TFG0101", "there is no `for` in a value", { span, text });
  }
  if (word.tokenType === t.Fn && words[index - 1]?.tokenType === t.Pipe) {
    const text = "put the function in parentheses: `x |> (fn(h) => …)`";
    return syntaxError("TFG0101", "a pipe goes into a name or a call", { span, text });
  }
  return undefined;
}

/** `input x f32[N]`, `param w = zeros`, `def f(x)`. */
function typeMissing(mishap: Mishap, word: IToken): Diagnostic | undefined {
  const { file, words, index, expected } = mishap;
  const name = words[index - 1];
  if (expected !== t.Colon.LABEL || name === undefined || !is(name, t.Ident)) return undefined;
  const opener = innermostOpen(words, index);
  const owner = opener === undefined ? "" : ownerOf(words, opener);
  const message = `\`${name.image}\` needs a type`;
  const next = words[index + 1];
  const typed = `: ${word.tokenType === t.Equal ? (next?.image ?? "") : word.image}`;
  if (dtypes.test(word.image)) {
    const primary = behind(mishap, "expected `:`");
    const helps = [{ text: `${name.image}${typed}`, edits: [{ span: primary.span, text: ":" }] }];
    return syntaxError("TFG0101", `expected \`:\`, found ${found(mishap, index)}`, primary, { helps });
  }
  if (owner.startsWith("the parameters of")) {
    const of = owner.slice("the parameters of ".length);
    const label = `a parameter of ${of} says what it takes: \`${name.image}: f32[N]\``;
    return syntaxError("TFG0101", message, { span: spanOf(file, name), text: label });
  }
  if (word.tokenType === t.Equal && next !== undefined && dtypes.test(next.image)) {
    const span = { ...spanOf(file, word), start: t.endOf(name) };
    const helps = [{ text: `${name.image}${typed}`, edits: [{ span, text: ":" }] }];
    return syntaxError("TFG0101", message, { span: spanOf(file, word), text: "a type stands behind `:`" }, { helps });
  }
  const declares = words[index - 2]?.image ?? "";
  const literal = declares !== "config" ? undefined : typeOfLiteral(next);
  if (literal !== undefined) {
    const primary = behind(mishap, `its type stands behind \`:\`, as in \`config ${name.image}: ${literal}\``);
    const helps = [{ text: `${name.image}: ${literal}`, edits: [{ span: primary.span, text: `: ${literal}` }] }];
    return syntaxError("TFG0101", message, primary, { helps });
  }
  if (!/^(?:input|param|state)$/.test(declares)) return undefined;
  const label = `its type stands behind \`:\`, as in \`${declares} ${name.image}: f32[8]\``;
  return syntaxError("TFG0101", message, { span: spanOf(file, name), text: label });
}

function typeOfLiteral(word: IToken | undefined): string | undefined {
  if (word?.tokenType === t.IntLiteral) return "int";
  if (word?.tokenType === t.FloatLiteral) return "f32";
  if (word?.tokenType === t.StringLiteral) return "str";
  return word?.tokenType === t.True || word?.tokenType === t.False ? "bool" : undefined;
}

const dtypes = /^(?:[fiu](?:8|16|32|64)|bf16|bool|int|float\d*|int\d+|str|q[48])$/;

/** `x: f32[N]` without a value, where nothing says what `x` is. */
function valueMissing(mishap: Mishap): Diagnostic | undefined {
  const { file, words, index, expected } = mishap;
  if (expected !== t.Equal.LABEL) return undefined;
  let first = index - 1;
  while (first > 0 && !startsLine(file, words, first)) first--;
  const [name, sign] = [words[first], words[first + 1]];
  if (startsLine(file, words, index) && name?.tokenType === t.Ident && sign?.tokenType === t.Colon) {
    const before = words[index - 1];
    const text = file.text.slice(name.startOffset, before === undefined ? t.endOf(name) : t.endOf(before));
    const primary = { span: spanAt(file, name.startOffset, name.startOffset + text.length), text: "this has no value" };
    return syntaxError("TFG0101", `\`${name.image}\` is declared as nothing`, primary, {
      helps: [{ text: `\`input ${text}\` for what a run is fed, \`param ${text}\` for a variable` }],
    });
  }
  return undefined;
}

/** Statements that stand in a graph itself, not in a function or a block. */
const ofGraphs: ReadonlySet<TokenType> = new Set([t.Input, t.Output, t.Train, t.Step]);

function keywordAsName({ file, expected }: Mishap, word: IToken): Diagnostic | undefined {
  if (expected !== "a name" || !t.hardKeywords.has(word.tokenType)) return undefined;
  return syntaxError("TFG0101", `\`${word.image}\` is a keyword, it cannot be a name`, {
    span: spanOf(file, word),
    text: "choose another name",
  });
}

/** `x |> f + 1` */
function afterPipe(mishap: Mishap, word: IToken): Diagnostic | undefined {
  const { words, index, file } = mishap;
  if (!is(word, t.BinaryOperator) && word.tokenType !== t.As) return undefined;
  let open = 0;
  for (let at = index - 1; at >= 0; at--) {
    const before = words[at];
    if (before === undefined) return undefined;
    if (isCloser(before)) open++;
    else if (t.closers.has(before.tokenType)) open--;
    if (open < 0 || (open === 0 && (before.tokenType === t.Equal || before.tokenType === t.ColonEqual)))
      return undefined;
    if (open === 0 && before.tokenType === t.Pipe) {
      const text = `\`|>\` binds looser than \`${word.image}\`: put the pipe in parentheses`;
      return syntaxError("TFG0101", `\`${word.image}\` cannot follow a pipe`, { span: spanOf(file, word), text });
    }
  }
  return undefined;
}

/** A `,` before a closing bracket. */
function trailingComma({ file, words, index }: Mishap): Span | undefined {
  const before = words[index - 1];
  const word = words[index];
  if (before?.tokenType !== t.Comma || word === undefined || !isCloser(word)) return undefined;
  return spanOf(file, before);
}

/** What the bracket `opener` belongs to, for "expected `]` to close …". */
function ownerOf(words: readonly IToken[], opener: IToken): string {
  const at = words.indexOf(opener);
  const before = words[at - 1];
  const image = opener.image;
  if (image === "{") return ownerOfBlock(words, at);
  if (before === undefined || !(is(before, t.Ident) || isCloser(before))) return image === "[" ? "the list" : "`(`";
  const first = isCloser(before) ? matching(words, at - 1) - 1 : at - 1;
  const name = words[first];
  const introduced = words[first - 1];
  const kind = introduced?.image ?? "";
  if (/^(?:def|layer|optimizer|graph)$/.test(kind)) {
    return `the ${image === "[" ? "generics" : "parameters"} of \`${name?.image ?? kind}\``;
  }
  if (introduced?.tokenType === t.Colon && words[first - 2] !== undefined && image === "[") {
    return `the shape of \`${words[first - 2]?.image ?? ""}\``;
  }
  if (introduced?.tokenType === t.Arrow) return "the shape of the result";
  if (name === undefined || !is(name, t.Ident)) return image === "[" ? "the index" : "the call";
  return image === "[" ? `the index of \`${name.image}\`` : `the call of \`${name.image}\``;
}

function ownerOfBlock(words: readonly IToken[], at: number): string {
  for (let back = at - 1; back >= 0; back--) {
    const word = words[back];
    if (word === undefined || word.tokenType === t.LeftBrace) break;
    if (word.tokenType === t.RightBrace) back = matching(words, back);
    if (/^(?:graph|def|layer|optimizer|step)$/.test(word.image))
      return `the ${word.image} \`${words[back + 1]?.image ?? ""}\``;
    if (/^(?:scope|test)$/.test(word.image)) return `the ${word.image} ${words[back + 1]?.image ?? ""}`;
    if (/^(?:if|else|fn)$/.test(word.image)) return `the \`${word.image}\``;
    if (word.tokenType === t.Import) return "the names to import";
  }
  return "`{`";
}

/** The bracket that closes the one at word `at`. */
function matchingCloser(words: readonly IToken[], at: number): IToken | undefined {
  let open = 0;
  for (const word of words.slice(at)) {
    if (t.closers.has(word.tokenType)) open++;
    else if (isCloser(word) && --open === 0) return word;
  }
  return undefined;
}

/** The index of the bracket that word `at` closes, or 0. */
function matching(words: readonly IToken[], at: number): number {
  let open = 0;
  for (let back = at; back >= 0; back--) {
    const word = words[back];
    if (word === undefined) break;
    if (isCloser(word)) open++;
    else if (t.closers.has(word.tokenType) && --open === 0) return back;
  }
  return 0;
}

/** A label just behind the last good word. */
function behind({ file, words, index }: Mishap, text: string): Label {
  const before = words[index - 1];
  const word = words[index];
  if (before !== undefined) return { span: spanAt(file, t.endOf(before)), text };
  return { span: word === undefined ? spanAt(file, file.text.length) : spanOf(file, word), text };
}

function found({ words, end }: Mishap, index: number): string {
  const word = words[index];
  if (word === undefined) return end;
  if (word.tokenType === t.StringLiteral) return "a string";
  return `\`${word.image.length > 30 ? `${word.image.slice(0, 30)}…` : word.image}\``;
}

function spanOf(file: SourceFile, word: IToken): Span {
  return spanAt(file, word.startOffset, t.endOf(word));
}

function article(word: string): string {
  return /^[aeiou]/.test(word) ? "an" : "a";
}

const declarations = ["import", "config", "const", "def", "layer", "optimizer", "graph", "test"];
const statements = ["input", "output", "train", "step", "param", "state", "const", "return", "assert", "scope"];

/** The keyword that was meant by the first word of a declaration or statement, if it is followed as keywords are. */
export function misspelt({ words, index, expected }: Mishap): string | undefined {
  const word = words[index];
  const next = words[index + 1];
  if (word?.tokenType !== t.Ident || next === undefined) return undefined;
  if (!is(next, t.Ident) && next.tokenType !== t.StringLiteral) return undefined;
  const candidates = expected === "a declaration" ? declarations : statements;
  const most = Math.min(2, word.image.length / 2);
  const near = candidates.map((candidate) => ({ candidate, apart: distance(word.image, candidate) }));
  return near.filter(({ apart }) => apart <= most).sort((a, b) => a.apart - b.apart)[0]?.candidate;
}
