import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sourceFile } from "../grammar/source.ts";
import type { Kernel } from "../compiler/ir/nest.ts";
import { CodeBuilder, constant, formatFunction, load, op, plus, use, verifyFunction } from "../compiler/ir/stmt.ts";
import { generate } from "../compiler/targets/code.ts";
import { compact } from "../compiler/tile/compact.ts";
import { affine, input, kernelOf, NestMaker, output } from "./tile-nests.ts";

const test = suite("code of a program");

/** `out[i] = in[i] * factor` over `extent`. */
function scaling(factor: number, name: string): Kernel {
  const make = new NestMaker();
  const i = make.axis("i", "N");
  make.store(1, affine([[i, 1]]), make.apply("mul", "f32", make.read(0, affine([[i, 1]])), make.constant(factor)));
  const span = { file: sourceFile("model.tfg", "line one\nline two\n"), start: 9, end: 13 };
  return { ...kernelOf(make.nest, [input(), output()], ["N"]), name, spans: [span, span] };
}

/** Words of memory after `call`, for each target. */
async function runAll(
  kernels: readonly Kernel[],
  steps: readonly number[],
  words: readonly number[],
  call: "run" | "derive",
): Promise<readonly Float32Array[]> {
  const calls = steps.map((kernel) => ({ do: "call" as const, kernel, args: ["pointer", "pointer", "dim"] as const }));
  const program = call === "run" ? { derive: [], steps: calls } : { derive: calls, steps: [] };
  const code = await generate(kernels, program, { wasm: true, js: true });
  const bytes = [code.wasm?.fma, code.wasm?.base];
  return [...bytes, code.js].map((made) => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    new Int32Array(memory.buffer).set(words, 16);
    new Float32Array(memory.buffer).set([1, 2, 3, 4, 5], 64);
    if (typeof made === "string") {
      const entry = new Function(`return ${made}`)()(memory.buffer) as Record<
        "run" | "derive",
        (block: number) => void
      >;
      entry[call](64);
    } else {
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(made ?? [])), {
        m: { m: memory },
      });
      (exports[call] as (block: number) => void)(64);
    }
    return new Float32Array(memory.buffer).slice(64, 128);
  });
}

test("a walk calls the steps whose flags are set, in order, with the arguments of the block", async () => {
  // From element 64 to 80, then from 80 to 96; the step between is switched off.
  const words = [1, 256, 320, 5, 0, 320, 320, 5, -1, 320, 384, 3];
  for (const call of ["run", "derive"] as const)
    for (const memory of await runAll([scaling(2, "double"), scaling(10, "ten")], [0, 1, 1], words, call)) {
      assert.equal([...memory.slice(16, 21)], [2, 4, 6, 8, 10]);
      assert.equal([...memory.slice(32, 37)], [20, 40, 60, 0, 0]);
    }
});

test("kernels of one name, of a name with signs, and of a reserved word become different functions", async () => {
  const kernels = ["run", "run", "a/b:c", "delete"].map((name, i) => scaling(i + 2, name));
  const code = await generate(
    kernels,
    {
      derive: [],
      steps: kernels.map((_, kernel) => ({
        do: "call" as const,
        kernel,
        args: ["pointer", "pointer", "dim"] as const,
      })),
    },
    { wasm: true, js: true },
  );
  const functions = [...(code.js ?? "").matchAll(/function (\w+)/g)].map(([, name]) => name);
  assert.is(new Set(functions).size, 4);
  assert.ok(code.wasm);
});

test("text names the places of the source, each once", async () => {
  const code = await generate([scaling(2, "double")], { derive: [], steps: [] }, { wasm: false, js: true });
  assert.is(code.wat.fma.split(";; model.tfg:2").length, 2);
  assert.is((code.js ?? "").split("// model.tfg:2").length, 2);
});

test("kernels without products that are added are the same text for both profiles", async () => {
  const code = await generate(
    [scaling(2, "double")],
    { derive: [], steps: [{ do: "call", kernel: 0, args: ["pointer", "pointer", "dim"] }] },
    { wasm: false, js: false },
  );
  assert.is(code.wat.fma, code.wat.base);
  assert.is(code.js, undefined);
});

test("axes and dims may bear the names of words and of the views of memory", async () => {
  const make = new NestMaker();
  const axis = make.axis("for", "F");
  make.store(1, affine([[axis, 1]]), make.apply("round", "f32", make.read(0, affine([[axis, 1]]))));
  const kernel = kernelOf(make.nest, [input(), output()], ["F"]);
  for (const memory of await runAll([kernel], [0], [1, 256, 320, 3], "run"))
    assert.equal([...memory.slice(16, 19)], [1, 2, 3]);
});

test("a function with kinds that disagree, or that reads a local before it is set, is no function", () => {
  const broken =
    (fill: (code: CodeBuilder) => void): (() => void) =>
    () => {
      const code = new CodeBuilder();
      fill(code);
      verifyFunction(code.finish("broken", []));
    };
  assert.throws(
    broken((code) => code.let(op("add", constant("i32", 1), constant("f32", 1)), "x")),
    /kinds of add/,
  );
  assert.throws(
    broken((code) => code.store(constant("i32", 0), 0, use(code.local("f32", "x")))),
    /x is read before it is set/,
  );
  assert.throws(
    broken((code) => {
      code.when(constant("i32", 1), () => code.let(load("f32", constant("i32", 0), 0), "inner"));
      const inner = code.locals[0];
      if (inner) code.store(constant("i32", 0), 0, use(inner));
    }),
    /inner is read before it is set/,
  );
});

test("a value that is read once moves to its reader, unless something between changes it", () => {
  const code = new CodeBuilder();
  const pointer = code.parameter("p");
  const first = code.let(load("f32", pointer, 0), "first");
  const second = code.let(load("f32", pointer, 4), "second");
  const sum = code.let(op("add", first, constant("f32", 1)), "sum");
  code.store(pointer, 4, sum);
  code.store(plus(pointer, constant("i32", 8)), 0, second);
  assert.is(
    formatFunction(compact(code.finish("f", []))),
    "kernel f(p)\n  second: f32 = f32[p + 4]\n  [p + 4] = add(f32[p], 1)\n  [plus(p, 8)] = second\n",
  );
});

test.run();
