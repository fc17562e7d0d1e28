import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Compiled, Program } from "../runtime/abi.ts";
import { openSession, Tensor, TfgError } from "../runtime/index.ts";
import { assemble, echo, jsKernels, messageOf, pack, program, toy } from "./runtime-program.ts";

const runtime = suite("runtime");
const f32 = (...values: number[]) => Float32Array.from(values);
const i32 = (...values: number[]) => Int32Array.from(values);
const ones = (count: number) => new Float32Array(count).fill(1);

/** The toy with kernels that count their calls. */
function counted(): { compiled: Compiled; calls: { derive: number[]; run: number } } {
  const calls = { derive: [] as number[], run: 0 };
  const js: typeof jsKernels = (memory) => {
    const entry = jsKernels(memory);
    return {
      derive(block) {
        calls.derive.push(Number(new Int32Array(memory)[block / 4]));
        entry.derive(block);
      },
      run(block) {
        calls.run++;
        entry.run(block);
      },
    };
  };
  return { compiled: { program, kernels: { js } }, calls };
}

for (const device of ["wasm", "js"] as const)
  runtime(`${device}: several fetches are one run, and results are copies that later runs leave alone`, async () => {
    const session = await openSession(toy, { device });
    assert.match(session.stats.device, device);
    await session.params.w?.set(f32(1, 2, 3));
    const first = await session.run(["y", "total", "even", "kernel", "y"], {
      x: f32(1, 1, 1, 2, 2, 2),
      label: i32(4, 7),
    });
    assert.equal(Object.keys(first).sort(), ["even", "kernel", "total", "y"]);
    await session.run(["y", "total", "even"], { x: f32(9, 9, 9), label: i32(9), rate: 10 });
    assert.equal(first.y, new Tensor("f32", [2, 3], f32(1, 2, 3, 2, 4, 6)));
    assert.equal(first.total, 11);
    assert.equal(first.even, new Tensor("bool", [2], Uint8Array.of(1, 0)));
    assert.equal(first.kernel, new Tensor("f32", [3], f32(1, 2, 3)));
    assert.equal(
      (await session.run("y", { x: f32(1, 1, 1), rate: f32(2) })).y,
      new Tensor("f32", [1, 3], f32(4, 8, 12)),
    );
    assert.is(session.stats.runs, 3);
  });

runtime("a result nests to arrays, is fed again as it is, and may be changed by its owner", async () => {
  const session = await openSession(toy);
  await session.params.w?.set(ones(3));
  const { y } = await session.run("y", { x: f32(1, 2, 3, 4, 5, 6) });
  assert.instance(y, Tensor);
  const tensor = y as Tensor;
  assert.equal(tensor.toNested(), [
    [1, 2, 3],
    [4, 5, 6],
  ]);
  const again = await session.run("y", { x: tensor });
  tensor.data.fill(0);
  assert.equal(again.y, new Tensor("f32", [2, 3], f32(1, 2, 3, 4, 5, 6)));
});

runtime("dims follow from all feeds together: lengths, shapes, arithmetic, and `dims`", async () => {
  const [N, M] = [
    ["d", 0],
    ["d", 1],
  ] as const;
  const session = await openSession(
    echo(
      [
        { name: "grid", dtype: "f32", shape: [N, M, 2], type: "f32[N, M, 2]" },
        { name: "row", dtype: "f32", shape: [["+", N, 1]], type: "f32[N + 1]" },
        { name: "square", dtype: "f32", shape: [M, ["/", M, 2]], type: "f32[M, M/2]" },
      ],
      ["N", "M"],
    ),
  );
  const shapeOf = async (...run: Parameters<typeof session.run>) => {
    const { grid_out } = await session.run(...run);
    return (grid_out as Tensor).shape;
  };
  assert.equal(await shapeOf(["grid_out", "row_out"], { grid: ones(12), row: ones(3) }), [2, 3, 2]);
  assert.equal(await shapeOf(["grid_out", "square_out"], { grid: ones(40), square: ones(8) }), [5, 4, 2]);
  assert.equal(await shapeOf(["grid_out", "square_out"], { grid: ones(10), square: ones(10) }), [1, 5, 2]);
  assert.equal(await shapeOf("grid_out", { grid: { data: ones(12), shape: [3, 2, 2] } }), [3, 2, 2]);
  assert.equal(await shapeOf("grid_out", { grid: ones(12) }, { dims: { M: 6 } }), [1, 6, 2]);
  assert.is(
    await messageOf(() => session.run("grid_out", { grid: ones(12) })),
    'TFG0801 feed "grid": 12 values of f32[N, M, 2] leave N open; feed { data, shape }, or give { dims: { N: … } }',
  );
  assert.is(
    await messageOf(() => session.run(["grid_out", "square_out"], { grid: ones(12), square: ones(7) })),
    'TFG0801 feed "square": 7 values do not fit f32[M, M/2] (line 4)',
  );
});

