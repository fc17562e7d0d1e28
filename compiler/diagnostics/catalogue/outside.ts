/** 07xx and 08xx: weights and run time. */
import type { Entry } from "../catalogue.ts";

const fed = `graph g[N] where N <= 1024 {
  input x: f32[N, 4]
  input label: i32[N]
  output y = relu(x)
  output right = mean((argmax(x, axis=-1) == label) as f32)
}`;

export const fromOutside: readonly Entry[] = [
  {
    code: "TFG0701",
    title: "weights that do not fit the graph",
    text: `The report lists each variable that is missing, with the nearest name in the file, and each whose shape or dtype
differs. Names can be changed while restoring: \`restore(file, { map: { "dense/": "dense_1/" } })\`. Entries that the graph
does not use are reported, not refused.`,
  },
  {
    code: "TFG0702",
    title: "a file of weights that is unreadable, truncated or altered",
    text: "Lengths or checksums do not agree with the content. Copy or download the file again.",
  },
  {
    code: "TFG0703",
    title: "a file of weights that cannot be trusted",
    text: `Sizes, offsets or counts in its header contradict the file, as no program that writes such files would do. Nothing
was read from it.`,
  },
  {
    code: "TFG0704",
    title: "a checkpoint without its data file",
    text: "A TensorFlow checkpoint is an `.index` file and one or more `.data-…` files beside it.",
  },
  {
    code: "TFG0801",
    title: "feeds whose lengths disagree",
    text: `The length of an array gives the one dimension that is not yet known; two feeds must give the same. Where more than
one is unknown, feed \`{ data, shape }\` or name them: \`{ dims: { N: 8 } }\`.`,
    run: {
      program: fed,
      wrong: 'await session.run("right", { x: new Float32Array(8), label: new Int32Array(3) })',
      right: 'await session.run("right", { x: new Float32Array(8), label: new Int32Array(2) })',
    },
  },
  {
    code: "TFG0802",
    title: "a constraint of the graph that does not hold",
    text: "The `where` of a graph is checked at each new set of dimensions, before anything runs. Dimensions are at least 1.",
    run: {
      program: fed,
      wrong: 'await session.run("y", { x: new Float32Array(8192) })',
      right: 'await session.run("y", { x: new Float32Array(4096) })',
    },
  },
  {
    code: "TFG0803",
    title: "a missing feed",
    text: "What is fetched needs this input.",
    run: {
      program: fed,
      wrong: 'await session.run("y", {})',
      right: 'await session.run("y", { x: new Float32Array(8) })',
    },
  },
  {
    code: "TFG0804",
    title: "a superfluous feed",
    text: "The graph has no such input, or nothing that is fetched needs it. Inputs that are not needed are not fed.",
    run: {
      program: fed,
      wrong: 'await session.run("y", { x: new Float32Array(8), label: new Int32Array(2) })',
      right: 'await session.run("y", { x: new Float32Array(8) })',
    },
  },
  {
    code: "TFG0805",
    title: "a result that is not a number",
    text: "With `nanGuard` each node is tested, and the first one that gives NaN from finite inputs is named.",
  },
  {
    code: "TFG0806",
    title: "too little memory on the device",
    text: "The run needs more memory, or a larger buffer, than the device has. Feed smaller batches.",
    run: {
      program: "graph g[N] {\n  input x: f32\n  output y = tensor(i in N: x * (i as f32))\n}",
      wrong: 'await session.run("y", { x: 1 }, { dims: { N: 2000000000 } })',
      right: 'await session.run("y", { x: 1 }, { dims: { N: 2000 } })',
    },
  },
  {
    code: "TFG0807",
    title: "two fetched steps that update one variable",
    text: "Both read the value from before the run, so one update would be lost. Fetch them in two runs.",
    run: {
      program: "graph g {\n  state n: i32 = 0\n  step up { n := n + 1 }\n  step reset { n := 0 }\n}",
      wrong: 'await session.run(["up", "reset"])',
      right: 'await session.run("up")\nawait session.run("reset")',
    },
  },
  {
    code: "TFG0808",
    title: "a feed of the wrong dtype or shape",
    text: "The type of array follows from the dtype of the input: Float32Array for f32, Int32Array for i32, and so on.",
    run: {
      program: fed,
      wrong: 'await session.run("y", { x: new Float64Array(8) })',
      right: 'await session.run("y", { x: new Float32Array(8) })',
    },
  },
  {
    code: "TFG0809",
    title: "an unknown fetch",
    text: "The outputs and steps of the graph can be fetched; the message proposes the nearest name.",
    run: {
      program: fed,
      wrong: 'await session.run("yes", { x: new Float32Array(8) })',
      right: 'await session.run("y", { x: new Float32Array(8) })',
    },
  },
  {
    code: "TFG0810",
    title: "a session that is closed",
    text: `A session is closed at the end of the block of its \`await using\` or \`using\`, or by \`session[Symbol.dispose]()\`.
Nothing runs in it then.`,
    run: {
      program: fed,
      wrong: 'session[Symbol.dispose]()\nawait session.run("y", { x: new Float32Array(8) })',
      right: 'await session.run("y", { x: new Float32Array(8) })\nsession[Symbol.dispose]()',
    },
  },
  {
    code: "TFG0811",
    title: "a module that lacks what was asked for",
    text: "The module was compiled without this device, initialiser or reader, or for another version of the runtime.",
  },
  {
    code: "TFG0812",
    title: "an assertion that fails",
    text: `What an \`assert\` says of sizes and of integer states of rank 0 is checked before each run that it goes with. The
run does not happen and the session is as it was.`,
    run: {
      program: `graph g[T] {
  input x: f32[T]
  state position: i32 = 0
  assert position + T <= 8, "the window is full"
  step advance { position := position + T }
  output y = sum(x)
}`,
      wrong: 'await session.run(["y", "advance"], { x: new Float32Array(9) })',
      right: 'await session.run(["y", "advance"], { x: new Float32Array(8) })',
    },
  },
];
