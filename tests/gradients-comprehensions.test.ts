/** Gradients of comprehensions: index maps of every kind, against central differences. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkGradients } from "./gradients/differences.ts";
import { randomComprehension } from "./gradients/random-comprehension.ts";

const test = suite("gradients of comprehensions");

const COUNT = 1500;

test(`${COUNT} random comprehensions have the gradients that differences show`, () => {
  for (let seed = 0; seed < COUNT; seed++) {
    const { builder, value, inputs, feeds } = randomComprehension(seed);
    try {
      checkGradients(builder, [value], inputs, feeds, seed, 1e-5);
    } catch (error) {
      assert.unreachable(`seed ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
    }
  }
});

test.run();