runtime("a dim that no feed of the run tells must be given only if the run depends on it", async () => {
  const [N, M] = [
    ["d", 0],
    ["d", 1],
  ] as const;
  const { program, kernels } = echo(
    [
      { name: "a", dtype: "f32", shape: [N], type: "f32[N]" },
      { name: "b", dtype: "f32", shape: [M], type: "f32[M]" },
    ],
    ["N", "M"],
  );
  const free = { ...program.outputs[1], name: "free", inputs: [] } as Program["outputs"][number];
  const session = await openSession({ program: { ...program, outputs: [...program.outputs, free] }, kernels });
  assert.equal((await session.run("a_out", { a: ones(3) })).a_out, new Tensor("f32", [3], ones(3)));
  assert.is(
    await messageOf(() => session.run("free")),
    "TFG0801 no feed of free tells M; feed { data, shape }, or give { dims: { M: … } }",
  );
  assert.is(((await session.run("free", {}, { dims: { M: 2 } })).free as Tensor).data.length, 2);
});

runtime("every dtype comes back as it was fed, special values included", async () => {
  const cases = [
    ["f32", f32(0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY)],
    ["i32", i32(-(2 ** 31), 2 ** 31 - 1, 0)],
    ["u32", Uint32Array.of(0, 2 ** 32 - 1, 2 ** 31)],
    ["i8", Int8Array.of(-128, 127, 0)],
    ["u8", Uint8Array.of(0, 255, 128)],
    ["bool", Uint8Array.of(0, 1, 1)],
    ["f16", Uint16Array.from({ length: 65536 }, (_, i) => i).filter((bits) => (bits & 0x7fff) <= 0x7c00)],
    ["bf16", Uint16Array.from({ length: 65536 }, (_, i) => i).filter((bits) => (bits & 0x7fff) <= 0x7f80)],
  ] as const;
  for (const [dtype, data] of cases) {
    const session = await openSession(echo([{ name: "v", dtype, shape: [["d", 0]], type: `${dtype}[N]` }], ["N"]));
    const back = (await session.run("v_out", { v: data })).v_out as Tensor;
    assert.equal([back.dtype, back.shape, back.data.constructor], [dtype, [data.length], data.constructor]);
    // By their bytes: -0 is not 0, and a NaN is itself.
    assert.is(Buffer.compare(Buffer.from(back.data.buffer), Buffer.from(data.buffer)), 0, dtype);
  }
  const truthy = await openSession(echo([{ name: "v", dtype: "bool", shape: [3], type: "bool[3]" }]));
  assert.equal(
    (await truthy.run("v_out", { v: Uint8Array.of(0, 7, 255) })).v_out,
    new Tensor("bool", [3], Uint8Array.of(0, 1, 1)),
  );
});

runtime("a scalar is fed as a number and comes back as one", async () => {
  for (const [dtype, fed, back] of [
    ["f32", 0.1, Math.fround(0.1)],
    ["i32", -7, -7],
    ["u32", 2 ** 32 - 1, 2 ** 32 - 1],
    ["bool", true, 1],
    ["f16", 0.1, 0.0999755859375],
    ["bf16", 0.1, 0.10009765625],
  ] as const) {
    const session = await openSession(echo([{ name: "v", dtype, shape: [], type: dtype }]));
    assert.equal(await session.run("v_out", { v: fed }), { v_out: back }, dtype);
  }
  const session = await openSession(echo([{ name: "v", dtype: "u8", shape: [], type: "u8" }]));
  assert.is(await messageOf(() => session.run("v_out", { v: 256 })), 'TFG0808 feed "v": 256 is no u8 (line 2)');
});

