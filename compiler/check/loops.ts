/**
 * `scan` and `while` (language.md 5.5, 6.1): the function is elaborated once, on leaves that stand for a value of each
 * iteration. What depends on them is the body; nothing has to be cut out.
 */
import type { Span } from "../../grammar/source.ts";
import { dimOf, type Dim, formatDim, literalOf, subDims } from "../ir/dims.ts";
import { argsOfLoop } from "../ir/regions.ts";
import type { DType, TensorType } from "../ir/types.ts";
import { resolveAxis } from "../ops/axes.ts";
import { BUILTINS } from "./builtins.ts";
import { numberText } from "./effects.ts";
import {
  BOTTOM,
  type DimLabel,
  describe,
  type Entity,
  formatType,
  type FunctionEntity,
  isNumber,
  list,
  literalInt,
  type Supplied,
  type TensorEntity,
} from "./entity.ts";
import type { CallSite, Frame, LoopFrame } from "./frame.ts";
import { distribute, suppliedEntity } from "./functions.ts";
import { emitConstant, emitValue, fail, flatten, operandOf, toTensor } from "./operands.ts";
import type { Place } from "./places.ts";
import { failAxisAndOver, overAxes } from "./primitive-calls.ts";
import { Failure } from "./report.ts";
import { isPlainDim } from "./unify.ts";

interface Given {
  readonly entity: Entity;
  readonly span: Span;
}

/** What the two loops have in common. */
interface Loop {
  readonly frame: Frame;
  readonly site: CallSite;
  readonly spelling: "scan" | "while";
  readonly times: Dim;
  readonly init: Given;
  /** Whether `init` is a list: the function gets and returns a list, and the last carries are one. */
  readonly isList: boolean;
  readonly fn: Given;
  readonly cond?: Given;
  readonly xs?: Sequences;
}

interface Sequences {
  readonly tensors: readonly TensorEntity[];
  readonly axes: readonly number[];
  readonly isList: boolean;
  readonly span: Span;
}

const parameters = {
  scan: [
    { name: "xs", isOptional: false },
    { name: "init", isOptional: false },
    { name: "fn", isOptional: false },
    { name: "axis", isOptional: true },
    { name: "over", isOptional: true },
  ],
  while: [
    { name: "init", isOptional: false },
    { name: "max", isOptional: false },
    { name: "fn", isOptional: false },
    { name: "cond", isOptional: true },
  ],
};

export function callLoop(frame: Frame, spelling: "scan" | "while", args: readonly Supplied[], site: CallSite): Entity {
  const bound = distribute(
    frame,
    site,
    parameters[spelling],
    withTrailingFunction(args),
    BUILTINS.get(spelling) ?? spelling,
  );
  const given = new Map<string, Given>();
  for (const [name, arg] of bound) {
    if (name === "over") continue;
    const entity = suppliedEntity(arg, name === "fn" || name === "cond");
    given.set(name, { entity, span: "expression" in arg ? arg.expression.span : arg.span });
  }
  if ([...given.values()].some(({ entity }) => entity.kind === "bottom")) return BOTTOM;
  if (frame.comprehension)
    fail(frame, {
      code: "TFG0106",
      message: `\`${spelling}\` cannot be used in a comprehension`,
      primary: { span: site.callee, text: "would be a loop for every index" },
      helps: [{ text: "loop over whole tensors, and index the result" }],
    });
  const of = (name: string): Given => given.get(name) ?? { entity: BOTTOM, span: site.span };
  const init = of("init");
  const isList = init.entity.kind === "list" || init.entity.kind === "record";
  if (itemsOf(init.entity).length === 0)
    fail(frame, {
      code: "TFG0210",
      message: `\`${spelling}\` carries at least one value from turn to turn`,
      primary: { span: init.span, text: "an empty list" },
    });
  for (const name of ["fn", "cond"]) {
    const one = given.get(name);
    if (one && one.entity.kind !== "fn")
      fail(frame, {
        code: "TFG0210",
        message: `\`${name}\` of \`${spelling}\` is a function, not ${describe(one.entity)}`,
        primary: { span: one.span, text: "" },
      });
  }
  const cond = given.get("cond");
  const xs = spelling === "scan" ? sequences(frame, of("xs"), bound.get("over"), given.get("axis"), site) : undefined;
  const [first] = xs?.tensors ?? [];
  const times = first && xs ? sizeAt(first, xs.axes[0] ?? 0) : bound.has("max") ? maximum(frame, of("max")) : dimOf(0);
  // No turn, so nothing to elaborate: the literals in `init` are what they are.
  if (literalOf(times) === 0) return isList ? list(itemsOf(init.entity)) : init.entity;
  const loop = {
    frame,
    site,
    spelling,
    times,
    init,
    isList,
    fn: of("fn"),
    ...(cond ? { cond } : {}),
    ...(xs ? { xs } : {}),
  };
  return elaborate(loop);
}

