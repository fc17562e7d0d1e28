/** Why a value has the type it has, as far as the source of its making shows it. */
import { spanText } from "../../grammar/source.ts";
import type { Span } from "../../grammar/source.ts";
import { formatDim } from "../ir/dims.ts";
import type { Complaint } from "../ops/primitive.ts";
import { formatType, type TensorEntity } from "./entity.ts";
import type { Frame } from "./frame.ts";

/** For a tensor that has too few dims because a reduction took all of them. */
export function whyRank(
  frame: Frame,
  tensor: TensorEntity,
  span: Span,
): Pick<Complaint, "related" | "helps"> | undefined {
  const value = frame.builder.valueAt(tensor.value);
  const { file, start } = tensor.origin;
  if (file !== span.file || start === span.start) return undefined;
  const source = value.args[0] === undefined ? undefined : frame.builder.valueAt(value.args[0]);
  const call = /^(\w+)\((\w+)\)$/.exec(spanText(tensor.origin));
  if (!value.op.startsWith("reduce_") || !call || !source)
    return { related: [{ span: tensor.origin, text: formatType(tensor.type) }] };
  const { shape, dtype } = source.type;
  const [name, operand] = [call[1] ?? "", call[2] ?? ""];
  const helps: { text: string }[] = [];
  const [first, ...rest] = shape;
  const last = shape[shape.length - 1];
  if (first && last && shape.length > 1)
    helps.push({
      text: `\`${name}(${operand}, over=${formatDim(first)})\` is ${formatType({ dtype, shape: rest })}; \`${name}(${operand}, axis=-1)\` is ${formatType({ dtype, shape: shape.slice(0, -1) })}`,
    });
  return { related: [{ span: tensor.origin, text: "without `axis` or `over` this is a scalar" }], helps };
}