runtime("@accepts takes wide arrays and checks their range", async () => {
  const session = await openSession(
    echo([
      { name: "ids", dtype: "i32", shape: [3], type: "i32[3]", accepts: "i64" },
      { name: "x", dtype: "f32", shape: [3], type: "f32[3]", accepts: "f64" },
    ]),
  );
  const { ids_out, x_out } = await session.run(["ids_out", "x_out"], {
    ids: BigInt64Array.of(-(2n ** 31n), 2n ** 31n - 1n, 5n),
    x: Float64Array.of(0.1, Number.NEGATIVE_INFINITY, 3.4028235e38),
  });
  assert.equal(ids_out, new Tensor("i32", [3], i32(-(2 ** 31), 2 ** 31 - 1, 5)));
  assert.equal(x_out, new Tensor("f32", [3], f32(0.1, Number.NEGATIVE_INFINITY, 3.4028235e38)));
  assert.is(
    await messageOf(() => session.run("ids_out", { ids: BigInt64Array.of(1n, 2n ** 31n, 0n) })),
    'TFG0808 feed "ids": element 1 is 2147483648, outside of i32 (line 2)',
  );
  assert.is(
    await messageOf(() => session.run("x_out", { x: Float64Array.of(0, 0, 1e39) })),
    'TFG0808 feed "x": element 2 is 1e+39, outside of f32 (line 3)',
  );
});

runtime("two names in one text are no two fetches, also when both were fetched before", async () => {
  const session = await openSession(counted().compiled);
  const feeds = { x: ones(3), label: i32(1) };
  await session.run(["y", "total"], feeds);
  assert.is(
    await messageOf(() => session.run("y,total", feeds)),
    'TFG0809 unknown fetch "y,total"; did you mean "total"?',
  );
});

runtime("a wrong run says what is wrong, and no kernel has started", async () => {
  const { compiled, calls } = counted();
  const session = await openSession(compiled);
  const wrong: readonly (readonly [Parameters<typeof session.run>, string])[] = [
    [["yy", {}], 'TFG0809 unknown fetch "yy"; did you mean "y"?'],
    [[["y", "loss"], {}], 'TFG0809 unknown fetch "loss"; there are y, total, even, kernel'],
    [[[], {}], "TFG0809 nothing is fetched; there are y, total, even, kernel"],
    [["y", {}], 'TFG0803 feed "x" is missing: y needs f32[N, 3] (line 3)'],
    [["y", { x: ones(3), label: i32(1) }], 'TFG0804 feed "label" is not needed by y'],
    [["total", { lable: i32(1) }], 'TFG0804 feed "lable" is no input; did you mean "label"?'],
    [
      ["y", { x: new Float64Array(3) }],
      'TFG0808 feed "x": Float64Array for f32[N, 3], which takes Float32Array (line 3)',
    ],
    [
      ["total", { label: ones(3) }],
      'TFG0808 feed "label": Float32Array for i32[N], which takes Int32Array or BigInt64Array (line 2)',
    ],
    [["total", { l: i32(1) }], 'TFG0804 feed "l" is no input; total needs label'],
    [["y", { x: 3 }], 'TFG0808 feed "x": a number for f32[N, 3] (line 3)'],
    [["y", { x: ones(3), rate: true }], 'TFG0808 feed "rate": a boolean for f32 (line 4)'],
    [["y", { x: ones(4) }], 'TFG0801 feed "x": 4 values do not fit f32[N, 3] (line 3)'],
    [["y", { x: { data: ones(6), shape: [3, 2] } }], 'TFG0808 feed "x": shape [3, 2] does not fit f32[N, 3] (line 3)'],
    [["y", { x: { data: ones(6), shape: [6] } }], 'TFG0808 feed "x": shape [6] for f32[N, 3] (line 3)'],
    [
      ["y", { x: { data: ones(6), shape: [3, 3] } }],
      'TFG0808 feed "x": shape [3, 3] takes 9 values, the data has 6 (line 3)',
    ],
    [
      [["y", "total"], { x: ones(6), label: i32(1, 2, 3) }],
      'TFG0801 feed "label": 3 values fit i32[N] with N = 3, but "x" has N = 2 (line 2)',
    ],
    [
      [["y", "total"], { x: { data: ones(6), shape: [2, 3] }, label: { data: i32(1), shape: [1] } }],
      'TFG0801 feed "label": shape [1] fits i32[N] with N = 1, but "x" has N = 2 (line 2)',
    ],
    [
      ["y", { x: ones(6) }, { dims: { N: 3 } }],
      'TFG0801 feed "x": the dims of the run say N = 3, but "x" has N = 2 (line 3)',
    ],
    [["y", { x: ones(6) }, { dims: { M: 2 } }], 'TFG0808 unknown dim "M"; the dims are N'],
    [["y", { x: ones(6) }, { dims: { N: 1.5 } }], "TFG0808 dim N is 1.5, not an integer"],
    [["y", { x: ones(0) }], "TFG0802 where N >= 1: N is 0"],
    [
      ["y", { x: ones(27) }],
      "TFG0802 where N <= 8 (line 1): N is 9 — split the batch, or raise the bound and recompile",
    ],
  ];
  for (const [run, message] of wrong) assert.is(await messageOf(() => session.run(...run)), message);
  assert.equal(calls, { derive: [], run: 0 });
  const failure = await session.run("y", {}).catch((error: unknown) => error);
  assert.instance(failure, TfgError);
  const { code, graph, fetch, text } = failure as TfgError;
  assert.equal([code, graph, fetch, text], ["TFG0803", "toy", "y", 'feed "x" is missing: y needs f32[N, 3] (line 3)']);
});

