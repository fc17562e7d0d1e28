/** `einsum` and `rearrange`: patterns parsed while compiling, with messages inside of the string (language.md 5.4). */
import type { Span } from "../../grammar/source.ts";
import { spanText } from "../../grammar/source.ts";
import { type Dim, divideExactly, floorDivDims, formatDim, literalOf, mulDims, ONE, productOf } from "../ir/dims.ts";
import type { Comprehension, Scalar } from "../ir/graph.ts";
import type { DType } from "../ir/types.ts";
import { belongsTo } from "../ops/scalar.ts";
import { BUILTINS } from "./builtins.ts";
import { BOTTOM, describe, type Entity, formatType, type Supplied, type TensorEntity } from "./entity.ts";
import type { CallSite, Frame } from "./frame.ts";
import { suppliedEntity } from "./functions.ts";
import { nearest } from "./nearest.ts";
import { fail, toTensor } from "./operands.ts";

interface Word {
  readonly text: string;
  readonly span: Span;
}
/** One axis of a side: a name, the literal 1, or a group in parentheses. */
interface AxisPattern {
  readonly names: readonly Word[];
  readonly span: Span;
}

interface Given {
  readonly entity: Entity;
  readonly span: Span;
}

/** Splits the call's arguments; ⊥ among them silences it. */
function argumentsOf(
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
class PatternText {
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
        notes: [BUILTINS.get(spelling) ?? spelling],
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
  sides(): readonly [readonly [number, number], readonly [number, number]] {
    const arrow = this.text.indexOf("->");
    if (arrow < 0)
      return this.fail("TFG0210", "the pattern has no `->`", 0, this.text.length, 'for example "b t (h d) -> b h t d"');
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
    for (const match of this.text.slice(from, to).matchAll(/[A-Za-z_]\w*|1\b|[()]|\S/g)) {
      const at = from + match.index;
      const [text] = match;
      const end = at + text.length;
      if (text === "(" && groups && !group) {
        group = [];
        opened = at;
      } else if (text === ")" && group) {
        axes.push({ names: group, span: this.spanOf(opened, end) });
        group = undefined;
      } else if (/^[A-Za-z_1]/.test(text)) {
        const word: Word = { text, span: this.spanOf(at, end) };
        if (text === "1" && (group || !groups)) this.fail("TFG0210", "`1` stands for an axis of its own", at, end, "");
        if (group) group.push(word);
        else axes.push({ names: text === "1" ? [] : [word], span: word.span });
      } else
        this.fail(
          text === "." ? "TFG0106" : "TFG0210",
          text === "." ? "`...` in a pattern is not built yet" : `\`${text}\` does not belong here`,
          at,
          end,
          groups ? "names, `1` and one level of parentheses" : "names separated by spaces",
        );
    }
    if (group) this.fail("TFG0210", "a parenthesis of the pattern is not closed", opened, opened + 1, "opened here");
    return axes;
  }
}

const ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth"];

// ---- einsum --------------------------------------------------------------------------------------------------

/** `einsum("b h t d, b h s d -> b h t s", q, k)`: the sum over all names that the result does not have. */
export function callEinsum(frame: Frame, args: readonly Supplied[], site: CallSite): Entity {
  const given = argumentsOf(args);
  if (!given) return BOTTOM;
  const [first, ...others] = given;
  const named = given.find(({ name }) => name !== undefined);
  if (named)
    fail(frame, {
      code: "TFG0203",
      message: `\`einsum\` has no argument \`${named.name}\``,
      primary: { span: named.arg.nameSpan ?? named.span, text: "" },
      notes: ["einsum(pattern, x, …)"],
    });
  if (!first || others.length === 0)
    return fail(frame, {
      code: "TFG0208",
      message: "`einsum` needs a pattern and tensors",
      primary: { span: site.callee, text: "" },
      notes: ["einsum(pattern, x, …)"],
    });
  const pattern = new PatternText(frame, first, "einsum");
  const [left, right] = pattern.sides();
  const operandPatterns: (readonly AxisPattern[])[] = [];
  let from = left[0];
  for (const piece of pattern.text.slice(...left).split(",")) {
    operandPatterns.push(pattern.axes(from, from + piece.length, false));
    from += piece.length + 1;
  }
  const result = pattern.axes(...right, false).flatMap(({ names }) => names);
  if (operandPatterns.length !== others.length)
    fail(frame, {
      code: operandPatterns.length > others.length ? "TFG0208" : "TFG0209",
      message: `the pattern has ${operandPatterns.length} ${operandPatterns.length === 1 ? "operand" : "operands"}, ${others.length} ${others.length === 1 ? "is" : "are"} given`,
      primary: { span: first.span, text: "" },
    });
  const operands = operandPatterns.map((axes) => axes.flatMap(({ names }) => names));
  checkSpaced(frame, first, pattern.text, operands, others);
  checkLonely(frame, operands, result, others);
  const tensors = others.map(({ entity, span }) => toTensor(frame, entity, span));
  return contraction(frame, operands, result, tensors, others, site);
}

/** NumPy's `"ij,jk->ik"`: names of one letter each, without spaces between them. */
function checkSpaced(
  frame: Frame,
  { span }: Given,
  text: string,
  operands: readonly (readonly Word[])[],
  given: readonly Given[],
): void {
  const isJoined = operands.every((words, k) => {
    const entity = given[k]?.entity;
    const [only] = words;
    return words.length === 1 && only && entity?.kind === "tensor" && only.text.length === entity.type.shape.length;
  });
  if (!isJoined || operands.every(([only]) => only?.text.length === 1)) return;
  const spaced = text
    .replaceAll(/[A-Za-z]+/g, (name) => [...name].join(" "))
    .replaceAll(/\s*,\s*/g, ", ")
    .replace(/\s*->\s*/, " -> ")
    .trim();
  fail(frame, {
    code: "TFG0210",
    message: "the names of a pattern are separated by spaces",
    primary: { span, text: `\`${operands[0]?.[0]?.text}\` is one name` },
    helps: [{ text: `"${spaced}"`, edits: [{ span, text: `"${spaced}"` }] }],
  });
}

/** TFG0307: a name of one operand that meets nothing. */
function checkLonely(
  frame: Frame,
  operands: readonly (readonly Word[])[],
  result: readonly Word[],
  given: readonly Given[],
): void {
  const known = new Set(operands.flat().map(({ text }) => text));
  const seen = new Set<string>();
  for (const word of result) {
    if (seen.has(word.text))
      fail(frame, {
        code: "TFG0210",
        message: `\`${word.text}\` occurs twice in the result`,
        primary: { span: word.span, text: "again" },
      });
    seen.add(word.text);
    if (known.has(word.text)) continue;
    const near = nearest(word.text, known);
    fail(frame, {
      code: "TFG0307",
      message: `\`${word.text}\` occurs in the result only`,
      primary: { span: word.span, text: near ? `did you mean \`${near}\`?` : "no operand has it" },
    });
  }
  const lonely = operands.flatMap((words, operand) =>
    words
      .filter(
        ({ text }) =>
          !result.some((other) => other.text === text) &&
          // Twice in one operand is its diagonal.
          words.filter((other) => other.text === text).length === 1 &&
          operands.every((other, i) => i === operand || !other.some((word) => word.text === text)),
      )
      .map((word) => ({ word, operand })),
  );
  const [one] = lonely;
  const last = lonely[lonely.length - 1];
  if (!one || !last) return;
  const near = nearest(last.word.text, [...known]);
  const where = (operand: number): string => `only in the ${ORDINALS[operand] ?? `${operand + 1}th`} operand`;
  const name = given[last.operand];
  fail(frame, {
    code: "TFG0307",
    message: `\`${last.word.text}\` occurs in one operand only and not in the result`,
    primary: { span: last.word.span, text: near ? `did you mean \`${near}\`?` : where(last.operand) },
    related: one === last ? [] : [{ span: one.word.span, text: where(one.operand) }],
    notes: name ? [`to sum \`${spanText(name.span)}\` on its own write \`sum(${spanText(name.span)})\``] : [],
  });
}

function contraction(
  frame: Frame,
  operands: readonly (readonly Word[])[],
  result: readonly Word[],
  tensors: readonly TensorEntity[],
  given: readonly Given[],
  site: CallSite,
): Entity {
  const sizes = new Map<string, { readonly dim: Dim; readonly operand: number }>();
  for (const [k, words] of operands.entries()) {
    const tensor = tensors[k];
    const span = given[k]?.span ?? site.span;
    if (!tensor) continue;
    const { shape } = tensor.type;
    if (shape.length !== words.length)
      fail(frame, {
        code: "TFG0303",
        message: `the pattern names ${words.length} ${words.length === 1 ? "axis" : "axes"}, \`${spanText(span)}\` has ${shape.length}`,
        primary: { span, text: formatType(tensor.type) },
        related: words[0]
          ? [{ span: { ...words[0].span, end: words[words.length - 1]?.span.end ?? words[0].span.end }, text: "" }]
          : [],
      });
    for (const [axis, word] of words.entries()) {
      const dim = shape[axis] ?? ONE;
      const before = sizes.get(word.text);
      if (!before) sizes.set(word.text, { dim, operand: k });
      else if (!frame.facts.equal(before.dim, dim))
        fail(frame, {
          code: "TFG0301",
          message: `\`${word.text}\` is ${formatDim(before.dim)} in the ${ORDINALS[before.operand]} operand and ${formatDim(dim)} in the ${ORDINALS[k]}`,
          primary: { span: word.span, text: `${formatDim(dim)} here` },
          related: [{ span, text: formatType(tensor.type) }],
        });
    }
  }
  const [head] = tensors;
  const dtype: DType = head?.type.dtype ?? "f32";
  for (const [k, tensor] of tensors.entries())
    if (tensor.type.dtype !== dtype || !belongsTo(dtype, "num"))
      fail(frame, {
        code: "TFG0304",
        message: belongsTo(dtype, "num")
          ? `\`${dtype}\` and \`${tensor.type.dtype}\` do not mix in \`einsum\``
          : `\`einsum\` takes numbers, not \`${dtype}\``,
        primary: { span: given[k]?.span ?? site.span, text: formatType(tensor.type) },
      });

  const spatial = result.map(({ text }) => text);
  const reduced = [...sizes.keys()].filter((name) => !spatial.includes(name));
  const order = [...spatial, ...reduced];
  const { span } = site;
  const reads = operands.map((words, k): Scalar => {
    const at = words.map(
      (word): Scalar => ({ kind: "axis", axis: order.indexOf(word.text), dtype: "i32", span: word.span }),
    );
    return { kind: "read", operand: k, at, dtype, span: given[k]?.span ?? span };
  });
  const product = reads.reduce((a, b): Scalar => ({ kind: "apply", fn: "mul", args: [a, b], dtype, span }));
  const axes = reduced.map((name) => order.indexOf(name));
  const body: Scalar =
    axes.length === 0 ? product : { kind: "reduce", monoid: "sum", axes, body: product, dtype, span };
  const comprehension: Comprehension = {
    rank: spatial.length,
    axes: order.map((name) => ({ name, extent: sizes.get(name)?.dim ?? ONE })),
    body,
  };
  return frame.check.apply(
    frame,
    tensorPrimitive(frame),
    tensors.map((entity, k) => ({ entity, span: given[k]?.span ?? span })),
    { body: comprehension },
    site,
  );
}

function tensorPrimitive(frame: Frame) {
  const primitive = frame.check.primitive("tensor");
  if (!primitive) throw new Error("the table has no `tensor`");
  return primitive;
}

// ---- rearrange -----------------------------------------------------------------------------------------------

/** `rearrange(x, "b t (h d) -> b h t d", h=8)`: a reshape, a transposition and a reshape. */
export function callRearrange(frame: Frame, args: readonly Supplied[], site: CallSite): Entity {
  const given = argumentsOf(args);
  if (!given) return BOTTOM;
  const positional = given.filter(({ name }) => name === undefined);
  const [x, written, extra] = positional;
  const signature = 'rearrange(x, "a (b c) -> a c b", b = …)';
  if (!x || !written)
    return fail(frame, {
      code: "TFG0208",
      message: "`rearrange` needs a tensor and a pattern",
      primary: { span: site.callee, text: "" },
      notes: [signature],
    });
  if (extra)
    fail(frame, {
      code: "TFG0209",
      message: "`rearrange` takes a tensor and a pattern",
      primary: { span: extra.span, text: "sizes are given by name" },
      notes: [signature],
    });
  const pattern = new PatternText(frame, written, "rearrange");
  const [left, right] = pattern.sides();
  const from = pattern.axes(...left, true);
  const to = pattern.axes(...right, true);
  const sizes = givenSizes(frame, given, from, signature);
  checkSides(frame, from, to);
  const tensor = toTensor(frame, x.entity, x.span);
  const { shape } = tensor.type;
  if (shape.length !== from.length)
    fail(frame, {
      code: "TFG0303",
      message: `the pattern names ${from.length} ${from.length === 1 ? "axis" : "axes"}, \`${spanText(x.span)}\` has ${shape.length}`,
      primary: { span: written.span, text: `\`${spanText(x.span)}\` is ${formatType(tensor.type)}` },
    });
  for (const [i, axis] of from.entries()) solveGroup(frame, axis, shape[i] ?? ONE, sizes);

  const source = from.flatMap(({ names }) => names.map(({ text }) => text));
  const target = to.flatMap(({ names }) => names.map(({ text }) => text));
  const sizeOf = (name: string): Dim => sizes.get(name) ?? ONE;
  const inner = source.map(sizeOf);
  const split = reshaped(frame, tensor, inner, x.span, site);
  const perm = target.map((name) => source.indexOf(name));
  const moved = perm.every((axis, i) => axis === i)
    ? split
    : applied(frame, "transpose", split, { perm }, x.span, site);
  return reshaped(
    frame,
    moved,
    to.map(({ names }) => mulDims(ONE, ...names.map(({ text }) => sizeOf(text)))),
    x.span,
    site,
  );
}

function givenSizes(
  frame: Frame,
  given: readonly (Given & { readonly name?: string; readonly arg: Supplied })[],
  from: readonly AxisPattern[],
  signature: string,
): Map<string, Dim> {
  const names = from.flatMap((axis) => axis.names.map(({ text }) => text));
  const sizes = new Map<string, Dim>();
  for (const { name, entity, span, arg } of given) {
    if (name === undefined) continue;
    if (!names.includes(name)) {
      const near = nearest(name, names);
      fail(frame, {
        code: "TFG0203",
        message: `the pattern has no \`${name}\``,
        primary: { span: arg.nameSpan ?? span, text: near ? `did you mean \`${near}\`?` : "not one of its names" },
        notes: [signature],
      });
    }
    if (entity.kind !== "int")
      fail(frame, {
        code: "TFG0210",
        message: `the size of \`${name}\` is an int, not ${describe(entity)}`,
        primary: { span, text: "" },
      });
    else sizes.set(name, entity.dim);
  }
  return sizes;
}

/** Both sides have the same names, each once. */
function checkSides(frame: Frame, from: readonly AxisPattern[], to: readonly AxisPattern[]): void {
  for (const [side, other, where] of [
    [from, to, "right"],
    [to, from, "left"],
  ] as const) {
    const seen = new Set<string>();
    const others = other.flatMap(({ names }) => names.map(({ text }) => text));
    for (const { text, span } of side.flatMap(({ names }) => names)) {
      if (seen.has(text))
        fail(frame, {
          code: "TFG0210",
          message: `\`${text}\` occurs twice on one side`,
          primary: { span, text: "again" },
        });
      seen.add(text);
      if (others.includes(text)) continue;
      const near = nearest(text, others);
      fail(frame, {
        code: "TFG0307",
        message: `\`${text}\` is not on the ${where} side`,
        primary: { span, text: near ? `did you mean \`${near}\`?` : "every name is on both sides" },
      });
    }
  }
}

/** The sizes of the names in a group from that of the axis; one may be left to be worked out. */
function solveGroup(frame: Frame, axis: AxisPattern, whole: Dim, sizes: Map<string, Dim>): void {
  const open = axis.names.filter(({ text }) => !sizes.has(text));
  const [first, second] = open;
  const known = productOf(axis.names.flatMap(({ text }) => sizes.get(text) ?? []));
  if (second)
    fail(frame, {
      code: "TFG0208",
      message: `the sizes of \`${first?.text}\` and \`${second.text}\` are both open`,
      primary: { span: axis.span, text: `their product is ${formatDim(whole)}` },
      helps: [{ text: `give one by name: \`${second.text}=…\`` }],
    });
  if (!first) {
    if (!frame.facts.equal(known, whole))
      fail(frame, {
        code: "TFG0305",
        message: `\`${spanText(axis.span)}\` does not have the size of its axis`,
        primary: { span: axis.span, text: `${formatDim(known)}, but the axis has ${formatDim(whole)}` },
      });
    return;
  }
  const [a, k] = [literalOf(whole), literalOf(known)];
  const exact =
    divideExactly(frame.facts.normal(whole), known) ??
    (k !== undefined && k > 0 && frame.facts.divisible(whole, known)
      ? frame.facts.normal(floorDivDims(whole, known))
      : undefined);
  if (!exact || k === 0)
    fail(frame, {
      code: "TFG0310",
      message: `${formatDim(whole)} is not divisible by ${formatDim(known)}`,
      primary: {
        span: axis.span,
        text: a !== undefined && k ? `${a} % ${k} = ${a % k}` : `the axis has ${formatDim(whole)} positions`,
      },
    });
  else sizes.set(first.text, exact);
}

function applied(
  frame: Frame,
  name: string,
  tensor: TensorEntity,
  args: Parameters<Frame["check"]["apply"]>[3],
  span: Span,
  site: CallSite,
): TensorEntity {
  const primitive = frame.check.primitive(name);
  if (!primitive) throw new Error(`the table has no \`${name}\``);
  const result = frame.check.apply(frame, primitive, [{ entity: tensor, span }], args, site);
  return result.kind === "tensor" ? result : tensor;
}

function reshaped(frame: Frame, tensor: TensorEntity, shape: readonly Dim[], span: Span, site: CallSite): TensorEntity {
  const same =
    shape.length === tensor.type.shape.length && shape.every((dim, i) => dim.key === tensor.type.shape[i]?.key);
  return same ? tensor : applied(frame, "reshape", tensor, { shape }, span, site);
}
