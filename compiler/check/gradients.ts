/** `grad`, `adjoint` and `@gradient` (language.md 5.3): differentiation of what is elaborated, by more of it. */
import { type Span, spanText } from "../../grammar/source.ts";
import type { Attribute, Expression, FunctionDeclaration } from "../../grammar/syntax.ts";
import { type CallRule, differentiate, type Seed, type Source } from "../differentiate/differentiate.ts";
import { dependenceOn, isComputedFrom } from "../differentiate/linear.ts";
import { type Dim, literalOf } from "../ir/dims.ts";
import type { CallId, Value, ValueId } from "../ir/graph.ts";
import { type DType, isFloat, type TensorType } from "../ir/types.ts";
import type { Argument, Emitter, PrimitiveCall } from "../ops/primitive.ts";
import type { GraphBuilder } from "./builder.ts";
import {
  BOTTOM,
  describe,
  type Entity,
  formatType,
  type FunctionEntity,
  isNumber,
  list,
  numberOf,
  type Supplied,
  type TensorEntity,
} from "./entity.ts";
import type { CallSite, Frame } from "./frame.ts";
import { GRADIENT_BUILTINS } from "./gradient-builtins.ts";
import { callLambda, distribute, suppliedEntity } from "./functions.ts";
import { emitConstant, emitValue, fail, toTensor } from "./operands.ts";
import { Failure } from "./report.ts";
import { shapeDims } from "./types.ts";

interface Given {
  readonly entity: Entity;
  readonly span: Span;
  readonly expression?: Expression;
}

const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  stop_gradient: ["x"],
  grad: ["y", "x"],
  adjoint: ["f", "x", "shape"],
};

export const isGradientBuiltin = (name: string): boolean => PARAMETERS[name] !== undefined;

export function callGradientBuiltin(
  frame: Frame,
  fn: Extract<FunctionEntity, { form: "builtin" }>,
  args: readonly Supplied[],
  site: CallSite,
): Entity {
  const signature = GRADIENT_BUILTINS.find(([name]) => name === fn.name)?.[1] ?? fn.name;
  const params = (PARAMETERS[fn.name] ?? []).map((name) => ({ name, isOptional: false }));
  const bound = distribute(frame, site, params, args, signature);
  const given = new Map<string, Given>();
  for (const arg of args) {
    const [name] = [...bound].find(([, other]) => other === arg) ?? [];
    if (name === undefined) continue;
    const entity = suppliedEntity(arg, name === "f");
    given.set(
      name,
      "expression" in arg
        ? { entity, span: arg.expression.span, expression: arg.expression }
        : { entity, span: arg.span },
    );
  }
  if ([...given.values()].some(({ entity }) => entity.kind === "bottom")) return BOTTOM;
  const of = (name: string): Given => given.get(name) ?? { entity: BOTTOM, span: site.span };
  if (fn.name === "grad") return gradient(frame, of("y"), of("x"), site);
  return fn.name === "adjoint" ? adjoint(frame, of("f"), of("x"), of("shape"), site) : stopped(frame, of("x"), site);
}

/** The same elements as a value of its own, which differentiation does not pass. */
function stopped(frame: Frame, { entity, span }: Given, site: CallSite): Entity {
  if (entity.kind === "scalar" || entity.kind === "int" || entity.kind === "float") return entity;
  if (entity.kind !== "tensor") return toTensor(frame, entity, span);
  const result = copied(frame, entity, site.span);
  frame.builder.barriers.add(result.value);
  return result;
}

/** The same elements as another value. */
function copied(frame: Frame, tensor: TensorEntity, span: Span): TensorEntity {
  return { ...emitValue(frame, "reshape", [tensor.value], {}, tensor.type, span), ...labelsOf(tensor) };
}

const labelsOf = ({ labels }: TensorEntity): Pick<TensorEntity, "labels"> => (labels ? { labels } : {});

// ---- grad ----------------------------------------------------------------------------------------------------

