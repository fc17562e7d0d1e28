/**
 * Sessions with state: what runs in any order leave in the variables is what the interpreter says, on every target; and
 * a run that fails leaves nothing behind. By hand: `COUNT=500 SEED=1`.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { interpretRun } from "../compiler/interpret.ts";
import { dimOf } from "../compiler/ir/dims.ts";
import type { Graph, ValueId } from "../compiler/ir/graph.ts";
import { fetchNames, needsOfFetch } from "../compiler/ir/needs.ts";
import { printGraph } from "../compiler/ir/print.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { runPasses } from "../compiler/pipeline.ts";
import { TfgError } from "../runtime/errors.ts";
import { randomNumbers } from "./ops/cases.ts";
import { openTargets } from "./oracle/targets.ts";
import { GraphBuilder } from "./passes/graph-builder.ts";
import { graphOf } from "./program.ts";

const count = Number(process.env.COUNT ?? 60);
const first = Number(process.env.SEED ?? 1);

/** Variables of one shape, outputs and steps that read and write them in every way that the plan tells apart. */
function randomState(next: () => number): Graph {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  const g = new GraphBuilder();
  const x = g.input("x", [4, 3]);
  const names = ["a", "b", "c"];
  const variables = names.map((name) => g.variable(name, [4, 3]));
  const pool: ValueId[] = [x, ...variables];
  const square = g.variable("square", [3, 3]);
  const grow = (): ValueId => {
    const one = pick(pool);
    switch (Math.floor(next() * 7)) {
      case 0:
        return g.call("add", [one, pick(pool)]);
      case 1:
        return g.call("tanh", [one]);
      case 2:
        return g.call("reverse", [one], { axis: [pick([0, 1])] });
      case 3: {
        const part = g.call("slice", [pick(pool)], { axis: 0, at: dimOf(1), size: dimOf(2) });
        return g.call("update_slice", [one, part], { axis: 0, at: dimOf(pick([0, 1, 2])) });
      }
      case 4:
        return g.call("tanh", [g.call("matmul", [one, square])]);
      case 5: {
        const flat = g.call("reshape", [one], { shape: [dimOf(12)] });
        return g.call("reshape", [flat], { shape: [dimOf(4), dimOf(3)] });
      }
      default:
        return g.call("mul", [one, g.call("reduce_mean", [pick(pool)], { axis: [0], keep: true })]);
    }
  };
  for (let i = 0; i < 5; i++) pool.push(grow());
  for (const name of ["y", "z"]) g.output(name, pick(pool));
  for (const name of ["s", "t", "u"]) {
    const chosen = names.filter(() => next() < 0.5);
    g.step(
      name,
      chosen.map((variable) => ({ variable, value: next() < 0.5 ? pick(pool) : grow() })),
    );
  }
  // As a layer's update: it goes with an output too.
  if (next() < 0.5) g.update("square", g.call("tanh", [square]), ["y", "t"]);
  return g.graph();
}

const copyOf = (values: ReadonlyMap<string, NdArray>): Map<string, NdArray> =>
  new Map([...values].map(([name, array]) => [name, { ...array, data: array.data.slice() }]));

const codeOf = (error: unknown): string => (error instanceof TfgError ? error.code : String(error));

const state = suite("state on every target");