/** `while(x, fn(c) => …)` lacks `max`: the function at the end is the body, however many come before it. */
function withTrailingFunction(args: readonly Supplied[]): readonly Supplied[] {
  const last = args[args.length - 1];
  const isBody = last && last.name === undefined && "expression" in last && last.expression.kind === "lambda";
  return isBody && !args.some(({ name }) => name === "fn") ? [...args.slice(0, -1), { ...last, name: "fn" }] : args;
}

const itemsOf = (entity: Entity): readonly Entity[] =>
  entity.kind === "list" ? entity.items : entity.kind === "record" ? entity.parts.map((part) => part.entity) : [entity];

const sizeAt = (tensor: TensorEntity, axis: number): Dim => tensor.type.shape[axis] ?? dimOf(1);

/** `max` of `while`: how often at most. */
function maximum(frame: Frame, { entity, span }: Given): Dim {
  if (entity.kind !== "int")
    return fail(frame, {
      code: entity.kind === "tensor" ? "TFG0312" : "TFG0210",
      message:
        entity.kind === "tensor"
          ? "the bound of a `while` must be known before the run"
          : `\`max\` of \`while\` is an int, not ${describe(entity)}`,
      primary: { span, text: entity.kind === "tensor" ? "a value of the graph" : "" },
      helps:
        entity.kind === "tensor" ? [{ text: "give a bound that is large enough, and end the loop with `cond=`" }] : [],
    });
  if (!frame.builder.oblige(entity.dim, 0, span, frame.facts))
    fail(frame, {
      code: "TFG0315",
      message: "a loop cannot run a negative number of times",
      primary: { span, text: formatDim(entity.dim) },
    });
  return entity.dim;
}

// ---- what is scanned -----------------------------------------------------------------------------------------

function sequences(
  frame: Frame,
  xs: Given,
  over: Supplied | undefined,
  axis: Given | undefined,
  site: CallSite,
): Sequences {
  const { entity, span } = xs;
  const numbers = entity.kind === "list" ? flatten(entity) : "ragged";
  const isOfNumbers = numbers !== "ragged" && numbers.items.every((item) => isNumber(item) || item.kind === "bool");
  const isList = (entity.kind === "list" && !isOfNumbers) || entity.kind === "record";
  const tensors = (isList ? itemsOf(entity) : [entity]).map((item) => toTensor(frame, item, span));
  if (tensors.length === 0)
    fail(frame, { code: "TFG0210", message: "`scan` goes over at least one tensor", primary: { span, text: "" } });
  if (over && axis) failAxisAndOver(frame, axis.span, over.span);
  const complain = (complaint: Parameters<typeof fail>[1]): never => fail(frame, complaint);
  const axes = tensors.map((tensor): number => {
    const operand = operandOf(frame, tensor, span);
    if (over && "expression" in over) {
      const [found, ...others] = overAxes(over.frame, over.expression, tensor, operand, complain);
      if (found !== undefined && others.length === 0) return found;
      return fail(frame, {
        code: "TFG0210",
        message: "`scan` goes over one axis",
        primary: { span: over.span, text: found === undefined ? "these are none" : `these are ${others.length + 1}` },
      });
    }
    if (!axis)
      return fail(frame, {
        code: "TFG0208",
        message: "`scan` needs `over` or `axis`",
        primary: { span: site.callee, text: "which axis are the turns?" },
        helps: [{ text: "`over=T` names the dimension, `axis=0` its position" }],
      });
    const position = literalInt(axis.entity);
    if (position !== undefined) return resolveAxis(position, operand, axis.span, complain);
    return fail(frame, {
      code: "TFG0210",
      message: `\`axis\` of \`scan\` is an int, not ${describe(axis.entity)}`,
      primary: { span: axis.span, text: "" },
    });
  });
  const [first] = tensors;
  for (const [i, tensor] of tensors.entries()) {
    const [a, b] = [first ? sizeAt(first, axes[0] ?? 0) : dimOf(1), sizeAt(tensor, axes[i] ?? 0)];
    if (frame.facts.equal(a, b)) continue;
    const isCertain = (isPlainDim(a) && isPlainDim(b)) || literalOf(subDims(a, b)) !== undefined;
    fail(frame, {
      code: isCertain ? "TFG0301" : "TFG0311",
      message: `\`scan\` goes over ${formatDim(a)} and ${formatDim(b)} turns at once`,
      primary: { span, text: tensors.map((one) => formatType(one.type)).join(" and ") },
    });
  }
  return { tensors, axes, isList, span };
}