function gradient(frame: Frame, y: Given, x: Given, site: CallSite): Entity {
  const of = toTensor(frame, y.entity, y.span);
  checkScalar(frame, of.type, y.span, site.spelling);
  if (!isFloat(of.type.dtype)) failInteger(frame, of.type, y.span, site.spelling);
  const isList = x.entity.kind === "list";
  const items: readonly Given[] =
    x.entity.kind === "list"
      ? x.entity.items.map((entity, i) => ({ entity, span: itemSpan(x, i) }))
      : [{ entity: x.entity, span: x.span }];
  const wrt = items.map(({ entity: given, span }): TensorEntity => {
    // A random node is one once it is needed.
    const entity = given.kind === "initial" ? toTensor(frame, given, span) : given;
    if (entity.kind === "bottom") throw new Failure();
    if (entity.kind !== "tensor")
      return fail(frame, {
        code: "TFG0210",
        message: `\`grad\` takes a param, an input or a node, not ${describe(entity)}`,
        primary: { span, text: isNumber(entity) ? "a number does not change" : describe(entity) },
      });
    if (!isFloat(entity.type.dtype)) failInteger(frame, entity.type, span, site.spelling);
    return entity;
  });
  const gradients = gradientsOf(
    frame,
    of.value,
    wrt.map(({ value }) => value),
    site,
  );
  const results = wrt.map((tensor, i): TensorEntity => {
    const value = gradients[i];
    if (value === undefined) return failIndependent(frame, of.value, tensor, y.span, items[i]?.span ?? x.span);
    const { type } = frame.builder.valueAt(value);
    return { kind: "tensor", value, type, origin: site.span, ...labelsOf(tensor) };
  });
  const [only] = results;
  return isList || !only ? list(results) : only;
}

const itemSpan = (x: Given, index: number): Span =>
  (x.expression?.kind === "list" ? x.expression.items[index]?.span : undefined) ?? x.span;

/** The gradients of a scalar, each with the type of what it is with respect to; undefined where there is no path. */
export function gradientsOf(
  frame: Frame,
  y: ValueId,
  wrt: readonly ValueId[],
  site: CallSite,
): readonly (ValueId | undefined)[] {
  const one = emitConstant(frame, "f32", [], [1], site.span);
  return differentiate(sourceOf(frame, site), [{ value: y, cotangent: one.value }], wrt);
}

/** TFG0502: what is differentiated is one number. */
export function checkScalar(frame: Frame, type: TensorType, span: Span, spelling: string): void {
  if (type.shape.length === 0) return;
  const name = spanText(span);
  fail(frame, {
    code: "TFG0502",
    message: `\`${spelling}\` needs a scalar, \`${name}\` is ${formatType(type)}`,
    primary: { span, text: type.shape.length === 1 ? "one loss per example" : "more than one number" },
    helps: [{ text: `mean(${name})`, edits: [{ span, text: `mean(${name})` }] }],
  });
}

function failInteger(frame: Frame, type: TensorType, span: Span, spelling: string): never {
  const isStored = isFloat(type.dtype);
  return fail(frame, {
    code: "TFG0503",
    message: `\`${spelling}\` needs f32, \`${spanText(span)}\` is ${formatType(type)}`,
    primary: {
      span,
      text: isStored ? `\`${type.dtype}\` is a storage type` : `\`${type.dtype}\` does not change by small steps`,
    },
    helps: [
      {
        text: isStored
          ? `\`${spanText(span)} as f32\``
          : "differentiate with respect to what is computed from it in floats",
      },
    ],
  });
}

/** Where the paths from a value back to those that `isWanted` end in `stop_gradient`. */
export function barriersBehind(
  builder: GraphBuilder,
  from: ValueId,
  isWanted: (id: ValueId) => boolean,
): readonly Span[] | "reached" {
  const barriers: Span[] = [];
  const seen = new Set<ValueId>();
  const pending = [from];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    if (isWanted(id)) return "reached";
    const value = builder.valueAt(id);
    if (builder.barriers.has(id)) barriers.push(value.span);
    else pending.push(...value.args);
  }
  return barriers;
}

/** TFG0501: every path ends, or goes through what is constant between jumps. */
function failIndependent(frame: Frame, y: ValueId, x: TensorEntity, ySpan: Span, xSpan: Span): never {
  const barriers = barriersBehind(frame.builder, y, (id) => id === x.value);
  const name = spanText(xSpan);
  return fail(frame, {
    code: "TFG0501",
    message: `\`${spanText(ySpan)}\` does not depend on \`${name}\`${barriers === "reached" ? " smoothly" : ""}`,
    primary: { span: xSpan, text: "the gradient is zero everywhere" },
    related:
      barriers !== "reached" && barriers.length === 1 && barriers[0]
        ? [{ span: barriers[0], text: "the only path ends here" }]
        : [],
    ...(barriers === "reached"
      ? { notes: ["all paths go through integers, comparisons or functions with steps, like `floor` and `argmax`"] }
      : {}),
  });
}

// ---- adjoint -------------------------------------------------------------------------------------------------

