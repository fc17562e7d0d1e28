/** Calls of declared functions and lambdas: arguments are bound, the body is elaborated in place, results are checked. */
import type { Span } from "../../grammar/source.ts";
import { spanText } from "../../grammar/source.ts";
import type { FunctionDeclaration, FunctionParam, LambdaExpression, ResultSyntax } from "../../grammar/syntax.ts";
import { formatDim, formatShape, literalOf, subDims } from "../ir/dims.ts";
import type { CallId } from "../ir/graph.ts";
import type { Complaint } from "../ops/primitive.ts";
import { TooLarge } from "./builder.ts";
import { ownResult } from "./effects.ts";
import { BUILTINS } from "./builtins.ts";
import {
  type BoundArgument,
  BOTTOM,
  describe,
  type Entity,
  formatStatic,
  formatType,
  type FunctionEntity,
  isNumber,
  type Supplied,
} from "./entity.ts";
import { type Activation, type CallSite, type Frame, Names } from "./frame.ts";
import { withOwnGradient } from "./gradients.ts";
import { foreignAdvice, foreignArgument } from "./foreign.ts";
import { enterScope } from "./instances.ts";
import { nearest } from "./nearest.ts";
import { adaptedDType, fail, listTensor, toTensor } from "./operands.ts";
import { checkObligations } from "./obligations.ts";
import { otherOrder } from "./order.ts";
import { explainSizes, written } from "./explain.ts";
import { Failure } from "./report.ts";
import { runBlock } from "./statements.ts";
import { isDType, writtenType } from "./types.ts";
import { bindParameter, Binding, checkInferred, isPlainDim, outerLabels, settlePending } from "./unify.ts";

/** Calls may nest this deep; only functions that are handed to themselves get there. */
const DEPTH = 120;

/** `conv2d(x, filters, act = identity)` */
export function signatureText(declaration: FunctionDeclaration): string {
  const params = declaration.params.map(
    (param) => `${param.name.text}${param.default ? ` = ${spanText(param.default.span)}` : ""}`,
  );
  return `${declaration.name.text}(${params.join(", ")})`;
}

