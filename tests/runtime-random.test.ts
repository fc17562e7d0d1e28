import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createHash } from "node:crypto";
import type { InitSpec } from "../runtime/abi.ts";
import { cosOf24, fnv1a64, logOf24, philox, randomValues } from "../runtime/random.ts";

const random = suite("runtime random");

const words = (text: string): [number, number, number, number, number, number] => {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = text.split(" ").map((word) => Number.parseInt(word, 16));
  return [a, b, c, d, e, f];
};

random("Philox 4x32-10 gives the published known answers of Random123", () => {
  for (const [input, expected] of [
    ["00000000 00000000 00000000 00000000 00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
    ["ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"],
    ["243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"],
  ] as const) {
    const out = new Uint32Array(4);
    philox(out, ...words(input));
    assert.is(Array.from(out, (word) => word.toString(16).padStart(8, "0")).join(" "), expected);
  }
});

random("names are hashed by FNV-1a 64", () => {
  assert.equal(["", "a", "foobar"].map(fnv1a64), [0xcbf29ce484222325n, 0xaf63dc4c8601ec8cn, 0x85944171f73967e8n]);
});

random("an element is the word that the language says: counter (e >> 2, 0, 0, 0), word e & 3, upper 24 bits", () => {
  const [seed, name] = [2 ** 33 + 5, "conv2d/kernel"];
  const hash = fnv1a64(name);
  const values = randomValues(["random_uniform", -2, 3], name, [3, 3], seed);
  for (let e = 0; e < 9; e++) {
    const out = new Uint32Array(4);
    philox(out, e >> 2, 0, 0, 0, Number(hash & 0xffffffffn) ^ 5, Number(hash >> 32n) ^ 2);
    assert.is(values[e], Math.fround(-2 + (Number(out[e & 3]) >>> 8) * 2 ** -24 * 5));
  }
});

random("our logarithm and cosine are within two units of the last place of the true ones", () => {
  for (let i = 0; i < 20000; i++) {
    const k = i < 5000 ? i + 1 : 1 + Math.floor((i * 0.6180339887498949 * 2 ** 24) % 2 ** 24);
    const log = Math.log(k / 2 ** 24);
    assert.ok(Math.abs(logOf24(k) - log) <= 4e-16 * Math.max(1, Math.abs(log)), `log of ${k}`);
    assert.ok(
      Math.abs(cosOf24(k % 2 ** 24) - Math.cos((2 * Math.PI * (k % 2 ** 24)) / 2 ** 24)) <= 9e-16,
      `cos of ${k}`,
    );
  }
  assert.equal([logOf24(2 ** 24), cosOf24(0), cosOf24(2 ** 22), cosOf24(2 ** 23)], [0, 1, 0, -1]);
});

const moments = (init: InitSpec) => {
  const values = Array.from(randomValues(init, "w", [200, 500], 1));
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  return { mean, deviation, least: Math.min(...values.slice(0, 50000)), most: Math.max(...values.slice(0, 50000)) };
};

random("distributions have the mean, deviation and bounds that they are asked for", () => {
  const uniform = moments(["random_uniform", 2, 4]);
  assert.ok(Math.abs(uniform.mean - 3) < 0.01 && uniform.least >= 2 && uniform.most < 4);
  assert.ok(Math.abs(uniform.deviation - 1 / Math.sqrt(3)) < 0.005);
  const normal = moments(["random_normal", -1, 0.5]);
  assert.ok(Math.abs(normal.mean + 1) < 0.01 && Math.abs(normal.deviation - 0.5) < 0.005);
  assert.ok(normal.most > 0.5 && normal.least < -2.5);
  const truncated = moments(["truncated_normal", 0, 1]);
  assert.ok(Math.abs(truncated.mean) < 0.01 && truncated.least > -2 && truncated.most < 2);
  // The deviation of a normal distribution cut off at two of them.
  assert.ok(Math.abs(truncated.deviation - 0.8796) < 0.005);
});

random("a truncated element is the first of its draws inside two deviations", () => {
  const plain = randomValues(["random_normal", 0, 1], "w", [1000], 3);
  const cut = randomValues(["truncated_normal", 0, 1], "w", [1000], 3);
  let redrawn = 0;
  for (let i = 0; i < 1000; i++)
    if (Math.abs(Number(plain[i])) < 2) assert.is(cut[i], plain[i]);
    else redrawn++;
  assert.ok(redrawn > 25 && redrawn < 70, `${redrawn}`);
});

random("orthogonal weights are orthonormal along their shorter side, in the shape that TensorFlow flattens", () => {
  for (const shape of [[20, 8], [8, 20], [3, 3, 2, 5], [4], []]) {
    const columns = shape.at(-1) ?? 1;
    const values = randomValues(["orthogonal", 2], "w", shape, 7);
    const rows = values.length / columns;
    const at = (row: number, column: number) => Number(values[row * columns + column]);
    const [short, long] = [Math.min(rows, columns), Math.max(rows, columns)];
    const vector = (j: number) => Array.from({ length: long }, (_, i) => (rows < columns ? at(j, i) : at(i, j)));
    for (let j = 0; j < short; j++)
      for (let k = 0; k <= j; k++) {
        const dot = vector(j).reduce((sum, x, i) => sum + x * Number(vector(k)[i]), 0);
        assert.ok(Math.abs(dot - (j === k ? 4 : 0)) < 1e-14, `${shape}: ${j}·${k} is ${dot}`);
      }
  }
});

random("streams differ by name and seed, and are the same for ever", () => {
  const hash = (init: InitSpec, name: string, seed: number) =>
    createHash("sha256")
      .update(new Uint8Array(Float64Array.from(randomValues(init, name, [64, 33], seed)).buffer))
      .digest("hex")
      .slice(0, 16);
  const kinds: InitSpec[] = [
    ["random_uniform", -1, 1],
    ["random_normal", 0, 1],
    ["truncated_normal", 0, 1],
    ["orthogonal", 1],
  ];
  assert.is(new Set(kinds.flatMap((kind) => [hash(kind, "a", 0), hash(kind, "b", 0), hash(kind, "a", 1)])).size, 12);
  assert.equal(
    kinds.map((kind) => hash(kind, "dense/kernel", 42)),
    ["f72e849662bedd16", "48b427cc24e06e42", "0e3786a5f01408b8", "c62927f477489463"],
  );
});

random.run();
