/** Properties that hold for every primitive of the table. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Value } from "../compiler/ir/graph.ts";
import { dimSymbol } from "../compiler/ir/dims.ts";
import { elementsOf } from "../compiler/ops/points.ts";
import type { MeaningContext } from "../compiler/ops/primitive.ts";
import { integerRange } from "../compiler/ops/scalar.ts";
import { callees, primitiveOf, primitives } from "../compiler/ops/table.ts";
import { callOf, type Case, cases, dataOf, SIZES, sizeOf, span } from "./ops/cases.ts";
import { evaluateNest } from "./ops/evaluate.ts";
import { nearestValue } from "./oracle/small-floats.ts";

const RUNS = { numRuns: 60, seed: 20 };

/** The value that the checker would make of a call. */
function valueOf(op: string, own: Case): Value {
  const { type, attributes, more } = primitiveOf(op).infer(callOf(own.operands, own.args));
  return {
    op,
    args: own.operands.map((_, k) => k),
    attributes: attributes ?? {},
    type,
    span: span(),
    ...(more ? { more } : {}),
  };
}

const contextOf = ({ type }: Value): MeaningContext => ({ type, shape: type.shape.map(sizeOf), size: sizeOf });

function results(op: string, own: Case): { value: Value; all: readonly Float64Array[] } {
  const value = valueOf(op, own);
  const meaning = primitiveOf(op).meaning(dataOf(own), value, contextOf(value));
  return { value, all: meaning instanceof Float64Array ? [meaning] : meaning };
}

function assertClose(actual: Float64Array, expected: Float64Array, what: string): void {
  assert.is(actual.length, expected.length, what);
  for (const [i, x] of expected.entries()) {
    const y = actual[i] ?? Number.NaN;
    const isClose = Object.is(x, y) || x === y || Math.abs(x - y) <= 1e-12 * Math.max(1, Math.abs(x));
    if (!isClose) assert.unreachable(`${what}: element ${i} is ${y}, expected ${x}`);
  }
}

const table = suite("the table of primitives");
const records = Object.values(primitives);
const calls = records.filter((record) => record.class !== "leaf");

table("every record is documented, named once, and either a leaf, a routine, or lowered to a nest", () => {
  for (const record of records) {
    assert.ok(record.doc.length > 20 && record.doc.endsWith("."), `${record.name} has a doc of whole sentences`);
    assert.is(
      record.nest === undefined,
      record.class === "leaf" || record.class === "routine",
      `${record.name} has a nest`,
    );
    assert.is(record.routine !== undefined, record.class === "routine", `${record.name} has a routine`);
    assert.is(primitives[record.name], record);
  }
});

table("every record that can be called has random cases here", () => {
  assert.equal(Object.keys(cases).sort(), calls.map(({ name }) => name).sort());
});

table("only max and min name two records, of which one takes two tensors", () => {
  for (const [callee, found] of callees) {
    const tensors = found.map(({ signature }) => signature.filter(({ kind }) => kind === "tensor").length).sort();
    assert.equal(tensors.length > 1 ? tensors : "one", callee === "max" || callee === "min" ? [1, 2] : "one", callee);
  }
});

for (const record of calls) {
  const arbitrary = cases[record.name];
  if (!arbitrary) continue;
  table(`${record.name}: the type rule gives the shape and range of the meaning`, () => {
    fc.assert(
      fc.property(arbitrary, (own) => {
        const { value, all } = results(record.name, own);
        const types = [value.type, ...(value.more ?? [])];
        assert.is(all.length, types.length);
        if (record.results) assert.is(record.results.length, types.length);
        for (const [i, { shape, dtype }] of types.entries()) {
          const data = all[i] ?? new Float64Array();
          assert.is(data.length, elementsOf(shape.map(sizeOf)));
          if (dtype === "f32") continue;
          if (dtype === "f16" || dtype === "bf16") {
            for (const x of data) assert.ok(Object.is(nearestValue(dtype, x), x), `${x} is no ${dtype}`);
            continue;
          }
          const [least, most] = integerRange(dtype);
          for (const x of data)
            assert.ok(Number.isInteger(x) && x >= least && x <= most && !Object.is(x, -0), `${x} is no ${dtype}`);
        }
      }),
      RUNS,
    );
  });
  // What a routine computes shows when it is compiled: `ops-targets.test.ts`.
  if (record.class === "routine") continue;
  table(`${record.name}: the nest computes the meaning`, () => {
    fc.assert(
      fc.property(arbitrary, (own) => {
        const { value, all } = results(record.name, own);
        for (const [part, expected] of all.entries()) {
          const size = (name: string) => SIZES[name] ?? Number.NaN;
          const actual = evaluateNest(record, value, dataOf(own), own.operands, size, part);
          assertClose(actual, expected, `${record.name} part ${part}`);
        }
      }),
      RUNS,
    );
  });
}

table("a size that only the run knows stays symbolic in the result's type", () => {
  const value = valueOf("matmul", {
    operands: [
      { dtype: "f32", shape: [dimSymbol("N"), dimSymbol("M")] },
      { dtype: "f32", shape: [dimSymbol("M"), dimSymbol("P")] },
    ],
    seed: 1,
  });
  assert.equal(
    value.type.shape.map(({ key }) => key),
    ["1*N", "1*P"],
  );
});

table.run();
