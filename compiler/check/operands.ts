/** Entities as operands: compile-time numbers and lists become constants of the dtype that is wanted. */
import { type Span, spanText } from "../../grammar/source.ts";
import { type Dim, dimOf, literalOf } from "../ir/dims.ts";
import type { Attributes, ConstantData, ValueId } from "../ir/graph.ts";
import { type DType, isFloat, isInteger, type TensorType } from "../ir/types.ts";
import type { Complaint, Operand } from "../ops/primitive.ts";
import { castNumber, integerRange } from "../ops/scalar.ts";
import {
  describe,
  type Entity,
  formatStatic,
  formatType,
  isNumber,
  type ListEntity,
  numberOf,
  type TensorEntity,
} from "./entity.ts";
import type { DeclaredVariable, Frame } from "./frame.ts";
import { randomTensor } from "./random.ts";
import { Failure } from "./report.ts";

export const fail = (frame: Frame, complaint: Complaint): never => frame.check.reporter.fail(complaint, frame);

/** Kernels count bytes in 31 bits. */
const MOST_ELEMENTS = 2 ** 29;

/** TFG0210 for a tensor that no memory holds, whatever the run dims are: each of them is at least 1. */
function checkElements(frame: Frame, type: TensorType, span: Span): void {
  const sizes = type.shape.map((dim) => literalOf(dim) ?? 1);
  if (sizes.reduce((a, b) => a * b, 1) <= MOST_ELEMENTS) return;
  fail(frame, {
    code: "TFG0210",
    message: `${formatType(type)} is too large`,
    primary: { span, text: "more than 2^29 elements" },
    notes: ["a tensor has at most 2 GiB"],
  });
}

/** Adds a value to the graph. */
export function emitValue(
  frame: Frame,
  op: string,
  args: readonly ValueId[],
  attributes: Attributes,
  type: TensorType,
  span: Span,
  more?: readonly TensorType[],
): TensorEntity {
  checkElements(frame, type, span);
  const value = frame.builder.emit(
    {
      op,
      args,
      attributes,
      type,
      span,
      ...(more && more.length > 0 ? { more } : {}),
      ...(frame.call === undefined ? {} : { call: frame.call }),
    },
    frame.facts,
  );
  return { kind: "tensor", value, type: frame.builder.valueAt(value).type, origin: span };
}

/** Data of a constant: f32 as doubles, so that the interpreter keeps what was written; f16 and bf16 rounded. */
export function constantData(dtype: DType, numbers: readonly number[]): ConstantData {
  return {
    data: isFloat(dtype)
      ? Float64Array.from(numbers, (x) => castNumber(dtype, x))
      : dtype === "u32"
        ? Uint32Array.from(numbers)
        : Int32Array.from(numbers),
  };
}

export function emitConstant(
  frame: Frame,
  dtype: DType,
  shape: readonly number[],
  numbers: readonly number[],
  span: Span,
): TensorEntity {
  return emitValue(
    frame,
    "constant",
    [],
    { data: constantData(dtype, numbers) },
    { dtype, shape: shape.map((size) => dimOf(size)) },
    span,
  );
}

/** The dtype of a compile-time value that meets operands of dtype `wanted`; undefined where it does not adapt. */
export function adaptedDType(entity: Entity, wanted: DType | undefined): DType | undefined {
  switch (entity.kind) {
    case "int":
      return entity.dtype ?? (wanted === undefined || wanted === "bool" ? "i32" : wanted);
    case "float":
      return entity.dtype ?? (wanted !== undefined && isFloat(wanted) ? wanted : "f32");
    case "bool":
      return "bool";
    case "initial":
      return "f32";
    case "list":
      return entity.dtype ?? listDType(entity, wanted);
    case "tensor":
      return entity.type.dtype;
    case "scalar":
      return entity.scalar.dtype;
    default:
      return undefined;
  }
}

function listDType(list: ListEntity, wanted: DType | undefined): DType | undefined {
  const dtypes = list.items.map((item) => adaptedDType(item, wanted));
  if (dtypes.some((dtype) => dtype === undefined)) return undefined;
  if (dtypes.includes("f32")) return dtypes.every((dtype) => dtype === "f32" || dtype === "i32") ? "f32" : undefined;
  return dtypes.every((dtype) => dtype === dtypes[0]) ? dtypes[0] : undefined;
}

/** Checks that an integer dtype can hold a literal. */
export function checkRange(frame: Frame, value: number, dtype: DType, span: Span): void {
  if (!isInteger(dtype)) return;
  const [least, most] = integerRange(dtype);
  if (value < least || value > most)
    fail(frame, {
      code: "TFG0210",
      message: `${value} does not fit into \`${dtype}\``,
      primary: { span, text: `\`${dtype}\` holds ${least} to ${most}` },
    });
}

