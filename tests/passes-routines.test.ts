/** Routines between the passes: what they read and write is plain buffers, of which each gets its own. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { dimOf, dimSymbol, evaluateDim, mulDims, ONE } from "../compiler/ir/dims.ts";
import type { Kernel, KernelOperand } from "../compiler/ir/nest.ts";
import type { DType } from "../compiler/ir/types.ts";
import { printKernels } from "../compiler/passes/print-kernels.ts";
import { primitives } from "../compiler/ops/table.ts";
import { callOf, cases, dataOf, sizeOf, SIZES, span } from "./ops/cases.ts";
import { assertPlanned } from "./passes/compare.ts";
import { apply, GraphBuilder, int, scalar } from "./passes/graph-builder.ts";
import { compileKernel, type Data } from "./tile-nests.ts";

const test = suite("routines among the passes");

/** The graph of `outputs`, planned and compared with the interpreter. */
function planned(build: (g: GraphBuilder) => Readonly<Record<string, number>>) {
  const g = new GraphBuilder();
  for (const [name, value] of Object.entries(build(g))) g.output(name, value);
  return assertPlanned(g.graph(), { N: 4, M: 3 });
}

const routinesOf = (plan: ReturnType<typeof planned>): readonly (string | undefined)[] =>
  plan.kernels.steps.map(({ kernel }) => plan.kernels.kernels[kernel]?.routine?.value.op);

test("results that nothing reads have buffers all the same", () => {
  const plan = planned((g) => {
    const top = g.call("topk", [g.input("x", ["N", 6])], { k: dimOf(2) });
    return { y: g.call("neg", [g.part(top, 1)]) };
  });
  assert.equal(routinesOf(plan), ["topk", undefined], printKernels(plan.kernels));
  const [call] = plan.kernels.steps;
  const buffers = call?.operands.map((id) => plan.kernels.buffers[id]?.dtype);
  assert.equal(buffers, ["f32", "f32", "i32"]);
});

test("a routine of which several results are read runs once", () => {
  const plan = planned((g) => {
    const top = g.call("topk", [g.input("x", ["N", 6])], { k: dimOf(2) });
    const rows = g.call("gather", [g.input("t", [6, 3]), g.part(top, 1)]);
    return { top, rows, sum: g.call("reduce_sum", [top], { axis: [0, 1], keep: false }) };
  });
  assert.is(routinesOf(plan).filter((op) => op === "topk").length, 1);
});

test("what a routine reads is written before, be it a view, a product, a number or a size", () => {
  planned((g) => {
    const x = g.input("x", ["N", 4]);
    const turned = g.call("transpose", [x], { perm: [1, 0] });
    const flat = g.call("reshape", [x], { shape: [mulDims(dimSymbol("N"), dimOf(4))] });
    const product = g.call("matmul", [x, g.variable("w", [4, 5])]);
    const ids = g.constant([2], [], "i32");
    const added = g.call("scatter_add", [flat, ids, g.constant([1.5])]);
    return {
      a: g.call("sort", [turned], { axis: 1 }),
      b: g.call("cumsum", [flat], { axis: 0 }),
      c: g.call("sort", [g.call("exp", [product])], { axis: 0 }),
      d: added,
    };
  });
});

test("a routine of a variable runs when the variable changes, with all its results", () => {
  const plan = planned((g) => {
    const top = g.call("topk", [g.variable("w", [8])], { k: dimOf(3) });
    const x = g.input("x", ["N", 3]);
    return { y: g.call("add", [x, top]), z: g.call("gather", [g.input("t", [8]), g.part(top, 1)]), top };
  });
  assert.equal(
    plan.kernels.derive.map(({ kernel }) => plan.kernels.kernels[kernel]?.routine?.value.op),
    ["topk"],
  );
  assert.not.ok(routinesOf(plan).includes("topk"));
});

test("a variable that a routine reads is not stored as panels", () => {
  const plan = planned((g) => {
    const w = g.variable("w", [8, 16]);
    return {
      y: g.call("matmul", [g.input("x", ["N", 8]), w]),
      z: g.call("add", [g.call("sort", [w], { axis: 1 }), g.input("b", [16])]),
    };
  });
  assert.is(plan.kernels.buffers.find(({ place }) => place === "variable")?.panels, undefined);
});

test("a routine's result that is read with padding is copied into a halo", () => {
  const plan = planned((g) => {
    const sorted = g.call("sort", [g.input("x", ["N", 4])], { axis: 0 });
    const before = g.tensor([sorted], ["N", 4], [2], (axes, read) => {
      const [i = int(0), j = int(0), u = int(0)] = axes;
      const body = read(0, [apply("sub", "i32", i, u), j], 0);
      return scalar({ dtype: "f32", kind: "reduce", monoid: "sum", axes: [2], body });
    });
    return { y: before };
  });
  assert.ok(
    plan.kernels.kernels.some(({ name }) => name === "pad"),
    printKernels(plan.kernels),
  );
});

test("a routine of constants is computed by the compiler", () => {
  const plan = planned((g) => {
    const factor = g.call("cholesky", [g.constant([4, 2, 2, 5], [2, 2])]);
    return { y: g.call("add", [g.input("x", [2, 2]), factor]) };
  });
  assert.equal(routinesOf(plan), [undefined]);
  assert.is(plan.kernels.derive.length, 0);
});