/** Which argument goes to which parameter. Reports TFG0203, TFG0208 and TFG0209. */
export function distribute(
  frame: Frame,
  site: CallSite,
  params: readonly { readonly name: string; readonly isOptional: boolean }[],
  args: readonly Supplied[],
  signature: string,
  extra: readonly string[] = [],
): ReadonlyMap<string, Supplied> {
  const bound = new Map<string, Supplied>();
  let next = 0;
  for (const arg of args) {
    if (arg.name === undefined) {
      // A name given earlier takes its place: what follows fills the ones that are left.
      while (next < params.length && bound.has(params[next]?.name ?? "")) next++;
      // A function that is written out is the one that is called, though something before it may be missing.
      const isBody = arg === args.at(-1) && "expression" in arg && arg.expression.kind === "lambda";
      const body = isBody ? params.find((param) => param.name === "fn" && !bound.has("fn")) : undefined;
      const param = body ?? params[next++];
      if (!param)
        fail(frame, {
          code: "TFG0209",
          message: `\`${site.spelling}\` takes ${params.length} ${params.length === 1 ? "argument" : "arguments"}, not ${args.length}`,
          primary: { span: arg.span, text: "one too many" },
          notes: [signature],
        });
      else bound.set(param.name, arg);
      continue;
    }
    const { name } = arg;
    if (!params.some((param) => param.name === name) && !extra.includes(name)) {
      const known = [...params.map((param) => param.name), ...extra];
      const near = foreignArgument(name, known) ?? nearest(name, known);
      const span = arg.nameSpan ?? arg.span;
      const advice = foreignAdvice(name);
      fail(frame, {
        code: "TFG0203",
        message: `\`${site.spelling}\` has no argument \`${name}\``,
        primary: { span, text: near ? `did you mean \`${near}\`?` : "not one of its arguments" },
        notes: [signature],
        helps: near ? [{ text: near, edits: [{ span, text: near }] }] : advice ? [{ text: advice }] : [],
      });
    }
    const before = bound.get(name);
    if (before)
      fail(frame, {
        code: "TFG0209",
        message: `\`${name}\` of \`${site.spelling}\` is given twice`,
        primary: { span: arg.span, text: "again" },
        related: before.span.file === arg.span.file ? [{ span: before.span, text: "first" }] : [],
        notes: [signature],
      });
    bound.set(name, arg);
  }
  const missing = params.filter((param) => !param.isOptional && !bound.has(param.name));
  const [first] = missing;
  if (first)
    fail(frame, {
      code: "TFG0208",
      message: `\`${site.spelling}\` needs ${missing.map((param) => `\`${param.name}\``).join(" and ")}`,
      primary: {
        span: site.callee,
        text: missing.length === 1 ? "this argument is missing" : "these arguments are missing",
      },
      notes: [signature],
    });
  return bound;
}

/** The value of an argument; one for a `fn` parameter that is a call is a function still lacking its first argument. */
export function suppliedEntity(arg: Supplied, wantsFunction: boolean): Entity {
  if ("entity" in arg) return arg.entity;
  const { expression, frame } = arg;
  if (wantsFunction && expression.kind === "call") {
    const callee = frame.check.evaluateCallee(frame, expression.callee);
    if (callee.kind === "bottom") return BOTTOM;
    if (callee.kind === "fn")
      return { kind: "fn", form: "partial", of: callee, args: expression.args, frame, span: expression.span };
  }
  return frame.check.evaluate(frame, expression);
}

export function callDeclared(
  frame: Frame,
  fn: Extract<FunctionEntity, { form: "declared" }>,
  args: readonly Supplied[],
  site: CallSite,
): Entity {
  const { declaration, module } = fn;
  const { params } = declaration;
  if (frame.check.unusable.has(declaration)) throw new Failure();
  if (!frame.builder.isGeneric) frame.check.elaborated.add(declaration);
  if (frame.depth > DEPTH) throw new TooLarge();
  const isLayer = declaration.form === "layer";
  if (isLayer && frame.form === "def")
    fail(frame, {
      code: "TFG0402",
      message: `\`${declaration.name.text}\` is a layer, called in a \`def\``,
      primary: { span: site.callee, text: "it owns variables, and a `def` is a pure function" },
      helps: frame.activation
        ? [
            {
              text: `layer ${frame.activation.declaration.name.text}`,
              edits: [{ span: frame.activation.declaration.keyword, text: "layer" }],
            },
          ]
        : [],
    });
  if (isLayer && frame.comprehension)
    fail(frame, {
      code: "TFG0402",
      message: `\`${declaration.name.text}\` is a layer, called in a comprehension`,
      primary: { span: site.callee, text: "it would be an instance for every index" },
    });

  checkApplied(frame, declaration, args, site);
  const extra = isLayer ? ["name", "reuse"].filter((name) => !params.some((param) => param.name.text === name)) : [];
  let bound: ReadonlyMap<string, Supplied>;
  try {
    bound = distribute(
      frame,
      site,
      params.map((param) => ({ name: param.name.text, isOptional: param.default !== undefined })),
      args,
      signatureText(declaration),
      extra,
    );
  } catch (error) {
    if (isLayer) frame.scope.hasUnknownName = true;
    throw error;
  }

  // Arguments in the order of the text, before the call that takes them: that numbers the layers in them.
  const entities = new Map<string, Entity>();
  for (const arg of args) {
    const [name] = [...bound].find(([, other]) => other === arg) ?? [];
    const param = params.find((other) => other.name.text === name);
    if (name !== undefined) entities.set(name, suppliedEntity(arg, param?.type === "fn"));
  }
  if ([...entities.values()].some((entity) => entity.kind === "bottom")) {
    // The instance still takes its name, which others may share or must not take again.
    if (isLayer) enterScope(frame, declaration, bound, entities, site).node.isBroken = true;
    throw new Failure();
  }

  const scope = isLayer
    ? enterScope(frame, declaration, bound, entities, site)
    : { node: frame.scope, reuse: frame.reuse };
  const boundArguments = new Map<string, BoundArgument>();
  const activation: Activation = {
    declaration,
    caller: frame,
    span: site.span,
    callee: site.callee,
    args: boundArguments,
  };
  const names = new Names();
  const { reuse: _reuse, call: _call, owner: _owner, ...base } = frame;
  const operands = [...entities.values()].flatMap((entity) => (entity.kind === "tensor" ? [entity.value] : []));
  const region: CallId | undefined = frame.builder.openCall(
    declaration.name.text,
    site.span,
    frame.call,
    isLayer ? scope.node : undefined,
    operands,
  );
  const inner: Frame = {
    ...base,
    module,
    names,
    scope: scope.node,
    ...(scope.reuse ? { reuse: scope.reuse } : {}),
    form: declaration.form,
    activation,
    call: region,
    owner: { kind: "call", call: region, span: site.span },
    place: isLayer
      ? frame.builder.placeOf(scope.node)
      : frame.place.call(declaration.name.text, frame.builder.textOrder()),
    depth: frame.depth + 1,
  };
  const misplaced = otherOrder(declaration, bound, entities, site, () => signatureText(declaration));
  if (misplaced) {
    if (isLayer) scope.node.isBroken = true;
    fail(frame, misplaced);
  }
  const binding = new Binding(inner, frame, declaration);
  const before = frame.builder.values.length;
  const effects = (): number => frame.builder.updates.length + frame.builder.assertions.length;
  const effectsBefore = effects();
  try {
    bindAll(binding, params, bound, entities, boundArguments, site);
    settlePending(binding);
    checkInferred(binding, site.callee);
    checkObligations(inner, declaration.where);
    checkSizes(inner, declaration, site);
    const { body } = declaration;
    const returned = body.kind === "block" ? runBlock(inner, body) : inner.check.evaluate(inner, body);
    const checked = returned.kind === "bottom" ? returned : checkResult(inner, declaration, returned);
    if (checked.kind === "bottom") throw new Failure();
    const own = effects() > effectsBefore ? ownResult(inner, checked, before, site.span) : checked;
    const result = withOwnGradient(inner, declaration, own, before);
    const outer = outward(binding, result, site.span, before);
    frame.builder.closeCall(region, tensorsOf(outer));
    if (outer.kind === "tensor" && outer.value >= before) explainSizes(inner, declaration, outer.value);
    return outer;
  } catch (error) {
    if (isLayer && error instanceof Failure) scope.node.isBroken = true;
    throw error;
  }
}

