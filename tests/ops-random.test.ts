/** Bits of random numbers: the published answers, and one stream for the runtime, the interpreter and every target. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Dim, dimOf, dimSymbol, evaluateDim, mulDims } from "../compiler/ir/dims.ts";
import { interpret } from "../compiler/interpret.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { philoxBlock, philoxScalars } from "../compiler/ops/random.ts";
import { philox } from "../runtime/random.ts";
import { printKernels } from "../compiler/passes/print-kernels.ts";
import { runPasses } from "../compiler/pipeline.ts";
import { openTargets } from "./oracle/targets.ts";
import { GraphBuilder } from "./passes/graph-builder.ts";
import { affine, compileKernel, input, kernelOf, NestMaker, output } from "./tile-nests.ts";

const test = suite("random bits");

/** Counter and key, then the block, of `philox4x32 10` in kat_vectors of Random123. */
const KNOWN = [
  ["00000000 00000000 00000000 00000000 00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
  ["ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"],
  ["243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"],
] as const;
const words = (text: string): readonly number[] => text.split(" ").map((word) => Number.parseInt(word, 16));

test("the meaning of a block is the published one", () => {
  for (const [given, expected] of KNOWN) {
    const [a = 0n, b = 0n, c = 0n, d = 0n, k0 = 0n, k1 = 0n] = words(given).map(BigInt);
    assert.equal(philoxBlock([a, b, c, d], [k0, k1]).map(Number), words(expected));
  }
});

for (const count of [1, KNOWN.length])
  test(`compiled, a block is the published one on every target, ${count} at a time`, async () => {
    const make = new NestMaker();
    const i = make.axis("i", count);
    // Word-major, so that neighbours along the axis can be lanes.
    const at = (word: number) => affine([[i, 1]], word * count);
    const [a = 0, b = 0, c = 0, d = 0, k0 = 0, k1 = 0] = Array.from({ length: 6 }, (_, k) =>
      make.read(0, at(k), "u32"),
    );
    const build = { apply: make.apply.bind(make), constant: make.constant.bind(make) };
    for (const [k, word] of philoxScalars(build, [a, b, c, d], [k0, k1]).entries()) make.store(1, at(k), word, [i]);
    const kernel = kernelOf(make.nest, [input("u32"), output("u32")]);
    for (const { target, run } of await compileKernel(kernel))
      for (let from = 0; from < KNOWN.length; from += count) {
        const chosen = KNOWN.slice(from, from + count);
        const given = chosen.map(([text]) => words(text));
        const block = chosen.map(([, text]) => words(text));
        const wordMajor = (rows: readonly (readonly number[])[]): Uint32Array =>
          Uint32Array.from((rows[0] ?? []).flatMap((_, k) => rows.map((row) => row[k] ?? 0)));
        const [, result] = run([wordMajor(given), new Uint32Array(4 * count)]);
        assert.equal(result, wordMajor(block), target);
      }
  });

const u32 = (numbers: readonly number[]): NdArray => ({
  dtype: "u32",
  shape: [numbers.length],
  data: Float64Array.from(numbers),
});

test("element e is word e & 3 of the block of e >> 2, for shapes of whole and of broken blocks", async () => {
  const key = [0xdeadbeef, 0x01234567, 0xfffffffe, 0x89abcdef];
  const iteration = 70000;
  const n = 7;
  const N = dimSymbol("N");
  const shapes: readonly (readonly Dim[])[] = [
    [],
    [dimOf(1)],
    [dimOf(4)],
    [dimOf(10)],
    [dimOf(64)],
    [N],
    [N, dimOf(8)],
    [N, dimOf(3)],
    [dimOf(2), N, dimOf(4)],
    [dimOf(3), dimOf(5), dimOf(2)],
  ];
  const g = new GraphBuilder();
  const k = g.input("key", [4], "u32");
  const at = g.input("iteration", [], "i32");
  g.output("n", g.call("neg", [g.input("x", ["N"])]));
  const bits = shapes.map((shape) => g.call("random_bits", [k, at], { shape }));
  for (const [i, value] of bits.entries()) g.output(`y${i}`, value);
  // Read by one value: at its own index, where it is inlined, and at others.
  const inlined = (size: number) => g.call("random_bits", [k, at], { shape: [dimOf(size)] });
  g.output("part", g.call("slice", [inlined(68)], { axis: 0, at: dimOf(5), size: dimOf(9) }));
  g.output("own", g.call("bit_xor", [inlined(12), g.constant([0], [], "u32")]));
  g.output("flipped", g.call("bit_xor", [inlined(11), g.constant([2 ** 32 - 1], [], "u32")]));
  g.output("turned", g.call("reverse", [inlined(14)], { axis: [0] }));
  const graph = g.graph();
  const feeds = new Map<string, NdArray>([
    ["key", u32(key)],
    ["iteration", { dtype: "i32", shape: [], data: Float64Array.of(iteration) }],
    ["x", { dtype: "f32", shape: [n], data: new Float64Array(n) }],
  ]);
  const block = new Uint32Array(4);
  const element = (e: number): number => {
    philox(block, e >>> 2, iteration, key[2] ?? 0, key[3] ?? 0, key[0] ?? 0, key[1] ?? 0);
    return block[e & 3] ?? 0;
  };
  const run = (count: number, at: (e: number) => number): number[] =>
    Array.from({ length: count }, (_, e) => element(at(e)));
  const expected = new Map([
    ["part", run(9, (e) => e + 5)],
    ["own", run(12, (e) => e)],
    ["flipped", run(11, (e) => e).map((bits) => 2 ** 32 - 1 - bits)],
    ["turned", run(14, (e) => 13 - e)],
  ]);
  for (const [i, shape] of shapes.entries())
    expected.set(
      `y${i}`,
      run(
        evaluateDim(mulDims(...shape), () => n),
        (e) => e,
      ),
    );
  const fetches = [...expected.keys()];
  const results = new Map([["interpreter", interpret(graph, { feeds, variables: new Map(), fetches })]]);
  for (const [target, opened] of await openTargets(graph, new Map()))
    results.set(target, await opened.run(feeds, fetches));
  assert.is(results.size, 4);
  for (const [who, found] of results)
    for (const [name, want] of expected) assert.equal([...(found.get(name)?.data ?? [])], want, `${who}: ${name}`);
});

test("bits are computed once, though a broadcast reads them in every row", () => {
  const g = new GraphBuilder();
  const k = g.input("key", [4], "u32");
  const bits = g.call("random_bits", [k, g.input("iteration", [], "i32")], { shape: [dimOf(8)] });
  g.output("y", g.call("mul", [g.input("x", ["N", 8]), g.call("cast", [bits], { to: "f32" })]));
  g.output(
    "once",
    g.call("cast", [g.call("random_bits", [k, g.constant([1], [], "i32")], { shape: [dimOf(8)] })], { to: "f32" }),
  );
  const { kernels } = runPasses(g.graph(), { verify: true });
  const stored = kernels.kernels.map(({ nests }) =>
    nests.flatMap(({ stores }) => stores.map(({ over }) => over.length)),
  );
  // The bits in one loop over their blocks, the product in one over both axes; those read in place have no kernel.
  assert.equal(stored, [[2], [2], [2]], printKernels(kernels));
  assert.equal(
    kernels.kernels.map(({ name }) => name),
    ["random_bits", "cast_mul", "random_bits_cast"],
  );
});

test.run();
