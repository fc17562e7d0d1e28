/** Order: `sort` and `topk`. NaN counts as greater than every number, as it does for `max` and `argmax`. */
import { ceilDivDims, type Dim, dimOf, formatDim, literalOf, mulDims, ONE, subDims } from "../ir/dims.ts";
import type { Value, ValueId } from "../ir/graph.ts";
import { compare, type Expr, load, type Local, op, plus, select, times, use } from "../ir/stmt.ts";
import { type DType, isFloat, type TensorType } from "../ir/types.ts";
import { argDim, numberOf } from "./attributes.ts";
import { failArgument, failClass, failRank, formatType } from "./complaints.ts";
import { element, elementsOf, forEachPoint, stridesOf } from "./points.ts";
import type { Emitter, Primitive, RoutineBuilder } from "./primitive.ts";
import { alongAxis, each, elementAt, int, less, rowsAlong } from "./routine.ts";
import { belongsTo } from "./scalar.ts";
import { firstOf } from "./shape.ts";

// ---- keys: i32 that are ordered as the elements are ------------------------------------------------------

const GREATEST = 0x7fffffff;

/** Its own inverse: bits of floats below 0 are ordered the other way round, unsigned numbers begin at the least i32. */
function turned(build: RoutineBuilder, dtype: DType, bits: Expr): Expr {
  if (dtype === "u32") return op("xor", bits, int(-0x80000000));
  if (!isFloat(dtype)) return bits;
  const word = build.code.let(bits, "bits");
  return op("xor", word, op("and", op("shr", word, int(31)), int(GREATEST)));
}

/** The key of the element at `pointer`. -0 comes before 0, all NaN are one. */
function keyAt(build: RoutineBuilder, dtype: DType, pointer: Expr): Expr {
  const at = build.code.let(pointer, "at");
  const key = turned(build, dtype, load("i32", at, 0));
  if (!isFloat(dtype)) return key;
  const x = build.code.let(load("f32", at, 0), "x");
  return select(compare("eq", x, x), key, int(GREATEST));
}

// ---- gradients -------------------------------------------------------------------------------------------

/** Rows like those of `x` with each of `values` at its index along the last axis, and zeros elsewhere. */
function atIndices(emit: Emitter, values: ValueId, indices: ValueId, { shape }: TensorType): ValueId {
  const extent = shape[shape.length - 1] ?? ONE;
  const taken = emit.typeOf(values).shape[shape.length - 1] ?? ONE;
  const rows = mulDims(...shape.slice(0, -1));
  const starts = emit.apply("mul", [emit.apply("iota", [], { n: rows }), emit.dim(extent, "i32")]);
  const positions = emit.apply("add", [
    emit.apply("reshape", [indices], { shape: [rows, taken] }),
    emit.apply("reshape", [starts], { shape: [rows, ONE] }),
  ]);
  const none = emit.zeros([mulDims(rows, extent)]);
  const flat = (value: ValueId): ValueId => emit.apply("reshape", [value], { shape: [mulDims(rows, taken)] });
  return emit.apply("reshape", [emit.apply("scatter_add", [none, flat(positions), flat(values)])], { shape });
}

// ---- sort -----------------------------------------------------------------------------------------------

/** Keys are first sorted in blocks of this many, in registers. */
const BLOCK = 8;
/** A sorting network of 19 comparators in 6 layers, the fewest there are for 8 (Knuth, volume 3, 5.3.4). */
const NETWORK = [
  [0, 2, 1, 3, 4, 6, 5, 7],
  [0, 4, 1, 5, 2, 6, 3, 7],
  [0, 1, 2, 3, 4, 5, 6, 7],
  [2, 4, 3, 5],
  [1, 4, 3, 6],
  [1, 2, 3, 4, 5, 6],
].flatMap((layer) => Array.from({ length: layer.length / 2 }, (_, i) => [layer[2 * i] ?? 0, layer[2 * i + 1] ?? 0]));

const wholeBlocks = (extent: Dim): Dim => mulDims(ceilDivDims(extent, dimOf(BLOCK)), dimOf(BLOCK));

function sortBlock({ code, word }: RoutineBuilder, at: Expr): void {
  const keys = Array.from({ length: BLOCK }, (_, i) => code.let(load("i32", at, i * word), "key"));
  for (const [i = 0, j = 0] of NETWORK) {
    const [a, b] = [keys[i] ?? int(0), keys[j] ?? int(0)];
    const isOrdered = code.let(less(a, b), "ordered");
    keys[i] = code.let(select(isOrdered, a, b), "low");
    keys[j] = code.let(select(isOrdered, b, a), "high");
  }
  for (const [i, key] of keys.entries()) code.store(at, i * word, key);
}