/** `h = dense(10)`: in this language a layer is called with what it works on. */
function checkApplied(frame: Frame, declaration: FunctionDeclaration, args: readonly Supplied[], site: CallSite): void {
  const [input] = declaration.params;
  const [first] = args;
  const required = declaration.params.filter((param) => param.default === undefined).length;
  const isNumber = first && "expression" in first && first.expression.kind === "number" && first.name === undefined;
  if (!input || input.type === "fn" || !input.type.dims || !isDType(input.type.name.text)) return;
  if (!isNumber || required < 2 || args.filter((arg) => arg.name === undefined).length >= required) return;
  const { file, start, end } = site.span;
  fail(frame, {
    code: "TFG0208",
    message: `\`${site.spelling}\` needs what it works on`,
    primary: { span: site.callee, text: `\`${input.name.text}\` comes first` },
    notes: [signatureText(declaration)],
    helps: [{ text: `\`x |> ${file.text.slice(start, end)}\`` }],
  });
}

function tensorsOf(entity: Entity): number[] {
  if (entity.kind === "tensor") return [entity.value];
  if (entity.kind === "record") return entity.parts.flatMap((part) => tensorsOf(part.entity));
  return entity.kind === "list" ? entity.items.flatMap(tensorsOf) : [];
}

/** What the caller sees: its own labels, and values made by the call come from the call. */
function outward(binding: Binding, entity: Entity, call: Span, before: number): Entity {
  if (entity.kind === "tensor") {
    const outer = outerLabels(binding, entity);
    return entity.value < before ? outer : { ...outer, origin: call };
  }
  if (entity.kind === "record")
    return {
      ...entity,
      parts: entity.parts.map((part) => ({ ...part, entity: outward(binding, part.entity, call, before) })),
    };
  return entity;
}

