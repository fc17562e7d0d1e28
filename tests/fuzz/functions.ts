/** Functions: random ones over random dims, fixed ones with packs and dtypes of their own, layers, the library's. */
import { Block, type Expression, isFloat, isInteger, isStorage, operand, type Type, typeText, Unfit } from "./block.ts";
import type { Grow } from "./control.ts";
import type { Production } from "./elementwise.ts";
import { calm, floats, ofType, required } from "./operands.ts";
import { productOf, Size } from "./sizes.ts";

/** A `def` or `layer` of what is at hand: its sizes become dims of the function, at times some in a pack. */
function declared(block: Block, grow: Grow): Expression {
  const { random, program } = block;
  if (block.where !== "graph" || program.declarations.length > 12) throw new Unfit();
  const args = Array.from({ length: 1 + random.below(3) }, () =>
    calm(
      block,
      block.find((type) => type.shape.length <= 4),
    ),
  );
  const kind = random.chance(0.4) ? "layer" : "def";
  const generics = new Map<string, { readonly name: string; readonly size: Size }>();
  const abstract = (size: Size): Size => {
    // A literal stays one, or is a dim like others.
    if (size.literal !== undefined && (size.literal === 1 || random.chance(0.6)) && !generics.has(size.key))
      return size;
    if (block.least(size) < 1) throw new Unfit();
    const known = generics.get(size.key) ?? { name: block.name("D"), size };
    generics.set(size.key, known);
    program.least[known.name] = block.least(size);
    return Size.of(known.name);
  };
  const parameters = args.map(
    ({ type, bound }): Expression => ({
      text: block.name("a"),
      type: { ...type, shape: type.shape.map(abstract) },
      bound,
    }),
  );
  const dims = [...generics.values()].map(({ name }) => Size.of(name));
  const inner = new Block(
    program,
    kind,
    dims.length > 0 ? dims : [Size.of(2)],
    parameters,
    1,
    kind === "layer"
      ? (_, type) => {
          if (!type.shape.every(({ literal }) => literal !== undefined) || isStorage(type)) throw new Unfit();
          const isParam = type.dtype === "f32" && random.chance(0.7);
          const name = block.name("w");
          block.count(isParam ? "param of a layer" : "state of a layer");
          const start =
            type.dtype === "bool"
              ? "false"
              : type.dtype === "f32"
                ? random.of(["glorot_uniform", "0.5", "random_normal(stddev=0.5)"])
                : "2";
          inner.lines.unshift(`${isParam ? "param" : "state"} ${name}: ${typeText(type)} = ${start}`);
          const value: Expression = { text: name, type, bound: 2 };
          inner.values.push(value);
          if (!isParam && type.dtype === "f32" && random.chance(0.6)) updates.push(value);
          return value;
        }
      : undefined,
  );
  const updates: Expression[] = [];
  if (kind === "layer" && random.chance(0.8))
    inner.declare?.("param", { dtype: "f32", shape: [Size.of(1 + random.below(4))] });
  grow(inner, 1 + random.below(5));
  for (const state of updates) {
    block.count(":= in a layer");
    inner.lines.push(`${state.text} := 0.5 * ${state.text} + ${operand(calm(inner, ofType(inner, state.type)).text)}`);
  }
  // A number of the compiler would be one for the caller too, and can be differentiated by nobody.
  inner.values.splice(0, inner.values.length, ...inner.values.filter(({ text }) => !/^k\d/.test(text)));
  const results = [inner.find(() => true), ...(random.chance(0.25) ? [inner.find(() => true)] : [])];
  const name = block.name(kind === "def" ? "f" : "layer");
  const generic =
    dims.length > 0
      ? `[${random
          .shuffled(dims)
          .map(({ text }) => text)
          .join(", ")}]`
      : "";
  const list = parameters.map(({ text, type }) => `${text}: ${typeText(type)}`).join(", ");
  const result =
    results.length > 1
      ? `(r: ${typeText(required(results[0]).type)}, s: ${typeText(required(results[1]).type)})`
      : typeText(required(results[0]).type);
  const where = dims.filter(() => random.chance(0.15)).map(({ text }) => `${text} >= ${program.least[text]}`);
  const head = `${kind} ${name}${generic}(${list})${random.chance(0.8) || results.length > 1 ? ` -> ${result}` : ""}${where.length > 0 ? ` where ${where.join(", ")}` : ""}`;
  const body = [...inner.lines, `return ${results.map(({ text }) => text).join(", ")}`];
  program.declarations.push(`${head} {\n  ${body.join("\n").replaceAll("\n", "\n  ")}\n}`);
  block.count(kind);
  const back = new Map([...generics.values()].map((known) => [known.name, known.size] as const));
  const typeOf = ({ type }: Expression): Type => ({ ...type, shape: type.shape.map((size) => size.put(back)) });
  const call = (given: readonly Expression[]): string =>
    `${name}(${given.map(({ text }, i) => (random.chance(0.2) && i === given.length - 1 ? `${parameters[i]?.text}=${text}` : text)).join(", ")}${kind === "layer" && random.chance(0.2) ? `, name="${block.name("own")}"` : ""})`;
  const first = { text: call(args), type: typeOf(required(results[0])), bound: required(results[0]).bound };
  const [, second] = results;
  if (second) {
    const names = [block.name("r"), block.name("s")];
    block.lines.push(`${names.join(", ")} = ${first.text}`);
    block.count("several results");
    const both = results.map(
      (value, i): Expression => ({ text: required(names[i]), type: typeOf(value), bound: value.bound }),
    );
    block.values.push(...both);
    return random.of(both);
  }
  if (random.chance(0.3)) {
    block.bind(first);
    const again = args.map(({ type }) => ofType(block, type));
    block.count(`${kind} called twice`);
    return { ...first, text: call(again) };
  }
  return first;
}

