/** Random graphs over the views, maps, moves, reductions and contractions, for the passes to form kernels from. */
import { type Dim, dimOf, isLiteral, literalOf, mulDims } from "../../compiler/ir/dims.ts";
import type { Graph, ValueId } from "../../compiler/ir/graph.ts";
import { Complained, randomNumbers } from "../ops/cases.ts";
import { apply, GraphBuilder, int, scalar } from "./graph-builder.ts";

export function randomGraph(seed: number): Graph {
  const next = randomNumbers(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  const below = (n: number): number => Math.floor(next() * n);
  const g = new GraphBuilder();
  const dims: (number | string)[] = [1, 2, 3, 4, 6, "N", "M", "P"];
  const pool: ValueId[] = [];
  const shapes: (number | string)[][] = [
    ["N", 4, 6, 3],
    ["N", 6],
    [6, 4],
    Array.from({ length: below(4) }, () => pick(dims)),
  ];
  shapes.forEach((shape, i) => {
    pool.push(g.input(`x${i}`, shape));
  });
  let variables = 0;
  const literals = (shape: readonly Dim[]): number[] => shape.map((dim) => literalOf(dim) ?? 0);
  const variable = (shape: number[]): ValueId => g.variable(`w${variables++}`, shape);
  const axesOf = (x: ValueId): number[] => {
    const rank = g.type(x).shape.length;
    const chosen = Array.from({ length: rank }, (_, i) => i).filter(() => next() < 0.5);
    return chosen.length ? chosen : [rank - 1];
  };
  const makers: (() => ValueId | undefined)[] = [
    () => g.call(pick(["neg", "abs", "tanh", "floor"]), [pick(pool)]),
    () => g.call(pick(["add", "sub", "mul", "maximum"]), [pick(pool), pick(pool)]),
    () => g.call(pick(["add", "mul"]), [pick(pool), g.constant([0.5])]),
    () => {
      const x = pick(pool);
      const last = literalOf(g.type(x).shape.at(-1) ?? dimOf(1));
      return last === undefined ? undefined : g.call("add", [x, variable([last])]);
    },
    () => {
      const x = pick(pool);
      return g.type(x).shape.length === 0
        ? undefined
        : g.call(pick(["reduce_sum", "reduce_max", "reduce_mean"]), [x], { axis: axesOf(x), keep: next() < 0.6 });
    },
    // A row: its maximum taken from it, normalised by its sum.
    () => {
      const x = pick(pool);
      const rank = g.type(x).shape.length;
      if (rank === 0) return undefined;
      const over = { axis: next() < 0.7 ? [rank - 1] : axesOf(x), keep: true };
      const e = g.call("exp", [g.call("sub", [x, g.call("reduce_max", [x], over)])]);
      return g.call("div", [e, g.call("reduce_sum", [e], over)]);
    },
    () => {
      const x = pick(pool);
      const rank = g.type(x).shape.length;
      const order = Array.from({ length: rank }, (_, i) => i).sort(() => next() - 0.5);
      return rank < 2 ? undefined : g.call("transpose", [x], { perm: order });
    },
    () => {
      const x = pick(pool);
      const { shape } = g.type(x);
      if (shape.length === 0) return undefined;
      const at = below(shape.length);
      const dim = shape[at] ?? dimOf(1);
      const size = literalOf(dim);
      const merged = shape[at + 1];
      if (next() < 0.5 && merged)
        return g.call("reshape", [x], { shape: [...shape.slice(0, at), mulDims(dim, merged), ...shape.slice(at + 2)] });
      if (size === undefined || size % 2 !== 0) return undefined;
      return g.call("reshape", [x], {
        shape: [...shape.slice(0, at), dimOf(2), dimOf(size / 2), ...shape.slice(at + 1)],
      });
    },
    () => {
      const x = pick(pool);
      return g.type(x).shape.length === 0 ? undefined : g.call("reverse", [x], { axis: axesOf(x) });
    },
    () => {
      const x = pick(pool);
      const { shape } = g.type(x);
      const axis = shape.findIndex((dim) => (literalOf(dim) ?? 0) >= 3);
      return axis < 0 ? undefined : g.call("slice", [x], { axis, at: dimOf(1), size: dimOf(2) });
    },
    () => {
      const x = pick(pool);
      return g.type(x).shape.length === 0
        ? undefined
        : g.call("concat", [x, g.call("neg", [x])], { axis: below(g.type(x).shape.length) });
    },
    () => {
      const x = pick(pool);
      const { shape } = g.type(x);
      const axis = shape.findIndex((dim) => isLiteral(dim, 4) || isLiteral(dim, 6));
      if (axis < 0) return undefined;
      const parts = g.call("split", [x], { n: 2, axis });
      pool.push(parts);
      return g.part(parts, 1);
    },
    () => {
      const x = pick(pool);
      const depth = literalOf(g.type(x).shape.at(-1) ?? dimOf(1));
      return g.type(x).shape.length < 2 || depth === undefined
        ? undefined
        : g.call("matmul", [x, variable([depth, pick([1, 3, 8, 10])])]);
    },
    () => {
      const x = pick(pool);
      const { shape } = g.type(x);
      const [, , , c] = literals(shape);
      if (shape.length !== 4 || !c || !literalOf(shape[1] ?? dimOf(1)) || !literalOf(shape[2] ?? dimOf(1)))
        return undefined;
      return g.conv(x, variable([pick([1, 2, 3]), pick([1, 3]), c, pick([2, 5])]), [pick([1, 2]), pick([1, 2])], true);
    },
    // Routines: what they read and write are buffers. Results that jump (the positions of topk) are left unread.
    () => {
      const x = pick(pool);
      const { shape, dtype } = g.type(x);
      const axis = below(shape.length);
      if (shape.length === 0 || dtype !== "f32") return undefined;
      const which = below(4);
      if (which === 0) return g.call("sort", [x], { axis });
      if (which === 1) return g.call("mul", [g.call("cumsum", [x], { axis }), g.constant([0.25])]);
      if (which === 2) return g.call("topk", [x], { k: dimOf(1) });
      const ids = g.constant([0, 1, 0, -1, 3], [5], "i32");
      return g.call("scatter_add", [x, ids, g.call("gather", [x, ids])]);
    },
    // Neighbours along the first axis, with a value outside.
    () => {
      const x = pick(pool);
      const { shape, dtype } = g.type(x);
      if (shape.length === 0 || dtype !== "f32") return undefined;
      return g.tensor([x], shape, [3], (axes, read) => {
        const at = axes.slice(0, shape.length);
        const shifted = apply("sub", "i32", apply("add", "i32", at[0] ?? int(0), axes[shape.length] ?? int(0)), int(1));
        const body = read(0, [shifted, ...at.slice(1)], pick([0, 7, Number.NEGATIVE_INFINITY]));
        return scalar({ dtype: "f32", kind: "reduce", monoid: pick(["max", "sum"]), axes: [shape.length], body });
      });
    },
  ];
  /** A scalar made of a value of any shape, in a range that no loop blows up. */
  const scalarOf = (x: ValueId): ValueId => {
    const rank = g.type(x).shape.length;
    const mean =
      rank === 0 ? x : g.call("reduce_mean", [x], { axis: Array.from({ length: rank }, (_, i) => i), keep: false });
    return g.call("tanh", [mean]);
  };
  const condition = (x: ValueId): ValueId => g.call(pick(["less", "greater"]), [scalarOf(x), g.constant([0.1])]);
  const sameType = (a: ValueId, b: ValueId): boolean =>
    g
      .type(a)
      .shape.map((dim) => dim.key)
      .join() ===
    g
      .type(b)
      .shape.map((dim) => dim.key)
      .join();
  /** A value of the carry's type from what an iteration has. */
  const turned = (carry: ValueId, around: readonly ValueId[], depth: number): ValueId => {
    const same = around.filter((other) => sameType(other, carry));
    switch (below(7)) {
      case 0:
        return pick(same);
      case 1:
        return g.call("add", [g.call("mul", [carry, g.constant([0.5])]), scalarOf(pick(around))]);
      case 2:
        return g.call("maximum", [g.call("tanh", [carry]), pick(same)]);
      case 3: {
        const [a, b] = [g.call("exp", [g.call("neg", [g.call("abs", [carry])])]), pick(same)];
        return g.call("if", [condition(pick(around)), a, b]);
      }
      case 4: {
        const { shape } = g.type(carry);
        const last = literalOf(shape.at(-1) ?? dimOf(0)) ?? 0;
        if (shape.length < 1 || last === 0) return g.call("tanh", [carry]);
        return g.call("tanh", [g.call("matmul", [carry, variable([last, last])])]);
      }
      case 5: {
        const { shape } = g.type(carry);
        const first = literalOf(shape[0] ?? dimOf(0)) ?? 0;
        if (first < 2) return g.call("neg", [carry]);
        const part = g.call("slice", [pick(same)], { axis: 0, at: dimOf(0), size: dimOf(1) });
        return g.call("update_slice", [carry, g.call("tanh", [part])], { axis: 0, at: dimOf(below(first)) });
      }
      default:
        return depth > 0 ? (loop(depth - 1, [carry], around)[0] ?? carry) : g.call("tanh", [carry]);
    }
  };
  const loop = (depth: number, inits: readonly ValueId[], around: readonly ValueId[]): readonly ValueId[] => {
    const x = pick(around.filter((other) => g.type(other).shape.length > 0).concat(pool[1] ?? []));
    const isScan = next() < 0.6;
    const times = isScan ? (g.type(x).shape[0] ?? dimOf(1)) : dimOf(below(4));
    return g.loop(times, inits, isScan ? [x] : [], (carries, parts, counter) => {
      const inside = [...around.slice(-4), ...carries, ...parts, g.call("cast", [counter], { to: "f32" })];
      const made = carries.map((carry) => turned(carry, inside, depth));
      const one = pick([...made, ...carries, ...parts]);
      return {
        next: made,
        // A loop that may end early stacks nothing.
        stacked: isScan && next() < 0.5 ? [one] : [],
        ...(!isScan && next() < 0.5 ? { condition: condition(pick([...carries, ...inside])) } : {}),
      };
    });
  };
  makers.push(
    () => {
      const init = pick(pool);
      const others = pool.filter((other) => sameType(other, init));
      const made = loop(1, next() < 0.5 ? [init] : [init, pick(others)], pool);
      pool.push(...made.slice(1));
      return made[0];
    },
    () => {
      const x = pick(pool);
      const others = pool.filter((other) => sameType(other, x));
      const branches = [x, pick(others)].map((value) => (next() < 0.5 ? g.call("exp", [value]) : value));
      return g.call("if", [condition(pick(pool)), ...branches]);
    },
  );
  const wanted = 3 + below(9);
  for (let tries = 0; pool.length < shapes.length + wanted && tries < 80; tries++) {
    try {
      const made = pick(makers)();
      if (made !== undefined && g.type(made).shape.length <= 5) pool.push(made);
    } catch (problem) {
      // Operands that do not fit together: draw again.
      if (!(problem instanceof Complained)) throw problem;
    }
  }
  const outputs = pool.slice(shapes.length).filter((_, i, all) => i === all.length - 1 || next() < 0.25);
  outputs.forEach((value, i) => {
    g.output(`y${i}`, value);
  });
  return g.graph();
}
