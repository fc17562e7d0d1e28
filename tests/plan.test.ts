/** What plans promise of loops, branches and state: what is skipped, what is written in place, what is computed once. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { printKernels } from "../compiler/passes/print-kernels.ts";
import { type Planned, runPasses } from "../compiler/pipeline.ts";
import { graphOf } from "./program.ts";

const plan = suite("plans");

const planned = (source: string): Planned => runPasses(graphOf(source), { verify: true });
const stepsOf = ({ kernels, memory }: Planned): string =>
  /^steps:\n([\s\S]*?)^memory:/m.exec(printKernels(kernels, memory))?.[1] ?? "";

plan("of a run-time if, what only one branch needs is in that branch, and what both need stands before it", () => {
  const steps = stepsOf(
    planned(`graph g[N] {
      input x: f32[N, 8]
      input c: bool
      h = dense(x, 8, name="both")
      a = dense(h, 8, name="a") |> dense(8, name="aa")
      b = dense(h, 8, name="b")
      output y = if c then a else b
    }`),
  );
  assert.match(
    steps,
    /^ {2}dense\(.*h.*\)\n {2}if c:\n( {4}dense.*\n){2} {2}if not c:\n {4}dense.*\n {2}if\(.*y.*\)\n$/,
  );
});

plan("branches stand in branches; a condition that a branch alone needs is computed there", () => {
  const steps = stepsOf(
    planned(`graph g[N] {
      input x: f32[N, 8]
      input c: bool
      inner = if sum(exp(x)) > 1.0 then dense(x, 8, name="a") else dense(x, 8, name="b")
      output y = if c then relu(inner) else x
    }`),
  );
  assert.match(steps, /^ {2}if c:\n( {4}.*\n)+/);
  assert.is(steps.match(/^ {6}dense/gm)?.length, 2);
  assert.not.match(steps, /^ {2}(dense|exp)/m);
});

const CACHED = `layer cached[T](k: f32[4, T, 8], position: i32) -> f32[4, 64, 8] {
  state cache: f32[4, 64, 8] = zeros
  now = update_slice(cache, k, axis=1, at=position)
  cache := now
  return now
}
`;

plan("a cache is updated in place: only its slice is written, and nothing copies it", () => {
  const made = planned(`${CACHED}graph g[T] where T <= 16 {
    input k: f32[4, T, 8]
    state position: i32 = 0
    output total = sum(cached(k, position), axis=1)
    step remember { position := position + T }
  }`);
  assert.is(stepsOf(made), "  cached(position, k, cached)\n  reduce_sum(cached, total)\n  add(position, add)\n");
  const [writer] = made.kernels.kernels;
  const [store] = writer?.nests[0]?.stores ?? [];
  // The axes of the slice, T of them: those of the cache have 64.
  assert.equal(
    store?.over.map((axis) => writer?.nests[0]?.axes[axis]?.extent.key),
    ["4", "8*T"],
  );
});

plan("an old value that is still read is not written over", () => {
  const steps = stepsOf(
    planned(`graph g {
      state n: f32[3] = [1.0, 2.0, 3.0]
      state m: f32[3] = zeros
      step turn { n := reverse(n, axis=0) * 2.0 }
      step follow { m := n + 1.0 }
    }`),
  );
  assert.match(steps, /^ {2}copy\w*\(.*, n_next\)$/m);
  assert.not.match(steps, /m_next/);
});

plan("what does not depend on the iteration is computed before the loop, and carries are written in place", () => {
  const steps = stepsOf(
    planned(`graph g[B, T] {
      input xs: f32[B, T, 4]
      input u: f32[B, 8]
      h0 = zeros([B, 8])
      ys, last = scan(xs, init=h0, over=T, fn(h, x) {
        h1 = tanh(h + dense(u, 8, name="outside") + sum(x))
        return h1, h1
      })
      output end = last
    }`),
  );
  assert.match(steps, /^ {2}dense\(.*\n(.*\n)* {2}for #0 < T:\n/);
  assert.not.match(steps, /^ {4}dense/m);
  assert.not.match(steps, /^ {4}copy/m);
});

plan.run();
