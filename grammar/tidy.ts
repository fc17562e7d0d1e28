/**
 * Before the grammar: wrong words, and habits of other languages, are reported and replaced by what was meant, so
 * that one slip is one message and everything behind it is still read.
 */
import type { IToken, TokenType } from "chevrotain";
import type { Diagnostic, Edit } from "./diagnostic.ts";
import { spanAt, syntaxError } from "./messages.ts";
import { positionAt, type SourceFile, type Span } from "./source.ts";
import * as t from "./tokens.ts";
import { endsValue, is } from "./tokens.ts";

export interface Tidied {
  readonly tokens: IToken[];
  readonly diagnostics: readonly Diagnostic[];
  /** Where something was lost, so that what the grammar says about the same line is not news. */
  readonly damage: readonly Damage[];
}

/** A place, or everything behind it. */
export interface Damage {
  readonly at: number;
  readonly toEnd: boolean;
}

export function tidy(file: SourceFile, words: t.Words): Tidied {
  const tidier = new Tidier(file, words.tokens);
  let line = 0;
  for (const { offset, length } of words.unknown) {
    // One message a line: a word of another script comes in pieces.
    const next = positionAt(file, offset).line;
    if (next !== line) tidier.unknown(spanAt(file, offset, offset + length));
    line = next;
  }
  tidier.run();
  return { tokens: tidier.out, diagnostics: tidier.diagnostics, damage: tidier.damage };
}

class Tidier {
  readonly out: IToken[] = [];
  readonly diagnostics: Diagnostic[] = [];
  readonly damage: Damage[] = [];
  private readonly file: SourceFile;
  private readonly words: readonly IToken[];
  private at = 0;

  constructor(file: SourceFile, words: readonly IToken[]) {
    this.file = file;
    this.words = words;
  }

  run(): void {
    for (; this.at < this.words.length; this.at++) {
      const word = this.words[this.at];
      if (word !== undefined) this.one(word);
    }
  }

  private one(word: IToken): void {
    const span = this.spanOf(word);
    switch (word.tokenType) {
      case t.Semicolon:
        if (this.isWithinList(word)) {
          const edit = { span, text: "," };
          this.say("TFG0101", "values are separated by `,`", span, "write `,`", "write `,`", edit);
          this.replace(word, t.Comma);
          return;
        }
        this.say("TFG0102", "statements are not separated by `;`", span, "remove this", "remove it", {
          span,
          text: "",
        });
        return;
      case t.OpenComment:
        this.damage.push({ at: span.start, toEnd: true });
        this.say("TFG0101", "expected `*/` to close the comment", opening(span), "opened here");
        return;
      case t.HashComment: {
        const edit = { span: opening(span), text: "//" };
        this.say("TFG0101", "a comment begins with `//`", opening(span), "`#` has no meaning", "write `//`", edit);
        return;
      }
      case t.OpenString:
        this.damage.push({ at: span.start, toEnd: false });
        this.say(
          "TFG0101",
          'expected `"` to close the string',
          spanAt(this.file, span.end),
          'expected `"`',
          'insert `"`',
          {
            span: spanAt(this.file, span.end),
            text: '"',
          },
        );
        this.replace(word, t.StringLiteral);
        return;
      case t.ForeignString: {
        const text = `"${word.image.slice(1, -1)}"`;
        this.say("TFG0101", 'a string is written with `"`', span, "other quotes have no meaning", text, { span, text });
        this.replace(word, t.StringLiteral);
        return;
      }
      case t.ForeignSign:
      case t.HalfSign:
        this.foreignSign(word, span);
        return;
      case t.BadNumber:
        this.badNumber(word, span);
        return;
      case t.AttributeName:
        if (this.isProduct(word)) this.product(word, span);
        else this.out.push(word);
        return;
      case t.Ident:
        if (!this.otherWords(word, span)) this.out.push(word);
        return;
      case t.Star:
      case t.Power:
        if (!this.isUnpacking()) this.out.push(word);
        else this.say("TFG0101", `arguments are not unpacked with \`${word.image}\``, span, "write them one by one");
        return;
      case t.Equal:
        if (!this.compound(word)) this.out.push(word);
        return;
      case t.Where:
        if (!this.isChoice(word, span)) this.out.push(word);
        return;
      default:
        this.out.push(word);
    }
  }

