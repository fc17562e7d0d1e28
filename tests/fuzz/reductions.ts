/** Reductions in every spelling, and primitives that are no loop nests: sorting, counting, scattering, systems. */
import { type Block, type Expression, isFloat, isInteger, isStorage, operand, shapeText, Unfit } from "./block.ts";
import type { Production } from "./elementwise.ts";
import { calm, floats, integers, ofType, required } from "./operands.ts";
import { productOf, Size } from "./sizes.ts";

interface Axes {
  readonly argument: string;
  readonly axes: readonly number[];
  readonly note: string;
}

/** `axis=…` or `over=…` for one or some of the axes, or nothing for all. */
function axesOf(block: Block, { type: { shape } }: Expression, single = false): Axes {
  const { random } = block;
  const overs = shape.flatMap((size, i) =>
    size.symbol !== undefined && shape.filter((other) => other.equals(size)).length === 1 ? [i] : [],
  );
  const choice = random.below(6);
  const name = (i: number): string => String(random.chance(0.4) ? i - shape.length : i);
  if (shape.length === 0) {
    if (single) throw new Unfit();
    return { argument: "", axes: [], note: "of a scalar" };
  }
  if (choice === 0 && !single) return { argument: "", axes: shape.map((_, i) => i), note: "of all" };
  if (choice === 1 && overs.length > 0) {
    const at = random.of(overs);
    return { argument: `, over=${required(shape[at]).text}`, axes: [at], note: "over=N" };
  }
  if (choice === 2 && overs.length > 1 && !single)
    return {
      argument: `, over=[${overs.map((i) => required(shape[i]).text).join(", ")}]`,
      axes: overs,
      note: "over=[N, M]",
    };
  if (choice === 3 && shape.length > 1 && !single) {
    const some = shape.map((_, i) => i).filter(() => random.chance(0.6));
    if (some.length === 0) throw new Unfit();
    return { argument: `, axis=[${random.shuffled(some).map(name).join(", ")}]`, axes: some, note: "axis=[i, j]" };
  }
  const at = random.below(shape.length);
  return { argument: `, axis=${name(at)}`, axes: [at], note: "axis=i" };
}

const reduction: Production = (block) => {
  const { random } = block;
  const x = block.find((type) => !isStorage(type));
  const { argument, axes, note } = axesOf(block, x);
  const functions = {
    f32: ["sum", "mean", "max", "min", "prod"],
    i32: ["sum", "max", "min", "prod"],
    u32: ["sum", "max", "min", "prod"],
    bool: ["any", "all"],
  }[x.type.dtype as "f32"];
  const fn = random.of(functions);
  const isEmptyFine = fn === "sum" || fn === "prod" || fn === "any" || fn === "all";
  if (!isEmptyFine && axes.some((i) => block.least(required(x.type.shape[i])) < 1)) throw new Unfit();
  const kept = argument !== "" && random.chance(0.3);
  const shape = x.type.shape.flatMap((size, i) => (axes.includes(i) ? (kept ? [Size.of(1)] : []) : [size]));
  block.count(`${fn} ${note}${kept ? " keep" : ""}`);
  const of = fn === "prod" && isFloat(x.type) ? `1.0 + 0.1 * tanh(${x.text})` : calm(block, x).text;
  const calmBound = Math.min(x.bound, 40);
  const bound = fn === "sum" ? calmBound * 8 ** axes.length : fn === "prod" ? 20 : calmBound;
  return { text: `${fn}(${of}${argument}${kept ? ", keep=true" : ""})`, type: { ...x.type, shape }, bound };
};

const position: Production = (block) => {
  const x = block.find((type) => (isFloat(type) || isInteger(type)) && type.shape.length > 0);
  const { argument, axes, note } = axesOf(block, x, true);
  if (axes.some((i) => block.least(required(x.type.shape[i])) < 1)) throw new Unfit();
  const fn = block.random.of(["argmax", "argmin"]);
  block.count(`${fn} ${note}`);
  return {
    text: `${fn}(${x.text}${argument})`,
    type: { dtype: "i32", shape: x.type.shape.filter((_, i) => !axes.includes(i)) },
    bound: 20,
  };
};

const libraryRows = ["softmax", "log_softmax", "softmin", "l2_normalize"] as const;
const libraryReductions = ["logsumexp", "variance", "stddev", "median"] as const;

