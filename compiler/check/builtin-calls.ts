/** `repeat`, `fold` and the other functions that only elaboration can carry out. */
import type { Span } from "../../grammar/source.ts";
import { literalOf } from "../ir/dims.ts";
import type { Initializer } from "../ir/graph.ts";
import { BUILTINS } from "./builtins.ts";
import {
  BOTTOM,
  describe,
  type Entity,
  type FunctionEntity,
  int,
  list,
  literalInt,
  numberOf,
  type Supplied,
} from "./entity.ts";
import type { CallSite, Frame } from "./frame.ts";
import { callEinsum } from "./einsum.ts";
import { distribute, suppliedEntity } from "./functions.ts";
import { callGradientBuiltin, isGradientBuiltin } from "./gradients.ts";
import { callLoop } from "./loops.ts";
import { ceilDiv, NoValue } from "./numbers.ts";
import { fail, toTensor } from "./operands.ts";
import { randomBits } from "./random.ts";
import { callRearrange } from "./rearrange.ts";
import { shapeDims } from "./types.ts";

/** More turns than any network is deep. */
const MOST_TURNS = 100_000;

const PARAMETERS: Readonly<Record<string, readonly { readonly name: string; readonly isOptional: boolean }[]>> = {
  repeat: ["x", "n", "fn"].map((name) => ({ name, isOptional: false })),
  fold: ["x", "list", "fn"].map((name) => ({ name, isOptional: false })),
  ceil_div: ["a", "b"].map((name) => ({ name, isOptional: false })),
  len: [{ name: "list", isOptional: false }],
  rank: [{ name: "x", isOptional: false }],
  shape: [{ name: "x", isOptional: false }],
  random_bits: [{ name: "shape", isOptional: false }],
  random_uniform: [{ name: "shape", isOptional: false }, ...["min", "max"].map((name) => ({ name, isOptional: true }))],
  random_normal: [
    { name: "shape", isOptional: false },
    ...["mean", "stddev"].map((name) => ({ name, isOptional: true })),
  ],
  truncated_normal: [
    { name: "shape", isOptional: false },
    ...["mean", "stddev"].map((name) => ({ name, isOptional: true })),
  ],
  orthogonal: [
    { name: "shape", isOptional: false },
    { name: "gain", isOptional: true },
  ],
};

export function callBuiltin(
  frame: Frame,
  fn: Extract<FunctionEntity, { form: "builtin" }>,
  args: readonly Supplied[],
  site: CallSite,
): Entity {
  if (fn.name === "einsum") return callEinsum(frame, args, site);
  if (fn.name === "rearrange") return callRearrange(frame, args, site);
  if (isGradientBuiltin(fn.name)) return callGradientBuiltin(frame, fn, args, site);
  if (fn.name === "scan" || fn.name === "while") return callLoop(frame, fn.name, args, site);
  const bound = distribute(frame, site, PARAMETERS[fn.name] ?? [], args, BUILTINS.get(fn.name) ?? fn.name);
  const entities = new Map<string, { readonly entity: Entity; readonly span: Span }>();
  for (const arg of args) {
    const [name] = [...bound].find(([, other]) => other === arg) ?? [];
    if (name !== undefined)
      entities.set(name, {
        entity: suppliedEntity(arg, name === "fn"),
        span: "expression" in arg ? arg.expression.span : arg.span,
      });
  }
  if ([...entities.values()].some(({ entity }) => entity.kind === "bottom")) return BOTTOM;
  const of = (name: string): { readonly entity: Entity; readonly span: Span } =>
    entities.get(name) ?? { entity: BOTTOM, span: site.span };
  switch (fn.name) {
    case "repeat":
      return repeat(frame, of("x"), of("n"), of("fn"), site);
    case "fold":
      return fold(frame, of("x"), of("list"), of("fn"), site);
    case "ceil_div": {
      const [a, b] = [of("a"), of("b")];
      if (a.entity.kind === "int" && b.entity.kind === "int")
        return dividedUp(frame, a.entity.dim, b.entity.dim, b.span);
      const wrong = a.entity.kind === "int" ? b : a;
      return fail(frame, {
        code: "TFG0210",
        message: `\`ceil_div\` takes compile-time ints, not ${describe(wrong.entity)}`,
        primary: { span: wrong.span, text: "" },
      });
    }
    case "len": {
      const { entity, span } = of("list");
      if (entity.kind === "list") return int(entity.items.length);
      return fail(frame, {
        code: "TFG0210",
        message: `\`len\` takes a list, not ${describe(entity)}`,
        primary: { span, text: "" },
      });
    }
    case "rank":
      return int(shapeOf(frame, of("x")).length);
    case "shape":
      return list(shapeOf(frame, of("x")).map((dim) => int(dim)));
    case "random_bits": {
      const { entity, span } = of("shape");
      return randomBits(frame, shapeDims(frame, entity, span), site);
    }
    default:
      return initial(frame, fn.name, entities, site);
  }
}

