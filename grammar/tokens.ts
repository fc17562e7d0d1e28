/**
 * The words of the language (language.md 2.1), and beside them the wrong words that deserve a message of their own:
 * numbers without digits after the dot, strings that never end, quotes and signs pasted from a word processor.
 * The lexer turns those into tokens too; `tidy.ts` reports and replaces them before the grammar sees them.
 */
import { createToken, Lexer } from "chevrotain";
import type { ILexingError, IToken, TokenType } from "chevrotain";
import type { SourceFile } from "./source.ts";

const all: TokenType[] = [];

function token(config: Parameters<typeof createToken>[0]): TokenType {
  const type = createToken(config);
  all.push(type);
  return type;
}

// Categories match no text themselves.
export const Ident = createToken({ name: "Ident", pattern: /[A-Za-z_][A-Za-z0-9_]*/, label: "a name" });
export const BinaryOperator = createToken({ name: "BinaryOperator", pattern: Lexer.NA, label: "an operator" });
export const NumberLiteral = createToken({ name: "NumberLiteral", pattern: Lexer.NA, label: "a number" });
/** Stands where source was left out after an error: for a declaration, a statement or an expression. */
export const Skipped = createToken({ name: "Skipped", pattern: Lexer.NA, label: "nothing" });

// ---- white space and comments ------------------------------------------------------------------

token({ name: "WhiteSpace", pattern: /[ \t\n\r\uFEFF]+/, group: Lexer.SKIPPED, line_breaks: true });
/** `/// …`; four slashes or more are an ordinary comment. */
export const DocComment = token({
  name: "DocComment",
  pattern: /\/\/\/(?!\/)[^\n\r]*/,
  group: "docs",
  start_chars_hint: ["/"],
});
token({ name: "LineComment", pattern: /\/\/[^\n\r]*/, group: "comments", start_chars_hint: ["/"] });
token({
  name: "BlockComment",
  pattern: /\/\*[\s\S]*?\*\//,
  group: "comments",
  line_breaks: true,
  start_chars_hint: ["/"],
});

// ---- wrong words -------------------------------------------------------------------------------

export const OpenComment = token({
  name: "OpenComment",
  pattern: /\/\*[\s\S]*/,
  line_breaks: true,
  start_chars_hint: ["/"],
});
export const HashComment = token({ name: "HashComment", pattern: /#[^\n\r]*/, start_chars_hint: ["#"] });
export const ForeignString = token({
  name: "ForeignString",
  pattern: /'[^'\n\r]*'|[\u201C\u201D\u201E][^"\u201C\u201D\n\r]*["\u201C\u201D]/,
  start_chars_hint: ["'", "\u201C", "\u201D", "\u201E"],
});
export const ForeignSign = token({
  name: "ForeignSign",
  pattern: /[\u00A0\u2018\u2019\u00D7\u00B7\u2212\u2013\u2264\u2265\u2260\u2192\u21D2\u2026]/,
});

// ---- literals ----------------------------------------------------------------------------------

export const StringLiteral = token({
  name: "StringLiteral",
  pattern: /"(?:[^"\\\n\r]|\\[^\n\r])*"/,
  label: "a string",
  start_chars_hint: ['"'],
});
export const OpenString = token({
  name: "OpenString",
  pattern: /"(?:[^"\\\n\r]|\\[^\n\r])*\\?/,
  start_chars_hint: ['"'],
});

export const Ellipsis = token({ name: "Ellipsis", pattern: "...", label: "`...`" });
export const DotDot = token({ name: "DotDot", pattern: "..", label: "`..`", categories: [BinaryOperator] });

const digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
/** `1.`, `.5`, `1e`, `0x`, `1_000`. */
export const BadNumber = token({
  name: "BadNumber",
  pattern:
    /\d+(?:_\d+)+(?:\.\d+)?|0[xX](?![0-9a-fA-F])|\d+(?:\.\d+)?[eE](?:[+-](?!\d)|(?![\w+-]))|\d+\.(?![\d.])(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?/,
  start_chars_hint: [...digits, "."],
});
export const FloatLiteral = token({
  name: "FloatLiteral",
  pattern: /\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+/,
  categories: [NumberLiteral],
  start_chars_hint: digits,
});
export const IntLiteral = token({
  name: "IntLiteral",
  pattern: /0[xX][0-9a-fA-F]+|\d+/,
  categories: [NumberLiteral],
  start_chars_hint: digits,
});

/** `@name`: `@` followed at once by a letter. */
export const AttributeName = token({
  name: "AttributeName",
  pattern: /@[A-Za-z_][A-Za-z0-9_]*/,
  label: "an attribute",
  start_chars_hint: ["@"],
});

// ---- keywords ------------------------------------------------------------------------------------

/** Words that are never names. */
export const hardKeywords = new Set<TokenType>();
/** Words that start a declaration or a statement and are names everywhere else. */
export const softKeywords = new Set<TokenType>();

function hard(word: string): TokenType {
  const type = createToken({ name: capital(word), pattern: word, longer_alt: Ident, label: `\`${word}\`` });
  hardKeywords.add(type);
  return type;
}
function soft(word: string): TokenType {
  const config = { name: capital(word), pattern: word, longer_alt: Ident, categories: [Ident], label: `\`${word}\`` };
  const type = createToken(config);
  softKeywords.add(type);
  return type;
}
function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

export const Import = hard("import");
export const From = hard("from");
export const As = hard("as");
export const Const = hard("const");
export const Def = hard("def");
export const Return = hard("return");
export const Assert = hard("assert");
export const If = hard("if");
export const Then = hard("then");
export const Else = hard("else");
export const For = hard("for");
export const In = hard("in");
export const Where = hard("where");
export const Fn = hard("fn");
export const Like = hard("like");
export const New = hard("new");
export const True = hard("true");
export const False = hard("false");

export const Config = soft("config");
export const Layer = soft("layer");
export const Optimizer = soft("optimizer");
export const Graph = soft("graph");
export const Test = soft("test");
export const Param = soft("param");
export const State = soft("state");
export const Input = soft("input");
export const Output = soft("output");
export const Train = soft("train");
export const Step = soft("step");
export const Scope = soft("scope");

// The first pattern that matches wins, so a word stands before each word that begins it: `input` before `in`.
all.push(...[...hardKeywords, ...softKeywords].sort((a, b) => b.name.length - a.name.length));
all.push(Ident, BinaryOperator, NumberLiteral, Skipped);

// ---- signs, longest first ------------------------------------------------------------------------

function sign(name: string, text: string): TokenType {
  return token({ name, pattern: text, label: `\`${text}\`` });
}
function operator(name: string, text: string): TokenType {
  return token({ name, pattern: text, label: `\`${text}\``, categories: [BinaryOperator] });
}

export const Pipe = sign("Pipe", "|>");
export const OrOr = operator("OrOr", "||");
export const AndAnd = operator("AndAnd", "&&");
operator("Coalesce", "??");
operator("EqualEqual", "==");
export const NotEqual = operator("NotEqual", "!=");
export const LessEqual = operator("LessEqual", "<=");
export const GreaterEqual = operator("GreaterEqual", ">=");
export const FatArrow = sign("FatArrow", "=>");
export const Arrow = sign("Arrow", "->");
export const ColonEqual = sign("ColonEqual", ":=");
export const Power = operator("Power", "**");
operator("Less", "<");
operator("Greater", ">");
export const Plus = operator("Plus", "+");
export const Minus = operator("Minus", "-");
export const Star = operator("Star", "*");
export const Slash = operator("Slash", "/");
export const Percent = operator("Percent", "%");
export const At = operator("At", "@");
export const Bang = sign("Bang", "!");
export const Equal = sign("Equal", "=");
export const Colon = sign("Colon", ":");
export const Comma = sign("Comma", ",");
export const Dot = sign("Dot", ".");
export const LeftParen = sign("LeftParen", "(");
export const RightParen = sign("RightParen", ")");
export const LeftBracket = sign("LeftBracket", "[");
export const RightBracket = sign("RightBracket", "]");
export const LeftBrace = sign("LeftBrace", "{");
export const RightBrace = sign("RightBrace", "}");
/** Never part of a program; it has the message TFG0102. */
export const Semicolon = sign("Semicolon", ";");
/** Signs of other languages that begin words of this one. */
export const HalfSign = token({ name: "HalfSign", pattern: /[|&~^]/ });

export const vocabulary: readonly TokenType[] = all;

/** The bracket that closes, by the bracket that opens. */
export const closers: ReadonlyMap<TokenType, TokenType> = new Map([
  [LeftParen, RightParen],
  [LeftBracket, RightBracket],
  [LeftBrace, RightBrace],
]);

export interface Words {
  readonly tokens: IToken[];
  /** `///` comments in order. */
  readonly docs: readonly IToken[];
  /** All other comments in order. */
  readonly comments: readonly IToken[];
  /** Runs of characters that begin no word. */
  readonly unknown: readonly ILexingError[];
}

let lexer: Lexer | undefined;

/** The words of `file` from `start` to `end`, with offsets into the whole file. */
export function readWords(file: SourceFile, start = 0, end = file.text.length): Words {
  lexer ??= new Lexer(all, { skipValidations: true, positionTracking: "onlyOffset", ensureOptimizations: true });
  const { tokens, groups, errors } = lexer.tokenize(file.text.slice(start, end));
  const docs: IToken[] = groups.docs ?? [];
  const comments: IToken[] = groups.comments ?? [];
  for (const word of [...tokens, ...docs, ...comments]) place(word, word.startOffset + start);
  for (const error of errors) error.offset += start;
  return { tokens, docs, comments, unknown: errors };
}

/** Chevrotain's end is the offset of the last character, so that of an empty word lies before its start. */
function place(word: IToken, start: number): void {
  word.startOffset = start;
  word.endOffset = start + word.image.length - 1;
}

/** A word that was not written, at `start`; `image` is empty where the source has nothing. */
export function makeWord(type: TokenType, start: number, image = ""): IToken {
  const word = { image, startOffset: start, tokenType: type, tokenTypeIdx: type.tokenTypeIdx ?? 0 };
  place(word, start);
  return word;
}

/** The offset behind the last character. */
export function endOf(word: IToken): number {
  return word.startOffset + word.image.length;
}

/** Whether `token` is of `type` or of a kind of it. */
export function is(token: IToken, type: TokenType): boolean {
  return token.tokenType === type || (token.tokenType.CATEGORIES ?? []).includes(type);
}

/** Whether a value may end with `token`, so that `(` or `[` behind it is a call or an index. */
export function endsValue(token: IToken): boolean {
  return is(token, Ident) || is(token, RightParen) || is(token, RightBracket);
}
