/** What the type rules say when operands do not fit: codes, texts and edits of the designed messages. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Dim, dimOf, dimSymbol, floorDivDims, addDims, ceilDivDims } from "../compiler/ir/dims.ts";
import type { DType } from "../compiler/ir/types.ts";
import { resolveAxis, resolveOver } from "../compiler/ops/axes.ts";
import { castText } from "../compiler/ops/complaints.ts";
import type { Argument, Complaint, Operand, PrimitiveCall } from "../compiler/ops/primitive.ts";
import { indexRange } from "../compiler/ops/shape.ts";
import { primitiveOf } from "../compiler/ops/table.ts";
import { type SourceFile, type Span, sourceFile, spanText } from "../grammar/source.ts";
import { callOf, Complained } from "./ops/cases.ts";

const N = dimSymbol("N");
const dims = (...sizes: readonly (number | Dim)[]): readonly Dim[] =>
  sizes.map((size) => (typeof size === "number" ? dimOf(size) : size));

/** The span of the n-th occurrence of `text`. */
function spanOf(file: SourceFile, text: string, occurrence = 0): Span {
  let start = file.text.indexOf(text);
  for (let i = 0; i < occurrence; i++) start = file.text.indexOf(text, start + 1);
  assert.ok(start >= 0, `${text} occurs`);
  return { file, start, end: start + text.length };
}

function complaintOf(act: () => unknown): Complaint {
  try {
    act();
  } catch (error) {
    if (error instanceof Complained) return error.complaint;
    throw error;
  }
  return assert.unreachable("a complaint is expected") as never;
}

interface Written {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
  readonly text: string;
  readonly occurrence?: number;
  readonly origin?: Span;
  readonly declared?: NonNullable<Operand["declared"]>;
}

/** A complaint of `op` called in `source`, at operands found by their text. */
function complain(
  op: string,
  source: string,
  expression: string,
  operator: string,
  operands: readonly Written[],
  args: Readonly<Record<string, Argument>> = {},
  spans?: Readonly<Record<string, string>>,
  rest: Partial<PrimitiveCall> = {},
): Complaint {
  const file = sourceFile("bad.tfg", source);
  const whole = spanOf(file, expression);
  const inside = (text: string) => ({
    file,
    start: whole.start + expression.indexOf(text),
    end: whole.start + expression.indexOf(text) + text.length,
  });
  const call = callOf(
    operands.map(({ dtype, shape, text, origin, declared }) => ({
      dtype,
      shape,
      span: inside(text),
      origin: origin ?? inside(text),
      ...(declared ? { declared } : {}),
    })),
    args,
    {
      span: whole,
      operator: inside(operator),
      spelling: operator.trim(),
      ...(spans
        ? { spans: Object.fromEntries(Object.entries(spans).map(([name, text]) => [name, inside(text)])) }
        : {}),
      ...rest,
    },
  );
  return complaintOf(() => primitiveOf(op).infer(call));
}

/** The source after the first help's edits. */
function repaired(complaint: Complaint): string | undefined {
  const edits = [...(complaint.helps?.[0]?.edits ?? [])].sort((a, b) => b.span.start - a.span.start);
  const [first] = edits;
  if (!first) return undefined;
  return edits.reduce(
    (text, edit) => text.slice(0, edit.span.start) + edit.text + text.slice(edit.span.end),
    first.span.file.text,
  );
}

const labels = (complaint: Complaint) =>
  [complaint.primary, ...(complaint.related ?? [])].map(
    ({ span, text }) => `${span.file.text.slice(span.start, span.end)}: ${text}`,
  );

const complaints = suite("complaints of the type rules");

complaints("TFG0301 names the inner dims of a product where they are declared, and corrects the param", () => {
  const source = "graph g[N] {\n  input x: f32[N, 784]\n  param w: f32[728, 10] = zeros\n  output y = x @ w\n}";
  const file = sourceFile("bad.tfg", source);
  const complaint = complain("matmul", source, "x @ w", "@", [
    {
      dtype: "f32",
      shape: dims(N, 784),
      text: "x",
      declared: {
        kind: "input",
        span: spanOf(file, "input x: f32[N, 784]"),
        dims: [spanOf(file, "N", 1), spanOf(file, "784")],
      },
    },
    {
      dtype: "f32",
      shape: dims(728, 10),
      text: "w",
      declared: {
        kind: "param",
        span: spanOf(file, "param w: f32[728, 10]"),
        dims: [spanOf(file, "728"), spanOf(file, "10")],
      },
    },
  ]);
  assert.is(complaint.code, "TFG0301");
  assert.is(complaint.message, "shapes do not agree in `x @ w`");
  assert.equal(labels(complaint), [
    "x @ w: f32[N, 784] @ f32[728, 10]",
    "784: the inner dimension of `x` is 784",
    "728: the inner dimension of `w` is 728",
  ]);
  assert.is(complaint.helps?.[0]?.text, "did you mean `param w: f32[784, 10]`?");
  assert.ok(repaired(complaint)?.includes("param w: f32[784, 10] = zeros"));
});