interface Fixed {
  readonly name: string;
  readonly text: string;
  call(block: Block): Expression;
}

/** Functions over dtypes and packs, which only their text can say. */
const FIXED: readonly Fixed[] = [
  {
    name: "first",
    text: "def first[T: any, ..B, C](x: T[..B, C]) -> T[..B] = x[..., 0]",
    call(block) {
      const x = block.find(({ shape }) => shape.length >= 1);
      if (block.least(required(x.type.shape.at(-1))) < 1) throw new Unfit();
      return { ...x, text: `first(${x.text})`, type: { ...x.type, shape: x.type.shape.slice(0, -1) } };
    },
  },
  {
    name: "twice",
    text: "def twice[T: num, ..S](x: T[..S], f: fn = relu) -> T[..S] = f(f(x))",
    call(block) {
      const x = block.find((type) => isFloat(type) || type.dtype === "i32");
      const number = isFloat(x.type) ? block.random.literal() : "3";
      const f = block.random.of(["", ", abs", `, fn(v) => v + ${number}`, `, f=fn(v) => max(v, ${number})`]);
      return { ...x, text: `twice(${x.text}${f})`, bound: x.bound + 6 };
    },
  },
  {
    name: "both",
    text: "def both[T: num, N, ..R](x: T[N, ..R], y: T[N, ..R]) -> (total: T[N, ..R], rest: T[N, ..R]) {\n  return x + y, x - y\n}",
    call(block) {
      const x = block.find((type) => (isFloat(type) || isInteger(type)) && type.shape.length >= 1);
      const y = ofType(block, x.type);
      return {
        ...x,
        text: `both(${x.text}, ${y.text}).${block.random.of(["total", "rest"])}`,
        bound: x.bound + y.bound,
      };
    },
  },
  {
    name: "blocks",
    text: "def blocks[T: any, N, C](x: T[N, C], k: int) -> T[N, k, C / k] where C % k == 0 = reshape(x, [N, k, C / k])",
    call(block) {
      const x = block.find(({ shape }) => shape.length === 2 && (shape[1]?.literal ?? 1) % 2 === 0);
      const [n, c] = x.type.shape;
      return {
        ...x,
        text: `blocks(${x.text}, 2)`,
        type: { ...x.type, shape: [required(n), Size.of(2), required(c).over(2)] },
      };
    },
  },
  {
    name: "windows",
    text: "def windows[N](x: f32[N], k: int) -> f32[N - k + 1, k] where N >= k = tensor(i in N - k + 1, u in k: x[i + u])",
    call(block) {
      const x = block.find((type) => isFloat(type) && type.shape.length === 1);
      const size = required(x.type.shape[0]);
      if (block.least(size) < 2) throw new Unfit();
      return { ...x, text: `windows(${x.text}, k=2)`, type: { ...x.type, shape: [size.plus(-1), Size.of(2)] } };
    },
  },
  {
    name: "scaled",
    text: "def scaled[..S](x: f32[..S], by: f32 = 0.5, plus: f32 = 1.0) -> f32[..S] = x * by + plus",
    call(block) {
      const x = floats(block);
      const scalar = block.values.find(({ type }) => isFloat(type) && type.shape.length === 0);
      const by = block.random.of(["", ", 2.0", ", plus=-1.0", ...(scalar ? [`, by=tanh(${scalar.text})`] : [])]);
      return { ...x, text: `scaled(${x.text}${by})`, bound: 2 * x.bound + 1 };
    },
  },
  {
    name: "folded",
    text: "def folded[N, ..R](x: f32[2 * N, ..R]) -> f32[N, ..R] = x[::2] + x[1::2]",
    call(block) {
      const x = floats(block, 1);
      const size = required(x.type.shape[0]);
      const half = size.over(2);
      if (!half.times(2).equals(size)) throw new Unfit();
      return {
        ...x,
        text: `folded(${x.text})`,
        type: { ...x.type, shape: [half, ...x.type.shape.slice(1)] },
        bound: 2 * x.bound,
      };
    },
  },
];

