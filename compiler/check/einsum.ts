/** `einsum`: the sum over all names that the result does not have, as a comprehension (language.md 5.4). */
import { type Span, spanText } from "../../grammar/source.ts";
import { type Dim, formatDim, isLiteral, ONE } from "../ir/dims.ts";
import type { Comprehension, Scalar } from "../ir/graph.ts";
import { type DType, isStorageOnly } from "../ir/types.ts";
import { castText } from "../ops/complaints.ts";
import { belongsTo } from "../ops/scalar.ts";
import { BOTTOM, type Entity, formatType, type Supplied, type TensorEntity } from "./entity.ts";
import type { CallSite, Frame } from "./frame.ts";
import { nearest } from "./nearest.ts";
import { fail, toTensor } from "./operands.ts";
import {
  argumentsOf,
  type AxisPattern,
  expandRest,
  type Given,
  ORDINALS,
  PatternText,
  REST,
  restIn,
  type Word,
} from "./pattern-text.ts";

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
  checkArrow(frame, pattern, first.span);
  const [left, right] = pattern.sides("b i, i o -> b o");
  const operandPatterns: (readonly AxisPattern[])[] = [];
  let from = left[0];
  for (const piece of pattern.text.slice(...left).split(",")) {
    operandPatterns.push(pattern.axes(from, from + piece.length, false));
    from += piece.length + 1;
  }
  const result = pattern.axes(...right, false);
  if (operandPatterns.length !== others.length)
    fail(frame, {
      code: operandPatterns.length > others.length ? "TFG0208" : "TFG0209",
      message: `the pattern has ${operandPatterns.length} ${operandPatterns.length === 1 ? "operand" : "operands"}, ${others.length} ${others.length === 1 ? "is" : "are"} given`,
      primary: { span: first.span, text: "" },
    });
  const tensors = others.map(({ entity, span }) => toTensor(frame, entity, span));
  checkSpaces(frame, pattern, operandPatterns, tensors, first.span);
  checkRest(frame, operandPatterns, result);
  const wordsOf = (axes: readonly AxisPattern[]): readonly Word[] => axes.flatMap(({ names }) => names);
  checkLonely(frame, operandPatterns.map(wordsOf), wordsOf(result), others);
  const counts = operandPatterns.map((axes, k) => {
    const rank = tensors[k]?.type.shape.length ?? 0;
    return restIn(axes) ? Math.max(rank - (axes.length - 1), 0) : 0;
  });
  const operands = operandPatterns.map((axes, k) => axesOf(expandRest(axes, counts[k] ?? 0)));
  return contraction(frame, operands, axesOf(expandRest(result, Math.max(...counts))), tensors, others, site);
}

/** One axis: its name, or the literal 1. */
interface Axis extends Word {
  readonly isOne: boolean;
}

const axesOf = (axes: readonly AxisPattern[]): readonly Axis[] =>
  axes.map(({ names: [word], span }) => ({ text: word?.text ?? "1", span, isOne: word === undefined }));

/** A pattern without an arrow, as numpy takes it: the message says what it would mean. */
function checkArrow(frame: Frame, pattern: PatternText, span: Span): void {
  if (pattern.text.includes("->")) return;
  const words: readonly string[] = pattern.text.match(/[A-Za-z_]\w*/g) ?? [];
  const once = words.filter((word) => words.filter((other) => other === word).length === 1);
  const written = JSON.stringify(`${pattern.text.trimEnd()} -> ${once.join(" ")}`.trimEnd());
  fail(frame, {
    code: "TFG0210",
    message: "the pattern has no `->`",
    primary: { span, text: "say which names the result has" },
    helps: [{ text: written, ...(spanText(span) === `"${pattern.text}"` ? { edits: [{ span, text: written }] } : {}) }],
  });
}

/** `"nk,km->nm"`, as numpy writes it. */
function checkSpaces(
  frame: Frame,
  pattern: PatternText,
  operands: readonly (readonly AxisPattern[])[],
  tensors: readonly TensorEntity[],
  span: Span,
): void {
  const isCompact = operands.every((axes, k) => {
    const [only] = axes;
    const rank = tensors[k]?.type.shape.length ?? 0;
    return axes.length === 1 && only?.names.length === 1 && only.names[0]?.text.length === rank;
  });
  if (!isCompact || tensors.every(({ type }) => type.shape.length < 2)) return;
  const spaced = pattern.text
    .split("->")
    .map((side) =>
      side
        .split(",")
        .map((names) => [...names.replaceAll(/\s/g, "")].join(" "))
        .join(", "),
    )
    .join(" -> ");
  fail(frame, {
    code: "TFG0210",
    message: "the names of a pattern are separated by spaces",
    primary: { span, text: "each of these is one name" },
    helps: [
      {
        text: JSON.stringify(spaced),
        ...(spanText(span) === `"${pattern.text}"` ? { edits: [{ span, text: JSON.stringify(spaced) }] } : {}),
      },
    ],
  });
}

