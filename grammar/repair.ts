/**
 * Goes on after a syntax error. The grammar stops at its first error; here the error becomes a message, the words are
 * repaired, and the declaration is read again. A repair either puts in what is missing (a bracket, a comma) or leaves
 * out the rest of a statement; lines and columns tell where the next statement begins, since the language itself has
 * no separator to look for. A second error at the same word means that a repair was wrong: it is not reported, and
 * the statement is left out.
 */
import type { CstNode, IParserErrorMessageProvider, IToken, TokenType } from "chevrotain";
import type { Diagnostic } from "./diagnostic.ts";
import { complain, misspelt } from "./complain.ts";
import { spanAt, syntaxError } from "./messages.ts";
import {
  closerOf,
  closingOf,
  columnOf,
  innermostOpen,
  isBetweenStatements,
  isCloser,
  isDeclarationOutside,
  isKeyword,
  isMissingComma,
  isSlip,
  type Mishap,
  openBrackets,
  startsAnything,
  startsDeclaration,
  startsLine,
  startsStatement,
} from "./outline.ts";
import { deepestNesting, Grammar, type Opened, TooDeep } from "./parser.ts";
import { positionAt, type SourceFile } from "./source.ts";
import * as t from "./tokens.ts";
import { is } from "./tokens.ts";

/** After so many messages the rest of the file is left out: they are no longer about the first mistakes. */
const mostErrors = 20;
/** A bound on the work for one declaration; a repair that is not reported counts too. */
const mostRepairs = 60;

let grammar: Grammar | undefined;

export function theGrammar(): Grammar {
  grammar ??= new Grammar(expectations, true);
  return grammar;
}

/** What each rule wants when none of its ways fits the next word. */
const wanted: Readonly<Record<string, string>> = {
  declaration: "a declaration",
  importDeclaration: "`{` or `*`",
  functionDeclaration: "`=` or `{`",
  generics: "a name",
  generic: "a name",
  parameter: "a type",
  result: "a type",
  type: "a type",
  stateStatement: "a type",
  graphItem: "a statement",
  blockItem: "a statement",
  statement: "a statement",
  pattern: "a name",
  lambda: "`=>` or `{`",
};

/** The message of a Chevrotain error holds what was expected; `complain.ts` makes the sentence of it. */
export const expectations: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected }) => expected.LABEL ?? expected.name,
  buildNotAllInputParsedMessage: () => "a declaration",
  buildNoViableAltMessage: ({ ruleName }) => wanted[ruleName] ?? "an expression",
  buildEarlyExitMessage: ({ ruleName }) => wanted[ruleName] ?? "an expression",
};

export interface Parsed {
  /** Trees of the rule `file`, in order; more than one where errors made the reading start again. */
  readonly files: readonly CstNode[];
  readonly diagnostics: readonly Diagnostic[];
}

export function parseFile(file: SourceFile, words: readonly IToken[]): Parsed {
  const files: CstNode[] = [];
  const diagnostics: Diagnostic[] = [];
  let rest = [...words];
  let repairs = 0;
  let stuckAt: IToken | "end" | undefined;
  for (;;) {
    const attempt = tryFile(file, rest);
    if (attempt.error === undefined) {
      files.push(attempt.tree);
      return { files, diagnostics };
    }
    const [declaration] = attempt.opened;
    const base = declaration === undefined ? attempt.error.index : rest.indexOf(declaration.first);
    if (base > 0) {
      // What came before this declaration is good: it need not be read again for each of its errors.
      const before = tryFile(file, rest.slice(0, base));
      if (before.error === undefined) files.push(before.tree);
      rest = rest.slice(base);
      repairs = 0;
    }
    const index = attempt.error.index - Math.max(base, 0);
    const mishap = beheaded({
      ...attempt.error,
      index,
      file,
      words: rest,
      opened: attempt.opened,
      end: "the end of the file",
    });
    const isStuck = stuckAt === (rest[index] ?? "end");
    stuckAt = rest[index] ?? "end";
    if (!isStuck && mishap.rule !== "nesting") {
      const complaint = complain(mishap);
      if (isNewCause(mishap, complaint, diagnostics.at(-1), words)) diagnostics.push(complaint);
    }
    if (mishap.rule === "nesting") diagnostics.push(tooDeep(mishap));
    rest = isStuck ? leaveOut(mishap) : mend(mishap);
    repairs++;
    if (diagnostics.length >= mostErrors || repairs > mostRepairs) return { files, diagnostics };
  }
}

/**
 * Whether a mishap is no consequence of the one reported last: it stands on another line, and it is not the rest of a
 * declaration that ended too early because of that one. `all` are the words of the file.
 */
