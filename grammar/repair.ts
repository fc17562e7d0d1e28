/**
 * Goes on after a syntax error. The grammar stops at its first error; here the error becomes a message, the words are
 * repaired, and the declaration is read again. A repair either puts in what is missing (a bracket, a comma) or leaves
 * out the rest of a statement; lines and columns tell where the next statement begins, since the language itself has
 * no separator to look for. A second error at the same word means that a repair was wrong: it is not reported, and
 * the statement is left out.
 */
import type { CstNode, IParserErrorMessageProvider, IToken, TokenType } from "chevrotain";
import type { Diagnostic } from "./diagnostic.ts";
import { complain, type Mishap } from "./complain.ts";
import { deepestNesting, Grammar, is, TooDeep, type Opened } from "./parser.ts";
import { spanAt, syntaxError } from "./messages.ts";
import { positionAt, type SourceFile } from "./source.ts";
import * as t from "./tokens.ts";

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
    const mishap: Mishap = { ...attempt.error, index, file, words: rest, opened: attempt.opened };
    const isStuck = stuckAt === (rest[index] ?? "end");
    stuckAt = rest[index] ?? "end";
    const repair = isStuck ? leaveOut(mishap) : mend(mishap, diagnostics);
    rest = repair;
    repairs++;
    if (diagnostics.length >= mostErrors || repairs > mostRepairs) return { files, diagnostics };
  }
}

/** Reads one expression, for the holes of strings; undefined after an error. */
export function parseExpression(file: SourceFile, words: readonly IToken[]): { tree?: CstNode; diagnostics: Diagnostic[] } {
  const attempt = tryRule(file, [...words], "expression");
  if (attempt.error === undefined) return { tree: attempt.tree, diagnostics: [] };
  const mishap: Mishap = { ...attempt.error, file, words, opened: [] };
  return { diagnostics: [complain({ ...mishap, expected: mishap.expected === "a declaration" ? "`}`" : mishap.expected })] };
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

/** Reports the mishap and gives the words to go on with. */
function mend(mishap: Mishap, diagnostics: Diagnostic[]): IToken[] {
  const { file, words, index } = mishap;
  if (mishap.rule === "nesting") {
    const word = words[index];
    const start = word?.startOffset ?? file.text.length;
    const primary = { span: spanAt(file, start, word === undefined ? start : t.endOf(word)), text: "one level too many" };
    const helps = [{ text: "give a part of it a name, or make it a `def`" }];
    diagnostics.push(syntaxError("TFG0101", `more than ${deepestNesting} levels within each other`, primary, { helps }));
    return leaveOut(mishap);
  }
  diagnostics.push(complain(mishap));
  const word = words[index];
  const opener = innermostOpen(words, index);
  if (word !== undefined && isCloser(word) && (isBetweenStatements(mishap) || mishap.opened.length === 0)) {
    // A bracket that closes nothing.
    return words.toSpliced(index, 1);
  }
  if (opener === undefined) return leaveOut(mishap);
  if (isMissingComma(mishap)) return words.toSpliced(index, 0, missing(t.Comma, words[index - 1]));
  if (word === undefined || isDeclarationOutside(mishap)) {
    return words.toSpliced(index, 0, ...openBrackets(words, index).map((open) => missing(closerOf(open), words[index - 1])));
  }
  if (mishap.expected === closerOf(opener).LABEL && !isBetweenStatements(mishap)) {
    return words.toSpliced(index, 0, missing(closerOf(opener), words[index - 1]));
  }
  return leaveOut(mishap);
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
  if (equal !== undefined && !isEmpty) return words.toSpliced(from, end - from, skipped(words.slice(from, end), words[equal]));
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
      if (braces === 0 && !isInFile && at >= index) return at;
      braces = Math.max(0, braces - 1);
    }
    if (at < index || at === start || !startsLine(file, words, at)) continue;
    const isAligned = columnOf(file, word) <= column;
    if (isInFile ? startsDeclaration(words, at) && isAligned : startsStatement(words, at) && (isAligned || (braces === 0 && isKeyword(word)))) {
      return at;
    }
  }
  return words.length;
}

/** Whether the error is where a statement could have begun, and none does. */
export function isBetweenStatements({ expected, words, index }: Mishap): boolean {
  return expected === "`}`" && innermostOpen(words, index)?.tokenType === t.LeftBrace;
}

