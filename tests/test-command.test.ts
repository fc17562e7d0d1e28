/** `tfgc test`: which tests run, on what, and what is said of those that fail. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkProgram } from "../compiler/check/index.ts";
import { withoutTensorLiterals } from "../compiler/cli/run-test.ts";
import { selectOutputs } from "../compiler/passes/select-outputs.ts";
import { runPasses } from "../compiler/pipeline.ts";
import { library } from "../compiler/std/sources.ts";
import { spanText } from "../grammar/source.ts";
import { tfgc } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "tfgc-test-"));
const at = (name: string): string => join(folder, name);

const command = suite("tfgc test");
command.after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  writeFileSync(at(name), text);
  return at(name);
}

const good = `import { twice } from "./twice.tfg"
config K: int = 3
test "doubling" {
  x: f32[2] = [1.0, 2.5]
  assert all(twice(x) == [2.0, 5.0]) && rank(x) == 1, "each is doubled"
}
test "a config" { assert K == 3, "K is {K}" }
`;
file("twice.tfg", "def twice[..S](x: f32[..S]) -> f32[..S] = 2.0 * x\n");

command("passes what holds on every target, with imports and --set", async () => {
  const path = file("good.tfg", good);
  assert.equal(await tfgc("test", path), {
    code: 0,
    out: `ok   ${path}: doubling\nok   ${path}: a config\n2 passed, 0 failed\n`,
    error: "",
  });
  const set = await tfgc("test", path, "--set", "K=4");
  assert.is(set.code, 1);
  assert.match(set.out, "1 passed, 1 failed");
  assert.match(set.error, /error\[TFG0317\]: K is 4\n.*good\.tfg:7:26\n/);
  assert.match(set.error, "false when compiling");
});

command("says of a comparison which values made it fail, at their place", async () => {
  const path = file(
    "bad.tfg",
    `test "comparisons" {
  x: f32[2, 3] = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
  y = x + tensor(i in 2, j in 3: select(i == 1 && j == 2, 0.5, 0.0))
  assert all(abs(x - y) < 1e-3), "x is y"
  assert sum(x) == 20.0
  assert all(x > [[0.0, 9.0, 0.0], [0.0, 0.0, 0.0]])
  assert any(x > 100.0)
  assert !any(x > 3.0), "none is large"
}
`,
  );
  const { code, out, error } = await tfgc("test", path);
  assert.is(code, 1);
  assert.is(out, `FAIL ${path}: comparisons\n0 passed, 1 failed\n`);
  const said = error.replace(/^ *--> .*$|^ *\|$/gm, "").match(/^error.*|[\^]+ .*/gm);
  assert.equal(said, [
    "error[TFG0317]: x is y",
    "^^^^^^^^^^^^^^^^^^^^^^ 0.5 < 0.001 is false at [1, 2], where `x` is 6 and `y` is 6.5; 1 of 6 elements",
    "error[TFG0317]: this assertion does not hold",
    "^^^^^^^^^^^^^^ 21 == 20 is false",
    "error[TFG0317]: this assertion does not hold",
    "^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ 2 > 9 is false at [0, 1]; 1 of 6 elements",
    "error[TFG0317]: this assertion does not hold",
    "^^^^^^^^^^^^^^ false",
    "error[TFG0317]: none is large",
    "^^^^^^^^^^^^^ false",
  ]);
  assert.not.match(error, "on wasm");
});

command("reports NaN as the worst, and an assertion of a part of a conjunction by itself", async () => {
  const path = file(
    "nan.tfg",
    `test "nan" {
  x: f32[3] = [1.0, nan, 7.0]
  assert x[0] == 1.0 && all(x < 5.0) && x[2] == 7.0
}
`,
  );
  const { error } = await tfgc("test", path);
  assert.match(error, "NaN < 5 is false at [1]; 2 of 3 elements");
  assert.is(error.match(/^error/gm)?.length, 1);
});

