/** The declared dims that the axes of a result bear, as far as they are the operands': by them `over=` finds an axis. */
import type { Primitive } from "../ops/primitive.ts";
import type { Arguments } from "./apply.ts";
import type { DimLabel, TensorEntity } from "./entity.ts";

type Labels = readonly (DimLabel | undefined)[];

const labelsOf = (tensor: TensorEntity | undefined): Labels =>
  tensor?.labels ?? (tensor?.type.shape ?? []).map(() => undefined);

/** Undefined if there are none. */
export function resultLabels(
  primitive: Primitive,
  operands: readonly TensorEntity[],
  result: TensorEntity,
  args: Arguments,
): Labels | undefined {
  if (operands.every(({ labels }) => labels === undefined)) return undefined;
  const labels = moved(primitive, operands, result, args);
  return labels?.length === result.type.shape.length && labels.some((label) => label) ? labels : undefined;
}

function moved(
  primitive: Primitive,
  operands: readonly TensorEntity[],
  result: TensorEntity,
  args: Arguments,
): Labels | undefined {
  const [x, y] = operands;
  const { axis, keep, perm } = args;
  if (primitive.class === "map") return aligned(operands, result);
  if (primitive.class === "reduce") {
    const axes: readonly unknown[] = Array.isArray(axis) ? axis : [axis];
    if (keep === true) return labelsOf(x).map((label, i) => (axes.includes(i) ? undefined : label));
    return labelsOf(x).filter((_, i) => !axes.includes(i));
  }
  switch (primitive.name) {
    case "transpose": {
      const order: readonly unknown[] = Array.isArray(perm) && perm.length > 0 ? perm : [1, 0];
      return order.map((i) => labelsOf(x)[Number(i)]);
    }
    case "reverse":
    case "cumsum":
    case "sort":
    case "update_slice":
      return labelsOf(x);
    case "slice":
    case "pad":
    case "broadcast":
      return aligned(operands.slice(0, 1), result);
    case "concat":
      return labelsOf(x).map((label, i) => (i === axis ? undefined : label));
    case "stack":
      return labelsOf(x).toSpliced(
        typeof axis === "number" && axis < 0 ? axis + result.type.shape.length : Number(axis ?? 0),
        0,
        undefined,
      );
    case "gather":
      return [...labelsOf(y), ...labelsOf(x).slice(1)];
    case "take":
      return labelsOf(x).filter((_, i) => i !== axis);
    case "one_hot":
      return [...labelsOf(x), undefined];
    case "matmul": {
      const [left, right] = [labelsOf(x), labelsOf(y)];
      const free = [...left.slice(-2, -1), ...(right.length > 1 ? right.slice(-1) : [])];
      const batch = result.type.shape.length - free.length;
      const longer = left.length >= right.length ? left : right;
      return [...longer.slice(0, batch), ...free];
    }
    default:
      return undefined;
  }
}

/** By position from the right, where the size is the operand's. */
function aligned(operands: readonly TensorEntity[], result: TensorEntity): Labels {
  const { shape } = result.type;
  return shape.map((dim, i) => {
    for (const { type, labels } of operands) {
      const own = i - (shape.length - type.shape.length);
      const label = own >= 0 ? labels?.[own] : undefined;
      if (label && type.shape[own]?.key === dim.key) return label;
    }
    return undefined;
  });
}