runtime("what TypeScript would refuse is refused in words too", async () => {
  const session = await openSession(toy);
  // As JavaScript calls it, without types.
  const run = (fetches: unknown, feeds: unknown): Promise<string> =>
    messageOf(() => Reflect.apply(session.run, session, [fetches, feeds]));
  const takes = "f32[N, 3], which takes Float32Array (line 3)";
  assert.is(await run("y", { x: [1, 2, 3] }), `TFG0808 feed "x": Array for ${takes}`);
  assert.is(await run("y", { x: {} }), `TFG0808 feed "x": Object for ${takes}`);
  assert.is(await run("y", { x: new DataView(new ArrayBuffer(12)) }), `TFG0808 feed "x": DataView for ${takes}`);
  assert.is(await run("y", { x: () => ones(3) }), 'TFG0808 feed "x": a function for f32[N, 3] (line 3)');
  assert.is(
    await run("y", { x: { data: ones(3) } }),
    'TFG0808 feed "x": data without the array of its sizes as `shape` for f32[N, 3] (line 3)',
  );
  assert.is(await run("y", { x: ones(3), rate: "2" }), 'TFG0808 feed "rate": a string for f32 (line 4)');
  assert.is(await run("y", null), 'TFG0803 feed "x" is missing: y needs f32[N, 3] (line 3)');
  for (const fetches of [undefined, ""])
    assert.is(
      await run(fetches, {}),
      `TFG0809 unknown fetch "${fetches}"; there are y, total, even, kernel`,
      JSON.stringify(fetches),
    );
  assert.is(
    await messageOf(() => Reflect.apply(openSession, undefined, [toy, { device: "webgpu" }])),
    'TFG0811 this module has no kernels for device "webgpu" here',
  );
});

runtime("inputs and outputs may be named as what every object has", async () => {
  const names = ["constructor", "toString", "__proto__"];
  const inputs = names.map((name) => ({ name, dtype: "f32", shape: [], type: "f32" }) as const);
  const session = await openSession(echo(inputs));
  for (const name of names)
    assert.match(await messageOf(() => session.run(`${name}_out`, {})), `feed "${name}" is missing`);
  const fed = Object.fromEntries(names.map((name, i) => [name, i]));
  const { program, kernels } = echo(inputs);
  const outputs = program.outputs.map((output, i) => ({ ...output, name: names[i] ?? "" }));
  const results = await (await openSession({ program: { ...program, outputs }, kernels })).run(names, fed);
  assert.equal(Object.entries(results), Object.entries(fed));
});

runtime("where-checks know equality and divisibility", async () => {
  const [N, M] = [
    ["d", 0],
    ["d", 1],
  ] as const;
  const session = await openSession(
    echo(
      [
        { name: "a", dtype: "f32", shape: [N], type: "f32[N]" },
        { name: "b", dtype: "f32", shape: [M], type: "f32[M]" },
      ],
      ["N", "M"],
      {
        checks: [
          { kind: "equal", difference: ["+", N, ["*", -2, M]], text: "N == 2 * M", at: "echo.tfg:3:1" },
          { kind: "divisible", difference: N, by: 4, text: "N % 4 == 0", at: "echo.tfg:4" },
        ],
      },
    ),
  );
  const both = (n: number, m: number) => messageOf(() => session.run(["a_out", "b_out"], { a: ones(n), b: ones(m) }));
  assert.is(await both(8, 4), "");
  assert.is(await both(8, 3), "TFG0802 where N == 2 * M (line 3): N is 8, M is 3");
  assert.is(await both(6, 3), "TFG0802 where N % 4 == 0 (line 4): N is 6");
  // `b` alone does not tell N, so what is said of N does not concern it.
  assert.is(await messageOf(() => session.run("b_out", { b: ones(3) })), "");
});