function shapeOf(frame: Frame, { entity, span }: { readonly entity: Entity; readonly span: Span }) {
  return entity.kind === "scalar" ? [] : toTensor(frame, entity, span).type.shape;
}

function dividedUp(
  frame: Frame,
  a: Parameters<typeof ceilDiv>[0],
  b: Parameters<typeof ceilDiv>[1],
  span: Span,
): Entity {
  try {
    return int(ceilDiv(a, b, frame.facts));
  } catch (error) {
    if (!(error instanceof NoValue)) throw error;
    return fail(frame, { code: "TFG0210", message: error.message, primary: { span, text: "" } });
  }
}

interface Given {
  readonly entity: Entity;
  readonly span: Span;
}

function functionOf(frame: Frame, given: Given, site: CallSite): FunctionEntity {
  if (given.entity.kind === "fn") return given.entity;
  return fail(frame, {
    code: "TFG0210",
    message: `\`${site.spelling}\` takes a function, not ${describe(given.entity)}`,
    primary: { span: given.span, text: "" },
  });
}

function repeat(frame: Frame, x: Given, n: Given, fn: Given, site: CallSite): Entity {
  const times = literalInt(n.entity);
  if (times === undefined || times < 0)
    return fail(frame, {
      code: n.entity.kind === "int" ? (literalOf(n.entity.dim) === undefined ? "TFG0312" : "TFG0210") : "TFG0210",
      message:
        n.entity.kind === "int" && times === undefined
          ? "the number of turns must be known when compiling"
          : `\`repeat\` needs a number of turns, not ${times ?? describe(n.entity)}`,
      primary: { span: n.span, text: times === undefined && n.entity.kind === "int" ? "changes from run to run" : "" },
    });
  if (times > MOST_TURNS)
    fail(frame, {
      code: "TFG0210",
      message: `${times} turns are too many to unroll`,
      primary: { span: n.span, text: `at most ${MOST_TURNS}` },
    });
  const body = functionOf(frame, fn, site);
  let state = x.entity;
  for (let i = 0; i < times && state.kind !== "bottom"; i++)
    state = frame.check.invoke(
      frame,
      body,
      [
        { entity: state, span: x.span },
        { entity: int(i), span: n.span },
      ],
      site,
    );
  return state;
}

function fold(frame: Frame, x: Given, items: Given, fn: Given, site: CallSite): Entity {
  if (items.entity.kind !== "list")
    return fail(frame, {
      code: "TFG0210",
      message: `\`fold\` goes over a list, not ${describe(items.entity)}`,
      primary: { span: items.span, text: "" },
    });
  const body = functionOf(frame, fn, site);
  let state = x.entity;
  for (const item of items.entity.items) {
    if (state.kind === "bottom") break;
    state = frame.check.invoke(
      frame,
      body,
      [
        { entity: state, span: x.span },
        { entity: item, span: items.span },
      ],
      site,
    );
  }
  return state;
}

/** Random numbers: to start a variable, a recipe that the runtime carries out, equal on every target; else a node. */
function initial(frame: Frame, name: string, entities: ReadonlyMap<string, Given>, site: CallSite): Entity {
  const number = (which: string, standard: number): number => {
    const given = entities.get(which);
    if (!given) return standard;
    const value = numberOf(given.entity);
    return (
      value ??
      fail(frame, {
        code: "TFG0210",
        message: `\`${which}\` of \`${name}\` is a compile-time number, not ${describe(given.entity)}`,
        primary: { span: given.span, text: "" },
        helps: given.entity.kind === "tensor" ? [{ text: "scale the result: `a + b * random_normal(…)`" }] : [],
      })
    );
  };
  const shape = entities.get("shape");
  const dims = shape ? shapeDims(frame, shape.entity, shape.span) : [];
  const init: Initializer =
    name === "random_uniform"
      ? { fn: "random_uniform", min: number("min", 0), max: number("max", 1) }
      : name === "orthogonal"
        ? { fn: "orthogonal", gain: number("gain", 1) }
        : {
            fn: name === "random_normal" ? "random_normal" : "truncated_normal",
            mean: number("mean", 0),
            stddev: number("stddev", 1),
          };
  const node = { frame, site, name, order: frame.builder.textOrder() };
  return { kind: "initial", init, shape: dims, origin: site.span, node };
}