function adjoint(frame: Frame, f: Given, x: Given, shape: Given, site: CallSite): Entity {
  if (f.entity.kind !== "fn")
    return fail(frame, {
      code: "TFG0210",
      message: `\`adjoint\` takes a function, not ${describe(f.entity)}`,
      primary: { span: f.span, text: "" },
    });
  const to = toTensor(frame, x.entity, x.span, "f32");
  if (to.type.dtype !== "f32") failInteger(frame, to.type, x.span, site.spelling);
  const type: TensorType = { dtype: "f32", shape: shapeDims(frame, shape.entity, shape.span) };
  const { builder } = frame;
  // It has a name that no input can have, and no reader is left when this is done.
  const argument = emitValue(frame, "input", [], { name: "" }, type, site.span);
  const applied = frame.check.invoke(frame, f.entity, [{ entity: argument, span: f.span }], site);
  if (applied.kind === "bottom") return BOTTOM;
  const result = toTensor(frame, applied, f.span);
  const agrees =
    result.type.dtype === to.type.dtype &&
    result.type.shape.length === to.type.shape.length &&
    result.type.shape.every((dim, i) => frame.facts.equal(dim, to.type.shape[i] ?? dim));
  if (!agrees)
    return fail(frame, {
      code: "TFG0301",
      message: `the adjoint of a function takes what the function gives, ${formatType(result.type)}`,
      primary: { span: x.span, text: formatType(to.type) },
      related: [{ span: f.span, text: `${formatType(type)} gives ${formatType(result.type)}` }],
    });
  const valueAt = (id: ValueId): Value => builder.valueAt(id);
  const dependence = dependenceOn(valueAt, argument.value, result.value);
  if (dependence === "fixed") failNonlinear(frame, f.span, f.span, "this does not depend on its argument");
  if (typeof dependence === "object") {
    // What a library function does is told at the call of it.
    let { span } = dependence;
    let { call } = dependence.value;
    for (; span.file !== f.span.file && call !== undefined; call = builder.callAt(call).parent)
      span = builder.callAt(call).span;
    failNonlinear(frame, span, f.span);
  }
  const source: Source = { ...sourceOf(frame, site), isBarrier: () => false };
  const seeds: readonly Seed[] = [{ value: result.value, cotangent: to.value }];
  const [transposed] = differentiate(source, seeds, [argument.value]);
  if (transposed !== undefined && isComputedFrom(valueAt, transposed, argument.value))
    failNonlinear(frame, f.span, f.span, "its gradient, given by hand, depends on the argument");
  const value = transposed ?? new GraphEmitter(frame, site).zeros(type.shape);
  return { kind: "tensor", value, type: builder.valueAt(value).type, origin: site.span };
}

function failNonlinear(frame: Frame, at: Span, fn: Span, text = "not linear in the argument"): never {
  const isSame = at.file === fn.file && at.start === fn.start;
  return fail(frame, {
    code: "TFG0504",
    message: "`adjoint` needs a linear function",
    primary: { span: at, text },
    related: isSame || at.file !== fn.file ? [] : [{ span: fn, text: "the function" }],
    notes: [
      "linear is what is built of sums, of products with what does not depend on the argument, and of moving elements",
    ],
  });
}

// ---- gradients by hand ---------------------------------------------------------------------------------------

export const gradientAttribute = (declaration: FunctionDeclaration): Attribute | undefined =>
  declaration.attributes.find(({ name }) => name.text === "gradient");

/** TFG0210 for an attribute that gives no rule. */
export function checkGradientAttribute(frame: Frame, declaration: FunctionDeclaration): void {
  const attribute = gradientAttribute(declaration);
  if (!attribute) return;
  const { reporter } = frame.check;
  const [rule, ...others] = attribute.args;
  // Before a layer it is refused with all attributes that mean nothing there.
  if (declaration.form === "layer") return;
  if (!rule || rule.name || others.length > 0 || rule.value.kind !== "lambda")
    reporter.report({
      code: "TFG0210",
      message: "`@gradient` takes one function",
      primary: { span: attribute.span, text: "" },
      helps: [{ text: "`@gradient(fn(x, y, dy) => …)`: the parameters, the result, its gradient" }],
    });
}

/**
 * Makes `@gradient(fn(x, y, dy) => …)` the rule of a call that was elaborated: it is called with the parameters in
 * their order, the results and the gradient of each, and gives one gradient for each parameter that is a float tensor.
 */