/** Binds every parameter: compile-time values first, then tensors, then numbers, which adapt to the tensors. */
function bindAll(
  binding: Binding,
  params: readonly FunctionParam[],
  bound: ReadonlyMap<string, Supplied>,
  entities: ReadonlyMap<string, Entity>,
  boundArguments: Map<string, BoundArgument>,
  site: CallSite,
): void {
  const { frame } = binding;
  const stage = (param: FunctionParam): number => {
    const entity = entities.get(param.name.text);
    if (
      param.type === "fn" || !isDType(param.type.name.text)
        ? !binding.isGeneric(param.type === "fn" ? "" : param.type.name.text, "dtype")
        : false
    )
      return 0;
    return entity && isNumber(entity) ? 2 : 1;
  };
  const bind = (param: FunctionParam, entity: Entity, span: Span, isExplicit: boolean): void => {
    const name = param.name.text;
    const arg = bound.get(name);
    const source =
      isExplicit && arg && "expression" in arg
        ? arg.expression.kind === "index"
          ? arg.expression.value
          : arg.expression
        : undefined;
    const forwarded =
      arg && "expression" in arg && source?.kind === "name" ? { frame: arg.frame, name: source.name } : undefined;
    boundArguments.set(name, { param, span, isExplicit, ...(forwarded ? { forwarded } : {}) });
    frame.names.bind(name, param.name.span, bindParameter(binding, param, entity, span));
  };
  const given = params.filter((param) => bound.has(param.name.text));
  let failed = false;
  const isLate = new Set<FunctionParam>();
  for (const step of [0, 1, 1.5, 2])
    for (const param of given) {
      const entity = entities.get(param.name.text);
      const arg = bound.get(param.name.text);
      if (step === 1 && stage(param) === 1 && binding.isAmbiguous(param.type)) isLate.add(param);
      if (!entity || !arg || (isLate.has(param) ? 1.5 : stage(param)) !== step) continue;
      try {
        bind(param, entity, "expression" in arg ? arg.expression.span : arg.span, true);
      } catch (error) {
        // The other arguments are still checked, as they may have faults of their own.
        if (!(error instanceof Failure)) throw error;
        failed = true;
        if (step !== 0) throw error;
      }
    }
  if (failed) throw new Failure();
  for (const param of params) {
    if (bound.has(param.name.text) || !param.default) continue;
    const entity = suppliedEntity({ expression: param.default, frame, span: param.default.span }, param.type === "fn");
    if (entity.kind === "bottom") throw new Failure();
    bind(param, entity, site.span, false);
  }
}

// ---- results -------------------------------------------------------------------------------------------------

export function checkResult(inner: Frame, declaration: FunctionDeclaration, returned: Entity): Entity {
  const { result } = declaration;
  if (!result) return returned;
  const span = returnSpan(declaration);
  if (result.kind === "single") {
    if (returned.kind === "record")
      return fail(inner, {
        code: "TFG0301",
        message: `\`${declaration.name.text}\` returns several results, but declares one`,
        primary: { span, text: describe(returned) },
        related: [{ span: result.span, text: "declared here" }],
      });
    return checkOne(inner, declaration, returned, result, span);
  }
  const parts =
    returned.kind === "record"
      ? returned.parts.map((part) => part.entity)
      : returned.kind === "list"
        ? returned.items
        : [returned];
  if (parts.length !== result.parts.length)
    return fail(inner, {
      code: "TFG0301",
      message: `\`${declaration.name.text}\` declares ${result.parts.length} results and returns ${parts.length}`,
      primary: { span, text: "" },
      related: [{ span: result.span, text: "declared here" }],
    });
  return {
    kind: "record",
    parts: result.parts.map((part, i) => ({
      name: part.name.text,
      entity: checkOne(
        inner,
        declaration,
        parts[i] ?? BOTTOM,
        { kind: "single", type: part.type, span: part.type.span },
        span,
      ),
    })),
  };
}

