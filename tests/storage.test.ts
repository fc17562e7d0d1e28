/** u8, i8, f16 and bf16: fed, converted, moved, fetched, kept in variables, saved and restored, on every target. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkProgram } from "../compiler/check/index.ts";
import { needsOf } from "../compiler/ir/needs.ts";
import { interpret } from "../compiler/interpret.ts";
import type { Graph } from "../compiler/ir/graph.ts";
import type { DType } from "../compiler/ir/types.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { library } from "../compiler/std/sources.ts";
import type { HalfArray } from "../runtime/dtype.ts";
import { openSession, type Tensor, TfgError } from "../runtime/index.ts";
import { randomNumbers } from "./ops/cases.ts";
import { nearestValue } from "./oracle/small-floats.ts";
import { compiledOf, hostArray, openTargets } from "./oracle/targets.ts";
import { bytesOf, checkpoint, safetensors } from "./weights-files.ts";

const test = suite("storage");

function graphOf(text: string): Graph {
  const { graphs, diagnostics } = checkProgram({ path: "g.tfg", read: () => text, library });
  assert.equal(
    diagnostics.map(({ code, message }) => `${code}: ${message}`),
    [],
  );
  const [graph] = graphs;
  if (!graph) throw new Error("no graph");
  return graph;
}

const NUMBERS = ["f32", "f16", "bf16", "i32", "u32", "i8", "u8"] as const;
type NumberType = (typeof NUMBERS)[number];
const RANGES: Readonly<Record<string, readonly [bigint, bigint]>> = {
  i32: [-(2n ** 31n), 2n ** 31n - 1n],
  u32: [0n, 2n ** 32n - 1n],
  i8: [-128n, 127n],
  u8: [0n, 255n],
};

/** The integer next to a number, of two the even one. */
function nearestInteger(x: number): bigint {
  const floor = BigInt(Math.floor(x));
  const rest = x - Math.floor(x);
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1n;
  return floor % 2n === 0n ? floor : floor + 1n;
}

/** What language.md 6.2 says that `x as to` is. */
function converted(x: number, to: NumberType): number {
  if (to === "f32") return Math.fround(x);
  if (to === "f16" || to === "bf16") return nearestValue(to, x);
  const [least = 0n, most = 0n] = RANGES[to] ?? [];
  if (Number.isNaN(x)) return 0;
  if (!Number.isFinite(x)) return Number(x < 0 ? least : most);
  const whole = nearestInteger(x);
  return Number(whole < least ? least : whole > most ? most : whole);
}

/** Elements of a type: the extremes, ties of every target, powers of two and their neighbours, and random ones. */
function elementsOf(dtype: NumberType, count: number, random: () => number): Float64Array {
  const special = [
    0, -0, 0.5, 1.5, -0.5, -2.5, 2049, 2051, 257, 259, 65504, 65519, 65520, 1e9, 3e9, -3e9, 127.5, 128.5,
  ];
  special.push(2 ** -24, 2 ** -25, 3 * 2 ** -25, 2 ** -14, 2 ** -14 - 2 ** -25, 255.5, -128.5, 2 ** 24 + 1, 2 ** 31);
  special.push(
    2 ** 24 + 2 ** 16,
    2 ** 24 + 2 ** 16 + 1,
    -(2 ** 24) - 2 ** 16 - 1,
    2 ** 31 - 1,
    -(2 ** 31),
    2 ** 32 - 1,
  );
  special.push(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3.4028234663852886e38, 1e-45, -1e-40);
  const values = Array.from({ length: count }, (_, i) => {
    const x = special[i];
    if (x !== undefined) return x;
    const kind = random();
    if (kind < 0.3) return Math.round((random() - 0.5) * 600);
    if (kind < 0.5) return (random() - 0.5) * 2 ** (random() * 300 - 150);
    if (kind < 0.7) return Math.round((random() - 0.5) * 2 ** 33) + 2 ** 31 * Math.round(random());
    return (Math.round(random() * 4096) + 0.5) * 2 ** (Math.round(random() * 40) - 26) * (random() < 0.5 ? 1 : -1);
  });
  return Float64Array.from(values, (x) => converted(x, dtype));
}

