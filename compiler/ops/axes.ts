/** Naming the axes of an operand (language.md 4.5): `axis=-1`, `axis=[1, 2]`, `over=T`. */
import { type Span, spanText } from "../../grammar/source.ts";
import { type Dim, formatDim, literalOf } from "../ir/dims.ts";
import { formatType, nameOf } from "./complaints.ts";
import type { Operand, PrimitiveCall } from "./primitive.ts";

type Fail = PrimitiveCall["fail"];

function listed(items: readonly string[], conjunction: string): string {
  return items.length < 2
    ? items.join("")
    : `${items.slice(0, -1).join(", ")} ${conjunction} ${items[items.length - 1]}`;
}

/**
 * The axis from 0 for one counted from either end; TFG0309 where there is none. `rank` is more than the operand's
 * for `stack`, whose axis is one of the result.
 */
export function resolveAxis(
  axis: number,
  operand: Operand,
  span: Span,
  fail: Fail,
  rank = operand.type.shape.length,
): number {
  if (Number.isInteger(axis) && axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  const axes = operand.type.shape.map((dim, i) => `${i} (${formatDim(dim)})`);
  const which =
    axes.length === 0
      ? "it has no axes"
      : axes.length === 1
        ? `its axis is ${axes[0]}`
        : `its axes are ${listed(axes, "and")}`;
  return fail({
    code: "TFG0309",
    message: `axis ${axis} does not exist`,
    primary: { span, text: `${nameOf(operand)} is ${formatType(operand.type)}; ${which}` },
  });
}

/** Where the operand's type is written, `f32[N, N]`, or else where it was made. */
function typeSpan({ declared, origin }: Operand): Span {
  if (!declared) return origin;
  const behind = spanText(declared.span).match(/^[^:]*:\s*/)?.[0].length ?? 0;
  return { ...declared.span, start: declared.span.start + behind };
}

/** The one axis whose size is `dim`; TFG0308 where none or several have it. `text` is the argument as written. */
export function resolveOver(dim: Dim, operand: Operand, span: Span, text: string, fail: Fail): number {
  const { shape } = operand.type;
  const found = shape.flatMap((own, i) => (own.key === dim.key ? [i] : []));
  const [axis] = found;
  if (found.length === 1 && axis !== undefined) return axis;
  const choices = (axes: readonly number[]) =>
    listed(
      axes.map((i) => `\`axis=${i}\``),
      "or",
    );
  // A config that no axis has is a dimension that is missing.
  const isMissing = found.length === 0 && /^[A-Za-z_]\w*$/.test(text);
  if (literalOf(dim) !== undefined && !isMissing)
    return fail({
      code: "TFG0308",
      message: `\`over=${text}\` names a size, not a dimension`,
      primary: { span, text: "a declared dimension is expected" },
      helps: found.length > 0 ? [{ text: choices(found) }] : [],
    });
  if (found.length === 0)
    return fail({
      code: "TFG0308",
      message: `${nameOf(operand)} has no dimension \`${text}\``,
      primary: { span, text: `${nameOf(operand)} is ${formatType(operand.type)}` },
      helps:
        shape.length > 0
          ? [
              {
                text: `its axes are ${listed(
                  shape.map((own, i) => `${i} (${formatDim(own)})`),
                  "and",
                )}`,
              },
            ]
          : [],
    });
  const counts = ["no", "one", "two", "three", "four"];
  return fail({
    code: "TFG0308",
    message: `\`over=${text}\` is ambiguous`,
    primary: { span, text: "which one?" },
    related: [{ span: typeSpan(operand), text: `${counts[found.length] ?? found.length} axes have this dimension` }],
    helps: [{ text: choices(found) }],
  });
}