/** An entity as a tensor of the graph. Reports what has no tensor. */
export function toTensor(frame: Frame, entity: Entity, span: Span, wanted?: DType): TensorEntity {
  switch (entity.kind) {
    case "tensor":
      return entity;
    case "bottom":
      throw new Failure();
    case "int": {
      const dtype = adaptedDType(entity, wanted) ?? "i32";
      const literal = literalOf(entity.dim);
      if (literal !== undefined) {
        checkRange(frame, literal, dtype, span);
        return emitConstant(frame, dtype, [], [literal], span);
      }
      return emitDim(frame, entity.dim, dtype, span);
    }
    case "float":
      return emitConstant(frame, adaptedDType(entity, wanted) ?? "f32", [], [entity.value], span);
    case "bool":
      return emitConstant(frame, "bool", [], [entity.value ? 1 : 0], span);
    case "list":
      return listTensor(frame, entity, span, wanted);
    case "initial":
      return randomTensor(entity, span);
    case "record":
      return fail(frame, {
        code: "TFG0210",
        message: "one tensor is expected, not several results",
        primary: { span, text: describe(entity) },
        helps: entity.parts[0] ? [{ text: `select one: \`.${entity.parts[0].name}\`` }] : [],
      });
    case "scalar":
      return fail(frame, {
        code: "TFG0210",
        message: "an element of a comprehension cannot be used as a tensor here",
        primary: { span, text: "depends on an index" },
      });
    default:
      return fail(frame, {
        code: "TFG0210",
        message: `a tensor is expected, not ${describe(entity)}`,
        primary: { span, text: entity.kind === "str" ? formatStatic(entity) : "" },
        helps:
          entity.kind === "fn" && /^\w+$/.test(spanText(span)) ? [{ text: `call it: \`${spanText(span)}(…)\`` }] : [],
      });
  }
}

function emitDim(frame: Frame, dim: Dim, dtype: DType, span: Span): TensorEntity {
  const direct: DType = dtype === "f32" ? "f32" : "i32";
  const value = emitValue(frame, "dim", [], { dim }, { dtype: direct, shape: [] }, span);
  return dtype === direct ? value : emitValue(frame, "cast", [value.value], { to: dtype }, { dtype, shape: [] }, span);
}

/** A nested list of numbers as a constant; rows must be equally long. */
export function listTensor(frame: Frame, list: ListEntity, span: Span, wanted?: DType): TensorEntity {
  const flat = flatten(list);
  if (flat === "ragged")
    return fail(frame, {
      code: "TFG0301",
      message: "the rows of this list have different lengths",
      primary: { span, text: "a tensor is rectangular" },
    });
  if (flat.items.some((item) => item.kind === "bottom")) throw new Failure();
  if (flat.items.every((item) => numberOf(item) !== undefined || item.kind === "bool")) {
    const dtype = adaptedDType(list, wanted);
    if (dtype === undefined)
      return fail(frame, {
        code: "TFG0304",
        message: "the elements of this list have different types",
        primary: { span, text: "" },
      });
    const numbers = flat.items.map((item) => (item.kind === "bool" ? Number(item.value) : (numberOf(item) ?? 0)));
    for (const value of numbers) checkRange(frame, value, dtype, span);
    return emitConstant(frame, dtype, flat.shape, numbers, span);
  }
  const stack = frame.check.primitive("stack");
  if (
    !stack ||
    list.items.length === 0 ||
    !list.items.every(
      (item) =>
        item.kind === "tensor" ||
        isNumber(item) ||
        item.kind === "bool" ||
        item.kind === "list" ||
        item.kind === "initial",
    )
  )
    return fail(frame, {
      code: "TFG0210",
      message: `a tensor is expected, not ${describe(list)}`,
      primary: { span, text: "" },
    });
  const dtype =
    list.items
      .map((item) => (item.kind === "tensor" || item.kind === "initial" ? adaptedDType(item, wanted) : undefined))
      .find((found) => found !== undefined) ?? wanted;
  const items = list.items.map((item) => toTensor(frame, item, span, dtype));
  const stacked = frame.check.apply(
    frame,
    stack,
    items.map((entity) => ({ entity, span })),
    { axis: 0 },
    { span, callee: span, spelling: "[…]" },
  );
  if (stacked.kind !== "tensor") throw new Failure();
  return stacked;
}

/** Elements of a nested list in row-major order with its shape. */
export function flatten(
  list: ListEntity,
): { readonly shape: readonly number[]; readonly items: readonly Entity[] } | "ragged" {
  const [first] = list.items;
  if (first?.kind !== "list")
    return list.items.some((item) => item.kind === "list")
      ? "ragged"
      : { shape: [list.items.length], items: list.items };
  const inner = flatten(first);
  if (inner === "ragged") return inner;
  const items: Entity[] = [];
  for (const row of list.items) {
    const part = row.kind === "list" ? flatten(row) : "ragged";
    if (part === "ragged" || part.shape.join() !== inner.shape.join()) return "ragged";
    items.push(...part.items);
  }
  return { shape: [list.items.length, ...inner.shape], items };
}

/** An operand as the type rules see it. */
export function operandOf(frame: Frame, tensor: TensorEntity, span: Span): Operand {
  const value = frame.builder.valueAt(tensor.value);
  const data = value.op === "constant" ? value.attributes.data : undefined;
  const constant = typeof data === "object" && "data" in data ? data : undefined;
  const declared = declaredOperand(frame, span);
  return {
    type: tensor.type,
    span,
    origin: tensor.origin,
    ...(constant ? { constant } : {}),
    ...(declared ? { declared } : {}),
  };
}

/** The declaration of an operand that is nothing but the name of an input, param or state. */
function declaredOperand(frame: Frame, span: Span): DeclaredVariable | undefined {
  const text = span.file.text.slice(span.start, span.end);
  return /^[A-Za-z_]\w*$/.test(text) ? frame.names.find(text)?.variable : undefined;
}