/**
 * Merges neighbouring runs of `width` from `from` to `to`, all in address units. Two whole runs are merged from both
 * ends at once: each end takes `width` keys, so neither run is exhausted before, and the two chains of steps that wait
 * for each other overlap.
 */
function mergeRuns(build: RoutineBuilder, from: Expr, to: Expr, width: Expr, total: Expr): void {
  const { code, word } = build;
  const pair = code.variable("pair", plus(width, width));
  const whole = code.variable("whole", op("sub", total, op("and", total, op("sub", use(pair), int(1)))));
  const step = (isRight: Expr): Expr => times(isRight, int(word));
  code.loop("lo", int(0), use(whole), use(pair), (lo) => {
    const left = code.variable("left", plus(from, lo));
    const right = code.variable("right", plus(use(left), width));
    const leftEnd = code.variable("left_end", op("sub", use(right), int(word)));
    const rightEnd = code.variable("right_end", plus(use(leftEnd), width));
    const first = code.variable("first", plus(to, lo));
    const last = code.variable("last", op("sub", plus(use(first), use(pair)), int(word)));
    code.loop("t", int(0), width, int(word), (t) => {
      const a = code.let(load("i32", use(left), 0), "a");
      const b = code.let(load("i32", use(right), 0), "b");
      const isRight = code.let(less(b, a), "is_right");
      code.store(plus(use(first), t), 0, select(isRight, b, a));
      code.set(right, plus(use(right), step(isRight)));
      code.set(left, plus(use(left), op("sub", int(word), step(isRight))));
      const c = code.let(load("i32", use(leftEnd), 0), "c");
      const d = code.let(load("i32", use(rightEnd), 0), "d");
      const isLeft = code.let(less(d, c), "is_left");
      code.store(use(last), 0, select(isLeft, c, d));
      code.set(last, op("sub", use(last), int(word)));
      code.set(leftEnd, op("sub", use(leftEnd), step(isLeft)));
      code.set(rightEnd, op("sub", use(rightEnd), op("sub", int(word), step(isLeft))));
    });
  });
  // What is left is one run, or a whole one and a shorter.
  code.when(less(use(whole), total), () => {
    const left = code.variable("left", plus(from, use(whole)));
    const end = code.variable("end", plus(from, total));
    const reach = code.let(plus(use(left), width), "reach");
    const middle = code.variable("middle", select(less(reach, use(end)), reach, use(end)));
    const right = code.variable("right", use(middle));
    code.loop("t", use(whole), total, int(word), (t) => {
      const a = code.let(load("i32", use(left), 0), "a");
      const b = code.let(load("i32", use(right), 0), "b");
      const isDone = op("or", less(b, a), compare("ge", use(left), use(middle)));
      const isRight = code.let(op("and", less(use(right), use(end)), isDone), "is_right");
      code.store(plus(to, t), 0, select(isRight, b, a));
      code.set(right, plus(use(right), step(isRight)));
      code.set(left, plus(use(left), op("sub", int(word), step(isRight))));
    });
  });
}

/** Merge sort of the keys of each row between two scratch rows, filled up to whole blocks with the greatest key. */
function sortRows(build: RoutineBuilder, value: Value): void {
  const { code, word } = build;
  const { dtype, shape } = value.type;
  const { outer, extent, inner } = rowsAlong(shape, numberOf(value, "axis"));
  const stride = code.let(times(build.size(inner), int(word)), "stride");
  const count = code.let(times(build.size(extent), int(word)), "row");
  const total = code.let(times(build.size(wholeBlocks(extent)), int(word)), "total");
  const length = literalOf(extent);
  const passes = length === undefined ? 28 : Math.ceil(Math.log2(Math.ceil(length / BLOCK)));
  const [a, b] = [build.scratch(0), build.scratch(1)];
  each(build, "o", build.size(outer), (o) =>
    each(build, "i", build.size(inner), (i) => {
      const start = code.let(plus(times(o, times(count, build.size(inner))), times(i, int(word))), "start");
      const x = code.variable("x", plus(build.operand(0), start));
      code.loop("t", int(0), count, int(word), (t) => {
        code.store(plus(a, t), 0, keyAt(build, dtype, use(x)));
        code.set(x, plus(use(x), stride));
      });
      code.loop("t", count, total, int(word), (t) => code.store(plus(a, t), 0, int(GREATEST)));
      code.loop("t", int(0), total, int(BLOCK * word), (t) => sortBlock(build, code.let(plus(a, t), "block")));
      const from = code.variable("from", a);
      const to = code.variable("to", b);
      const width = code.variable("width", int(BLOCK * word));
      each(build, "pass", int(passes), () =>
        code.when(less(use(width), total), () => {
          mergeRuns(build, use(from), use(to), use(width), total);
          const merged = code.variable("merged", use(to));
          code.set(to, use(from));
          code.set(from, use(merged));
          code.set(width, plus(use(width), use(width)));
        }),
      );
      const y = code.variable("y", plus(build.result(0), start));
      code.loop("t", int(0), count, int(word), (t) => {
        code.store(use(y), 0, turned(build, dtype, load("i32", plus(use(from), t), 0)));
        code.set(y, plus(use(y), stride));
      });
    }),
  );
}