export function withOwnGradient(
  inner: Frame,
  declaration: FunctionDeclaration,
  result: Entity,
  before: ValueId,
): Entity {
  const attribute = gradientAttribute(declaration);
  const rule = attribute?.args[0]?.value;
  if (!attribute || rule?.kind !== "lambda" || declaration.form === "layer") return result;
  // A result that is an argument becomes a value of its own, or the rule would be the argument's.
  const fresh = (entity: Entity): Entity => {
    if (entity.kind === "record")
      return { ...entity, parts: entity.parts.map((part) => ({ ...part, entity: fresh(part.entity) })) };
    return entity.kind === "tensor" && entity.value < before ? copied(inner, entity, entity.origin) : entity;
  };
  const own = fresh(result);
  const results = (own.kind === "record" ? own.parts.map(({ entity }) => entity) : [own]).flatMap((entity) =>
    entity.kind === "tensor" ? [entity] : [],
  );
  const params = declaration.params.map(({ name }) => ({
    name: name.text,
    entity: inner.names.find(name.text)?.get(name.span) ?? BOTTOM,
    span: name.span,
  }));
  const operands = params.flatMap(({ name, entity }) =>
    entity.kind === "tensor" && isFloat(entity.type.dtype) ? [{ name, tensor: entity }] : [],
  );
  const site: CallSite = { span: attribute.span, callee: attribute.name.span, spelling: "@gradient" };
  const pull: CallRule["pull"] = (cotangents, of) => {
    const renamed = (entity: Entity): Entity => (of ? withValues(entity, of) : entity);
    const call = inner.builder.openCall(`${declaration.name.text}_gradient`, site.span, undefined, undefined, []);
    const within: Frame = { ...inner, call };
    const emit = new GraphEmitter(within, site);
    const handed = results.map(({ type: { shape } }, i): TensorEntity => {
      const type: TensorType = { dtype: "f32", shape };
      const value = cotangents[i] ?? emit.zeros(type.shape);
      return { kind: "tensor", value, type, origin: attribute.span };
    });
    const supplied = [...params.map(({ entity }) => renamed(entity)), ...results.map(renamed), ...handed].map(
      (entity): Supplied => ({ entity, span: attribute.span }),
    );
    const answer = callLambda(within, rule, inner, supplied, site);
    return ownGradients(within, attribute, operands, answer, emit);
  };
  const known: CallRule = {
    operands: operands.map(({ tensor }) => tensor.value),
    results: results.map(({ value }) => value),
    pull,
  };
  for (const { value } of results) inner.builder.rules.set(value, known);
  return own;
}

/** The same with other values. */
function withValues(entity: Entity, of: (id: ValueId) => ValueId): Entity {
  if (entity.kind === "tensor") return { ...entity, value: of(entity.value) };
  if (entity.kind === "list") return { ...entity, items: entity.items.map((item) => withValues(item, of)) };
  if (entity.kind !== "record") return entity;
  return { ...entity, parts: entity.parts.map((part) => ({ ...part, entity: withValues(part.entity, of) })) };
}

function ownGradients(
  frame: Frame,
  attribute: Attribute,
  operands: readonly { readonly name: string; readonly tensor: TensorEntity }[],
  answer: Entity,
  emit: Emitter,
): readonly ValueId[] {
  if (answer.kind === "bottom") throw new Failure();
  const parts =
    answer.kind === "list"
      ? answer.items
      : answer.kind === "record"
        ? answer.parts.map(({ entity }) => entity)
        : [answer];
  const names = operands.map(({ name }) => `\`${name}\``).join(", ");
  if (parts.length !== operands.length)
    return fail(frame, {
      code: "TFG0301",
      message: `\`@gradient\` gives ${parts.length} gradients for ${operands.length} tensors`,
      primary: { span: attribute.span, text: `one each for ${names}` },
    });
  return operands.map(({ name, tensor }, i) => {
    const entity = parts[i] ?? BOTTOM;
    if (entity.kind === "bottom") throw new Failure();
    const type: TensorType = { dtype: "f32", shape: tensor.type.shape };
    const given = toTensor(frame, entity, attribute.span, type.dtype);
    if (numberOf(entity) !== undefined) return emit.apply("broadcast", [given.value], { shape: type.shape });
    const fits =
      given.type.dtype === type.dtype &&
      given.type.shape.length === type.shape.length &&
      given.type.shape.every((dim, d) => frame.facts.equal(dim, type.shape[d] ?? dim));
    if (fits) return given.value;
    return fail(frame, {
      code: "TFG0301",
      message: `the gradient of \`${name}\` is ${formatType(type)}, as \`${name}\` is`,
      primary: { span: attribute.span, text: `this gives ${formatType(given.type)}` },
    });
  });
}

// ---- emitting ------------------------------------------------------------------------------------------------