function isNewCause(
  mishap: Mishap,
  complaint: Diagnostic,
  last: Diagnostic | undefined,
  all: readonly IToken[],
): boolean {
  if (last === undefined) return true;
  const { file, words, index, opened } = mishap;
  const from = last.primary.span.start;
  const at = words[index]?.startOffset ?? file.text.length;
  const line = positionAt(file, from).line;
  if (line === positionAt(file, complaint.primary.span.start).line || line === positionAt(file, at).line) return false;
  if (opened.length > 0) return true;
  return all.some((word, place) => {
    return (
      word.startOffset > from && word.startOffset < at && startsDeclaration(all, place) && startsLine(file, all, place)
    );
  });
}

function tooDeep({ file, words, index }: Mishap): Diagnostic {
  const word = words[index];
  const start = word?.startOffset ?? file.text.length;
  const primary = { span: spanAt(file, start, word === undefined ? start : t.endOf(word)), text: "one level too many" };
  const helps = [{ text: "give a part of it a name, or make it a `def`" }];
  return syntaxError("TFG0101", `more than ${deepestNesting} levels within each other`, primary, { helps });
}

/** Reads one expression, for the holes of strings; undefined after an error. */
export function parseExpression(
  file: SourceFile,
  words: readonly IToken[],
): { tree?: CstNode; diagnostics: Diagnostic[] } {
  const attempt = tryRule(file, [...words], "expression");
  if (attempt.error === undefined) return { tree: attempt.tree, diagnostics: [] };
  const mishap: Mishap = { ...attempt.error, file, words, opened: [], end: "`}`" };
  return {
    diagnostics: [complain({ ...mishap, expected: mishap.expected === "a declaration" ? "`}`" : mishap.expected })],
  };
}

type Attempt =
  | { readonly error?: undefined; readonly tree: CstNode }
  | { readonly error: Pick<Mishap, "index" | "expected" | "rule">; readonly opened: readonly Opened[] };

function tryFile(file: SourceFile, words: readonly IToken[]): Attempt {
  return tryRule(file, [...words], "file");
}

function tryRule(file: SourceFile, words: IToken[], rule: "file" | "expression"): Attempt {
  const parser = theGrammar();
  parser.begin(file.text, words);
  let tree: CstNode | undefined;
  try {
    tree = rule === "file" ? parser.file() : parser.expression();
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
    const index = words.indexOf(error.token);
    return {
      error: { index: index < 0 ? words.length : index, expected: "less depth", rule: "nesting" },
      opened: [...parser.opened],
    };
  }
  const [error] = parser.errors;
  if (error === undefined && tree !== undefined) return { tree };
  const index = error === undefined ? -1 : words.indexOf(error.token);
  return {
    error: {
      index: index < 0 ? words.length : index,
      expected: error?.message ?? "a declaration",
      rule: error?.context.ruleStack.at(-1) ?? "file",
    },
    opened: [...parser.opened],
  };
}

// ---- repairs -----------------------------------------------------------------------------------

/** The words to go on with. */
function mend(mishap: Mishap): IToken[] {
  const { words, index } = mishap;
  if (mishap.rule === "nesting") return leaveOut(mishap);
  if (mishap.rule === "beheaded") return words.toSpliced(index, 0, missing(t.Skipped, words[index - 1]));
  const word = words[index];
  const opener = innermostOpen(words, index);
  if (word !== undefined && isCloser(word) && (isBetweenStatements(mishap) || mishap.opened.length === 0)) {
    // A bracket that closes nothing.
    return words.toSpliced(index, 1);
  }
  const meant = keyword(misspelt(mishap));
  if (meant !== undefined && word !== undefined && isWhereStatementsBegin(mishap)) {
    return words.toSpliced(index, 1, t.makeWord(meant, word.startOffset, word.image));
  }
  if (opener === undefined) return leaveOut(mishap);
  if (isMissingComma(mishap)) return words.toSpliced(index, 0, missing(t.Comma, words[index - 1]));
  if (word === undefined || isDeclarationOutside(mishap)) {
    return words.toSpliced(
      index,
      0,
      ...openBrackets(words, index).map((open) => missing(closerOf(open), words[index - 1])),
    );
  }
  if (mishap.expected === closerOf(opener).LABEL && !isBetweenStatements(mishap)) {
    // A bracket of another kind in the place of the right one.
    if (isSlip(mishap, index)) return words.toSpliced(index, 1, missing(closerOf(opener), words[index - 1]));
    const closing = closingOf(mishap, opener);
    const dropped = closing.comma === undefined ? 0 : 1;
    const at = closing.index - dropped;
    return words.toSpliced(at, dropped, ...closing.open.map((open) => missing(closerOf(open), words[at - 1])));
  }
  return leaveOut(mishap);
}