/** Ascending, with -0 before 0 and NaN last. */
const ascending = (a: number, b: number): number => {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a - b || Number(Object.is(b, -0)) - Number(Object.is(a, -0));
};

export const sort: Primitive = {
  name: "sort",
  callee: "sort",
  doc: "`sort(x, axis=-1)`: the elements along the axis in ascending order, NaN last.",
  ...alongAxis,
  class: "routine",
  meaning([x], value, { shape }) {
    const { data } = firstOf(x ? [x] : []);
    const axis = numberOf(value, "axis");
    const [size, stride] = [shape[axis] ?? 1, stridesOf(shape)[axis] ?? 1];
    const result = new Float64Array(data.length);
    forEachPoint(shape, (index, position) => {
      if (index[axis] !== 0) return;
      const row = Array.from({ length: size }, (_, i) => element(data, position + i * stride)).sort(ascending);
      for (const [i, found] of row.entries()) result[position + i * stride] = found;
    });
    return result;
  },
  scratch: ({ type, attributes }) => {
    const words = wholeBlocks(type.shape[Number(attributes.axis)] ?? ONE);
    return [words, words];
  },
  // Each place gets the gradient of where its element went: the order is that of `topk` on the negated elements.
  vjp({ emit, value, cotangent }) {
    const [x] = value.args;
    if (x === undefined) return [];
    const last = value.type.shape.length - 1;
    const axis = numberOf(value, "axis");
    const perm = value.type.shape.map((_, i) => (i === axis ? last : i === last ? axis : i));
    const turned = (of: ValueId): ValueId => (axis === last ? of : emit.apply("transpose", [of], { perm }));
    const rows = emit.apply("neg", [turned(x)]);
    const type = emit.typeOf(rows);
    const order = emit.part(emit.apply("topk", [rows], { k: type.shape[last] ?? ONE }), 1);
    return [turned(atIndices(emit, turned(cotangent), order, type))];
  },
  routine: sortRows,
};

// ---- topk -----------------------------------------------------------------------------------------------

/** Key and index of the entries of a heap, two arrays. */
interface Heap {
  readonly keys: Expr;
  readonly indices: Expr;
}

const entry = (build: RoutineBuilder, { keys, indices }: Heap, at: Expr): { key: Expr; index: Expr } => ({
  key: build.code.let(load("i32", elementAt(build, keys, at), 0), "key"),
  index: build.code.let(load("i32", elementAt(build, indices, at), 0), "index"),
});

function storeEntry(build: RoutineBuilder, { keys, indices }: Heap, at: Expr, key: Expr, index: Expr): void {
  build.code.store(elementAt(build, keys, at), 0, key);
  build.code.store(elementAt(build, indices, at), 0, index);
}

type Entry = ReturnType<typeof entry>;
/** Whether `a` comes behind `b`: it is less, or as great and later. */
const isWorse = (a: Entry, b: Entry): Expr =>
  op("or", less(a.key, b.key), op("and", compare("eq", a.key, b.key), less(b.index, a.index)));

/** Puts an entry at the root of a heap whose root is the worst, below `levels` of children. */
function siftDown(build: RoutineBuilder, heap: Heap, root: Expr, size: Expr, levels: number, moved: Entry): void {
  const { code } = build;
  const at = code.variable("hole", root);
  const isOpen = code.variable("open", int(1));
  each(build, "level", int(levels), () => {
    const left = code.let(plus(times(use(at), int(2)), int(1)), "child");
    code.when(op("and", use(isOpen), less(left, size)), () => {
      const right = code.let(plus(left, int(1)), "sibling");
      const child = code.variable("worst", left);
      code.when(less(right, size), () => {
        const isRight = isWorse(entry(build, heap, right), entry(build, heap, left));
        code.set(child, plus(left, isRight));
      });
      const found = entry(build, heap, use(child));
      code.when(
        isWorse(found, moved),
        () => {
          storeEntry(build, heap, use(at), found.key, found.index);
          code.set(at, use(child));
        },
        () => code.set(isOpen, int(0)),
      );
    });
  });
  storeEntry(build, heap, use(at), moved.key, moved.index);
}

/**
 * A heap of the best k so far, in the place of the results, its root the worst: most elements cost one comparison with
 * it. Taking roots out from the end on leaves the heap in order, the best first.
 */
