/** Random comprehensions: any affine index, strides, reversals, diagonals, padding, ids as indices, nested reductions. */
import type { Dim } from "../../compiler/ir/dims.ts";
import { dimOf, dimSymbol } from "../../compiler/ir/dims.ts";
import type { Monoid, Scalar, ValueId } from "../../compiler/ir/graph.ts";
import type { NdArray } from "../../compiler/ops/primitive.ts";
import { elementsOf } from "../../compiler/ops/points.ts";
import { randomNumbers, sizeOf } from "../ops/cases.ts";
import { apply, GraphBuilder, int, scalar } from "../passes/graph-builder.ts";

export interface RandomComprehension {
  readonly builder: GraphBuilder;
  readonly value: ValueId;
  readonly inputs: ReadonlyMap<string, ValueId>;
  readonly feeds: ReadonlyMap<string, NdArray>;
}

const EXTENTS: readonly Dim[] = [...[1, 2, 3, 4, 5, 7].map(dimOf), dimSymbol("N"), dimSymbol("M")];
const TIMES = [1, 1, 1, 1, -1, 2, 2, 3, -2];

export function randomComprehension(seed: number): RandomComprehension {
  const next = randomNumbers(seed);
  const below = (n: number): number => Math.floor(next() * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const builder = new GraphBuilder();
  const inputs = new Map<string, ValueId>();
  const feeds = new Map<string, NdArray>();
  const input = (name: string, shape: readonly Dim[], dtype: "f32" | "i32"): ValueId => {
    const id = builder.input(name, shape, dtype);
    inputs.set(name, id);
    const sizes = shape.map(sizeOf);
    const number = () => (dtype === "i32" ? below(9) - 2 : (0.3 + next()) * (next() < 0.5 ? 1 : -1));
    feeds.set(name, { dtype, shape: sizes, data: Float64Array.from({ length: elementsOf(sizes) }, number) });
    return id;
  };
  const shapeOf = (rank: number): readonly Dim[] => Array.from({ length: rank }, () => pick(EXTENTS));
  const operands = [input("a", shapeOf(below(4)), "f32"), input("b", shapeOf(1 + below(2)), "f32")];
  const ids = input("ids", [pick(EXTENTS)], "i32");
  const spatial = shapeOf(1 + below(3));
  const small = [1, 2, 3].map(dimOf);
  const reduced = Array.from({ length: below(3) }, () => pick(small));
  const value = builder.tensor([...operands, ids], spatial, reduced, (axes, read) => {
    const outer = axes.slice(0, spatial.length);
    const inner = axes.slice(spatial.length);
    const affine = (among: readonly Scalar[]): Scalar => {
      let sum: Scalar = int(below(4) - 1);
      for (let terms = below(3) + (next() < 0.7 ? 1 : 0); terms > 0; terms--)
        sum = apply("add", "i32", sum, apply("mul", "i32", pick(among), int(pick(TIMES))));
      return sum;
    };
    const idAt = (among: readonly Scalar[]): Scalar =>
      scalar({ kind: "read", operand: 2, at: [affine(among)], outside: int(0), dtype: "i32" });
    const element = (among: readonly Scalar[]): Scalar => {
      const operand = below(2);
      const rank = builder.type(operands[operand] as ValueId).shape.length;
      const at = Array.from({ length: rank }, () =>
        next() < 0.4 ? pick(among) : next() < 0.12 ? idAt(among) : affine(among),
      );
      return read(operand, at, pick([0, 0, 0, -1.5]));
    };
    const f32 = (value: number) => scalar({ kind: "constant", value, dtype: "f32" });
    const expression = (among: readonly Scalar[], depth: number): Scalar => {
      if (depth === 0) return element(among);
      const part = () => expression(among, depth - 1);
      switch (below(8)) {
        case 0:
          return apply("tanh", "f32", part());
        case 1:
          return apply("sub", "f32", part(), part());
        case 2:
          return apply("div", "f32", part(), apply("add", "f32", f32(6.5), part()));
        case 3: {
          const shared = part();
          return apply("mul", "f32", shared, apply("sin", "f32", shared));
        }
        case 4: {
          const index = apply("mul", "f32", apply("cast", "f32", pick(among)), f32(0.3));
          return apply("mul", "f32", part(), index);
        }
        case 5: {
          const mask = apply("less", "bool", pick(among), int(2));
          return apply("select", "f32", mask, part(), part());
        }
        default:
          return apply("mul", "f32", part(), part());
      }
    };
    if (inner.length === 0) return expression(outer, 2);
    const monoid = pick<Monoid>(["sum", "sum", "sum", "mean", "max", "min", "prod"]);
    const over = inner.map((_, k) => spatial.length + k);
    const isNested = inner.length === 2 && next() < 0.4;
    const innermost = isNested
      ? scalar({
          kind: "reduce",
          monoid: pick<Monoid>(["sum", "max", "prod"]),
          axes: over.slice(1),
          body: expression(axes, 1),
          dtype: "f32",
        })
      : expression(axes, 2);
    const body = isNested ? apply("mul", "f32", innermost, element(axes.slice(0, -1))) : innermost;
    const folded = scalar({ kind: "reduce", monoid, axes: isNested ? over.slice(0, 1) : over, body, dtype: "f32" });
    return next() < 0.5
      ? folded
      : apply("mul", "f32", apply("tanh", "f32", apply("mul", "f32", folded, f32(0.1))), element(outer));
  });
  return { builder, value, inputs, feeds };
}