test("every type converts to every other as language.md 6.2 says", async () => {
  const outputs = NUMBERS.flatMap((from) => NUMBERS.map((to) => `output ${from}_${to} = x_${from} as ${to}`));
  const scalars = NUMBERS.flatMap((from) => NUMBERS.map((to) => `output one_${from}_${to} = x_${from}[0] as ${to}`));
  const inputs = NUMBERS.map((from) => `input x_${from}: ${from}[N]`);
  const graph = graphOf(`graph g[N] {\n${[...inputs, ...outputs, ...scalars].join("\n")}\n}`);
  const random = randomNumbers(11);
  const targets = await openTargets(graph, new Map());
  const fetches = graph.outputs.map(({ name }) => name);
  for (let round = 0; round < 12; round++) {
    const count = round === 0 ? 1031 : 1 + Math.floor(random() * 9);
    const data = new Map<DType, Float64Array>(
      NUMBERS.map((from) => [from, elementsOf(from, Math.max(count, 60), random).slice(round === 0 ? 0 : -count)]),
    );
    const feeds = new Map(
      NUMBERS.map((from): [string, NdArray] => [
        `x_${from}`,
        { dtype: from, shape: [count], data: data.get(from) ?? new Float64Array() },
      ]),
    );
    const reference = interpret(graph, { feeds, variables: new Map(), fetches, rounding: "dtype" });
    const results = [["interpreter", reference] as const];
    for (const [name, target] of targets) results.push([name as "interpreter", await target.run(feeds, fetches)]);
    for (const [target, got] of results)
      for (const from of NUMBERS)
        for (const to of NUMBERS) {
          const given = data.get(from) ?? [];
          const want = Float64Array.from(given, (x) => converted(x, to));
          for (const [name, expected] of [
            [`${from}_${to}`, want],
            [`one_${from}_${to}`, want.slice(0, 1)],
          ] as const) {
            const { data: found } = got.get(name) ?? { data: [] };
            // Integers have one zero.
            for (const [i, x] of expected.entries())
              assert.ok(
                Object.is(found[i], x) || (to in RANGES && x === 0 && found[i] === 0),
                `${target}: ${given[i]}: ${from} as ${to} is ${found[i]}, not ${x}`,
              );
          }
        }
  }
});

const MOVES = `
const PICK = [1, 0, 1]
graph g[N] {
  input a: T[N, 4]
  input b: T[N, 4]
  param w: T[3, 2] = KERNEL
  state s: T[3] = 2
  output same = a
  output moved = transpose(reshape(a, [2 * N, 2]))
  output joined = concat([a, b], axis=1)[:, 1:-1:2]
  output rows = gather(w, PICK)
  output one = w[1, 1]
  output padded = pad(a, [[1, 1], [0, 1]], value=3)
  output turned = reverse(stack([a, b]), axis=0)
  output chosen = select(a == b, a, 7)
  output read = tensor(i in N, j in 3: a[i, j - 1] ?? 5)
  output differ = any(a != b)
  output product = (a[:, :3] as f32) @ (w as f32)
  output narrow = ((w as f32) * 2.0) as T
  output state_too = s
}
`;

test("elements of storage types are moved, compared, chosen and kept", async () => {
  const random = randomNumbers(5);
  for (const dtype of ["u8", "i8", "f16", "bf16"] as const) {
    const isFloat = dtype.endsWith("16");
    const kernel = isFloat ? "[[0.1, -2.5], [65000.0, 1e-7], [3.0, 4.0]]" : "[[1, 2], [3, 127], [5, 6]]";
    const graph = graphOf(MOVES.replace(/\bT\b/g, dtype).replace("KERNEL", kernel));
    const elements = (count: number): Float64Array =>
      Float64Array.from({ length: count }, () => converted(Math.round(random() * 4) / (isFloat ? 3 : 1), dtype));
    const feeds = new Map<string, NdArray>([
      ["a", { dtype, shape: [3, 4], data: elements(12) }],
      ["b", { dtype, shape: [3, 4], data: elements(12) }],
    ]);
    const variables = new Map<string, NdArray>([
      ["w", { dtype, shape: [3, 2], data: elements(6) }],
      ["s", { dtype, shape: [3], data: elements(3) }],
    ]);
    const targets = await openTargets(graph, variables);
    for (const { name, value } of graph.outputs) {
      const want = interpret(graph, { feeds, variables, fetches: [name], rounding: "dtype" }).get(name);
      const { inputs } = needsOf(graph, [value]);
      const fed = new Map([...feeds].filter(([input]) => inputs.has(input)));
      for (const [target, opened] of targets) {
        const got = (await opened.run(fed, [name])).get(name);
        assert.equal(got?.shape, want?.shape, `${target}: ${dtype} ${name}`);
        want?.data.forEach((x, i) => {
          const y = got?.data[i] ?? Number.NaN;
          const agrees = name === "product" ? Math.abs(x - y) <= 1e-5 * Math.max(1, Math.abs(x)) : x === y;
          assert.ok(agrees, `${target}: ${dtype} ${name}[${i}] is ${y}, not ${x}`);
        });
      }
    }
  }
});