function selectTop(build: RoutineBuilder, value: Value): void {
  const { code, word } = build;
  const x = build.typeOf(0);
  const extent = x.shape[x.shape.length - 1] ?? ONE;
  const k = value.type.shape[value.type.shape.length - 1] ?? ONE;
  const [size, best] = [build.size(extent), build.size(k)];
  const most = literalOf(k);
  const levels = most === undefined ? 30 : Math.floor(Math.log2(most));
  each(build, "o", build.size(mulDims(...x.shape.slice(0, -1))), (o) => {
    const row = code.let(plus(build.operand(0), times(o, times(size, int(word)))), "row");
    const place = code.let(times(o, times(best, int(word))), "place");
    const heap: Heap = {
      keys: code.let(plus(build.result(0), place), "keys"),
      indices: code.let(plus(build.result(1), place), "indices"),
    };
    // Zeros of either sign are equal here: the earlier one is better.
    const keyOf = (i: Expr): Expr => {
      const at = code.let(elementAt(build, row, i), "at");
      const key = keyAt(build, x.dtype, at);
      return isFloat(x.dtype)
        ? select(compare("eq", load("f32", at, 0), { kind: "f32", op: "const", value: 0 }), int(0), key)
        : key;
    };
    each(build, "i", best, (i) => storeEntry(build, heap, i, keyOf(i), i));
    const parents = code.let(op("shr", best, int(1)), "parents");
    each(build, "p", parents, (p) => {
      const root = code.let(op("sub", op("sub", parents, int(1)), p), "root");
      siftDown(build, heap, root, best, levels, entry(build, heap, root));
    });
    const worst: Local = code.variable("worst_key", load("i32", heap.keys, 0));
    code.loop("i", best, size, int(1), (i) => {
      const key = code.let(keyOf(i), "key");
      code.when(less(use(worst), key), () => {
        siftDown(build, heap, int(0), best, levels, { key, index: i });
        code.set(worst, load("i32", heap.keys, 0));
      });
    });
    code.loop("taken", int(1), best, int(1), (taken) => {
      const last = code.let(op("sub", best, taken), "last");
      const moved = entry(build, heap, last);
      const root = entry(build, heap, int(0));
      storeEntry(build, heap, last, root.key, root.index);
      siftDown(build, heap, int(0), last, levels, moved);
    });
    each(build, "i", best, (i) => {
      const index = load("i32", elementAt(build, heap.indices, i), 0);
      code.store(elementAt(build, heap.keys, i), 0, load("i32", elementAt(build, row, index), 0));
    });
  });
}

export const topk: Primitive = {
  name: "topk",
  callee: "topk",
  doc:
    "`values, indices = topk(x, k)`: the k greatest elements along the last axis, descending, and their positions as i32; " +
    "the lower position first at ties, NaN before every number.",
  signature: [
    { name: "x", kind: "tensor" },
    { name: "k", kind: "dim" },
  ],
  results: ["values", "indices"],
  class: "routine",
  infer(call) {
    const x = firstOf(call.operands);
    const { dtype, shape } = x.type;
    if (!belongsTo(dtype, "num")) failClass(call, x, "num");
    const extent = shape[shape.length - 1];
    if (!extent) return failRank(call, x, "at least one dimension");
    const k = argDim(call, "k");
    if (!call.facts.oblige(k, 1)) failArgument(call, "k", `\`k\` cannot be ${formatDim(k)}`, "at least 1 is expected");
    if (!call.facts.oblige(subDims(extent, k), 0))
      failArgument(
        call,
        "k",
        `\`k\` is ${formatDim(k)}, more than there are`,
        `the last axis of ${formatType(x.type)} has ${formatDim(extent)} positions`,
      );
    const top = (of: DType): TensorType => ({ dtype: of, shape: [...shape.slice(0, -1), k] });
    return { type: top(dtype), more: [top("i32")] };
  },
  meaning([x], _, { shape }) {
    const array = firstOf(x ? [x] : []);
    const size = array.shape[array.shape.length - 1] ?? 1;
    const k = shape[shape.length - 1] ?? 1;
    const values = new Float64Array(elementsOf(shape));
    const indices = new Float64Array(elementsOf(shape));
    for (let row = 0; row < values.length / k; row++) {
      const at = (i: number): number => element(array.data, row * size + i);
      // Adding 0 makes zeros of either sign equal; a stable sort leaves ties in order.
      const order = Array.from({ length: size }, (_, i) => i).sort((i, j) => ascending(at(j) + 0, at(i) + 0));
      for (const [i, found] of order.slice(0, k).entries()) {
        values[row * k + i] = at(found);
        indices[row * k + i] = found;
      }
    }
    return [values, indices];
  },
  vjp({ emit, value, id, cotangent }) {
    const [x] = value.args;
    return x === undefined ? [] : [atIndices(emit, cotangent, emit.part(id, 1), emit.typeOf(x))];
  },
  routine: selectTop,
};