/** The declared sizes of the result must be sizes: for a window larger than its image they are not. */
function checkSizes(inner: Frame, declaration: FunctionDeclaration, site: CallSite): void {
  if (declaration.result?.kind !== "single") return;
  for (const dim of declaration.result.type.dims ?? []) {
    if (dim.kind !== "expr" || dim.value.kind === "name" || dim.value.kind === "number") continue;
    const entity = inner.check.evaluate(inner, dim.value);
    if (entity.kind === "bottom") throw new Failure();
    if (entity.kind !== "int") continue;
    const literal = literalOf(entity.dim);
    if (literal === undefined ? inner.builder.oblige(entity.dim, 0, site.span, inner.facts) : literal >= 1) continue;
    const text = dim.value.kind === "call" ? written(inner, dim.value) : undefined;
    fail(inner, {
      code: "TFG0315",
      message: `\`${declaration.name.text}\` would have ${literal === 0 ? "no positions" : "a negative size"}`,
      primary: { span: site.callee, text: `${text ? `${text} = ` : ""}${formatDim(entity.dim)}` },
      related: [{ span: dim.span, text: "declared here" }],
    });
  }
}

function returnSpan(declaration: FunctionDeclaration): Span {
  const { body } = declaration;
  if (body.kind !== "block") return body.span;
  const last = body.statements[body.statements.length - 1];
  return last?.kind === "return" ? (last.values[0]?.span ?? last.span) : body.span;
}

function checkOne(
  inner: Frame,
  declaration: FunctionDeclaration,
  entity: Entity,
  result: Extract<ResultSyntax, { kind: "single" }>,
  span: Span,
): Entity {
  if (entity.kind === "bottom") throw new Failure();
  const { type } = result;
  const name = type.name.text;
  const mismatch = (shown: string, code = "TFG0301"): never =>
    fail(inner, {
      code,
      message: `\`${declaration.name.text}\` returns ${shown}, not ${spanText(type.span)} as declared`,
      primary: { span, text: shown },
      related: [{ span: type.span, text: "declared here" }],
    });
  if (
    name === "int" ||
    name === "str" ||
    name === "float" ||
    (name === "bool" && !type.dims && entity.kind === "bool")
  ) {
    const isList = type.dims !== undefined;
    const kind = name === "float" ? ["int", "float"] : [name];
    const fits = (one: Entity): boolean => kind.includes(one.kind);
    if (isList ? entity.kind === "list" && entity.items.every(fits) : fits(entity)) return entity;
    return mismatch(describe(entity), "TFG0210");
  }
  const declared = writtenType(inner, type);
  if (entity.kind === "initial") {
    const agrees =
      entity.shape.length === declared.shape.length &&
      entity.shape.every((dim, i) => inner.facts.equal(dim, declared.shape[i] ?? dim));
    return agrees ? entity : mismatch(`a tensor of shape ${formatShape(entity.shape)}`);
  }
  const given =
    entity.kind === "list"
      ? listTensor(inner, entity, span, declared.dtype)
      : entity.kind === "tensor" || entity.kind === "scalar" || isNumber(entity) || entity.kind === "bool"
        ? entity
        : toTensor(inner, entity, span);
  const dtype =
    given.kind === "tensor"
      ? given.type.dtype
      : given.kind === "scalar"
        ? given.scalar.dtype
        : adaptedDType(given, declared.dtype);
  const shape = given.kind === "tensor" ? given.type.shape : [];
  const shown = given.kind === "tensor" ? formatType(given.type) : describe(given);
  if (dtype !== declared.dtype) return mismatch(shown, "TFG0304");
  if (shape.length !== declared.shape.length) return mismatch(shown);
  for (const [i, dim] of declared.shape.entries()) {
    const own = shape[i] ?? dim;
    if (inner.facts.equal(dim, own)) continue;
    const certain = (isPlainDim(dim) && isPlainDim(own)) || literalOf(subDims(dim, own)) !== undefined;
    return certain
      ? mismatch(shown)
      : fail(inner, {
          code: "TFG0311",
          message: `cannot prove that ${formatDim(dim)} equals ${formatDim(own)}`,
          primary: { span, text: shown },
          related: [{ span: type.span, text: `declared as ${declared.dtype}${formatShape(declared.shape)}` }],
          helps: [{ text: `state it: \`where ${formatDim(dim)} == ${formatDim(own)}\`` }],
        });
  }
  if (given.kind === "int" && literalOf(given.dim) !== undefined && dtype !== "i32" && dtype !== "u32")
    return { kind: "float", value: literalOf(given.dim) ?? 0, dtype };
  if (isNumber(given)) return { ...given, dtype };
  return given;
}

