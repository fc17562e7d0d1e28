/** What TypeScript must accept and refuse. `npm run types` compiles this file: an unused `@ts-expect-error` fails there. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type FeedValue, openSession, type SessionOf, type Tensor } from "../runtime/index.ts";
import { toy } from "./runtime-program.ts";

interface Toy {
  dims: { N: number };
  feeds: {
    label: FeedValue<"i32", readonly [N: number], BigInt64Array>;
    x: FeedValue<"f32", readonly [N: number, 3]>;
    rate: FeedValue<"f32", readonly []>;
  };
  optional: "rate";
  shapes: {
    y: ["f32", readonly [N: number, 3]];
    total: ["i32", readonly []];
    even: ["bool", readonly [N: number]];
    kernel: ["f32", readonly [3]];
  };
  needs: { y: "x" | "rate"; total: "label"; even: "label"; kernel: never };
  params: { w: ["f32", readonly [3]] };
}

const runtime = suite("runtime types");
const x = Float32Array.of(1, 2, 3);
const label = Int32Array.of(4);

runtime("results are typed by their fetch: tensors by dtype and shape, scalars as numbers", async () => {
  const session: SessionOf<Toy> = await openSession<Toy>(toy);
  const { y } = await session.run("y", { x });
  const data: Float32Array<ArrayBuffer> = y.data;
  const three: 3 = y.shape[1];
  const { total, even } = await session.run(["total", "even"], { label });
  const sum: number = total;
  const bits: Tensor<"bool", readonly [N: number]> = even;
  const both = await session.run(["y", "total"], { x, label: BigInt64Array.of(4n), rate: 1 }, { dims: { N: 1 } });
  const kernel: 3 = (await session.run("kernel")).kernel.shape[0];
  const value: Float32Array = await session.params.w.get();
  assert.equal([data.length, three, sum, bits.data.length, both.total, kernel, value.length], [3, 3, 4, 1, 4, 3, 3]);
  await session.run("y", { x: y });
  await session.run("y", { x: { data, shape: [1, 3] } });
});

runtime("misuses are errors of TypeScript", async () => {
  const session = await openSession<Toy>(toy);
  const misuses = [
    // @ts-expect-error y needs `x`
    () => session.run("y", {}),
    // @ts-expect-error y needs `x`
    () => session.run("y"),
    // @ts-expect-error unknown fetch
    () => session.run("z", { x }),
    // @ts-expect-error wrong element type
    () => session.run("y", { x: new Float64Array(3) }),
    // @ts-expect-error the result has no such output
    async () => assert.ok((await session.run("y", { x })).total.toFixed),
    // @ts-expect-error a feed that the fetch does not use
    () => session.run("y", { x, label }),
    // @ts-expect-error a misspelt feed
    () => session.run("y", { x, lable: label }),
    // @ts-expect-error one of the fetches needs `label`
    () => session.run(["y", "total"], { x }),
    // @ts-expect-error kernel needs nothing
    () => session.run("kernel", { x }),
    // @ts-expect-error a misspelt variable
    async () => session.params.v.get(),
    // @ts-expect-error an unknown dim
    () => session.run("y", { x }, { dims: { M: 1 } }),
    // @ts-expect-error a number for a tensor
    () => session.run("y", { x: 3 }),
    // @ts-expect-error only `label` accepts 64-bit integers
    () => session.run("y", { x: BigInt64Array.of(1n, 2n, 3n) }),
    // @ts-expect-error wrong shape
    () => session.run("y", { x: { data: x, shape: [3] } }),
  ];
  // At run time each of them fails as well.
  for (const misuse of misuses) {
    const failure = await Promise.resolve()
      .then(misuse)
      .then(() => "", String);
    assert.match(failure, /^(TfgError: TFG080[13489] |TypeError)/, String(misuse));
  }
});

runtime.run();