  /** `y = where(mask, a, b)`: what chooses element by element elsewhere. */
  private isChoice(word: IToken, span: Span): boolean {
    const [before, after] = [this.out.at(-1), this.words[this.at + 1]];
    if (before === undefined || after?.tokenType !== t.LeftParen || t.endOf(word) !== after.startOffset) return false;
    if (endsValue(before) || is(before, t.NumberLiteral) || isCloserOf(before)) return false;
    const text = "select(mask, a, b)";
    this.say("TFG0101", "`where` states a constraint", span, `elements are chosen by \`${text}\``, text, {
      span,
      text: "select",
    });
    this.out.push(t.makeWord(t.Ident, span.start, "select"));
    return true;
  }

  // ---- wrong words -------------------------------------------------------------------------------

  unknown(span: Span): void {
    this.damage.push({ at: span.start, toEnd: false });
    const text = this.file.text.slice(span.start, span.end);
    if (text === "?" && this.isUnknownDim(span)) {
      const label = "an unknown size is a declared dimension: `graph g[N] { input x: f32[N, …] … }`";
      this.say("TFG0101", "`?` is not a dimension", span, label);
      return;
    }
    const known = signs[text];
    const label =
      known ?? (/^\p{L}+$/u.test(text) ? "names are made of a-z, A-Z, 0-9 and `_`" : "it has no meaning here");
    this.say("TFG0101", `unknown character${[...text].length === 1 ? "" : "s"} ${shown(text)}`, span, label);
  }

  /** `f32[?, 4]`, where a dim is unknown. */
  private isUnknownDim(span: Span): boolean {
    const { text } = this.file;
    return /[[,]\s*$/.test(text.slice(0, span.start)) && /^\s*[\],]/.test(text.slice(span.end));
  }

  private foreignSign(word: IToken, span: Span): void {
    const meant = lookalikes[word.image];
    const text = meant?.PATTERN;
    if (meant === undefined || typeof text !== "string") {
      this.damage.push({ at: span.start, toEnd: false });
      const isSpace = word.image === "\u00A0";
      const what = isSpace ? "a no-break space" : `the quote ${shown(word.image)}`;
      const help = isSpace ? "write a space" : "remove it";
      const edit = { span, text: isSpace ? " " : "" };
      this.say("TFG0101", `${what} is not part of the language`, span, "it has no meaning here", help, edit);
      return;
    }
    const label = `write \`${text}\``;
    this.say("TFG0101", `unknown character ${shown(word.image)}`, span, label, label, { span, text });
    this.replace(word, meant);
  }

  private badNumber(word: IToken, span: Span): void {
    const text = word.image;
    // `x.1`, `1.x`: that the number joins a name is no second mistake.
    const [before, after] = [this.out.at(-1), this.words[this.at + 1]];
    const isJoined = (before && t.endOf(before) === span.start) || after?.startOffset === span.end;
    if (isJoined) this.damage.push({ at: span.start, toEnd: false });
    if (before && /^\.\d+$/.test(text) && t.endOf(before) === span.start && endsValue(before)) {
      const help = "take several results apart by name: `a, b = …`";
      this.say(
        "TFG0101",
        "results are not selected by number",
        span,
        "a result has a name, an element stands in `[ ]`",
        help,
      );
      this.replace(word, t.FloatLiteral);
      return;
    }
    const [message, right] = ((): [string, string | undefined] => {
      if (text.includes("_")) return ["a number has no `_` between its digits", text.replaceAll("_", "")];
      if (/^0x/i.test(text)) return ["expected digits after `0x`", undefined];
      if (text.startsWith(".")) return ["a number needs digits on both sides of the dot", `0${text}`];
      if (text.includes(".") && /\.(?!\d)/.test(text)) {
        return ["a number needs digits on both sides of the dot", text.replace(".", ".0")];
      }
      return ["expected digits in the exponent", undefined];
    })();
    const edit = right === undefined ? undefined : { span, text: right };
    this.say("TFG0101", message, span, right === undefined ? "digits are missing" : `write \`${right}\``, right, edit);
    this.replace(word, /^\d+(?:_\d+)+$|^0x/i.test(text) ? t.IntLiteral : t.FloatLiteral);
  }