const rows: Production = (block) => {
  const { random } = block;
  const x = floats(block, 1);
  const last = required(x.type.shape.at(-1));
  if (block.least(last) < 1) throw new Unfit();
  if (random.chance(0.5)) {
    const fn = random.of(libraryRows);
    block.count(`library: ${fn}`);
    return { text: `${fn}(${x.text})`, type: x.type, bound: fn === "log_softmax" ? 2 * x.bound + 4 : 1 };
  }
  const fn = random.of(libraryReductions);
  block.count(`library: ${fn}`);
  const shape = x.type.shape.slice(0, -1);
  // The root of a variance near 0 is steeper than anything that can be compared.
  const text = fn === "stddev" ? `sqrt(variance(${x.text}) + 0.5)` : `${fn}(${x.text})`;
  return { text, type: { ...x.type, shape }, bound: fn === "variance" ? x.bound ** 2 : x.bound + 4 };
};

const cumsum: Production = (block) => {
  const x = block.find((type) => (isFloat(type) || isInteger(type)) && type.shape.length > 0);
  const { argument, note } = axesOf(block, x, true);
  const fn = isFloat(x.type) && block.random.chance(0.2) && argument === "" ? "cumprod" : "cumsum";
  block.count(`${fn} ${note}`);
  const from = calm(block, x);
  return { ...x, text: `${fn}(${from.text}${argument})`, bound: from.bound * 12 };
};

const sort: Production = (block) => {
  const { random } = block;
  const x = block.find((type) => (isFloat(type) || isInteger(type)) && type.shape.length > 0);
  if (random.chance(0.5)) {
    const { argument, note } = axesOf(block, x, true);
    block.count(`sort ${note}`);
    return { ...x, text: `sort(${x.text}${argument})` };
  }
  const last = required(x.type.shape.at(-1));
  if (block.least(last) < 1) throw new Unfit();
  const k = block.least(last) >= 2 && random.chance(0.6) ? Size.of(2) : random.chance(0.3) ? last : Size.of(1);
  const shape = [...x.type.shape.slice(0, -1), k];
  const [values, indices] = [block.name("top"), block.name("at")];
  block.lines.push(`${values}, ${indices} = topk(${x.text}, ${k.text})`);
  block.count("topk");
  const both: Expression[] = [
    { ...x, text: values, type: { ...x.type, shape } },
    { text: indices, type: { dtype: "i32", shape }, bound: 20 },
  ];
  block.values.push(...both);
  return random.of(both);
};

const nonzero: Production = (block) => {
  const mask = block.find(({ dtype, shape }) => dtype === "bool" && shape.length >= 1 && shape.length <= 3);
  const most = 1 + block.random.below(5);
  const [indices, count] = [block.name("where"), block.name("count")];
  block.lines.push(`${indices}, ${count} = nonzero(${mask.text}, max=${most})`);
  block.count("nonzero");
  const rank = mask.type.shape.length;
  const both: Expression[] = [
    { text: indices, type: { dtype: "i32", shape: [Size.of(most), ...(rank > 1 ? [Size.of(rank)] : [])] }, bound: 20 },
    { text: count, type: { dtype: "i32", shape: [] }, bound: 20 },
  ];
  block.values.push(...both);
  return block.random.of(both);
};

const ids = (block: Block, rank: number): Expression =>
  block.find(({ dtype, shape }) => dtype === "i32" && shape.length === rank);

const gather: Production = (block) => {
  const { random } = block;
  const table = block.find(({ shape }) => shape.length >= 1 && shape.length <= 3);
  if (block.least(required(table.type.shape[0])) < 1) throw new Unfit();
  const index = ids(block, random.below(3));
  const shape = [...index.type.shape, ...table.type.shape.slice(1)];
  block.count("gather");
  return { ...table, text: `gather(${table.text}, ${index.text})`, type: { ...table.type, shape } };
};

const take: Production = (block) => {
  const { random } = block;
  const x = block.find(({ shape }) => shape.length >= 1 && shape.length <= 3);
  const axis = random.below(x.type.shape.length);
  if (block.least(required(x.type.shape[axis])) < 1) throw new Unfit();
  const shape = x.type.shape.filter((_, i) => i !== axis);
  const index = ofType(block, { dtype: "i32", shape });
  block.count("take");
  return { ...x, text: `take(${x.text}, ${index.text}, axis=${axis})`, type: { ...x.type, shape } };
};