// ---- the body ------------------------------------------------------------------------------------------------

/** Dtypes to try for numbers in `init`, which take what the body makes of them. */
function trials(items: readonly Entity[]): readonly (readonly (DType | undefined)[])[] {
  const open = items.flatMap((item, i) => (item.kind === "int" && item.dtype === undefined ? [i] : []));
  const fixed = items.map((): DType | undefined => undefined);
  const withDTypes = (choose: (nth: number) => DType) =>
    fixed.map((none, i) => (open.includes(i) ? choose(open.indexOf(i)) : none));
  if (open.length === 0) return [fixed];
  // Integers before floats, as few floats as will do; more than a few numbers are all of one kind.
  const count = open.length <= 4 ? 2 ** open.length : 2;
  const masks = Array.from({ length: count }, (_, mask) => (open.length <= 4 ? mask : mask * (2 ** open.length - 1)));
  const floats = (mask: number): number => [...mask.toString(2)].filter((digit) => digit === "1").length;
  masks.sort((a, b) => floats(a) - floats(b) || a - b);
  return [
    ...masks.map((mask) => withDTypes((nth) => (Math.floor(mask / 2 ** nth) % 2 === 1 ? "f32" : "i32"))),
    withDTypes(() => "u32"),
  ];
}

function elaborate(loop: Loop): Entity {
  const { frame, init } = loop;
  const items = loop.isList ? itemsOf(init.entity) : [init.entity];
  const choices = trials(items);
  const [first = []] = choices;
  if (choices.length === 1) return elaborateWith(loop, items, first, placeOf(loop));
  for (const dtypes of choices) {
    const { reporter } = frame.check;
    const { builder, scope } = frame;
    const layers = scope.children.length;
    const place = placeOf(loop);
    let result: Entity = BOTTOM;
    const isGood = reporter.attempt(() => {
      result = elaborateWith(loop, items, dtypes, place);
    });
    if (isGood && result.kind !== "bottom") return result;
    // What the trial made has no readers and falls away; the names that it took are given back.
    scope.forget(layers, builder.statement);
    frame.place.forget(place);
  }
  return elaborateWith(loop, items, first, placeOf(loop));
}

const placeOf = ({ frame, spelling }: Loop): Place => frame.place.call(spelling, frame.builder.textOrder());

