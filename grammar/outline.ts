/**
 * What the words alone tell about a program that cannot be parsed: which brackets are open, where lines and statements
 * begin, and what is missing at the place where the grammar stopped.
 */
import type { IToken, TokenType } from "chevrotain";
import type { Opened } from "./parser.ts";
import { positionAt, type SourceFile } from "./source.ts";
import * as t from "./tokens.ts";
import { is } from "./tokens.ts";

export interface Mishap {
  readonly file: SourceFile;
  readonly words: readonly IToken[];
  /** The word that does not fit; the number of words at the end of the file. */
  readonly index: number;
  /** What the grammar wanted there: a token in backquotes, `a name`, `an expression`. */
  readonly expected: string;
  /** The rule that was being read. */
  readonly rule: string;
  readonly opened: readonly Opened[];
  /** What comes behind the last word. */
  readonly end: "the end of the file" | "`}`";
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
  if (word === undefined || before === undefined || opener === undefined || opener.tokenType === t.LeftBrace)
    return false;
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
export function openBrackets(words: readonly IToken[], index: number): IToken[] {
  const open: IToken[] = [];
  for (let at = 0; at < index; at++) {
    const word = words[at];
    if (word === undefined) break;
    if (t.closers.has(word.tokenType)) open.push(word);
    else if (isCloser(word)) {
      const match = open.findLastIndex((candidate) => closerOf(candidate) === word.tokenType);
      if (match >= 0) open.length = match;
    }
  }
  return open.reverse();
}

export function closerOf(open: IToken): TokenType {
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

export function isKeyword(word: IToken): boolean {
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

const continuing: ReadonlySet<TokenType> = new Set([
  t.Then,
  t.Else,
  t.Where,
  t.In,
  t.As,
  t.From,
  t.Like,
  t.New,
  t.True,
  t.False,
]);

/** Whether word `at` looks like the first of a statement, right or wrong: no line goes on with a name or a keyword. */
export function startsAnything(words: readonly IToken[], at: number): boolean {
  const word = words[at];
  if (word === undefined || continuing.has(word.tokenType)) return false;
  return is(word, t.Ident) || t.hardKeywords.has(word.tokenType) || word.tokenType === t.AttributeName;
}

/** Where brackets that are open at a mishap should have been closed. */
export interface Closing {
  /** The word before which the closing brackets belong. */
  readonly index: number;
  /** The brackets to close, innermost first. */
  readonly open: readonly IToken[];
  /** A last comma that stands where the first closing bracket belongs. */
  readonly comma?: IToken;
}

/**
 * The innermost bracket closes at the mishap, or before an earlier line that begins a statement and is not indented
 * more than the line of the bracket: `f(x,` and `b = 1` below it read as a call with an argument `b`. Where a new
 * statement begins, all brackets of the one before close.
 */
export function closingOf({ file, words, index }: Mishap, opener: IToken): Closing {
  const column = columnOf(file, lineStart(file, words, opener));
  const endsStatement = (at: number): boolean =>
    at >= words.length ||
    (startsLine(file, words, at) && startsStatement(words, at) && columnOf(file, words[at]) <= column);
  let at = words.indexOf(opener) + 1;
  while (at < index && !endsStatement(at)) at++;
  const open = openBrackets(words, at);
  const braces = open.findIndex((word) => word.tokenType === t.LeftBrace);
  const before = words[at - 1];
  return {
    index: at,
    open: endsStatement(at) && at < words.length ? open.slice(0, braces < 0 ? open.length : braces) : [opener],
    ...(at < index && before?.tokenType === t.Comma ? { comma: before } : {}),
  };
}

/**
 * Whether the closing bracket `at` is a slip: the line goes on behind it as it could not go on behind the bracket that
 * it would close, as in `f(a} + 1`.
 */
export function isSlip({ file, words }: Mishap, at: number): boolean {
  const word = words[at];
  const next = words[at + 1];
  if (word === undefined || next === undefined || !isCloser(word) || startsLine(file, words, at + 1)) return false;
  const open = openBrackets(words, at);
  const brace = open.findIndex((candidate) => candidate.tokenType === t.LeftBrace);
  if (word.tokenType !== t.RightBrace) {
    return !open.slice(0, Math.max(brace, 0)).some((candidate) => closerOf(candidate) === word.tokenType);
  }
  const isInCall = brace >= 0 && open[brace + 1] !== undefined && open[brace + 1]?.tokenType !== t.LeftBrace;
  const goesOn = is(next, t.BinaryOperator) || [t.Comma, t.Pipe, t.Equal, t.Colon].includes(next.tokenType);
  const isInside = next.tokenType === t.RightParen || next.tokenType === t.RightBracket;
  const isArgument = is(next, t.Ident) && brace > 0 && words[at + 2]?.tokenType === t.Equal;
  return !isInCall && (goesOn || isInside || isArgument);
}
