/** Gradients of random comprehensions, compiled: each target computes what the interpreter does. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { differentiate } from "../compiler/differentiate/differentiate.ts";
import { isFloat } from "../compiler/ir/types.ts";
import { interpret } from "../compiler/interpret.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { randomArray, sourceOf } from "./gradients/differences.ts";
import { randomComprehension } from "./gradients/random-comprehension.ts";
import { randomNumbers, SIZES } from "./ops/cases.ts";
import { difference } from "./oracle/compare.ts";
import { openTargets, TARGETS } from "./oracle/targets.ts";

const test = suite("gradients on targets");

const FIRST = 1;
const COUNT = 60;
/** f32 against f64, as a part of the largest element. */
const TOLERANCE = 5e-5;

test(`gradients of ${COUNT} random comprehensions are equal on every target`, async () => {
  for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
    const { builder, value, inputs, feeds } = randomComprehension(seed);
    const fed = new Map(
      [...feeds].map(([name, array]): [string, NdArray] => [
        name,
        array.dtype === "f32" ? { ...array, data: array.data.map(Math.fround) } : array,
      ]),
    );
    // The run dims are bound whether a comprehension mentions them or not.
    for (const [name, size] of Object.entries(SIZES)) {
      builder.output(`the_${name}`, builder.input(name, [name]));
      fed.set(name, { dtype: "f32", shape: [size], data: new Float64Array(size) });
    }
    const type = builder.type(value);
    const weights = randomArray(type, randomNumbers(seed));
    fed.set("w", { ...weights, data: weights.data.map(Math.fround) });
    const cotangent = builder.input("w", type.shape);
    const wanted = [...inputs].filter(([, id]) => isFloat(builder.type(id).dtype));
    const gradients = differentiate(
      sourceOf(builder),
      [{ value, cotangent }],
      wanted.map(([, id]) => id),
    );
    const fetches = wanted.flatMap(([name], k) => {
      const gradient = gradients[k];
      if (gradient === undefined) return [];
      builder.output(`d${name}`, gradient);
      return [`d${name}`];
    });
    // What nothing reads is fed all the same.
    for (const [name, id] of [...inputs, ["w", cotangent] as const]) builder.output(`fed_${name}`, id);
    const all = [
      ...fetches,
      ...[...inputs.keys(), "w"].map((name) => `fed_${name}`),
      ...Object.keys(SIZES).map((name) => `the_${name}`),
    ];
    const graph = builder.graph();
    const expected = interpret(graph, { feeds: fed, variables: new Map(), fetches });
    const targets = await openTargets(graph, new Map());
    for (const target of TARGETS) {
      const actual = await targets.get(target)?.run(fed, all);
      for (const [name, array] of expected) {
        const largest = array.data.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
        const apart = difference(actual?.get(name), array, largest);
        assert.ok(apart <= TOLERANCE, `seed ${seed}: ${name} on ${target} is ${apart} apart`);
      }
    }
  }
  console.log(`  ${COUNT} random comprehensions, seeds ${FIRST} to ${FIRST + COUNT - 1}`);
});

test.run();