const fixed: Production = (block) => {
  const { random, program } = block;
  const own = random.of(FIXED);
  const call = own.call(block);
  // Some of them live in the second file.
  const known = [...program.declarations, ...program.library].some((text) => text === own.text);
  if (!known) (random.chance(0.5) ? program.library : program.declarations).push(own.text);
  block.count(`def ${own.name}`);
  return call;
};

// ---- layers of the library --------------------------------------------------------------------------------------

const lastKnown = (block: Block, least: number, most = 4): Expression => {
  const x = block.find((type) => {
    const last = type.shape.at(-1)?.literal;
    return (
      isFloat(type) &&
      type.shape.length >= least &&
      type.shape.length <= most &&
      last !== undefined &&
      last >= 1 &&
      last <= 40
    );
  });
  return calm(block, x);
};

function layerCall(block: Block, text: string, feature: string): string {
  if (block.where === "def") throw new Unfit();
  block.count(`library: ${feature}`);
  return block.random.chance(0.2) ? text.replace(/\)$/, `, name="${block.name("own")}")`) : text;
}

const dense: Production = (block) => {
  const { random, program } = block;
  const x = lastKnown(block, 1);
  const takes = required(x.type.shape.at(-1)?.literal);
  const rows = x.type.shape.slice(0, -1);
  const typed = (text: string, units: number): Expression => ({
    text,
    type: { dtype: "f32", shape: [...rows, Size.of(units)] },
    bound: 2 * x.bound,
  });
  const shared = program.instances.filter((own) => own.takes === takes);
  if (block.where === "graph" && shared.length > 0 && random.chance(0.6)) {
    const own = random.of(shared);
    block.count("reuse=");
    return typed(`dense(${x.text}, ${own.call.replace("name=", "reuse=")})`, own.gives);
  }
  const units = 1 + random.below(9);
  const extra = random.of(["", ", relu", ", act=tanh", ", use_bias=false", ", sigmoid"]);
  if (block.where === "graph" && random.chance(0.3)) {
    // In a statement of its own: what is not written after all cannot be shared.
    const call = `${units}${extra}, name="${block.name("own")}"`;
    const named = block.name("v");
    block.lines.push(`${named} = dense(${x.text}, ${call})`);
    block.count("library: dense");
    program.instances.push({ call, takes, gives: units });
    const made = typed(named, units);
    block.values.push(made);
    return made;
  }
  return typed(layerCall(block, `dense(${x.text}, ${units}${extra})`, "dense"), units);
};

const norms: Production = (block) => {
  const x = lastKnown(block, 1);
  const fn = block.random.of(["layer_norm", "rms_norm", "batch_norm", "prelu"]);
  const isNarrow = (x.type.shape.at(-1)?.literal ?? 0) < 3;
  // One element has no spread: what is left is rounding, many times over.
  if (fn === "layer_norm" && isNarrow) throw new Unfit();
  return {
    text: layerCall(block, `${fn}(${x.text}${fn.endsWith("norm") && fn !== "batch_norm" ? ", epsilon=0.1" : ""})`, fn),
    type: x.type,
    bound: 8 + x.bound,
  };
};

const embedding: Production = (block) => {
  const ids = block.find((type) => type.dtype === "i32" && type.shape.length <= 2);
  const dim = 1 + block.random.below(4);
  const text = layerCall(block, `embedding(${ids.text}, 7, ${dim})`, "embedding");
  return { text, type: { dtype: "f32", shape: [...ids.type.shape, Size.of(dim)] }, bound: 1 };
};

function outOf(size: Size, kernel: number, stride: number, padding: "same" | "valid"): Size {
  return padding === "same" ? size.plus(stride - 1).over(stride) : size.plus(-kernel).over(stride).plus(1);
}

/** An image, made of any tensor whose elements can be set out as one. */
function image(block: Block, rank: 3 | 4): Expression {
  const found = block.values.filter(
    ({ type }) => isFloat(type) && type.shape.length === rank && type.shape.at(-1)?.literal !== undefined,
  );
  if (found.length > 0 && block.random.chance(0.6)) return calm(block, block.random.of(found));
  if (!block.declare) throw new Unfit();
  const { random } = block;
  const spatial = Array.from({ length: rank - 2 }, () =>
    random.chance(0.4) ? random.of(block.dims).plus(3) : Size.of(4 + random.below(5)),
  );
  return block.declare("input", {
    dtype: "f32",
    shape: [random.of(block.dims), ...spatial, Size.of(1 + random.below(3))],
  });
}

