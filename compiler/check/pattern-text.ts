/** Patterns of `einsum` and `rearrange` as words with their places in the source, so that messages point into the string. */
import { type Span, spanText } from "../../grammar/source.ts";
import { describe, type Entity, type Supplied } from "./entity.ts";
import type { Frame } from "./frame.ts";
import { suppliedEntity } from "./functions.ts";
import { fail } from "./operands.ts";

export interface Word {
  readonly text: string;
  readonly span: Span;
}
/** One axis of a side: a name, the literal 1 (no names), or a group in parentheses. `...` stands for axes without names. */
export interface AxisPattern {
  readonly names: readonly Word[];
  readonly span: Span;
}

export const REST = "...";

/** The pattern with `count` axes in the place of `...`. They are told apart from the right, as shapes are aligned. */
export function expandRest(axes: readonly AxisPattern[], count: number): readonly AxisPattern[] {
  const expanded = (word: Word): readonly Word[] =>
    word.text === REST
      ? Array.from({ length: count }, (_, i) => ({ text: `${REST}[-${count - i}]`, span: word.span }))
      : [word];
  return axes.flatMap(({ names, span }) => {
    const [only] = names;
    if (names.length === 1 && only?.text === REST && spanText(span) === spanText(only.span))
      return expanded(only).map((word) => ({ names: [word], span }));
    return [{ names: names.flatMap(expanded), span }];
  });
}

/** Where a side has `...`, in a group or on its own. */
export const restIn = (axes: readonly AxisPattern[]): Word | undefined =>
  axes.flatMap(({ names }) => names).find(({ text }) => text === REST);

export interface Given {
  readonly entity: Entity;
  readonly span: Span;
}

/** Splits the call's arguments; ⊥ among them silences it. */
export function argumentsOf(
  args: readonly Supplied[],
): readonly (Given & { readonly name?: string; readonly arg: Supplied })[] | undefined {
  const given = args.map((arg) => ({
    entity: suppliedEntity(arg, false),
    span: "expression" in arg ? arg.expression.span : arg.span,
    arg,
    ...(arg.name === undefined ? {} : { name: arg.name }),
  }));
  return given.some(({ entity }) => entity.kind === "bottom") ? undefined : given;
}

/** The words of a pattern with their places in the source, if the string is written out where it is used. */
export class PatternText {
  readonly text: string;
  readonly #frame: Frame;
  readonly #whole: Span;
  readonly #start: number | undefined;

  constructor(frame: Frame, given: Given, spelling: string) {
    this.#frame = frame;
    this.#whole = given.span;
    if (given.entity.kind !== "str")
      fail(frame, {
        code: "TFG0210",
        message: `the pattern of \`${spelling}\` is a string, not ${describe(given.entity)}`,
        primary: { span: given.span, text: "" },
      });
    this.text = given.entity.kind === "str" ? given.entity.value : "";
    // A string with escapes or holes has no simple places inside.
    this.#start = spanText(given.span) === `"${this.text}"` ? given.span.start + 1 : undefined;
  }

  spanOf(from: number, to: number): Span {
    return this.#start === undefined
      ? this.#whole
      : { file: this.#whole.file, start: this.#start + from, end: this.#start + to };
  }

  fail(code: string, message: string, from: number, to: number, text: string): never {
    return fail(this.#frame, { code, message, primary: { span: this.spanOf(from, to), text } });
  }

  /** The two sides of the arrow as offsets. */
  sides(example: string): readonly [readonly [number, number], readonly [number, number]] {
    const arrow = this.text.indexOf("->");
    if (arrow < 0)
      return this.fail(
        "TFG0210",
        "the pattern has no `->`",
        0,
        this.text.length,
        `for example ${JSON.stringify(example)}`,
      );
    const second = this.text.indexOf("->", arrow + 2);
    if (second >= 0) return this.fail("TFG0210", "the pattern has two arrows", second, second + 2, "one too many");
    return [
      [0, arrow],
      [arrow + 2, this.text.length],
    ];
  }

  /** The axes between two offsets. */
  axes(from: number, to: number, groups: boolean): readonly AxisPattern[] {
    const axes: AxisPattern[] = [];
    let group: Word[] | undefined;
    let opened = from;
    for (const match of this.text.slice(from, to).matchAll(/[A-Za-z_]\w*|1\b|\.{3}|[()]|\S/g)) {
      const at = from + match.index;
      const [text] = match;
      const end = at + text.length;
      if (text === "(" && groups && !group) {
        group = [];
        opened = at;
      } else if (text === ")" && group) {
        axes.push({ names: group, span: this.spanOf(opened, end) });
        group = undefined;
      } else if (/^[A-Za-z_1]/.test(text) || text === REST) {
        const word: Word = { text, span: this.spanOf(at, end) };
        if (text === "1" && group) this.fail("TFG0210", "`1` stands for an axis of its own", at, end, "");
        if (group) group.push(word);
        else axes.push({ names: text === "1" ? [] : [word], span: word.span });
      } else
        this.fail(
          "TFG0210",
          `\`${text}\` does not belong here`,
          at,
          end,
          groups ? "names, `1`, `...` and one level of parentheses" : "names, `1` and `...`, separated by spaces",
        );
    }
    const rests = axes.flatMap(({ names }) => names).filter(({ text }) => text === REST);
    const [, again] = rests;
    if (again)
      fail(this.#frame, {
        code: "TFG0210",
        message: "`...` can stand once only",
        primary: { span: again.span, text: "again" },
      });
    if (group) this.fail("TFG0210", "a parenthesis of the pattern is not closed", opened, opened + 1, "opened here");
    return axes;
  }
}

export const ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth"];