const scatter: Production = (block) => {
  const x = block.find(
    (type) => (isFloat(type) || isInteger(type)) && type.shape.length >= 1 && type.shape.length <= 3,
  );
  const index = ids(block, 1);
  const values = ofType(block, { ...x.type, shape: [required(index.type.shape[0]), ...x.type.shape.slice(1)] });
  block.count("scatter_add");
  const [to, from] = [calm(block, x), calm(block, values)];
  return { ...x, text: `scatter_add(${to.text}, ${index.text}, ${from.text})`, bound: to.bound + 8 * from.bound };
};

const fromIds: Production = (block) => {
  const { random } = block;
  if (random.chance(0.3)) {
    const size = random.of(block.dims);
    block.count("iota");
    return { text: `iota(${size.text})`, type: { dtype: "i32", shape: [size] }, bound: 20 };
  }
  const index = ids(block, random.below(3));
  const k = random.chance(0.7) ? Size.of(2 + random.below(4)) : random.of(block.dims);
  block.count("one_hot");
  return {
    text: `one_hot(${index.text}, ${k.text})`,
    type: { dtype: "f32", shape: [...index.type.shape, k] },
    bound: 1,
  };
};

const counted: Production = (block) => {
  const index = ids(block, 1);
  block.count("library: bincount");
  const k = Size.of(2 + block.random.below(4));
  return { text: `bincount(${index.text}, ${k.text})`, type: { dtype: "i32", shape: [k] }, bound: 20 };
};

/** A well-conditioned matrix, made of whatever is there: `a · 0.1 + identity`, or a symmetric one with a large diagonal. */
const system: Production = (block) => {
  const { random } = block;
  const n = Size.of(2 + random.below(3));
  const batch = random.chance(0.4) ? [random.of(block.dims)] : [];
  const a = ofType(block, { dtype: "f32", shape: [...batch, n, n] });
  if (random.chance(0.5)) {
    const flat = batch.length === 0 ? `transpose(${name(block, a)})` : `transpose(${name(block, a)}, [0, 2, 1])`;
    block.count("cholesky");
    const of = `tanh(${a.text})`;
    return {
      text: `cholesky(${of} @ ${flat.replace(a.text, of)} + 2.0 * eye(${n.text}))`,
      type: a.type,
      bound: 4,
    };
  }
  const b = ofType(block, {
    dtype: "f32",
    shape: [...batch, n, ...(random.chance(0.5) ? [Size.of(1 + random.below(3))] : [])],
  });
  block.count("solve");
  return { text: `solve(0.2 * tanh(${a.text}) + eye(${n.text}), ${b.text})`, type: b.type, bound: 8 * b.bound };
};

const name = (_: Block, { text }: Expression): string => text;

const matmul: Production = (block) => {
  const { random } = block;
  const a = floats(block, 2, 4);
  const inner = required(a.type.shape.at(-1));
  const rows = a.type.shape.slice(0, -1);
  const choice = random.below(3);
  const columns = random.chance(0.7) ? Size.of(random.of([1, 2, 3, 4, 8, 9, 16])) : random.of(block.dims);
  const shape =
    choice === 0
      ? [inner]
      : choice === 1 && rows.length > 1
        ? [...rows.slice(0, -1), inner, columns]
        : [inner, columns];
  const b = ofType(block, { dtype: "f32", shape });
  block.count(choice === 0 ? "matrix @ vector" : shape.length > 2 ? "batch @ batch" : "matrix @ matrix");
  const result = choice === 0 ? rows : [...rows, columns];
  return {
    text: `${operand(a.text)} @ ${operand(b.text)}`,
    type: { dtype: "f32", shape: result },
    bound: a.bound * b.bound * 10,
  };
};