test("equal routines share a kernel, others do not", () => {
  const plan = planned((g) => {
    const x = g.input("x", ["N", 6]);
    const y = g.input("y", ["N", 6]);
    const sort = (of: number, axis: number) => g.call("sort", [of], { axis });
    return { a: sort(x, 1), b: sort(y, 1), c: sort(x, 0), d: g.call("cumsum", [x], { axis: 1 }) };
  });
  assert.is(plan.kernels.steps.length, 4);
  assert.is(plan.kernels.kernels.length, 3, printKernels(plan.kernels));
  assert.equal(
    plan.kernels.kernels.map(({ dims }) => dims),
    [["N"], ["N"], ["N"]],
  );
});

test("scratch shares memory with nothing that its step reads or writes", () => {
  const plan = planned((g) => {
    const a = g.input("a", [5, 5]);
    const shifted = g.call("add", [
      a,
      g.constant(
        Array.from({ length: 25 }, (_, i) => (i % 6 === 0 ? 9 : 0)),
        [5, 5],
      ),
    ]);
    const b = g.call("exp", [g.input("b", [5])]);
    return { x: g.call("exp", [g.call("tanh", [g.call("solve", [shifted, b])])]) };
  });
  const { kernels, memory } = plan;
  const call = kernels.steps.find(({ kernel }) => kernels.kernels[kernel]?.routine);
  const slots = call?.operands.map((id) => JSON.stringify(memory.places.get(kernels.buffers[id]?.alias ?? id)));
  assert.is(slots?.length, 5);
  assert.is(new Set(slots).size, 5, printKernels(kernels, memory));
  assert.match(printKernels(kernels, memory), /p2 = solve\(p0, p1\) with scratch p3\[25\], p4\[5\]/);
});

// ---- the code alone -------------------------------------------------------------------------------------

const arrayFor = (dtype: DType, data: ArrayLike<number>): Data =>
  dtype === "f32" ? Float32Array.from(data) : dtype === "u32" ? Uint32Array.from(data) : Int32Array.from(data);

for (const record of Object.values(primitives)) {
  const arbitrary = cases[record.name];
  if (record.class !== "routine" || !arbitrary) continue;
  test(`${record.name} writes its results and its scratch, and nothing behind them`, async () => {
    for (const own of fc.sample(arbitrary, { numRuns: 12, seed: 5 })) {
      const { type, attributes = {}, more = [] } = record.infer(callOf(own.operands, own.args));
      const value = { op: record.name, args: own.operands.map((_, k) => k), attributes, type, more, span: span() };
      const scratch = record.scratch?.(value, own.operands) ?? [];
      const access = (dtypes: readonly DType[], kind: "read" | "write"): KernelOperand[] =>
        dtypes.map((dtype) => ({ dtype, access: kind }));
      const results = [type, ...more];
      const kernel: Kernel = {
        name: record.name,
        nests: [],
        routine: { value, operands: own.operands, scratch },
        operands: [
          ...access(
            own.operands.map(({ dtype }) => dtype),
            "read",
          ),
          ...access(
            results.map(({ dtype }) => dtype),
            "write",
          ),
          ...access(
            scratch.map(() => "i32"),
            "write",
          ),
        ],
        dims: Object.keys(SIZES),
        spans: [],
      };
      const elements = (shape: typeof type.shape): number => sizeOf(shape.length > 0 ? mulDims(...shape) : ONE);
      const fed = dataOf(own).map(({ dtype, data }) => arrayFor(dtype, data));
      const made = results.map(({ dtype, shape }) => arrayFor(dtype, new Float64Array(elements(shape)).fill(77)));
      const rest = scratch.map((size) =>
        new Int32Array(evaluateDim(size, (name) => SIZES[name] ?? 0)).fill(0x7fc00000),
      );
      const meaning = record.meaning(
        own.operands.map(({ dtype, shape }, k) => ({
          dtype,
          shape: shape.map(sizeOf),
          data: Float64Array.from(fed[k] ?? []),
        })),
        value,
        { shape: type.shape.map(sizeOf), type, size: sizeOf },
      );
      const wanted = meaning instanceof Float64Array ? [meaning] : meaning;
      for (const { target, run } of await compileKernel(kernel)) {
        const after = run([...fed, ...made, ...rest], SIZES);
        const bits = (data: Data): Int32Array => new Int32Array(data.buffer, data.byteOffset, data.length);
        for (const [k, data] of fed.entries())
          assert.equal(bits(after[k] ?? new Int32Array()), bits(data), `${target}: operand ${k} is as it was`);
        for (const [i, expected] of wanted.entries())
          for (const [e, x] of expected.entries()) {
            const y = after[fed.length + i]?.[e] ?? Number.NaN;
            const isClose =
              x === y || (Number.isNaN(x) && Number.isNaN(y)) || Math.abs(x - y) <= 1e-5 * Math.max(1, Math.abs(x));
            if (!isClose) assert.unreachable(`${target}: result ${i}[${e}] is ${y} instead of ${x}`);
          }
      }
    }
  });
}

test.run();