/**
 * `c = 1 +` above a line `d = 2` reads as `c = 1 + d`, and the grammar stops at the second `=`. What is missing is a
 * value before `d`.
 */
function beheaded(mishap: Mishap): Mishap {
  const { file, words, index } = mishap;
  const [before, name, sign] = words.slice(Math.max(0, index - 2), index + 1);
  if (before === undefined || name === undefined || sign === undefined || !isWhereStatementsBegin(mishap))
    return mishap;
  const isDefinition = [t.Equal, t.ColonEqual, t.Colon].includes(sign.tokenType);
  const wantsValue = is(before, t.BinaryOperator) || introducing.has(before.tokenType);
  if (!isDefinition || !wantsValue || !is(name, t.Ident) || !startsLine(file, words, index - 1)) return mishap;
  return { ...mishap, index: index - 1, expected: "an expression", rule: "beheaded" };
}

/** Words and signs, beside operators, that a value must follow. */
const introducing: ReadonlySet<TokenType> = new Set([
  ...[t.Pipe, t.Equal, t.ColonEqual, t.Bang, t.FatArrow],
  ...[t.Return, t.Assert, t.If, t.Then, t.Else, t.Where],
]);

function isWhereStatementsBegin(mishap: Mishap): boolean {
  return mishap.expected === "a declaration" || mishap.expected === "a statement" || isBetweenStatements(mishap);
}

function keyword(text: string | undefined): TokenType | undefined {
  return [...t.softKeywords, ...t.hardKeywords].find((type) => type.PATTERN === text);
}

function missing(type: TokenType, before: IToken | undefined): IToken {
  return t.makeWord(type, before === undefined ? 0 : t.endOf(before));
}

/**
 * Leaves out the statement with the error: what stands behind its `=`, so that its name is still known, or all of it.
 */
function leaveOut(mishap: Mishap): IToken[] {
  const { words, index } = mishap;
  const within = isBetweenStatements(mishap) ? undefined : mishap.opened.at(-1);
  const found = within === undefined ? index : words.indexOf(within.first);
  const start = found < 0 || found > index ? index : found;
  const isInFile = mishap.opened.length === 0 || within?.within === "file";
  const end = endOfStatement(mishap, start, isInFile);
  const equal = definitionSign(words, start, index);
  const from = equal === undefined ? start : equal + 1;
  const isEmpty = end - from === 1 && words[from]?.tokenType === t.Skipped;
  if (equal !== undefined && !isEmpty)
    return words.toSpliced(from, end - from, skipped(words.slice(from, end), words[equal]));
  const last = Math.max(end, start + 1);
  if (start >= words.length) {
    const closers = openBrackets(words, index).map((open) => missing(closerOf(open), words[index - 1]));
    return [...words, ...closers];
  }
  return words.toSpliced(start, last - start);
}

/** One word in place of those left out, with their text. */
function skipped(gone: readonly IToken[], before: IToken | undefined): IToken {
  const [first] = gone;
  return first === undefined ? missing(t.Skipped, before) : t.makeWord(t.Skipped, first.startOffset, first.image);
}

/** The `=` or `:=` of the statement that begins at `start`, if it stands before `index`. */
function definitionSign(words: readonly IToken[], start: number, index: number): number | undefined {
  let open = 0;
  for (let at = start; at < index; at++) {
    const word = words[at];
    if (word === undefined) return undefined;
    if (t.closers.has(word.tokenType)) open++;
    else if (isCloser(word)) open--;
    else if (open === 0 && (word.tokenType === t.Equal || word.tokenType === t.ColonEqual)) return at;
  }
  return undefined;
}

/** The first word behind the statement that begins at `start` and is wrong at the mishap. */
function endOfStatement(mishap: Mishap, start: number, isInFile: boolean): number {
  const { file, words, index } = mishap;
  const column = columnOf(file, words[start]);
  let braces = 0;
  for (let at = start; at < words.length; at++) {
    const word = words[at];
    if (word === undefined) break;
    if (word.tokenType === t.LeftBrace) braces++;
    if (word.tokenType === t.RightBrace) {
      if (braces === 0 && at >= index && !isInFile && !isSlip(mishap, at)) return at;
      braces = Math.max(0, braces - 1);
    }
    if (at < index || at === start || !startsLine(file, words, at)) continue;
    // A line that is not indented more than the statement goes on with it only by an operator or a bracket.
    const isAligned = columnOf(file, word) <= column;
    const isNext = isInFile
      ? isAligned && (startsDeclaration(words, at) || (braces === 0 && startsAnything(words, at)))
      : isAligned
        ? startsAnything(words, at)
        : braces === 0 && isKeyword(word) && startsStatement(words, at);
    if (isNext) return at;
  }
  return words.length;
}