/** Axes without names are never summed over: what has them is written `...` in the result too. */
function checkRest(frame: Frame, operands: readonly (readonly AxisPattern[])[], result: readonly AxisPattern[]): void {
  const [given] = operands.flatMap((axes) => restIn(axes) ?? []);
  const kept = restIn(result);
  if ((given === undefined) === (kept === undefined)) return;
  fail(frame, {
    code: "TFG0307",
    message: given ? "`...` is not in the result" : "`...` occurs in the result only",
    primary: { span: given?.span ?? kept?.span ?? { file: frame.module.file, start: 0, end: 0 }, text: "" },
    helps: given ? [{ text: "to sum over an axis give it a name" }] : [],
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
          text !== REST &&
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
  const words = operands[last.operand] ?? [];
  const text = name ? spanText(name.span) : "";
  const sum = words.length === 1 ? `sum(${text})` : `sum(${text}, axis=${words.indexOf(last.word)})`;
  fail(frame, {
    code: "TFG0307",
    message: `\`${last.word.text}\` occurs in one operand only and not in the result`,
    primary: { span: last.word.span, text: near ? `did you mean \`${near}\`?` : where(last.operand) },
    related: one === last ? [] : [{ span: one.word.span, text: where(one.operand) }],
    notes: name ? [`to sum \`${text}\` on its own write \`${sum}\``] : [],
  });
}

function contraction(
  frame: Frame,
  operands: readonly (readonly Axis[])[],
  result: readonly Axis[],
  tensors: readonly TensorEntity[],
  given: readonly Given[],
  site: CallSite,
): Entity {
  const sizes = new Map<string, { readonly dim: Dim; readonly operand: number }>();
  for (const [k, axes] of operands.entries()) {
    const tensor = tensors[k];
    const span = given[k]?.span ?? site.span;
    if (!tensor) continue;
    const { shape } = tensor.type;
    if (shape.length !== axes.length)
      fail(frame, {
        code: "TFG0303",
        message: `the pattern names ${axes.length} ${axes.length === 1 ? "axis" : "axes"}, \`${spanText(span)}\` has ${shape.length}`,
        primary: { span, text: formatType(tensor.type) },
        related: axes[0]
          ? [{ span: { ...axes[0].span, end: axes[axes.length - 1]?.span.end ?? axes[0].span.end }, text: "" }]
          : [],
      });
    for (const [position, { text, span: at, isOne }] of axes.entries()) {
      const dim = shape[position] ?? ONE;
      const before = isOne ? { dim: ONE, operand: k } : sizes.get(text);
      if (!before) sizes.set(text, { dim, operand: k });
      else if (isOne ? !isLiteral(dim, 1) : !frame.facts.equal(before.dim, dim))
        fail(frame, {
          code: "TFG0301",
          message: isOne
            ? `axis ${position} of \`${spanText(span)}\` is ${formatDim(dim)}, not 1`
            : `\`${text}\` is ${formatDim(before.dim)} in the ${ORDINALS[before.operand]} operand and ${formatDim(dim)} in the ${ORDINALS[k]}`,
          primary: { span: at, text: `${formatDim(dim)} here` },
          related: [{ span, text: formatType(tensor.type) }],
        });
    }
  }
  const [head] = tensors;
  const dtype: DType = head?.type.dtype ?? "f32";
  for (const [k, tensor] of tensors.entries()) {
    const own = tensor.type.dtype;
    const span = given[k]?.span ?? site.span;
    if (own === dtype && belongsTo(own, "num")) continue;
    const cast = castText({ type: tensor.type, span, origin: span }, "f32");
    fail(frame, {
      code: "TFG0304",
      message: belongsTo(dtype, "num")
        ? `\`${dtype}\` and \`${own}\` do not mix in \`einsum\``
        : `\`einsum\` takes numbers, not \`${dtype}\``,
      primary: { span, text: formatType(tensor.type) },
      helps: isStorageOnly(own) || dtype === "f32" ? [{ text: cast, edits: [{ span, text: cast }] }] : [],
    });
  }

  const { span } = site;
  const spatial = result.filter(({ isOne }) => !isOne).map(({ text }) => text);
  const reduced = [...sizes.keys()].filter((name) => !spatial.includes(name));
  // An axis of extent 1 of the result has no name in the operands; it is read at none.
  const axes = [
    ...result.map(({ text, isOne }) =>
      isOne ? { name: "one", extent: ONE } : { name: text, extent: sizes.get(text)?.dim ?? ONE },
    ),
    ...reduced.map((name) => ({ name, extent: sizes.get(name)?.dim ?? ONE })),
  ];
  const position = (name: string): number => {
    const at = result.findIndex(({ text, isOne }) => !isOne && text === name);
    return at < 0 ? result.length + reduced.indexOf(name) : at;
  };
  const reads = operands.map((words, k): Scalar => {
    const at = words.map(
      ({ text, span: place, isOne }): Scalar =>
        isOne
          ? { kind: "constant", value: 0, dtype: "i32", span: place }
          : { kind: "axis", axis: position(text), dtype: "i32", span: place },
    );
    return { kind: "read", operand: k, at, dtype, span: given[k]?.span ?? span };
  });
  const product = reads.reduce((a, b): Scalar => ({ kind: "apply", fn: "mul", args: [a, b], dtype, span }));
  const over = reduced.map(position);
  const body: Scalar =
    over.length === 0 ? product : { kind: "reduce", monoid: "sum", axes: over, body: product, dtype, span };
  const comprehension: Comprehension = { rank: result.length, axes, body };
  const primitive = frame.check.primitive("tensor");
  if (!primitive) throw new Error("the table has no `tensor`");
  return frame.check.apply(
    frame,
    primitive,
    tensors.map((entity, k) => ({ entity, span: given[k]?.span ?? span })),
    { body: comprehension },
    site,
  );
}