/** The bytes of a file with one tensor `w` of the elements that stand for these numbers. */
function fileOf(dtype: DType, numbers: readonly number[]): Uint8Array<ArrayBuffer> {
  const data = hostArray(dtype, numbers);
  const entry = { dtype: dtype.toUpperCase(), shape: [numbers.length], data_offsets: [0, data.byteLength] };
  return safetensors({ w: entry }, new Uint8Array(data.buffer));
}

const sessionOf = async (text: string) => openSession(await compiledOf(graphOf(text)));

async function messageOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (error instanceof TfgError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "";
}

test("a session initialises, restores and saves variables of storage types", async () => {
  for (const dtype of ["f16", "bf16", "u8", "i8"] as const) {
    const isFloat = dtype === "f16" || dtype === "bf16";
    const session = await sessionOf(
      `graph g { param w: ${dtype}[3] = ${isFloat ? 0.1 : 3} output y = w as f32 output z = w }`,
    );
    const first = converted(isFloat ? 0.1 : 3, dtype);
    const y = async (): Promise<number[]> => [...((await session.run("y")).y as Tensor<"f32">).data];
    const w = async () => Array.from((await session.params.w?.get()) ?? []);
    assert.equal(await y(), [first, first, first], dtype);
    // From a file of its own type, bit for bit, and saved again.
    const numbers = isFloat ? [0.1, -0, 1e-7] : dtype === "u8" ? [0, 7, 255] : [-128, 7, 127];
    const file = fileOf(dtype, numbers);
    await session.restore(file);
    assert.equal(await w(), Array.from(hostArray(dtype, numbers)), dtype);
    const saved = new Uint8Array(await (await session.save()).arrayBuffer());
    assert.equal(
      saved.slice(-hostArray(dtype, numbers).byteLength),
      file.slice(-hostArray(dtype, numbers).byteLength),
      dtype,
    );
    await session.restore(await session.save());
    assert.equal(await w(), Array.from(hostArray(dtype, numbers)), dtype);
    assert.equal(((await session.run("z")).z as Tensor).data, hostArray(dtype, numbers), dtype);
    // Between floats an element is rounded once; anything else must be exact.
    await session.restore(fileOf("f32", [1.25, 2, 100.5].map(isFloat ? Number : Math.floor)));
    assert.equal(await y(), isFloat ? [1.25, 2, 100.5] : [1, 2, 100], dtype);
    if (isFloat) {
      const other = dtype === "f16" ? "bf16" : "f16";
      await session.restore(fileOf(other, [3.140625, 2 ** -20, 1]));
      assert.equal(
        await y(),
        [3.140625, 2 ** -20, 1].map((x) => nearestValue(dtype, nearestValue(other, x))),
        dtype,
      );
    } else {
      assert.match(await messageOf(() => session.restore(fileOf("f32", [1.5, 2, 3]))), /TFG0701.*1\.5 in w.*no [iu]8/);
      assert.match(await messageOf(() => session.restore(fileOf("i32", [1, 2, 256]))), /TFG0701.*256 in w.*no [iu]8/);
    }
    session[Symbol.dispose]();
  }
});