/** The graph under elaboration as what differentiation goes through. */
function sourceOf(frame: Frame, site: CallSite): Source {
  const { builder } = frame;
  const regions = new Map<CallId | string, CallId>();
  const outer = new Set<CallId>();
  for (let call = frame.call; call !== undefined; call = builder.callAt(call).parent) outer.add(call);
  const open = (key: CallId | string, name: string, span: Span, parent: CallId | undefined): CallId => {
    const made = regions.get(key) ?? builder.openCall(`${name}_gradient`, span, parent, undefined, []);
    regions.set(key, made);
    return made;
  };
  /** Beside the region of a call, one for its gradient. */
  const ofCall = (call: CallId | undefined): CallId | undefined => {
    if (call === undefined || outer.has(call)) return frame.call;
    const { name, span, parent } = builder.callAt(call);
    return regions.get(call) ?? open(call, name, span, ofCall(parent));
  };
  // What stands in the graph itself has its primitive's name: kernels are named by regions.
  const regionOf = ({ call, op, span }: Value): CallId | undefined =>
    ofCall(call) ?? (op === "loop" ? undefined : open(op, op, span, undefined));
  return {
    valueAt: (id) => builder.valueAt(id),
    isBarrier: (id) => builder.barriers.has(id),
    ruleOf: (id) => builder.rules.get(id),
    openLoop: () => builder.openLoop(),
    replace: (id, value) => builder.replace(id, value, frame.facts),
    copied: (id, of) => builder.copyRules(id, of),
    emit: (like, value) => {
      const call = regionOf(like);
      return builder.emit({ ...value, span: like.span, ...(call === undefined ? {} : { call }) }, frame.facts);
    },
    emitterFor: (value) => {
      const { call: _call, ...rest } = frame;
      const region = regionOf(value);
      const inner: Frame = region === undefined ? rest : { ...rest, call: region };
      return new GraphEmitter(inner, { ...site, span: value.span });
    },
    fail: (value) =>
      fail(frame, {
        code: "TFG0106",
        message: `the gradient of \`${value.op}\` is not built yet`,
        primary: { span: site.span, text: "leads through it" },
        related: value.span.file === site.span.file ? [{ span: value.span, text: `\`${value.op}\`` }] : [],
        helps: [{ text: "`stop_gradient(…)` around it leaves it out" }],
      }),
  };
}

class GraphEmitter implements Emitter {
  readonly #frame: Frame;
  readonly #site: CallSite;
  readonly facts: Emitter["facts"];

  constructor(frame: Frame, site: CallSite) {
    this.#frame = frame;
    this.#site = site;
    this.facts = frame.facts;
  }

  typeOf(value: ValueId): TensorType {
    return this.#frame.builder.valueAt(value).type;
  }

  apply(name: string, operands: readonly ValueId[], args: Readonly<Record<string, Argument>> = {}): ValueId {
    const frame = this.#frame;
    const record = frame.check.primitive(name);
    if (!record) throw new Error(`there is no primitive ${name}`);
    const { span } = this.#site;
    const call: PrimitiveCall = {
      operands: operands.map((operand) => {
        const value = frame.builder.valueAt(operand);
        return { type: value.type, span, origin: value.span };
      }),
      args,
      span,
      operator: span,
      spelling: name,
      facts: {
        equal: frame.facts.equal,
        atLeast: frame.facts.atLeast,
        oblige: (dim, minimum) => frame.builder.oblige(dim, minimum, span, frame.facts),
      },
      fail: (complaint) => fail(frame, complaint),
    };
    const { type, attributes, more } = record.infer(call);
    return emitValue(frame, name, operands, attributes ?? {}, type, span, more).value;
  }

  part(of: ValueId, index: number): ValueId {
    const type = this.#frame.builder.valueAt(of).more?.[index - 1];
    if (!type) throw new Error(`value ${of} has no result ${index}`);
    return emitValue(this.#frame, "part", [of], { index }, type, this.#site.span).value;
  }

  constant(value: number, dtype: DType): ValueId {
    return emitConstant(this.#frame, dtype, [], [value], this.#site.span).value;
  }

  zeros(shape: readonly Dim[]): ValueId {
    const zero = this.constant(0, "f32");
    return shape.length === 0 ? zero : this.apply("broadcast", [zero], { shape });
  }

  dim(dim: Dim, dtype: DType): ValueId {
    const literal = literalOf(dim);
    if (literal !== undefined) return this.constant(literal, dtype);
    return emitValue(this.#frame, "dim", [], { dim }, { dtype, shape: [] }, this.#site.span).value;
  }
}
