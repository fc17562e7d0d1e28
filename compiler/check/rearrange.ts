/** `rearrange`: a reshape, a transposition and a reshape by a pattern (language.md 5.4). */
import { type Span, spanText } from "../../grammar/source.ts";
import { type Dim, divideExactly, floorDivDims, formatDim, literalOf, mulDims, ONE, productOf } from "../ir/dims.ts";
import { BOTTOM, describe, type Entity, formatType, type Supplied, type TensorEntity } from "./entity.ts";
import type { CallSite, Frame } from "./frame.ts";
import { nearest } from "./nearest.ts";
import { fail, toTensor } from "./operands.ts";
import { argumentsOf, type AxisPattern, expandRest, type Given, PatternText, REST, restIn } from "./pattern-text.ts";

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
  const [left, right] = pattern.sides("b t (h d) -> b h t d");
  const leftAxes = pattern.axes(...left, true);
  const rightAxes = pattern.axes(...right, true);
  const tensor = toTensor(frame, x.entity, x.span);
  const { shape } = tensor.type;
  checkSpaces(frame, pattern, leftAxes, shape.length, written.span);
  const sizes = givenSizes(frame, given, leftAxes, signature);
  checkSides(frame, leftAxes, rightAxes);
  const grouped = leftAxes.find(({ names }) => names.length > 1 && names.some(({ text }) => text === REST));
  if (grouped)
    fail(frame, {
      code: "TFG0210",
      message: "`...` is not split on the left side",
      primary: { span: grouped.span, text: "it stands for whole axes" },
    });
  const rest = restIn(leftAxes) ? Math.max(shape.length - (leftAxes.length - 1), 0) : 0;
  const [from, to] = [expandRest(leftAxes, rest), expandRest(rightAxes, rest)];
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

/** `"nhwc->nchw"`, as others write it. */
function checkSpaces(frame: Frame, pattern: PatternText, from: readonly AxisPattern[], rank: number, span: Span): void {
  const [only] = from;
  if (from.length !== 1 || rank < 2 || only?.names.length !== 1 || only.names[0]?.text.length !== rank) return;
  const spaced = JSON.stringify(
    pattern.text
      .split("->")
      .map((side) => [...side.trim()].join(" "))
      .join(" -> "),
  );
  fail(frame, {
    code: "TFG0210",
    message: "the names of a pattern are separated by spaces",
    primary: { span, text: "each side is one name" },
    helps: [{ text: spaced, ...(spanText(span) === `"${pattern.text}"` ? { edits: [{ span, text: spaced }] } : {}) }],
  });
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
    (frame.facts.atLeast(known, 1) && frame.facts.divisible(whole, known)
      ? frame.facts.normal(floorDivDims(whole, known))
      : undefined);
  if (exact && k !== 0) {
    sizes.set(first.text, exact);
    return;
  }
  const isKnown = a !== undefined && k !== undefined;
  const fact = `${formatDim(whole)} % ${formatDim(known)} == 0`;
  const { graph } = frame.builder;
  fail(frame, {
    code: isKnown ? "TFG0310" : "TFG0311",
    message: isKnown
      ? `${formatDim(whole)} is not divisible by ${formatDim(known)}`
      : `cannot prove that ${formatDim(whole)} is divisible by ${formatDim(known)}`,
    primary: {
      span: axis.span,
      text: isKnown && k ? `${a} % ${k} = ${a % k}` : `the axis has ${formatDim(whole)} positions`,
    },
    helps: !isKnown && graph && k !== undefined ? [{ text: `state it: \`${graph.head} where ${fact}\`` }] : [],
  });
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