complaints("TFG0302 shows both types, says how shapes are aligned, and how to add one value per row", () => {
  const complaint = complain("add", "output z = logits + bias", "logits + bias", "+", [
    { dtype: "f32", shape: dims(N, 10), text: "logits" },
    { dtype: "f32", shape: dims(N), text: "bias" },
  ]);
  assert.is(complaint.code, "TFG0302");
  assert.is(complaint.message, "cannot broadcast f32[N, 10] with f32[N]");
  assert.equal(labels(complaint), ["+: ", "logits: f32[N, 10]", "bias: f32[N]"]);
  assert.equal(complaint.notes, ["shapes are aligned from the right; a symbolic dimension is never stretched"]);
  assert.equal(complaint.helps, [{ text: "to add one value per row write `logits + bias[:, new]`" }]);
});

complaints("TFG0302 for a literal that differs, and for a symbolic dim against 1 of another rank", () => {
  const differing = complain("mul", "y = a * b", "a * b", "*", [
    { dtype: "f32", shape: dims(3), text: "a" },
    { dtype: "f32", shape: dims(4), text: "b" },
  ]);
  assert.is(differing.code, "TFG0302");
  const tail = complain("mul", "y = a * b", "a * b", "*", [
    { dtype: "f32", shape: dims(N, 3), text: "a" },
    { dtype: "f32", shape: dims(1), text: "b" },
  ]);
  assert.is(tail.code, "TFG0302");
});

complaints("TFG0304 names both dtypes, and casts the less general one", () => {
  const complaint = complain("mul", "output z = count * weight", "count * weight", "*", [
    { dtype: "i32", shape: dims(dimSymbol("K")), text: "count" },
    { dtype: "f32", shape: [], text: "weight" },
  ]);
  assert.is(complaint.code, "TFG0304");
  assert.is(complaint.message, "`i32` and `f32` do not mix in `*`");
  assert.equal(labels(complaint), ["*: ", "count: i32[K]", "weight: f32"]);
  assert.is(complaint.helps?.[0]?.text, "count as f32 * weight");
  assert.is(repaired(complaint), "output z = count as f32 * weight");
});

complaints("a cast is put around the whole operand", () => {
  const complaint = complain("mul", "y = (a + b) * f(w, 2)", "(a + b) * f(w, 2)", "*", [
    { dtype: "f32", shape: [], text: "(a + b)" },
    { dtype: "i32", shape: [], text: "f(w, 2)" },
  ]);
  assert.is(repaired(complaint), "y = (a + b) * f(w, 2) as f32");
  const file = sourceFile("a.tfg", "-a");
  const span = spanOf(file, "-a");
  assert.is(castText({ type: { dtype: "i32", shape: [] }, span, origin: span }, "f32"), "(-a) as f32");
});

complaints("TFG0304 for functions of floats, means of integers and sums of bools, each with the cast", () => {
  const exp = complain("exp", "y = exp(ids)", "exp(ids)", "exp", [{ dtype: "i32", shape: [], text: "ids" }]);
  assert.is(exp.message, "`exp` takes floats, not `i32`");
  assert.is(repaired(exp), "y = exp(ids as f32)");
  const mean = complain(
    "reduce_mean",
    "y = mean(ids)",
    "mean(ids)",
    "mean",
    [{ dtype: "i32", shape: dims(N), text: "ids" }],
    { axis: [0], keep: false },
  );
  assert.is(mean.code, "TFG0304");
  assert.is(repaired(mean), "y = mean(ids as f32)");
  const sum = complain(
    "reduce_sum",
    "y = sum(a == 1)",
    "sum(a == 1)",
    "sum",
    [{ dtype: "bool", shape: dims(N), text: "a == 1" }],
    { axis: [0], keep: false },
  );
  assert.is(sum.code, "TFG0304");
  assert.is(repaired(sum), "y = sum((a == 1) as i32)");
});