  // ---- habits of other languages -------------------------------------------------------------------

  /** `x@w`, or `x @w` with nothing behind it that an attribute could stand before. */
  private isProduct(word: IToken): boolean {
    const before = this.out.at(-1);
    if (before === undefined || !(endsValue(before) || is(before, t.NumberLiteral))) return false;
    if (this.isAfterAttribute()) return false;
    if (t.endOf(before) === word.startOffset) return true;
    const after = this.words[this.at + 1];
    if (this.breaks(before, word)) return false;
    return after === undefined || this.breaks(word, after) || !(is(after, t.Ident) || after.image === "(");
  }

  /** Whether the word before is the `)` of `@name("w")`. */
  private isAfterAttribute(): boolean {
    let open = 0;
    for (let at = this.out.length - 1; at > 0; at--) {
      const token = this.out[at];
      if (token?.tokenType === t.RightParen) open++;
      else if (token?.tokenType === t.LeftParen) open--;
      if (open === 0) return token?.tokenType === t.LeftParen && this.out[at - 1]?.tokenType === t.AttributeName;
    }
    return false;
  }

  private product(word: IToken, span: Span): void {
    const before = this.out.at(-1);
    const left = this.operandBefore();
    const right = word.image.slice(1);
    const edit = {
      span: spanAt(this.file, before === undefined ? span.start : t.endOf(before), span.end),
      text: ` @ ${right}`,
    };
    const message = `\`${word.image}\` reads as an attribute`;
    this.say("TFG0105", message, span, "the matrix product needs spaces", `${left} @ ${right}`, edit);
    this.out.push(t.makeWord(t.At, word.startOffset, "@"), t.makeWord(t.Ident, word.startOffset + 1, right));
  }

  /** The source of the value before the word at hand: a name, or a call or index with what it is of. */
  private operandBefore(): string {
    let first = this.out.length - 1;
    let open = 0;
    for (; first >= 0; first--) {
      const token = this.out[first];
      if (token === undefined) break;
      if (is(token, t.RightParen) || is(token, t.RightBracket)) open++;
      else if (is(token, t.LeftParen) || is(token, t.LeftBracket)) open--;
      const before = this.out[first - 1];
      const goesOn =
        open > 0 ||
        (before !== undefined &&
          (before.image === "." || token.image === "." || (isOpening(token) && endsValue(before))));
      if (!goesOn) break;
    }
    const [from, to] = [this.out[Math.max(first, 0)], this.out.at(-1)];
    return from === undefined || to === undefined ? "" : this.file.text.slice(from.startOffset, t.endOf(to));
  }