runtime(
  "runs happen in the order of their calls, with the feeds of that moment, and a failed one breaks nothing",
  async () => {
    const session = await openSession(toy);
    const x = ones(3);
    const order: string[] = [];
    const note = (name: string) => (value: unknown) => {
      order.push(name);
      return value;
    };
    const results = await Promise.all([
      session.run("y", { x }).then(note("first")),
      session.restore(new Blob([])).catch(note("restore")),
      session.run("zz").catch(note("failed")),
      session.params.w?.set(f32(1, 2, 3)).then(note("set")),
      session.run("y", { x }).then(note("second")),
      session.run("kernel").then(note("third")),
      session.params.w?.get().then(note("get")),
      x.fill(5),
    ]);
    assert.equal(order, ["first", "restore", "failed", "set", "second", "third", "get"]);
    assert.equal(results[4], { y: new Tensor("f32", [1, 3], f32(1, 2, 3)) });
    assert.equal(results[5], { kernel: new Tensor("f32", [3], f32(1, 2, 3)) });
  },
);

runtime("derived values are made again only when a variable they come from changed", async () => {
  const { compiled, calls } = counted();
  const session = await openSession(compiled);
  const run = () => session.run("y", { x: ones(3) });
  await run();
  await run();
  assert.equal(calls.derive, [1]);
  await session.params.w?.set(f32(4, 4, 4));
  assert.equal((await run()).y, new Tensor("f32", [1, 3], f32(4, 4, 4)));
  await session.initialize(3);
  await run();
  await run();
  assert.equal(calls.derive, [1, 1, 1]);
});

for (const device of ["wasm", "js"] as const)
  runtime(`${device}: memory grows with the dims, keeps the weights, and says when there is no more`, async () => {
    const session = await openSession({ ...toy, program: { ...program, checks: [] } }, { device });
    await session.params.w?.set(f32(1, 2, 3));
    assert.is((await session.run("y", { x: ones(3) })).y instanceof Tensor, true);
    const before = session.stats.memory;
    const big = (await session.run("y", { x: ones(300_000) })).y as Tensor;
    assert.equal(Array.from(big.data.subarray(-3)), [1, 2, 3]);
    // The arena of 100,000 rows, what lies below it, 64 bytes, rounded up to pages.
    assert.is(session.stats.memory, Math.ceil((448 + 1_200_000 * 2 + 400_000 * 2 + 4 * 64 + 64) / 65536) * 65536);
    assert.ok(before < session.stats.memory);
    assert.equal(await session.params.w?.get(), f32(1, 2, 3));
    const [N] = [["d", 0]] as const;
    const greedy = {
      ...program,
      checks: [],
      outputs: [{ ...program.outputs[0], shape: [N], inputs: [] } as Program["outputs"][number]],
    };
    const other = await openSession({ ...toy, program: greedy }, { device });
    assert.match(
      await messageOf(() => other.run("y", {}, { dims: { N: 2 ** 41 } })),
      /^TFG0806 \d+ bytes of memory are needed/,
    );
    assert.is(await messageOf(() => other.run("y", {}, { dims: { N: 2 } })), "");
  });

runtime("the profile with relaxed SIMD is taken where it validates, and not where the caller says base", async () => {
  const answer = (value: number, body = "") =>
    assemble(`(module (import "m" "m" (memory 1)) ${body}
      (func (export "derive") (param i32))
      (func (export "run") (param i32) (i32.store (i32.const 448) (i32.const ${value}))))`);
  const relaxed = "(func (param v128) (result v128) local.get 0 local.get 0 local.get 0 f32x4.relaxed_madd)";
  const { program } = echo([{ name: "v", dtype: "i32", shape: [], type: "i32" }]);
  const [fma, base] = [await answer(1, relaxed), await answer(2)];
  const open = async (first: Uint8Array, profile: "auto" | "base") => {
    const session = await openSession({ program, kernels: { wasm: pack(first, base) } }, { profile });
    return [session.stats.device, (await session.run("v_out", { v: 0 })).v_out];
  };
  assert.equal(await open(fma, "auto"), ["wasm fma", 1]);
  assert.equal(await open(fma, "base"), ["wasm base", 2]);
  assert.equal(await open(Uint8Array.of(...fma).fill(255, -5), "auto"), ["wasm base", 2]);
});