const einsum: Production = (block) => {
  const { random } = block;
  const a = floats(block, 1, 3);
  const b = random.chance(0.6) ? floats(block, 1, 3) : ofType(block, a.type);
  const letters = [..."abcdef"];
  const of = new Map<string, string>();
  const write = ({ type }: Expression): string[] => {
    const own: string[] = [];
    for (const size of type.shape) {
      // Equal sizes may be one letter, or two; never twice in one operand here.
      const known = of.get(size.key);
      if (known !== undefined && !own.includes(known) && random.chance(0.8)) own.push(known);
      else {
        const fresh = required(letters.shift());
        of.set(size.key, fresh);
        own.push(fresh);
      }
    }
    return own;
  };
  const [left, right] = [write(a), write(b)];
  const sizes = new Map([
    ...left.map((l, i) => [l, required(a.type.shape[i])] as const),
    ...right.map((l, i) => [l, required(b.type.shape[i])] as const),
  ]);
  const shared = left.filter((letter) => right.includes(letter));
  // What occurs once only has to stay.
  const out = random.shuffled([...sizes.keys()].filter((letter) => !shared.includes(letter) || random.chance(0.4)));
  if (out.length > 4) throw new Unfit();
  block.count("einsum");
  return {
    text: `einsum("${left.join(" ")}, ${right.join(" ")} -> ${out.join(" ")}", ${a.text}, ${b.text})`,
    type: { dtype: "f32", shape: out.map((letter) => required(sizes.get(letter))) },
    bound: a.bound * b.bound * 8 ** (shared.length - out.filter((l) => shared.includes(l)).length),
  };
};

const librarySquares: Production = (block) => {
  const x = floats(block, 2, 3);
  const fn = block.random.of(["tril", "triu"]);
  block.count(`library: ${fn}`);
  return { ...x, text: `${fn}(${x.text}${block.random.of(["", ", 1", ", k=-1"])})` };
};

const losses: Production = (block) => {
  const x = floats(block, 1);
  const y = ofType(block, x.type);
  if (block.least(productOf(x.type.shape)) < 1) throw new Unfit();
  const fn = block.random.of(["mse", "mae", "huber", "log_cosh", "rmse"]);
  block.count(`library: ${fn}`);
  const text = fn === "rmse" ? `sqrt(mse(${x.text}, ${y.text}) + 0.25)` : `${fn}(${x.text}, ${y.text})`;
  return { text, type: { dtype: "f32", shape: [] }, bound: (x.bound + y.bound) ** 2 };
};

const norm: Production = (block) => {
  const x = floats(block);
  block.count("library: norm");
  return {
    text: `norm(concat([reshape(${x.text}, [${productOf(x.type.shape).text}]), ones([1])], axis=0))`,
    type: { dtype: "f32", shape: [] },
    bound: 10 * x.bound,
  };
};

const integerSum: Production = (block) => {
  const x = integers(block, 1);
  block.count("library: count_nonzero");
  return { text: `count_nonzero(${x.text})`, type: { dtype: "i32", shape: [] }, bound: 100 };
};

const random: Production = (block) => {
  const shape = [block.random.of(block.dims), ...(block.random.chance(0.5) ? [Size.of(3)] : [])];
  const size = block.random.chance(0.15) ? [] : shape;
  const fn = block.random.of([
    "random_uniform",
    "random_uniform",
    "random_normal",
    "random_bits",
    "categorical",
    "shuffle",
  ]);
  block.count(fn);
  switch (fn) {
    case "random_bits":
      return { text: `random_bits(${shapeText(size)})`, type: { dtype: "u32", shape: size }, bound: 4e9 };
    case "categorical": {
      const logits = floats(block, 1, 3);
      if (block.least(required(logits.type.shape.at(-1))) < 1) throw new Unfit();
      return {
        text: `categorical(${logits.text})`,
        type: { dtype: "i32", shape: logits.type.shape.slice(0, -1) },
        bound: 20,
      };
    }
    case "shuffle": {
      const n = block.random.of([Size.of(5), ...block.dims]);
      return { text: `shuffle(${n.text})`, type: { dtype: "i32", shape: [n] }, bound: 20 };
    }
    default:
      return {
        text: `${fn}(${shapeText(size)}${block.random.chance(0.3) && fn === "random_uniform" ? ", min=-1.0, max=3.0" : ""})`,
        type: { dtype: "f32", shape: size },
        bound: 5,
      };
  }
};

export const reductions: readonly (readonly [number, Production])[] = [
  [9, reduction],
  [3, position],
  [3, rows],
  [2, cumsum],
  [3, sort],
  [1, nonzero],
  [2, gather],
  [1, take],
  [1, scatter],
  [2, fromIds],
  [1, counted],
  [1, integerSum],
  [2, system],
  [5, matmul],
  [4, einsum],
  [1, librarySquares],
  [1, losses],
  [1, norm],
  [2, random],
];