complaints("TFG0304 for a mask of numbers, whose way out is a comparison, and for a number cast to bool", () => {
  const mask = complain("select", "y = select(m, a, b)", "select(m, a, b)", "select", [
    { dtype: "f32", shape: [], text: "m" },
    { dtype: "f32", shape: [], text: "a" },
    { dtype: "f32", shape: [], text: "b" },
  ]);
  assert.is(mask.code, "TFG0304");
  assert.is(mask.helps?.[0]?.text, "m != 0");
  const cast = complain("cast", "y = x as bool", "x as bool", "bool", [{ dtype: "f32", shape: [], text: "x" }], {
    to: "bool",
  });
  assert.is(cast.code, "TFG0304");
});

complaints("TFG0305 counts the elements on both sides, and offers flatten", () => {
  const source = "v = reshape(maps, [N, 784])";
  const complaint = complain(
    "reshape",
    source,
    source.slice(4),
    "reshape",
    [{ dtype: "f32", shape: dims(N, 26, 26, 32), text: "maps" }],
    { shape: dims(N, 784) },
    { shape: "[N, 784]" },
  );
  assert.is(complaint.code, "TFG0305");
  assert.is(complaint.message, "`reshape` would lose elements");
  assert.equal(labels(complaint), ["[N, 784]: N·784 elements, but `maps` has N·21632"]);
  assert.equal(complaint.helps, [{ text: "`flatten(maps)` is f32[N, 21632]" }]);
  const more = complain(
    "reshape",
    source,
    source.slice(4),
    "reshape",
    [{ dtype: "f32", shape: dims(N, 28), text: "maps" }],
    { shape: dims(N, 784) },
  );
  assert.is(more.message, "`reshape` would need more elements");
});

complaints("TFG0309 lists the axes there are", () => {
  const file = sourceFile("bad.tfg", "output r = sum(x, axis=3)");
  const operand: Operand = {
    type: { dtype: "f32", shape: dims(N, dimSymbol("T"), 16) },
    span: spanOf(file, "x"),
    origin: spanOf(file, "x"),
  };
  const { fail } = callOf([]);
  const complaint = complaintOf(() => resolveAxis(3, operand, spanOf(file, "3"), fail));
  assert.is(complaint.code, "TFG0309");
  assert.is(complaint.message, "axis 3 does not exist");
  assert.is(complaint.primary.text, "`x` is f32[N, T, 16]; its axes are 0 (N), 1 (T) and 2 (16)");
  assert.is(resolveAxis(-1, operand, spanOf(file, "3"), fail), 2);
});

complaints("TFG0308 for a dim that two axes have, that none has, and that is a mere size", () => {
  const file = sourceFile("bad.tfg", "output r = mean(gram, over=N)");
  const operand: Operand = {
    type: { dtype: "f32", shape: dims(N, N, 4) },
    span: spanOf(file, "gram"),
    origin: spanOf(file, "gram"),
  };
  const { fail } = callOf([]);
  const over = (dim: Dim, text: string) => resolveOver(dim, operand, spanOf(file, "N"), text, fail);
  const ambiguous = complaintOf(() => over(N, "N"));
  assert.is(ambiguous.message, "`over=N` is ambiguous");
  assert.is(ambiguous.primary.text, "which one?");
  assert.is(ambiguous.related?.[0]?.text, "two axes have this dimension");
  assert.equal(ambiguous.helps, [{ text: "`axis=0` or `axis=1`" }]);
  const input = sourceFile("bad.tfg", "input gram: f32[N, N]");
  const declared = { kind: "input" as const, span: spanOf(input, input.text), dims: [] };
  const labelled = complaintOf(() => resolveOver(N, { ...operand, declared }, spanOf(file, "N"), "N", fail));
  assert.is(spanText(labelled.related?.[0]?.span ?? spanOf(file, "N")), "f32[N, N]");
  assert.is(complaintOf(() => over(dimSymbol("T"), "T")).message, "`gram` has no dimension `T`");
  assert.is(complaintOf(() => over(dimOf(7), "7")).message, "`over=7` names a size, not a dimension");
});

complaints("TFG0311 says how the sizes were rounded, when they differ, and what to state", () => {
  const source = "skip = pool(image)\nup = conv(image)\noutput y = up + skip";
  const file = sourceFile("bad.tfg", source);
  const H = dimSymbol("H");
  const complaint = complain(
    "add",
    source,
    "up + skip",
    "+",
    [
      { dtype: "f32", shape: dims(N, ceilDivDims(H, dimOf(4))), text: "up", origin: spanOf(file, "conv(image)") },
      { dtype: "f32", shape: dims(N, floorDivDims(H, dimOf(4))), text: "skip", origin: spanOf(file, "pool(image)") },
    ],
    {},
    undefined,
    { graph: { head: "graph unet[N, H]", feedOf: () => "image" } },
  );
  assert.is(complaint.code, "TFG0311");
  assert.is(complaint.message, "cannot prove that H/4 equals (H + 3)/4");
  assert.equal(labels(complaint), [
    "+: ",
    "pool(image): rounds down: f32[N, H/4]",
    "conv(image): rounds up: f32[N, (H + 3)/4]",
  ]);
  assert.equal(complaint.notes, ["they differ when H % 4 != 0"]);
  assert.equal(complaint.helps, [
    { text: "state it: `graph unet[N, H] where H % 4 == 0`; it is checked when `image` is fed" },
  ]);
});