/** Whether a value follows a value in a call, a list or a shape. */
export function isMissingComma({ file, words, index, expected }: Mishap): boolean {
  const word = words[index];
  const before = words[index - 1];
  const opener = innermostOpen(words, index);
  if (word === undefined || before === undefined || opener === undefined || opener.tokenType === t.LeftBrace) return false;
  if (expected !== closerOf(opener).LABEL || !isListOpener(words, opener)) return false;
  const startsValue =
    is(word, t.Ident) ||
    is(word, t.NumberLiteral) ||
    [t.StringLiteral, t.True, t.False, t.Fn, t.If, t.New, t.LeftBracket].includes(word.tokenType);
  if (!startsValue) return false;
  if (is(word, t.Ident) && startsStatement(words, index) && startsLine(file, words, index)) {
    const isNamedArgument = !isKeyword(word) && words[index + 1]?.tokenType === t.Equal;
    return isNamedArgument && columnOf(file, word) > columnOf(file, lineStart(file, words, opener));
  }
  return true;
}

/** A `graph`, `def` and so on at the column of the declaration around it: a `}` is missing before it. */
export function isDeclarationOutside({ file, words, index, opened }: Mishap): boolean {
  const [outer] = opened;
  if (outer === undefined || words[index] === outer.first) return false;
  return (
    startsDeclaration(words, index) &&
    startsLine(file, words, index) &&
    columnOf(file, words[index]) <= columnOf(file, outer.first)
  );
}

/** The bracket that is open before word `index`. */
export function innermostOpen(words: readonly IToken[], index: number): IToken | undefined {
  return openBrackets(words, index)[0];
}

/** The brackets that are open before word `index`, innermost first. */
function openBrackets(words: readonly IToken[], index: number): IToken[] {
  const open: IToken[] = [];
  for (let at = 0; at < index; at++) {
    const word = words[at];
    if (word === undefined) break;
    if (t.closers.has(word.tokenType)) open.unshift(word);
    else if (isCloser(word)) {
      const match = open.findIndex((candidate) => closerOf(candidate) === word.tokenType);
      if (match >= 0) open.splice(0, match + 1);
    }
  }
  return open;
}

function closerOf(open: IToken): TokenType {
  return t.closers.get(open.tokenType) ?? t.RightBrace;
}

export function isCloser(word: IToken): boolean {
  return word.tokenType === t.RightParen || word.tokenType === t.RightBracket || word.tokenType === t.RightBrace;
}

/** Whether commas separate what stands behind `opener`. */
function isListOpener(words: readonly IToken[], opener: IToken): boolean {
  if (opener.tokenType === t.LeftBracket) return true;
  const before = words[words.indexOf(opener) - 1];
  return before !== undefined && (is(before, t.Ident) || isCloser(before) || before.tokenType === t.Fn);
}

function isKeyword(word: IToken): boolean {
  return t.softKeywords.has(word.tokenType) || t.hardKeywords.has(word.tokenType);
}

const declarationWords: ReadonlySet<TokenType> = new Set([
  t.Import,
  t.Config,
  t.Def,
  t.Layer,
  t.Optimizer,
  t.Graph,
  t.Test,
]);

/** Whether a declaration that is no statement begins with word `at`. */
export function startsDeclaration(words: readonly IToken[], at: number): boolean {
  const word = words[at];
  const next = words[at + 1];
  if (word === undefined) return false;
  if (word.tokenType === t.AttributeName) return true;
  if (!declarationWords.has(word.tokenType)) return false;
  if (word.tokenType === t.Import || word.tokenType === t.Def) return true;
  return next !== undefined && (is(next, t.Ident) || next.tokenType === t.StringLiteral);
}

/** Whether a statement or declaration begins with word `at`, as far as can be told from a few words. */
export function startsStatement(words: readonly IToken[], at: number): boolean {
  const word = words[at];
  if (word === undefined) return false;
  if (startsDeclaration(words, at)) return true;
  if ([t.Const, t.Return, t.Assert, t.If].includes(word.tokenType)) return true;
  if (!is(word, t.Ident)) return false;
  const next = words[at + 1];
  if (next === undefined) return false;
  if (t.softKeywords.has(word.tokenType) && (is(next, t.Ident) || next.tokenType === t.StringLiteral)) return true;
  let after = at + 1;
  while (words[after]?.tokenType === t.Comma && words[after + 1]?.tokenType === t.Ident) after += 2;
  const sign = words[after]?.tokenType;
  return sign === t.Equal || sign === t.ColonEqual || sign === t.Colon;
}

export function startsLine(file: SourceFile, words: readonly IToken[], at: number): boolean {
  const word = words[at];
  const before = words[at - 1];
  if (word === undefined || before === undefined) return true;
  return /[\n\r]/.test(file.text.slice(t.endOf(before), word.startOffset));
}

/** The first word of the line of `word`. */
function lineStart(file: SourceFile, words: readonly IToken[], word: IToken): IToken {
  let at = words.indexOf(word);
  while (at > 0 && !startsLine(file, words, at)) at--;
  return words[at] ?? word;
}

export function columnOf(file: SourceFile, word: IToken | undefined): number {
  return word === undefined ? 1 : positionAt(file, word.startOffset).column;
}