function elaborateWith(
  loop: Loop,
  items: readonly Entity[],
  dtypes: readonly (DType | undefined)[],
  place: Place,
): Entity {
  const { frame, site, times, init, isList, xs } = loop;
  const { builder } = frame;
  const number = builder.openLoop();
  const starts = items.map((item, i) => toTensor(frame, item, init.span, dtypes[i]));
  const leaf = (op: string, of: TensorEntity | undefined, attributes: object, type: TensorType): TensorEntity =>
    emitValue(frame, op, of ? [of.value] : [], { loop: number, ...attributes }, type, of?.origin ?? site.span);
  const carries = starts.map(
    (start, index): TensorEntity => ({
      ...leaf("carry", start, { index }, start.type),
      ...(start.labels ? { labels: start.labels } : {}),
    }),
  );
  const elements = (xs?.tensors ?? []).map((tensor, i): TensorEntity => {
    const axis = xs?.axes[i] ?? 0;
    const others = <T>(all: readonly T[]): T[] => all.filter((_, own) => own !== axis);
    const { dtype, shape } = tensor.type;
    return {
      ...leaf("element", tensor, { axis }, { dtype, shape: others(shape) }),
      ...(tensor.labels ? { labels: others(tensor.labels) } : {}),
    };
  });
  const inner: Frame = { ...frame, place, loop: iterations(loop, number) };
  const carried: Entity = isList ? list(carries) : (carries[0] ?? BOTTOM);
  const call = (given: Given, args: readonly Entity[]): Entity => {
    const fn: FunctionEntity | undefined = given.entity.kind === "fn" ? given.entity : undefined;
    if (!fn) throw new Failure();
    const result = frame.check.invoke(
      inner,
      fn,
      args.map((entity) => ({ entity, span: given.span })),
      site,
    );
    if (result.kind === "bottom") throw new Failure();
    return result;
  };
  const element = xs?.isList ? list(elements) : elements[0];
  const condition = loop.cond ? conditionOf(frame, call(loop.cond, [carried]), loop.cond.span) : undefined;
  const returned = call(loop.fn, element ? [carried, element] : [carried]);
  const { next, ys } = resultOf(loop, returned, carries.length);
  const turned = next.map((entity, i) => nextCarry(loop, entity, starts[i], i));
  const stacked = ys.map((entity) => toTensor(inner, entity, loop.fn.span));
  const axis = xs?.axes[0] ?? 0;
  const axes = stacked.map((y) => Math.min(axis, y.type.shape.length));
  const types = [
    ...starts.map(({ type }) => type),
    ...stacked.map(({ type }, i) => ({ dtype: type.dtype, shape: inserted(type.shape, axes[i] ?? 0, times) })),
  ];
  const [type = { dtype: "f32", shape: [] } as const, ...more] = types;
  const { args, attributes } = argsOfLoop({
    carries: carries.map((carry) => carry.value),
    next: turned.map((carry) => carry.value),
    stacked: stacked.map((y, i) => ({ value: y.value, axis: axes[i] ?? 0 })),
    ...(condition ? { condition: condition.value } : {}),
  });
  const value = emitValue(frame, "loop", args, { loop: number, times, ...attributes }, type, site.span, more);
  const results = types.map((one, i): TensorEntity => {
    const nth = i - starts.length;
    const labels = nth < 0 ? starts[i]?.labels : stackedLabels(stacked[nth], axes[nth] ?? 0, xs);
    const part = i === 0 ? value : emitValue(frame, "part", [value.value], { index: i }, one, site.span);
    return { ...part, ...(labels ? { labels } : {}) };
  });
  const last = isList ? list(results.slice(0, starts.length)) : (results[0] ?? BOTTOM);
  const y = results[starts.length];
  if (!y) return last;
  return {
    kind: "record",
    parts: [
      { name: "ys", entity: y },
      { name: "last", entity: last },
    ],
  };
}

const inserted = <T>(all: readonly T[], at: number, item: T): T[] => [...all.slice(0, at), item, ...all.slice(at)];

function stackedLabels(
  y: TensorEntity | undefined,
  axis: number,
  xs: Sequences | undefined,
): readonly (DimLabel | undefined)[] | undefined {
  const label = xs?.tensors[0]?.labels?.[xs.axes[0] ?? 0];
  if (!y || (!label && !y.labels)) return undefined;
  return inserted(y.labels ?? y.type.shape.map(() => undefined), axis, label);
}

/** Iterations for random nodes, made when the first of them needs them. */
function iterations({ frame, site, spelling, times }: Loop, loop: number): LoopFrame {
  const type: TensorType = { dtype: "i32", shape: [] };
  const { span } = site;
  let made: TensorEntity | undefined;
  const iteration = (): TensorEntity => {
    const counter = emitValue(frame, "counter", [], { loop }, type, span);
    if (!frame.loop) return counter;
    const literal = literalOf(times);
    const many =
      literal === undefined
        ? emitValue(frame, "dim", [], { dim: times }, type, span)
        : emitConstant(frame, "i32", [], [literal], span);
    const before = emitValue(frame, "mul", [frame.loop.iteration().value, many.value], {}, type, span);
    return emitValue(frame, "add", [before.value, counter.value], {}, type, span);
  };
  return { spelling, iteration: () => (made ??= iteration()) };
}

// ---- what the function returns -------------------------------------------------------------------------------