state(`${count} random graphs from seed ${first}: any order of fetches leaves what the interpreter says`, async () => {
  for (let seed = first; seed < first + count; seed++) {
    const next = randomNumbers(seed);
    const graph = randomState(next);
    const array = (shape: readonly number[]): NdArray => ({
      dtype: "f32",
      shape,
      data: Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => Math.fround(next() * 2 - 1)),
    });
    const start = new Map(graph.variables.map(({ name, shape }) => [name, array(shape)]));
    const compiled = runPasses(graph, { verify: true }).graph;
    const kept = compiled.variables.map(({ name }) => name);
    const names = fetchNames(graph);
    const runs = Array.from({ length: 8 }, () => {
      const fetches = names.filter(() => next() < 0.4);
      return fetches.length > 0 ? fetches : [names[0] ?? "y"];
    });
    const feed = array([4, 3]);
    const targets = await openTargets(graph, new Map([...start].filter(([name]) => kept.includes(name))));
    for (const [target, session] of targets) {
      let variables: ReadonlyMap<string, NdArray> = copyOf(start);
      for (const [i, fetches] of runs.entries()) {
        const where = `seed ${seed}, ${target}, run ${i} of ${fetches}\n${printGraph(graph)}`;
        const isFed = fetches.some((name) => needsOfFetch(compiled, name).inputs.has("x"));
        const feeds = new Map(isFed ? [["x", feed] as const] : []);
        let want: ReturnType<typeof interpretRun> | undefined;
        let refused = "";
        try {
          want = interpretRun(graph, { feeds: new Map([["x", feed]]), variables, fetches });
        } catch (error) {
          refused = codeOf(error);
        }
        const got = await session.run(feeds, fetches).catch(codeOf);
        if (typeof got === "string") assert.is(got, refused, where);
        else {
          assert.is(refused, "", where);
          for (const [name, { data }] of want?.results ?? [])
            assertClose(got.get(name)?.data, data, `${name}: ${where}`);
          variables = new Map([...variables, ...(want?.updates ?? [])]);
        }
        for (const name of kept)
          assertClose(await session.variable(name), variables.get(name)?.data, `variable ${name}: ${where}`);
      }
    }
  }
});

function assertClose(actual: ArrayLike<number> | undefined, expected: Float64Array | undefined, what: string): void {
  assert.is(actual?.length, expected?.length, what);
  expected?.forEach((x, i) => {
    const y = actual?.[i] ?? Number.NaN;
    assert.ok(Math.abs(x - y) <= 2e-5 * Math.max(1, Math.abs(x)), `${what}[${i}] is ${y} instead of ${x}`);
  });
}

const COUNTER = `graph counter[N] where N <= 4 {
  input x: f32[N]
  state count: i32 = 0
  state total: f32[2] = [1.0, 2.0]
  output before = total
  assert count < 2, "too often"
  step add { count := count + 1  total := total + sum(x) }
}`;

state("a run that fails changes nothing: an assertion, a check of the feeds, a wrong feed, an abort", async () => {
  const one = { dtype: "f32" as const, shape: [1], data: Float64Array.of(1) };
  const five = { dtype: "f32" as const, shape: [5], data: new Float64Array(5) };
  for (const [target, session] of await openTargets(graphOf(COUNTER), new Map())) {
    const holds = async (numbers: readonly number[], counted: number): Promise<void> => {
      assert.equal([...(await session.variable("total"))], numbers, target);
      assert.equal([...(await session.variable("count"))], [counted], target);
    };
    await holds([1, 2], 0);
    await session.run(new Map([["x", one]]), ["add"]);
    await holds([2, 3], 1);
    assert.is(await session.run(new Map([["x", five]]), ["add"]).catch(codeOf), "TFG0802", target);
    assert.is(await session.run(new Map(), ["add"]).catch(codeOf), "TFG0803", target);
    const aborted = new AbortController();
    aborted.abort(new Error("no more"));
    const late = await session.run(new Map([["x", one]]), ["add"], { signal: aborted.signal }).catch(String);
    assert.is(late, "Error: no more", target);
    await holds([2, 3], 1);
    await session.run(new Map([["x", one]]), ["add"]);
    const failed = await session.run(new Map([["x", one]]), ["add"]).catch((error: Error) => error.message);
    assert.is(failed, "TFG0812 too often: assert count < 2 (line 6): count is 2", target);
    await holds([3, 4], 2);
  }
});

const PAIRS = `graph pairs[N] {
  input x: f32[N]
  assert N % 2 == 0, "pairs"
  assert N != 4, "not two of them"
  assert N < 8
  output y = reshape(x, [N / 2, 2])
}`;