test("a TensorFlow checkpoint restores variables of storage types", async () => {
  for (const [dtype, id] of [
    ["f16", 19],
    ["bf16", 14],
    ["u8", 4],
    ["i8", 6],
  ] as const) {
    const session = await sessionOf(`graph g { param w: ${dtype}[3] = zeros output y = w as f32 }`);
    const data = hostArray(dtype, [1, 2, 100]);
    await session.restore(checkpoint("model.ckpt", [{ name: "w", type: id, shape: [3], data: bytesOf(data) }]));
    assert.equal([...((await session.run("y")).y as Tensor<"f32">).data], [1, 2, 100], dtype);
    session[Symbol.dispose]();
  }
});

/** A Float16Array by its name and elements: not every engine that runs this has the real one. */
const isHalf = (data: object): data is HalfArray => Object.prototype.toString.call(data) === "[object Float16Array]";

test("feeds of storage types: bits, Float16Array and the bytes of an image", async () => {
  const session = await sessionOf(
    "graph g[N] { input h: f16[N] input b: bf16[N] input u: u8[N] input s: f16 output y = h as f32 output z = b as f32 output v = u as i32 output t = s as f32 }",
  );
  const numbers = async (fetch: string, feeds: Parameters<typeof session.run>[1]): Promise<number[]> => {
    const result = (await session.run(fetch, feeds))[fetch];
    return typeof result === "number" ? [result] : Array.from(result?.data ?? []);
  };
  assert.equal(await numbers("y", { h: Uint16Array.of(0x3c00, 0xc100, 0x7c00) }), [1, -2.5, Number.POSITIVE_INFINITY]);
  const half: object = Object.defineProperty(Float32Array.of(1, -2.5), Symbol.toStringTag, { value: "Float16Array" });
  if (!isHalf(half)) throw new Error("unreachable");
  assert.equal(await numbers("y", { h: half }), [1, -2.5]);
  const native: unknown = Reflect.get(globalThis, "Float16Array");
  if (typeof native === "function") {
    const real: object = Reflect.construct(native, [[0.1, 65504]]);
    assert.ok(isHalf(real));
    if (isHalf(real)) assert.equal(await numbers("y", { h: real }), [nearestValue("f16", 0.1), 65504]);
  }
  assert.equal(await numbers("z", { b: Uint16Array.of(0x3f80, 0xc020) }), [1, -2.5]);
  assert.equal(await numbers("v", { u: Uint8ClampedArray.of(300, 7) }), [255, 7]);
  assert.equal(await numbers("t", { s: 0.1 }), [nearestValue("f16", 0.1)]);
  assert.match(
    await messageOf(() => session.run("y", { h: Float32Array.of(1) })),
    /TFG0808.*Float32Array for f16\[N\], which takes Uint16Array or Float16Array/,
  );
  session[Symbol.dispose]();
});

test("an operator on a storage type is an error that names the cast", () => {
  const said = (text: string): string[] =>
    checkProgram({ path: "g.tfg", read: () => text, library }).diagnostics.map(
      ({ code, message, helps }) => `${code} ${message}; ${helps.map((help) => help.text).join("; ")}`,
    );
  for (const [dtype, expression, message, help] of [
    ["f16", "x * 2.0", "`*` takes numbers, not `f16`", "x as f32 * 2.0"],
    ["bf16", "exp(x)", "`exp` takes floats, not `bf16`", "exp(x as f32)"],
    ["u8", "x + 1", "`+` takes numbers, not `u8`", "x as f32 + 1"],
    ["i8", "-x", "`-` takes numbers, not `i8`", "-x as f32"],
    ["f16", "sum(x)", "`sum` takes numbers, not `f16`", "sum(x as f32)"],
    ["u8", "x < 3", "`<` takes numbers, not `u8`", "x as f32 < 3"],
    ["f16", "tensor(i in N: x[i] + 1.0)", "`+` takes numbers, not `f16`", "x[i] as f32 + 1.0"],
    ["u8", "x * 0.5", "`u8` and `f32` do not mix in `*`", "x as f32 * 0.5"],
  ])
    assert.equal(said(`graph g[N] { input x: ${dtype}[N] output y = ${expression} }`), [`TFG0304 ${message}; ${help}`]);
});

test.run();