  /** `f(**kwargs)`, `f(a, *rest)`. */
  private isUnpacking(): boolean {
    const before = this.out.at(-1);
    const after = this.words[this.at + 1];
    return before !== undefined && after !== undefined && /^[(,]$/.test(before.image) && is(after, t.Ident);
  }

  /** `and`, `or`, `not`, `lambda` where they cannot be names. */
  private otherWords(word: IToken, span: Span): boolean {
    const before = this.out.at(-1);
    const after = this.words[this.at + 1];
    if (after === undefined || this.breaks(word, after) || !startsOperand(after)) return false;
    const follows =
      before !== undefined &&
      !this.breaks(before, word) &&
      (endsValue(before) || is(before, t.NumberLiteral)) &&
      ![t.Graph, t.Layer, t.Optimizer].includes(before.tokenType);
    const meant = follows
      ? joining[word.image]
      : word.image === "not" && !/^[([-]$/.test(after.image)
        ? t.Bang
        : undefined;
    const text = meant?.PATTERN;
    if (meant !== undefined && typeof text === "string") {
      const message = `\`${word.image}\` is written \`${text}\``;
      const end = meant === t.Bang ? after.startOffset : span.end;
      this.say("TFG0101", message, span, `write \`${text}\``, `write \`${text}\``, { span: { ...span, end }, text });
      this.replace(word, meant);
      return true;
    }
    if (word.image === "lambda" && is(after, t.Ident)) return this.lambda(word, span);
    return this.otherKeyword(word, span, after);
  }

  /** `let a = …`, `function f(…)`, `elif c {`: keywords of other languages in front of a name. */
  private otherKeyword(word: IToken, span: Span, after: IToken): boolean {
    const behind = this.words[this.at + 2];
    if (behind === undefined || !is(after, t.Ident)) return false;
    if (bindingWords.has(word.image) && [t.Equal, t.Colon, t.Comma].includes(behind.tokenType)) {
      const edit = { span: { ...span, end: after.startOffset }, text: "" };
      this.say("TFG0101", "a binding has no keyword", span, "the name alone begins it", "remove it", edit);
      return true;
    }
    const meant = declaringWords[word.image];
    const text = meant?.PATTERN;
    const before = this.out.at(-1);
    if (meant === undefined || typeof text !== "string" || (before !== undefined && !this.breaks(before, word)))
      return false;
    if (!(isOpening(behind) || behind.tokenType === t.LeftBrace)) return false;
    const label = `write \`${text}\``;
    this.say("TFG0101", `unknown kind of declaration \`${word.image}\``, span, label, label, { span, text });
    this.replace(word, meant);
    return true;
  }

  /** `lambda a, b: body` becomes `fn(a, b) => body`. */
  private lambda(word: IToken, span: Span): boolean {
    const names: IToken[] = [];
    let at = this.at + 1;
    for (; ; at += 2) {
      const [name, separator] = [this.words[at], this.words[at + 1]];
      if (name === undefined || separator === undefined || !is(name, t.Ident)) return false;
      names.push(name);
      if (separator.tokenType === t.Colon) break;
      if (separator.tokenType !== t.Comma) return false;
      names.push(separator);
    }
    const colon = this.words[at + 1];
    const last = names.at(-1);
    if (colon === undefined || last === undefined) return false;
    const inside = names.map((name) => (name.tokenType === t.Comma ? ", " : name.image)).join("");
    const whole = spanAt(this.file, span.start, t.endOf(colon));
    const text = `fn(${inside}) =>`;
    this.say("TFG0101", "a function is written `fn(x) => …`", whole, "this is the Python form", text, {
      span: whole,
      text,
    });
    this.replace(word, t.Fn);
    this.out.push(t.makeWord(t.LeftParen, span.end), ...names, t.makeWord(t.RightParen, t.endOf(last)));
    this.replace(colon, t.FatArrow);
    this.at = at + 1;
    return true;
  }

  /** `w += …` becomes `w := w + …`. */
  private compound(word: IToken): boolean {
    const [name, operator] = this.out.slice(-2);
    if (name === undefined || operator === undefined || !is(name, t.Ident)) return false;
    if (!arithmetic.has(operator.tokenType) || t.endOf(operator) !== word.startOffset) return false;
    const span = spanAt(this.file, operator.startOffset, t.endOf(word));
    const text = `:= ${name.image} ${operator.image}`;
    const message = `\`${operator.image}=\` is not part of the language`;
    if (!this.isVariable(name.image)) {
      const other = `${name.image}_1`;
      const help = `give the result its own name: \`${other} = ${name.image} ${operator.image} …\``;
      this.say("TFG0101", message, span, "a name is bound once", help);
      this.out.splice(-2);
      this.out.push(t.makeWord(t.Ident, name.startOffset, other), t.makeWord(t.Equal, span.start));
      this.out.push(t.makeWord(t.Ident, span.end, name.image), t.makeWord(operator.tokenType, span.end));
      return true;
    }
    this.say("TFG0101", message, span, `an update is written \`${name.image} ${text} …\``, `${name.image} ${text} …`, {
      span,
      text,
    });
    this.out.pop();
    this.out.push(t.makeWord(t.ColonEqual, span.start, `${operator.image}=`));
    this.out.push(t.makeWord(t.Ident, span.end), t.makeWord(operator.tokenType, span.end));
    return true;
  }

  /** Whether the file declares a `param` or `state` of this name. */
  private isVariable(name: string): boolean {
    return this.words.some((word, i) => {
      const before = this.words[i - 1]?.tokenType;
      return word.image === name && (before === t.Param || before === t.State);
    });
  }

  /** Whether a `;` stands in brackets of its line, with something behind it. */
  private isWithinList(word: IToken): boolean {
    const after = this.words[this.at + 1];
    if (after === undefined || this.breaks(word, after)) return false;
    let open = 0;
    for (let at = this.out.length - 1; at >= 0; at--) {
      const token = this.out[at];
      if (token === undefined || token.image === "{" || token.image === "}" || this.breaks(token, word)) return false;
      if (token.image === ")" || token.image === "]") open++;
      else if (isOpening(token) && --open < 0) return true;
    }
    return false;
  }

  // ---- common ------------------------------------------------------------------------------------

  private say(
    code: Parameters<typeof syntaxError>[0],
    message: string,
    span: Span,
    label: string,
    help?: string,
    edit?: Edit,
  ): void {
    const helps = help === undefined ? [] : [{ text: help, ...(edit === undefined ? {} : { edits: [edit] }) }];
    this.diagnostics.push(syntaxError(code, message, { span, text: label }, { helps }));
  }

  private replace(word: IToken, type: TokenType): void {
    this.out.push(t.makeWord(type, word.startOffset, word.image));
  }

  private spanOf(word: IToken): Span {
    return spanAt(this.file, word.startOffset, t.endOf(word));
  }

  private breaks(before: IToken, after: IToken): boolean {
    return /[\n\r]/.test(this.file.text.slice(t.endOf(before), after.startOffset));
  }
}

/** What to write instead of a character that begins no word. */
const signs: Readonly<Record<string, string>> = {
  "?": "a conditional expression is written `if c then a else b`",
  "'": 'a string is written with `"`',
};

/** Signs of word processors, formulas and other languages, and the word of this language that they stand for. */
const lookalikes: Readonly<Record<string, TokenType>> = {
  "\u00D7": t.Star,
  "\u00B7": t.Star,
  "\u2212": t.Minus,
  "\u2013": t.Minus,
  "\u2264": t.LessEqual,
  "\u2265": t.GreaterEqual,
  "\u2260": t.NotEqual,
  "\u2192": t.Arrow,
  "\u21D2": t.FatArrow,
  "\u2026": t.Ellipsis,
  "|": t.Pipe,
  "&": t.AndAnd,
  "~": t.Bang,
  "^": t.Power,
};

/** What binds a name in other languages. */
const bindingWords: ReadonlySet<string> = new Set(["let", "var", "val", "auto", "final"]);

/** What declares functions and programs in other languages. */
const declaringWords: Readonly<Record<string, TokenType>> = {
  function: t.Def,
  func: t.Def,
  fun: t.Def,
  model: t.Graph,
  network: t.Graph,
  module: t.Graph,
};

const joining: Readonly<Record<string, TokenType>> = { and: t.AndAnd, or: t.OrOr };

const arithmetic: ReadonlySet<TokenType> = new Set([t.Plus, t.Minus, t.Star, t.Slash, t.Percent, t.At, t.Power]);

function opening(span: Span): Span {
  return { ...span, end: span.start + (span.file.text.startsWith("/*", span.start) ? 2 : 1) };
}

function isOpening(token: IToken): boolean {
  return is(token, t.LeftParen) || is(token, t.LeftBracket);
}

function isCloserOf(token: IToken): boolean {
  return is(token, t.RightParen) || is(token, t.RightBracket) || is(token, t.RightBrace);
}

function startsOperand(token: IToken): boolean {
  return is(token, t.Ident) || is(token, t.NumberLiteral) || /^[([!-]$|^(?:true|false)$/.test(token.image);
}

/** A character as a message shows it: by its number where it cannot be seen. */
function shown(text: string): string {
  if (/^[\p{L}\p{N}\p{P}\p{S}]+$/u.test(text)) return `\`${text}\``;
  const [first] = text;
  return `U+${(first?.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}