state("an assertion on sizes says its message and its line, on every target and in the interpreter", async () => {
  const graph = graphOf(PAIRS);
  const said = [
    [3, "TFG0802 pairs: where N % 2 == 0 (line 3): N is 3"],
    [4, "TFG0812 not two of them: assert N != 4 (line 4): N is 4"],
    [8, "TFG0802 where N < 8 (line 5): N is 8"],
  ] as const;
  for (const [size, message] of said) {
    const feeds = new Map([["x", { dtype: "f32" as const, shape: [size], data: new Float64Array(size) }]]);
    const textOf = (error: Error): string => error.message.replace(/ — .*/, "");
    assert.is(
      await Promise.resolve()
        .then(() => interpretRun(graph, { feeds, variables: new Map(), fetches: ["y"] }))
        .catch(textOf),
      message,
    );
    for (const [target, session] of await openTargets(graph, new Map()))
      assert.is(await session.run(feeds, ["y"]).catch(textOf), message, target);
  }
});

const SHORTER = `graph shorter {
  input x: f32
  output slope = grad(while(x, max=3, cond=fn(c) => c > 1.0, fn(c) => 0.5 * c), x)
}`;

state("a loop that ends earlier than in the run before keeps nothing of it", async () => {
  for (const [target, session] of await openTargets(graphOf(SHORTER), new Map()))
    for (const [x, slope] of [
      [9, 0.125],
      [3, 0.25],
      [0.5, 1],
    ] as const) {
      const feed = { dtype: "f32" as const, shape: [], data: Float64Array.of(x) };
      const got = await session.run(new Map([["x", feed]]), ["slope"]);
      assert.equal([...(got.get("slope")?.data ?? [])], [slope], `${target}, ${x}`);
    }
});

const HOST = `graph host[T] {
  input x: f32[T]
  state position: i32 = 0
  state odd: bool = false
  assert abs(-position) + T < 60, "sum"
  assert clamp(position, 0, 9) != 9 || T < 9, "clamped"
  assert (position - 3) ** 2 < 1000 && sign(position) >= 0, "power"
  assert reshape(position, []) % 7 != 6 && position / 0 == 0, "rest"
  assert if odd then max(position, 2) > 3 else !odd, "branch"
  step go { position := position + T  odd := !odd }
  output y = x
}`;

state("what a session can compute before a run is all that integers and bools have", async () => {
  const graph = graphOf(HOST);
  const steps = [
    [4, ""],
    [5, ""],
    [30, "clamped: assert clamp(position, 0, 9) != 9 || T < 9 (line 6): position is 9, T is 30"],
    [4, ""],
    [7, "rest: assert reshape(position, []) % 7 != 6 && position / 0 == 0 (line 8): position is 13"],
  ] as const;
  const feedOf = (size: number): NdArray => ({ dtype: "f32", shape: [size], data: new Float64Array(size) });
  const textOf = (error: Error): string => error.message.replace("TFG0812 ", "");
  let variables: ReadonlyMap<string, NdArray> = new Map([
    ["position", { dtype: "i32" as const, shape: [], data: Float64Array.of(0) }],
    ["odd", { dtype: "bool" as const, shape: [], data: Float64Array.of(0) }],
  ]);
  for (const [size, said] of steps) {
    let text = "";
    try {
      const { updates } = interpretRun(graph, { feeds: new Map([["x", feedOf(size)]]), variables, fetches: ["go"] });
      variables = new Map([...variables, ...updates]);
    } catch (error) {
      text = textOf(error as Error);
    }
    assert.is(text, said, `interpreter, ${size}`);
  }
  for (const [target, session] of await openTargets(graph, new Map()))
    for (const [size, said] of steps) {
      const text = await session.run(new Map([["x", feedOf(size)]]), ["go"]).then(() => "", textOf);
      assert.is(text, said, `${target}, ${size}`);
    }
});

console.log(`${count} random graphs with state, seeds ${first} to ${first + count - 1}`);
state.run();