/** `return h1, y`, `return [h1, c1], y` or the carries alone. A list in the place of one value is a tensor. */
function resultOf(
  { frame, spelling, isList, xs, fn }: Loop,
  returned: Entity,
  count: number,
): { readonly next: readonly Entity[]; readonly ys: readonly Entity[] } {
  const isSeveral = (entity: Entity): boolean => entity.kind === "list" || entity.kind === "record";
  const parts = itemsOf(returned);
  const [first, second] = parts;
  const isPair = returned.kind === "record" && parts.length === 2;
  if (!isList && returned.kind !== "record") return { next: [returned], ys: [] };
  if (isPair && xs && first && second) {
    if (!isList) return { next: [first], ys: [second] };
    if (isSeveral(first) && itemsOf(first).length === count) return { next: itemsOf(first), ys: [second] };
  }
  if (isList && isSeveral(returned) && parts.length === count) return { next: parts, ys: [] };
  const names = Array.from({ length: count }, (_, i) => (count === 1 ? "h" : `h${i + 1}`)).join(", ");
  const carried = isList ? `[${names}]` : names;
  return fail(frame, {
    code: "TFG0301",
    message: `the function of \`${spelling}\` returns ${describeResult(returned)}, ${isList ? `the carries are ${count}` : "the carry is one value"}`,
    primary: { span: fn.span, text: "" },
    helps: [
      { text: xs ? `\`return ${carried}\`, or with an output \`return ${carried}, y\`` : `\`return ${carried}\`` },
    ],
  });
}

const describeResult = (entity: Entity): string =>
  entity.kind === "list" || entity.kind === "record"
    ? `${itemsOf(entity).length === 1 ? "a list of one value" : `${itemsOf(entity).length} values`} (${itemsOf(entity).map(describe).join(", ")})`
    : describe(entity);

/** The carry of the next iteration, which must be of the type of the first one. */
function nextCarry(
  { frame, spelling, init, fn, isList }: Loop,
  entity: Entity,
  start: TensorEntity | undefined,
  index: number,
): TensorEntity {
  if (!start) throw new Failure();
  const next = toTensor(frame, entity, fn.span, start.type.dtype);
  const { dtype, shape } = next.type;
  const isSameShape =
    shape.length === start.type.shape.length &&
    shape.every((dim, i) => frame.facts.equal(dim, start.type.shape[i] ?? dim));
  if (isSameShape && dtype === start.type.dtype) return next;
  const isUnsure = shape.every((dim, i) => {
    const other = start.type.shape[i] ?? dim;
    const certain = (isPlainDim(dim) && isPlainDim(other)) || literalOf(subDims(dim, other)) !== undefined;
    return frame.facts.equal(dim, other) || !certain;
  });
  const isCertain = shape.length !== start.type.shape.length || !isUnsure;
  const which = isList ? `carry ${index + 1} of \`${spelling}\`` : `the carry of \`${spelling}\``;
  return fail(frame, {
    code: isSameShape ? "TFG0304" : isCertain ? "TFG0301" : "TFG0311",
    message: `${which} is ${formatType(start.type)} at first and ${formatType(next.type)} after one turn`,
    primary: { span: next.origin.file === fn.span.file ? next.origin : fn.span, text: formatType(next.type) },
    related: [{ span: init.span, text: `starts as ${formatType(start.type)}` }],
    helps:
      shape.length > 0 && start.type.shape.length === 0
        ? [
            {
              text: `start with all of them: \`broadcast(${numberText(init.span, dtype)}, [${shape.map(formatDim).join(", ")}])\``,
            },
          ]
        : [],
  });
}

function conditionOf(frame: Frame, entity: Entity, span: Span): TensorEntity {
  const isOneBool =
    entity.kind === "bool" ||
    (entity.kind === "tensor" && entity.type.dtype === "bool" && entity.type.shape.length === 0);
  if (isOneBool) return toTensor(frame, entity, span);
  return fail(frame, {
    code: entity.kind === "tensor" && entity.type.dtype === "bool" ? "TFG0303" : "TFG0210",
    message: `\`cond\` of \`while\` is one bool, not ${describe(entity)}`,
    primary: { span, text: describe(entity) },
    helps:
      entity.kind === "tensor" && entity.type.dtype === "bool"
        ? [{ text: "of all elements: `all(…)`, of any: `any(…)`" }]
        : [],
  });
}
