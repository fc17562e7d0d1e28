/** Variables, steps and assertions from source to the interpreter. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { TfgError } from "../runtime/errors.ts";
import { codeOf, errorsOf, graphOf, Interpreter } from "./program.ts";

const state = suite("state in the interpreter");

state("a step updates variables, reads see them as before the run, and a step has no result", () => {
  const session = new Interpreter(
    graphOf(`graph g {
      state a: i32 = 1
      state b: i32 = 2
      output sum = a + 10 * b
      step swap { a := b  b := a }
      step twice { const k = 2  next = a * k  a := next }
    }`),
  );
  assert.is(session.numbers("sum")[0], 21);
  const both = session.run(["sum", "swap"]);
  assert.equal([...both.keys()], ["sum"]);
  assert.is(both.get("sum")?.data[0], 21);
  assert.is(session.numbers("sum")[0], 12);
  session.run(["twice"]);
  assert.equal([session.variable("a"), session.variable("b")], [[4], [1]]);
});

state("two fetched steps that update one variable are refused, and nothing is updated", () => {
  const session = new Interpreter(
    graphOf(`graph g {
      state n: i32 = 5
      state m: i32 = 0
      step up { n := n + 1  m := 1 }
      step reset { n := 0 }
      output y = n
    }`),
  );
  assert.is(
    codeOf(() => session.run(["up", "reset"])),
    "TFG0807",
  );
  assert.equal([session.variable("n"), session.variable("m")], [[5], [0]]);
  session.run(["y", "up"]);
  assert.equal([session.variable("n"), session.variable("m")], [[6], [1]]);
});

state("an update in a layer goes with every fetch that evaluates the layer, through steps too", () => {
  const session = new Interpreter(
    graphOf(`layer counted[..S](x: f32[..S]) -> f32[..S] {
      state n: i32 = 0
      n := n + 1
      if training { n := 100 }
      return x
    }
    layer average(x: f32, momentum: f32 = 0.5) -> f32 {
      state m: f32 = 0.0
      m := momentum * m + (1 - momentum) * counted(x, name="inner")
      return m
    }
    graph g {
      input x: f32
      state total: f32 = 0.0
      unused = counted(x, name="unused")
      output raw = 2 * x
      output y = counted(x, name="first") + 1
      output z = average(x) * 1.0
      step keep { total := total + average(x, name="kept") }
    }`),
  );
  assert.equal(
    session.graph.variables.map(({ name }) => name),
    ["total", "first/n", "average/m", "average/inner/n", "kept/m", "kept/inner/n"],
  );
  session.run(["raw"], { x: 3 });
  assert.equal(session.variable("first/n"), [0]);
  assert.equal(session.numbers("y", { x: 3 }), [4]);
  assert.equal(session.variable("first/n"), [1]);
  assert.equal(session.numbers("z", { x: 8 }), [0]);
  assert.equal(session.numbers("z", { x: 8 }), [4]);
  assert.equal([session.variable("average/m"), session.variable("average/inner/n")], [[6], [2]]);
  session.run(["keep"], { x: 8 });
  assert.equal(
    [session.variable("kept/m"), session.variable("kept/inner/n"), session.variable("total")],
    [[4], [1], [0]],
  );
  assert.equal(session.variable("first/n"), [1]);
});

state("two uses of a shared instance update it in two runs, not in one", () => {
  const text = (output: string) => `layer counted(x: f32) -> f32 {
      state n: f32 = 0.0
      n := n + x
      return n + x
    }
    graph g {
      input x: f32
      a = counted(x)
      b = counted(2 * x, reuse="counted")
      ${output}
    }`;
  assert.equal(errorsOf(text("output y = a + b")), ['TFG0406 counted(2 * x, reuse="counted")']);
  const session = new Interpreter(graphOf(text("output first = a\noutput second = b")));
  session.run(["first"], { x: 1 });
  session.run(["second"], { x: 1 });
  assert.equal(session.variable("counted/n"), [3]);
  assert.is(
    codeOf(() => session.run(["first", "second"], { x: 1 })),
    "TFG0807",
  );
});

state("a variable that only an update reads or writes belongs to the graph, one that nothing does not", () => {
  const graph = graphOf(`graph g {
      state written: i32 = 0
      state read: i32 = 3
      state idle: i32 = 3
      step s { written := 2 * read }
    }`);
  assert.equal(
    graph.variables.map(({ name }) => name),
    ["written", "read"],
  );
});

state("assertions on sizes and host scalars are checked before the run and leave it unchanged", () => {
  const session = new Interpreter(
    graphOf(`config CONTEXT: int = 4
    graph g[T] {
      input tokens: i32[T]
      state position: i32 = 0
      assert position + T <= CONTEXT, "the context window is full"
      output y = sum(tokens) + position
      step advance { assert T != 2  position := position + T }
      step reset { position := 0 }
    }`),
  );
  const message = (act: () => unknown): string => {
    try {
      act();
    } catch (error) {
      return error instanceof TfgError ? error.message : String(error);
    }
    return "";
  };
  session.run(["y", "advance"], { tokens: [1, 2, 3] });
  assert.equal(session.variable("position"), [3]);
  assert.is(
    message(() => session.run(["y", "advance"], { tokens: [1, 2, 3] })),
    "TFG0812 the context window is full: assert position + T <= CONTEXT (line 5): position is 3, T is 3",
  );
  assert.is(
    message(() => session.run(["advance"], { tokens: [1, 2] })),
    "TFG0812 the context window is full: assert position + T <= CONTEXT (line 5): position is 3, T is 2",
  );
  assert.equal(session.variable("position"), [3]);
  // It asks for no T where there is none.
  session.run(["reset"]);
  assert.equal(session.variable("position"), [0]);
  assert.is(
    message(() => session.run(["advance"], { tokens: [1, 2] })),
    "TFG0812 assert T != 2 (line 7): T is 2",
  );
  assert.equal(session.numbers("y", { tokens: [1, 2] }), [3]);
});

state("an assertion reads only what the host knows", () => {
  const program = (lines: string) => `graph g[N] {
    input x: i32[N]
    state n: i32 = 0
    state m: i32 = 0
    state f: f32 = 0.0
    state v: i32[2] = 0
    param p: f32 = 0.0
    output y = x + n
    ${lines}
  }`;
  assert.equal(errorsOf(program("assert n < 3\nstep s { n := n + N }")), []);
  assert.equal(errorsOf(program("assert n < m\nstep s { n := m + 1 }\nstep r { m := n % 7 }")), []);
  assert.equal(errorsOf(program("assert n < 3\nstep s { n := n + sum(x) }")), ["TFG0317 n < 3"]);
  assert.equal(errorsOf(program("assert n < 3\nstep s { n := m + 1 }\nstep r { m := sum(x) }")), ["TFG0317 n < 3"]);
  assert.equal(errorsOf(program("assert f < 3.0")), ["TFG0317 f < 3.0"]);
  assert.equal(errorsOf(program("assert v[0] < 3")), ["TFG0317 v[0] < 3"]);
  assert.equal(errorsOf(program("assert sum(x) > n")), ["TFG0317 sum(x) > n"]);
});

state("an assertion of a layer goes with the fetches that evaluate the layer", () => {
  const session = new Interpreter(
    graphOf(`layer limited(x: f32, at: i32) -> f32 {
      assert at < 2, "too often"
      return x
    }
    graph g {
      input x: f32
      state n: i32 = 0
      output y = limited(x, n)
      output z = 2 * x
      step tick { n := n + 1 }
    }`),
  );
  for (let i = 0; i < 2; i++) session.run(["y", "tick"], { x: 1 });
  assert.is(
    codeOf(() => session.run(["y"], { x: 1 })),
    "TFG0812",
  );
  assert.equal(session.numbers("z", { x: 1 }), [2]);
});

state.run();
