/** Primitives on operands: their type rules, and what becomes of them inside and outside of a comprehension. */
import type { Span } from "../../grammar/source.ts";
import type { Scalar } from "../ir/graph.ts";
import type { DType } from "../ir/types.ts";
import type { Argument, Complaint, Inferred, Operand, Primitive, PrimitiveCall } from "../ops/primitive.ts";
import { scalarFunctions } from "../ops/scalar.ts";
import { toScalar } from "./comprehension.ts";
import type { Entity, ScalarEntity, TensorEntity } from "./entity.ts";
import { withExplanations } from "./explain.ts";
import type { CallSite, Frame } from "./frame.ts";
import { resultLabels } from "./labels.ts";
import { adaptedDType, emitValue, fail, operandOf, toTensor } from "./operands.ts";

/** An argument in an operand's place. */
export interface OperandEntity {
  readonly entity: Entity;
  readonly span: Span;
}

export type Arguments = Readonly<Record<string, Argument>>;
export type ArgumentSpans = Readonly<Record<string, Span>>;

function primitiveCall(
  frame: Frame,
  operands: readonly Operand[],
  args: Arguments,
  site: CallSite,
  spans: ArgumentSpans | undefined,
  explained: (complaint: Complaint) => Complaint = (complaint) => complaint,
): PrimitiveCall {
  const { facts, builder } = frame;
  return {
    operands,
    args,
    span: site.span,
    operator: site.callee,
    spelling: site.spelling,
    facts: {
      equal: facts.equal,
      atLeast: facts.atLeast,
      oblige: (dim, minimum) => builder.oblige(dim, minimum, site.span, facts),
    },
    fail: (complaint: Complaint): never => fail(frame, explained(complaint)),
    ...(spans ? { spans } : {}),
    ...(builder.graph ? { graph: builder.graph } : {}),
  };
}

/** The dtype that numbers among the operands take: that of the first tensor which is no mask. */
export function commonDType(primitive: Primitive, operands: readonly OperandEntity[]): DType | undefined {
  const typed = operands.flatMap(({ entity }, i) => {
    if (primitive.name === "select" && i === 0) return [];
    if (entity.kind === "tensor") return entity.type.dtype;
    if (entity.kind === "scalar") return entity.scalar.dtype;
    return "dtype" in entity && entity.dtype !== undefined ? entity.dtype : [];
  });
  if (typed.length > 0) return typed[0];
  // Literals only: one float makes all of them floats.
  const hasFloat = operands.some(({ entity }) => adaptedDType(entity, undefined) === "f32");
  // A size meets no dtype in `sqrt(D / 4)`, so it takes the one that the function has.
  return hasFloat || scalarFunctions.get(primitive.name)?.takes === "float" ? "f32" : undefined;
}

/** Result of a primitive with tensors: one entity, or one for each result. */
export function applyToTensors(
  frame: Frame,
  primitive: Primitive,
  operands: readonly OperandEntity[],
  args: Arguments,
  site: CallSite,
  spans?: ArgumentSpans,
): readonly TensorEntity[] {
  const wanted = commonDType(primitive, operands);
  const tensors = operands.map(({ entity, span }, i) =>
    toTensor(frame, entity, span, operandDType(primitive, i, wanted)),
  );
  const described = tensors.map((tensor, i) => operandOf(frame, tensor, operands[i]?.span ?? site.span));
  const explained = (complaint: Complaint): Complaint => withExplanations(frame.builder, complaint, tensors);
  const inferred: Inferred = primitive.infer(primitiveCall(frame, described, args, site, spans, explained));
  const first = emitValue(
    frame,
    primitive.name,
    tensors.map((tensor) => tensor.value),
    inferred.attributes ?? {},
    inferred.type,
    site.span,
    inferred.more,
  );
  const labels = resultLabels(primitive, tensors, first, args);
  const result = labels ? { ...first, labels } : first;
  const others = (inferred.more ?? []).map((type, i) =>
    emitValue(frame, "part", [first.value], { index: i + 1 }, type, site.span),
  );
  return [result, ...others];
}