command("runs kernels, where the compiler would fold a test of literals to its outcome", () => {
  const text = `test "t" {\n  x: f32[3] = [1.0, 2.0, 3.0]\n  assert all(abs(softmax(x) - exp(x) / sum(exp(x))) < 1e-6)\n}\n`;
  const { tests } = checkProgram({ path: "t.tfg", read: () => text, library, tests: true });
  const [test] = tests;
  if (!test) throw new Error("no test");
  const outcome = selectOutputs(test.graph, ["assertion 0"]);
  assert.is(runPasses(outcome, { verify: true }).kernels.steps.length, 0);
  const { graph, feeds } = withoutTensorLiterals(outcome);
  assert.equal(
    [...feeds.values()].map(({ shape, data }) => [shape, [...data]]),
    [[[3], [1, 2, 3]]],
  );
  assert.ok(runPasses(graph, { verify: true }).kernels.steps.length > 0);
});

command("has the arithmetic of f32 on wasm and in the interpreter", async () => {
  const path = file(
    "rounding.tfg",
    `test "rounding" {\n  x: f32[1] = [16777216.0]\n  assert all((x + 1.0) - x == 0.0)\n}\n`,
  );
  assert.is((await tfgc("test", path, "--target", "wasm,interpret")).code, 0);
});

command("--target and --filter choose; --seed draws other weights", async () => {
  const path = file(
    "seed.tfg",
    `test "drawn" {
  param w: f32[1] = random_uniform(min=0.0, max=1.0)
  r = random_uniform([1], min=2.0, max=3.0)
  assert all(w == 0.123) && all(r == 0.123)
}
test "other" { assert true }
`,
  );
  const values = async (...args: string[]): Promise<string[]> =>
    [...(await tfgc("test", path, "--filter", "drawn", ...args)).error.matchAll(/ (\S+) == 0.123 is false/g)].map(
      ([, value]) => value ?? "",
    );
  const zero = await values();
  assert.is(zero.length, 2, "the targets draw the same");
  assert.equal(await values("--seed", "0", "--target", "interpret"), zero);
  assert.equal(await values("--target", "js,wasm"), zero);
  const one = await values("--seed", "1");
  assert.is.not(one[0], zero[0]);
  assert.is.not(one[1], zero[1]);
  assert.match((await tfgc("test", path, "--filter", "other")).out, /^ok {3}.*other\n1 passed, 0 failed\n$/);
});

command("prints outcomes as JSON", async () => {
  const path = file(
    "json.tfg",
    `test "no" { assert [1.0, 2.0][1] + sum([3.0]) == 4.0, "sum" }\ntest "yes" { assert 1 == 1 }\n`,
  );
  const { code, out, error } = await tfgc("test", path, "--json");
  assert.is(code, 1);
  assert.is(error, "");
  const { tests, messages } = JSON.parse(out) as {
    tests: {
      name: string;
      line: number;
      passed: boolean;
      failures: { code: string; message: string; line: number }[];
    }[];
    messages: unknown[];
  };
  assert.equal(messages, []);
  assert.equal(
    tests.map(({ name, line, passed, failures }) => [name, line, passed, failures.map((each) => each.message)]),
    [
      ["no", 1, false, ["sum"]],
      ["yes", 2, true, []],
    ],
  );
});

command("runs the library's own tests by name", async () => {
  const { code, out } = await tfgc("test", "std/random", "std/reduce.tfg", "--target", "interpret");
  assert.is(code, 0);
  assert.match(out, /^ok {3}std\/random\.tfg: /m);
  assert.match(out, /^ok {3}std\/reduce\.tfg: /m);
  const unknown = await tfgc("test", "std/reduse");
  assert.is(unknown.code, 2);
  assert.match(unknown.error, "the standard library has no std/reduse; did you mean std/reduce?");
});

command("a program with an error runs no test of it; a run that fails fails its test", async () => {
  const path = file("error.tfg", `test "a" { assert all(relu(nothing) == 1.0) }\ntest "b" { assert true }\n`);
  const wrong = await tfgc("test", path);
  assert.is(wrong.code, 1);
  assert.match(wrong.error, "error[TFG0201]: unknown name `nothing`");
  assert.match((await tfgc("check", path)).error, "error[TFG0201]: unknown name `nothing`");
  const failing = file(
    "failing.tfg",
    `layer counted(x: f32) -> f32 {
  state n: i32 = 3
  assert n < 3, "too many"
  return x
}
test "run" {
  x: f32[2] = [1.0, 2.0]
  assert counted(sum(x)) == 3.0
}
`,
  );
  const ran = await tfgc("test", failing);
  assert.is(ran.code, 1);
  assert.match(ran.out, "0 passed, 1 failed");
  assert.match(ran.error, /error\[TFG0812\]: too many.*\n.*failing\.tfg:6:1\n/);
});