complaints("TFG0315 for a range that ends behind its axis", () => {
  const complaint = complain(
    "slice",
    "y = slice(x, axis=0, at=3, size=2)",
    "slice(x, axis=0, at=3, size=2)",
    "slice",
    [{ dtype: "f32", shape: dims(4), text: "x" }],
    { axis: 0, at: dimOf(3), size: dimOf(2) },
  );
  assert.is(complaint.code, "TFG0315");
  assert.is(complaint.primary.text, "ends at 4, but the axis has 4 positions");
});

complaints("TFG0310 for a split into parts that are not equal, TFG0312 for a number of results that varies", () => {
  const split = complain(
    "split",
    "y = split(x, 3)",
    "split(x, 3)",
    "split",
    [{ dtype: "f32", shape: dims(8), text: "x" }],
    { n: 3, axis: 0 },
    { n: "3" },
  );
  assert.is(split.code, "TFG0310");
  assert.is(split.message, "8 is not divisible by 3");
  assert.is(split.primary.text, "8 % 3 = 2");
  const unstack = complain(
    "unstack",
    "y = unstack(x)",
    "unstack(x)",
    "unstack",
    [{ dtype: "f32", shape: dims(N), text: "x" }],
    { axis: 0 },
  );
  assert.is(unstack.code, "TFG0312");
});

complaints("sizes that a routine is asked for are compared with what there is", () => {
  const top = complain(
    "topk",
    "a, b = topk(x, 9)",
    "topk(x, 9)",
    "topk",
    [{ dtype: "f32", shape: dims(N, 8), text: "x" }],
    { k: dimOf(9) },
    { k: "9" },
  );
  assert.equal([top.code, top.message], ["TFG0210", "`k` is 9, more than there are"]);
  assert.equal(labels(top), ["9: the last axis of f32[N, 8] has 8 positions"]);
});

complaints("a linear system needs a square matrix and as many right-hand rows", () => {
  const system = (a: readonly Dim[], b: readonly Dim[]) =>
    complain("solve", "y = solve(a, b)", "solve(a, b)", "solve", [
      { dtype: "f32", shape: a, text: "a," },
      { dtype: "f32", shape: b, text: "b" },
    ]);
  assert.equal(labels(system(dims(N, 8), dims(N))), ["solve: the matrix must be square", "a,: f32[N, 8]"]);
  const sides = system(dims(3, N, N), dims(2, N));
  assert.is(sides.code, "TFG0301");
  assert.is(labels(sides)[0], "solve: the right-hand side has the rows of the matrix");
  assert.is(system(dims(N), dims(N)).message, "`solve` needs at least two dimensions, `a,` has 1");
});

complaints("dims that are equal only by the facts agree", () => {
  const call = callOf(
    [
      { dtype: "f32", shape: dims(N) },
      { dtype: "f32", shape: dims(dimSymbol("M")) },
    ],
    {},
    { facts: { equal: () => true, atLeast: () => true, oblige: () => true } },
  );
  assert.is(primitiveOf("add").infer(call).type.shape[0]?.key, "1*N");
});

complaints.run();

const ranges = suite("ranges of an index");

ranges("bounds count from the end when negative, and default to the ends of the axis", () => {
  const keys = (extent: Dim, from?: Dim, to?: Dim, step?: number) => {
    const { start, size } = indexRange(extent, from, to, step);
    return [start.key, size.key];
  };
  assert.equal(keys(dimOf(10)), ["0", "10"]);
  assert.equal(keys(dimOf(10), dimOf(2), dimOf(-1)), ["2", "7"]);
  assert.equal(keys(dimOf(10), dimOf(1), undefined, 3), ["1", "3"]);
  assert.equal(keys(dimOf(10), undefined, undefined, -1), ["9", "10"]);
  assert.equal(keys(dimOf(10), undefined, undefined, -4), ["9", "3"]);
  assert.equal(keys(dimOf(10), dimOf(5), dimOf(1), -2), ["5", "2"]);
  assert.equal(keys(N, dimOf(1)), ["1", addDims(N, dimOf(-1)).key]);
});

ranges.run();