/** Positions and ids are integers whatever the dtype of the data is. */
function operandDType(primitive: Primitive, index: number, wanted: DType | undefined): DType | undefined {
  const parameter = primitive.signature[index];
  if (parameter?.kind === "position" || parameter?.name === "ids") return "i32";
  if (parameter?.name === "mask") return "bool";
  return wanted;
}

/** An element-wise primitive on elements of a comprehension: the scalar function applied. */
export function applyToScalars(
  frame: Frame,
  primitive: Primitive,
  operands: readonly OperandEntity[],
  args: Arguments,
  site: CallSite,
  spans?: ArgumentSpans,
): ScalarEntity {
  const draft = frame.comprehension;
  const isKnown =
    scalarFunctions.has(primitive.name) || primitive.name === "integer_power" || primitive.name === "clamp";
  if (!draft || !isKnown) {
    const inside = operands.find(({ entity }) => entity.kind === "scalar");
    return fail(frame, {
      code: "TFG0210",
      message: `\`${site.spelling}\` takes tensors, not an element of a comprehension`,
      primary: { span: inside?.span ?? site.span, text: "depends on an index" },
      helps: [{ text: `compute \`${site.spelling}\` outside of the comprehension and index its result` }],
    });
  }
  const wanted = commonDType(primitive, operands);
  const scalars = operands.map(({ entity, span }, i) =>
    toScalar(frame, draft, entity, span, operandDType(primitive, i, wanted)),
  );
  const described = scalars.map((scalar, i): Operand => {
    const span = operands[i]?.span ?? site.span;
    return { type: { dtype: scalar.dtype, shape: [] }, span, origin: span };
  });
  const { dtype } = primitive.infer(primitiveCall(frame, described, args, site, spans)).type;
  const scalar = scalarOf(primitive, scalars, dtype, site.span, args);
  return { kind: "scalar", scalar, of: draft, origin: site.span };
}

function scalarOf(primitive: Primitive, scalars: readonly Scalar[], dtype: DType, span: Span, args: Arguments): Scalar {
  const [x, low, high] = scalars;
  if (!x) throw new Error(`\`${primitive.name}\` has no operands`);
  const apply = (fn: string, ...operands: Scalar[]): Scalar => ({ kind: "apply", fn, args: operands, dtype, span });
  if (primitive.name === "clamp" && low && high) return apply("minimum", apply("maximum", x, low), high);
  if (primitive.name !== "integer_power")
    return x.dtype === dtype && primitive.name === "cast" ? x : apply(primitive.name, ...scalars);
  const exponent = args.exponent;
  let rest = typeof exponent === "number" ? Math.abs(exponent) : 0;
  let square = x;
  let power: Scalar | undefined;
  for (; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) power = power ? apply("mul", power, square) : square;
    if (rest > 1) square = apply("mul", square, square);
  }
  const one: Scalar = { kind: "constant", value: 1, dtype, span };
  if (!power) return one;
  return typeof exponent === "number" && exponent < 0 ? apply("div", one, power) : power;
}

/** A primitive on whatever its operands are. */
export function applyPrimitive(
  frame: Frame,
  primitive: Primitive,
  operands: readonly OperandEntity[],
  args: Arguments,
  site: CallSite,
  spans?: ArgumentSpans,
): Entity {
  if (operands.some(({ entity }) => entity.kind === "scalar"))
    return applyToScalars(frame, primitive, operands, args, site, spans);
  const results = applyToTensors(frame, primitive, operands, args, site, spans);
  const [only] = results;
  if (results.length === 1 && only) return only;
  const { results: names } = primitive;
  return names
    ? { kind: "record", parts: results.map((entity, i) => ({ name: names[i] ?? `${i}`, entity })) }
    : { kind: "list", items: results };
}