runtime("where WebAssembly is forbidden or missing the JavaScript kernels run, unless wasm was asked for", async () => {
  const { instantiate } = WebAssembly;
  const forbidden = () => Promise.reject(new WebAssembly.CompileError("forbidden"));
  Object.assign(WebAssembly, { instantiate: forbidden });
  try {
    assert.is((await openSession(toy)).stats.device, "js");
    assert.is(await messageOf(() => openSession(toy, { device: "wasm" })), "forbidden");
  } finally {
    Object.assign(WebAssembly, { instantiate });
  }
  const { js: _, ...wasmOnly } = toy.kernels;
  const without = { program, kernels: wasmOnly };
  assert.is(
    await messageOf(() => openSession(without, { device: "js" })),
    'TFG0811 this module has no kernels for device "js" here',
  );
});

runtime("without Node's modules the kernels are inflated by a stream, as in a browser", async () => {
  const { getBuiltinModule } = process;
  Object.assign(process, { getBuiltinModule: undefined });
  try {
    const session = await openSession(toy, { device: "wasm" });
    assert.equal(Object.keys(await session.run("kernel")), ["kernel"]);
  } finally {
    Object.assign(process, { getBuiltinModule });
  }
});

runtime("a module of another ABI is refused", async () => {
  const other = { ...toy, program: { ...program, abi: 2 } as object as Program };
  assert.is(await messageOf(() => openSession(other)), "TFG0811 toy.tfg:1 was compiled for runtime 2, this is 1");
});

runtime("a run that waits keeps what it was fed, and a wrong feed is told as it is at once", async () => {
  const session = await openSession(toy);
  await session.params.w?.set(ones(3));
  const restored = session.restore(await session.save());
  const x = f32(1, 2, 3);
  const waiting = [session.run("y", { x }), session.run("y", { x: { data: x, shape: [1, 3] } })];
  const wrong = messageOf(() => Reflect.apply(session.run, session, ["y", { x: () => x }]));
  x.fill(0);
  for (const { y } of await Promise.all(waiting)) assert.equal(y, new Tensor("f32", [1, 3], f32(1, 2, 3)));
  assert.is(await wrong, 'TFG0808 feed "x": a function for f32[N, 3] (line 3)');
  await restored;
});

runtime("an abort is honoured before the run and leaves the session as it was", async () => {
  const session = await openSession(toy);
  const signal = AbortSignal.abort(new Error("stop"));
  assert.is(await messageOf(() => session.run("kernel", {}, { signal })), "stop");
  assert.is(await messageOf(() => openSession(toy, { signal })), "stop");
  assert.is(session.stats.runs, 0);
  await session.run("kernel", {}, { signal: new AbortController().signal });
});

runtime("`using` closes at once, `await using` after the runs in the queue; then every call says so", async () => {
  const [a, b] = [await openSession(toy), await openSession(toy)];
  let late: Promise<unknown>;
  {
    await using session = a;
    void session.restore(new Blob([])).catch(() => {});
    late = session.run("kernel");
  }
  assert.equal(Object.keys((await late) as object), ["kernel"]);
  {
    using session = b;
    void session.restore(new Blob([])).catch(() => {});
    late = messageOf(() => session.run("kernel"));
  }
  assert.is(await late, "TFG0810 the session is closed");
  for (const session of [a, b])
    for (const call of [
      () => session.run("kernel"),
      () => session.save(),
      () => session.initialize(),
      () => session.params.w?.get(),
    ])
      assert.is(await messageOf(call), "TFG0810 the session is closed");
});

runtime("a variable is set only by its own kind of array", async () => {
  const session = await openSession(toy);
  const message = 'TFG0808 "w" takes a Float32Array of 3 elements';
  assert.is(await messageOf(() => session.params.w?.set(ones(4))), message);
  assert.is(await messageOf(() => session.params.w?.set(i32(1, 2, 3))), message);
});

runtime("equal seeds give equal variables, and 0 is the seed of a session that names none", async () => {
  const values = async (seed?: number) => (await openSession(toy, { seed })).params.w?.get();
  assert.equal(await values(), await values(0));
  assert.not.equal(await values(), await values(1));
  const session = await openSession(toy, { seed: 5 });
  const [first] = [await session.params.w?.get(), await session.initialize(6), await session.initialize()];
  assert.equal(await session.params.w?.get(), first);
});

runtime("opening reports its progress", async () => {
  const steps: string[] = [];
  await openSession(toy, { onProgress: ({ phase, done, total }) => steps.push(`${phase} ${done}/${total}`) });
  assert.equal(steps, ["compile 0/1", "compile 1/1"]);
});

runtime.run();