// ---- lambdas and partial calls ---------------------------------------------------------------------------------

/** `repeat(x, 3, fn(h) => …)`: its function also takes the number of the turn. */
function turnHelp(lambda: LambdaExpression, site: CallSite): Pick<Complaint, "notes" | "helps"> {
  const signature = BUILTINS.get(site.spelling);
  const [only, ...others] = lambda.patterns;
  if (signature === undefined) return {};
  if (site.spelling !== "repeat" || !only || others.length > 0) return { notes: [signature] };
  const span = { ...only.span, start: only.span.end };
  return { notes: [signature], helps: [{ text: `fn(${spanText(only.span)}, i)`, edits: [{ span, text: ", i" }] }] };
}

/** A lambda on values, as `repeat` and `fold` call it, or on written arguments. */
export function callLambda(
  frame: Frame,
  lambda: LambdaExpression,
  home: Frame,
  args: readonly Supplied[],
  site: CallSite,
): Entity {
  if (frame.depth > DEPTH) throw new TooLarge();
  if (args.length !== lambda.patterns.length || args.some((arg) => arg.name !== undefined))
    fail(frame, {
      code: args.length > lambda.patterns.length ? "TFG0209" : "TFG0208",
      message: `this function takes ${lambda.patterns.length} ${lambda.patterns.length === 1 ? "argument" : "arguments"}, \`${site.spelling}\` gives ${args.length}`,
      primary: { span: lambda.patterns[0]?.span ?? lambda.span, text: "" },
      related: [{ span: site.callee, text: "called here" }],
      ...turnHelp(lambda, site),
    });
  const names = new Names(home.names);
  for (const [i, pattern] of lambda.patterns.entries()) {
    const arg = args[i];
    if (!arg) continue;
    const entity = suppliedEntity(arg, false);
    if (entity.kind === "bottom") throw new Failure();
    if (!pattern.isTuple) {
      const [name] = pattern.names;
      if (name) names.bind(name.text, name.span, entity);
      continue;
    }
    const parts =
      entity.kind === "list"
        ? entity.items
        : entity.kind === "record"
          ? entity.parts.map((part) => part.entity)
          : undefined;
    if (!parts || parts.length !== pattern.names.length)
      fail(home, {
        code: "TFG0210",
        message: `${pattern.names.length} names for ${parts ? `${parts.length} values` : describe(entity)}`,
        primary: { span: pattern.span, text: isNumber(entity) ? formatStatic(entity) : describe(entity) },
      });
    for (const [k, name] of pattern.names.entries()) names.bind(name.text, name.span, parts?.[k] ?? BOTTOM);
  }
  // Names are those of where it was written; variables and values belong to where it is called.
  const {
    call: _call,
    reuse: _reuse,
    comprehension: _comprehension,
    loop: _loop,
    assumed: _assumed,
    ...lexical
  } = home;
  const inner: Frame = {
    ...lexical,
    names,
    scope: frame.scope,
    builder: frame.builder,
    facts: frame.facts,
    depth: frame.depth + 1,
    ...(frame.reuse ? { reuse: frame.reuse } : {}),
    ...(frame.call === undefined ? {} : { call: frame.call }),
    ...(frame.comprehension ? { comprehension: frame.comprehension } : {}),
    ...(frame.loop ? { loop: frame.loop } : {}),
    place: frame.place,
    ...(frame.assumed ? { assumed: frame.assumed } : {}),
  };
  return lambda.body.kind === "block" ? runBlock(inner, lambda.body) : inner.check.evaluate(inner, lambda.body);
}

/** `random_normal(stddev=0.02)` called with what it lacks in front. */
export function partialArguments(
  partial: Extract<FunctionEntity, { form: "partial" }>,
  args: readonly Supplied[],
): Supplied[] {
  const own = partial.args.map(
    (arg): Supplied => ({
      expression: arg.value,
      frame: partial.frame,
      span: arg.span,
      ...(arg.name ? { name: arg.name.text, nameSpan: arg.name.span } : {}),
    }),
  );
  return [...args, ...own];
}