for (const [args, says] of [
  [["test"], "say which file"],
  [["test", "none.tfg", "--target", "webgpu"], "--target takes wasm, js, interpret, not webgpu"],
  [["test", "GOOD", "--filter", "nothing like it"], "no test has nothing like it in its name"],
  [["test", "EMPTY"], "has no test"],
] as const)
  command(`${args.join(" ")} is wrong use`, async () => {
    const paths = { GOOD: at("good.tfg"), EMPTY: file("empty.tfg", "graph g { output y = 1.0 }\n") };
    const { code, error } = await tfgc(...args.map((arg) => (arg === "GOOD" || arg === "EMPTY" ? paths[arg] : arg)));
    assert.is(code, 2);
    assert.match(error, says);
  });

command("a file that is not there is an error", async () => {
  const { code, error } = await tfgc("test", at("missing.tfg"));
  assert.is(code, 1);
  assert.match(error, "error[TFG0601]");
});

command.run();

// ---- what a test block may hold -------------------------------------------------------------------------------

const blocks = suite("test blocks");

function errorsOf(text: string): string[] {
  const { diagnostics } = checkProgram({
    path: "t.tfg",
    read: (path) => (path === "t.tfg" ? text : undefined),
    library,
    tests: true,
  });
  return diagnostics
    .filter(({ severity }) => severity === "error")
    .map(({ code, message, primary }) => `${code} ${message} at ${spanText(primary.span)}`);
}

blocks("may use constants, variables, scopes, compile-time branches, and names before their lines", () => {
  assert.equal(
    errorsOf(`test "t" {
  assert all(y > 0.0)
  y = exp(x)
  const N = 3
  param w: f32[N] = ones
  state s: f32[N] = zeros
  scope "inner" { z = dense([[1.0, 2.0]], N) }
  x = w + s + z[0]
  if N == 3 { v = x } else { v = 2.0 * x }
  assert all(v == x)
}`),
    [],
  );
});

blocks("assert a scalar bool, and at least once", () => {
  assert.equal(errorsOf(`test "t" { assert [1.0, 2.0] > sum([0.5]) }`), [
    "TFG0210 an assertion is one bool, and this is bool[2] at [1.0, 2.0] > sum([0.5])",
  ]);
  assert.equal(errorsOf(`test "t" {\n  x: f32[2] = [1.0, 2.0]\n  assert sum(x)\n}`), [
    "TFG0210 an assertion is a bool, not f32 at sum(x)",
  ]);
  assert.equal(errorsOf(`test "t" { x = 1.0 }`), [`TFG0210 this test asserts nothing at "t"`]);
});

blocks("are one run, with names of their own", () => {
  assert.equal(errorsOf(`test "t" {\n  state s: i32 = 0\n  s := s + 1\n  assert s == 1\n  return s\n}`), [
    "TFG0403 `s` is updated in a test at :=",
    "TFG0210 a test does not return at return",
  ]);
  assert.equal(errorsOf(`test "t" { assert true }\ntest "t" { assert true }`), [
    `TFG0202 two tests are named "t" at "t"`,
  ]);
  assert.equal(errorsOf(`test "t {1 + 1}" { assert true }`), [
    `TFG0210 the name of a test is a plain string at "t {1 + 1}"`,
  ]);
});

blocks("are not elaborated unless they are asked for", () => {
  const text = `test "t" { assert nothing }\ngraph g { output y = 1.0 }`;
  const { tests, diagnostics } = checkProgram({ path: "t.tfg", read: () => text, library });
  assert.equal(tests, []);
  assert.equal(diagnostics, []);
});

blocks("share instances of layers that scope blocks hold", () => {
  assert.equal(
    errorsOf(`layer pair[B](x: f32[B, 2]) -> f32[B, 2] {
  scope "a" { y = dense(x, 2) }
  z = dense(y, 2)
  scope "a" { w = dense(z, 2) }
  scope "b" { v = dense(w, 2) }
  return v
}
test "t" {
  x: f32[1, 2] = [[1.0, 2.0]]
  assert all(pair(x, name="p") == pair(x, reuse="p"))
}`),
    [],
  );
});

blocks.run();
