/** Random nodes in sessions: equal on every target, keyed by seed and path, numbered by runs, continued by a saved file. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { interpret } from "../compiler/interpret.ts";
import type { Graph } from "../compiler/ir/graph.ts";
import { type AnySession, openSession, type SessionOptions, Tensor } from "../runtime/index.ts";
import { compiledOf } from "./oracle/targets.ts";
import { graphOf } from "./program.ts";

const random = suite("random nodes");

async function opener(graph: Graph): Promise<(options: SessionOptions) => Promise<AnySession>> {
  const compiled = await compiledOf(graph);
  return (options) => openSession(compiled, options);
}

const numbers = (results: Record<string, number | Tensor>, name: string): readonly number[] => {
  const result = results[name];
  return result instanceof Tensor ? Array.from(result.data) : [Number(result)];
};

const PROGRAM = `
layer noisy[..S](x: f32[..S]) -> f32[..S] = x + random_normal([..S], stddev=0.5)
graph g[N] {
  input x: f32[N, 5]
  output bits = random_bits([N, 5])
  output uniform = random_uniform([N, 5], min=-2.0, max=3.0)
  output normal = random_normal([N, 3])
  output layered = noisy(x) |> noisy
  output looped = while(zeros([6]), max=4, fn(c) => c + random_uniform([6]))
  output chosen = categorical(broadcast([0.0, 1.0, -1.0], [40, 3]))
  output order = shuffle(23)
}`;
const NAMES = ["bits", "uniform", "normal", "layered", "looped", "chosen", "order"];
const TARGETS: readonly SessionOptions[] = [{ device: "wasm" }, { device: "wasm", profile: "base" }, { device: "js" }];

random("bits and uniforms are equal bit for bit on every target, normals nearly; runs and seeds differ", async () => {
  const graph = graphOf(PROGRAM);
  const open = await opener(graph);
  const x = { dtype: "f32" as const, shape: [7, 5], data: new Float64Array(35) };
  const seen = new Set<string>();
  for (const seed of [0, 1, 2 ** 40 + 5]) {
    const sessions = await Promise.all(TARGETS.map((target) => open({ ...target, seed })));
    for (let run = 0; run < 3; run++) {
      const want = interpret(graph, {
        feeds: new Map([["x", x]]),
        variables: new Map(),
        fetches: NAMES,
        seed,
        run,
        rounding: "dtype",
      });
      for (const [i, session] of sessions.entries()) {
        const got = await session.run(NAMES, { x: { data: new Float32Array(35), shape: [7, 5] } });
        for (const name of NAMES) {
          const expected = Array.from(want.get(name)?.data ?? []);
          const where = `${name} on ${JSON.stringify(TARGETS[i])}, seed ${seed}, run ${run}`;
          if (name === "normal" || name === "layered")
            numbers(got, name).forEach((y, k) => {
              const z = expected[k] ?? Number.NaN;
              assert.ok(Math.abs(y - z) <= 1e-6 * Math.max(1, Math.abs(z)), `${where}: ${y} instead of ${z}`);
            });
          else assert.equal(numbers(got, name), expected, where);
        }
        if (i === 0) seen.add(numbers(got, "bits").join());
      }
    }
  }
  assert.is(seen.size, 9, "no two seeds or runs draw the same");
});

random("a saved session goes on where it was, with its seed; a run may have a seed of its own", async () => {
  const open = await opener(
    graphOf(
      "graph g {\n  state n: i32 = 0\n  output u = random_uniform([4])\n  output z = n\n  step inc { n := n + 1 }\n}\n",
    ),
  );
  const first = await open({ device: "wasm", seed: 77 });
  const draws: (readonly number[])[] = [];
  for (let i = 0; i < 2; i++) draws.push(numbers(await first.run(["u", "inc"]), "u"));
  const file = await first.save();
  for (let i = 0; i < 2; i++) draws.push(numbers(await first.run("u"), "u"));
  for (const device of ["wasm", "js"] as const) {
    const second = await open({ device, weights: file });
    assert.is((await second.run("z", {}, { seed: 1 })).z, 2);
    const third = await open({ device, weights: file });
    assert.equal(numbers(await third.run("u"), "u"), draws[2]);
    assert.equal(numbers(await third.run("u"), "u"), draws[3]);
    // The numbers of the runs count, not what they drew.
    assert.equal(numbers(await second.run("u"), "u"), draws[3]);
  }
  const fresh = await open({ device: "js", seed: 5 });
  assert.equal(numbers(await fresh.run("u", {}, { seed: 77 }), "u"), draws[0]);
  assert.not.equal(numbers(await fresh.run("u"), "u"), draws[1]);
  await fresh.initialize(77);
  assert.equal(numbers(await fresh.run("u"), "u"), draws[0]);
  assert.equal(
    await fresh.run("u", {}, { seed: 0.5 }).catch((error: Error) => error.message),
    "TFG0808 seed 0.5 is not an integer",
  );
});

random("a random node elsewhere changes no other", async () => {
  const drawn = async (more: string, of = "z") => {
    const open = await opener(
      graphOf(
        `layer drop(x: f32[4]) -> f32[4] = x * random_uniform([4])\ngraph g {\n${more}  z = random_uniform([4])\n  output ${of === "z" ? "z" : `${of} = drop(ones([4]), name="d")`}\n}\n`,
      ),
    );
    return numbers(await (await open({ device: "js", seed: 3 })).run(of), of);
  };
  assert.equal(await drawn("  output a = random_uniform([4])\n"), await drawn(""));
  assert.equal(await drawn("  output a = drop(ones([4]))\n", "y"), await drawn("", "y"));
  assert.not.equal(await drawn(""), await drawn("", "y"));
});

random.run();