const convolution: Production = (block) => {
  const { random } = block;
  const rank = random.of([3, 4] as const);
  const x = image(block, rank);
  const [n, ...rest] = x.type.shape;
  const spatial = rest.slice(0, -1);
  const channels = required(rest.at(-1));
  const kernel = 1 + random.below(3);
  const stride = 1 + random.below(2);
  const padding = random.of(["same", "valid"] as const);
  if (spatial.some((size) => block.least(size) < (padding === "valid" ? kernel : 1))) throw new Unfit();
  const out = spatial.map((size) => outOf(size, kernel, stride, padding));
  const tail = `strides=${stride}, padding="${padding}"`;
  const shape = (last: Size): Size[] => [required(n), ...out, last];
  const bounds = { bound: 3 * x.bound };
  const suffix = rank === 4 ? "2d" : "1d";
  const choice = random.below(4);
  if (choice === 0) {
    const fn = `${random.of(["max", "avg"])}_pool${suffix}`;
    block.count(`library: ${fn} ${padding}`);
    const text = `${fn}(${x.text}, ${kernel}, ${stride}, "${padding}")`;
    return { text, type: { dtype: "f32", shape: shape(channels) }, ...bounds };
  }
  if (choice === 1 && rank === 4) {
    const text = layerCall(block, `depthwise_conv2d(${x.text}, ${kernel}, ${tail})`, `depthwise_conv2d ${padding}`);
    return { text, type: { dtype: "f32", shape: shape(channels) }, ...bounds };
  }
  const filters = 1 + random.below(5);
  const act = random.of(["relu", "identity", "tanh"]);
  const call = `conv${suffix}(${x.text}, ${filters}, ${kernel}, ${act}, ${tail})`;
  const text = layerCall(block, call, `conv${suffix} ${padding} ${stride}`);
  return { text, type: { dtype: "f32", shape: shape(Size.of(filters)) }, ...bounds };
};

const recurrent: Production = (block) => {
  const { random } = block;
  const x = lastKnown(block, 3, 3);
  const [n, t] = x.type.shape;
  if (block.least(required(t)) < 1) throw new Unfit();
  if (random.chance(0.3)) {
    const d = required(x.type.shape[2]?.literal);
    const heads = random.of([1, 2].filter((k) => d % k === 0));
    const text = layerCall(block, `attention(${x.text}, ${heads}${random.of(["", ", causal=true"])})`, "attention");
    return { text, type: x.type, bound: 4 * x.bound };
  }
  const fn = random.of(["lstm", "gru", "rnn"]);
  const units = 1 + random.below(5);
  return {
    text: layerCall(block, `${fn}(${x.text}, ${units})`, fn),
    type: { dtype: "f32", shape: [required(n), required(t), Size.of(units)] },
    bound: 1,
  };
};

const flatten: Production = (block) => {
  const x = block.find(({ shape }) => shape.length >= 2);
  block.count("library: flatten");
  return {
    ...x,
    text: `flatten(${x.text})`,
    type: { ...x.type, shape: [required(x.type.shape[0]), productOf(x.type.shape.slice(1))] },
  };
};

const signal: Production = (block) => {
  const { random } = block;
  const x = floats(block, 1, 2);
  const last = required(x.type.shape.at(-1));
  const rows = x.type.shape.slice(0, -1);
  switch (random.below(4)) {
    case 0:
      if (block.least(last) < 3) throw new Unfit();
      block.count("library: frame");
      return {
        ...x,
        text: `signal.frame(${x.text}, 3, 2)`,
        type: { ...x.type, shape: [...rows, last.plus(-3).over(2).plus(1), Size.of(3)] },
      };
    case 1:
      if (block.least(last) < 1) throw new Unfit();
      block.count("library: dct");
      return { ...x, text: `signal.dct(${x.text})`, bound: 20 * x.bound };
    case 2:
      block.count("library: preemphasis");
      if (block.least(last) < 1) throw new Unfit();
      return { ...x, text: `signal.preemphasis(${x.text})`, bound: 2 * x.bound };
    default:
      if (block.least(last) < 1) throw new Unfit();
      block.count("library: rdft");
      return {
        ...x,
        text: `signal.rdft(${x.text}).${random.of(["re", "im"])}`,
        type: { ...x.type, shape: [...rows, last.over(2).plus(1)] },
        bound: 20 * x.bound,
      };
  }
};

export const functions = (grow: Grow): readonly (readonly [number, Production])[] => [
  [6, (block) => declared(block, grow)],
  [4, fixed],
  [4, dense],
  [2, norms],
  [1, embedding],
  [3, convolution],
  [2, recurrent],
  [1, flatten],
  [1, signal],
];
