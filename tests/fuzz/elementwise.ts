/** Operators and functions of elements, with every way of broadcasting. */
import {
  type Block,
  type Expression,
  isFloat,
  isInteger,
  isStorage,
  type Kind,
  operand,
  type Type,
  Unfit,
} from "./block.ts";
import { calm, converted, floats, integers, literal, ofType, required } from "./operands.ts";
import { Size } from "./sizes.ts";

export type Production = (block: Block) => Expression;

const UNARY: readonly (readonly [name: string, text: (x: string) => string, bound: (x: number) => number])[] = [
  ["neg", (x) => `-${operand(x)}`, (x) => x],
  ["abs", (x) => `abs(${x})`, (x) => x],
  ["sign", (x) => `sign(${x})`, () => 1],
  ["exp", (x) => `exp(-abs(${x}))`, () => 1],
  ["log", (x) => `log(1.0 + abs(${x}))`, (x) => Math.log(1 + x)],
  ["sqrt", (x) => `sqrt(abs(${x}) + 0.25)`, (x) => Math.sqrt(x + 1)],
  ["rsqrt", (x) => `rsqrt(abs(${x}) + 0.5)`, () => 1.5],
  ["sin", (x) => `sin(${x})`, () => 1],
  ["cos", (x) => `cos(${x})`, () => 1],
  ["tanh", (x) => `tanh(${x})`, () => 1],
  ["erf", (x) => `erf(${x})`, () => 1],
  ["floor", (x) => `floor(${x})`, (x) => x + 1],
  ["ceil", (x) => `ceil(${x})`, (x) => x + 1],
  ["round", (x) => `round(${x})`, (x) => x + 1],
  ["relu", (x) => `relu(${x})`, (x) => x],
  ["x ** 2", (x) => `${operand(x)} ** 2`, (x) => x * x],
  ["x ** 3", (x) => `${operand(x)} ** 3`, (x) => x ** 3],
  ["identity", (x) => `identity(${x})`, (x) => x],
];
/** Steps after which nothing may be a number any more, or everything infinite. */
const WILD: typeof UNARY = [
  ["log of anything", (x) => `log(${x})`, () => 90],
  ["sqrt of anything", (x) => `sqrt(${x})`, () => 10],
  ["1 / anything", (x) => `1.0 / ${operand(x)}`, () => 90],
  ["exp of anything", (x) => `exp(${x})`, () => 90],
  ["x ** -1", (x) => `${operand(x)} ** -1`, () => 90],
];

const unary: Production = (block) => {
  const x = floats(block);
  const [name, text, bound] = block.random.of(block.program.isWild && block.random.chance(0.4) ? WILD : UNARY);
  block.count(name);
  return { text: text(x.text), type: x.type, bound: bound(x.bound) };
};

/** An operand that goes with `type` in an operator, and the type of the two together. */
function partner(
  block: Block,
  { dtype, shape }: Type,
): { readonly other: Expression; readonly type: Type; readonly note: string } {
  const { random } = block;
  const choice = random.below(9);
  const same = { other: ofType(block, { dtype, shape }), type: { dtype, shape }, note: "same shape" };
  switch (choice) {
    case 0:
      return {
        other: { text: literal(block, dtype), type: { dtype, shape: [] }, bound: 3 },
        type: { dtype, shape },
        note: "literal",
      };
    case 1: {
      const scalar = block.values.filter((value) => value.type.dtype === dtype && value.type.shape.length === 0);
      if (scalar.length === 0) return same;
      return { other: calm(block, random.of(scalar)), type: { dtype, shape }, note: "scalar" };
    }
    case 2:
      if (shape.length === 0) return same;
      return {
        other: ofType(block, { dtype, shape: shape.slice(random.below(shape.length)) }),
        type: { dtype, shape },
        note: "tail",
      };
    case 3: {
      if (shape.length === 0) return same;
      const ones = shape.map((size) => (random.chance(0.5) ? Size.of(1) : size));
      return { other: ofType(block, { dtype, shape: ones }), type: { dtype, shape }, note: "axes of 1" };
    }
    case 4: {
      // One row or column of what is at hand, with the axis put back.
      const wide = block.values.filter(
        (value) => value.type.dtype === dtype && value.type.shape.length === 1 && shape.length >= 1 && shape.length < 4,
      );
      const row = wide.find((value) => value.type.shape[0]?.equals(required(shape[0])));
      if (!row) return same;
      const text = `${row.text}[:${", new".repeat(shape.length - 1)}]`;
      return {
        other: { ...calm(block, { ...row, text }), type: { dtype, shape } },
        type: { dtype, shape },
        note: "x[:, new]",
      };
    }
    case 5: {
      // Of the other rank: the result has the shape of the longer one.
      const longer = block.values.filter(
        (value) =>
          value.type.dtype === dtype &&
          value.type.shape.length > shape.length &&
          shape.every((size, i) => value.type.shape[value.type.shape.length - shape.length + i]?.equals(size)),
      );
      if (longer.length === 0) return same;
      const other = calm(block, random.of(longer));
      return { other, type: other.type, note: "longer shape" };
    }
    default:
      return same;
  }
}

const FLOAT_OPERATORS: readonly (readonly [
  string,
  (a: string, b: string) => string,
  (a: number, b: number) => number,
])[] = [
  ["+", (a, b) => `${a} + ${b}`, (a, b) => a + b],
  ["-", (a, b) => `${a} - ${b}`, (a, b) => a + b],
  ["*", (a, b) => `${a} * ${b}`, (a, b) => a * b],
  ["/", (a, b) => `${a} / (abs(${b}) + 0.5)`, (a) => 2 * a],
  ["%", (a, b) => `${a} % (abs(${b}) + 0.75)`, (_, b) => b + 1],
  ["**", (a, b) => `(abs(${a}) + 0.5) ** clamp(${b}, -2.0, 2.0)`, (a) => Math.max(4, (a + 1) ** 2)],
  ["min", (a, b) => `min(${a}, ${b})`, Math.max],
  ["max", (a, b) => `max(${a}, ${b})`, Math.max],
];
const INTEGER_OPERATORS = ["+", "-", "*", "/", "%", "min", "max"] as const;

const binary: Production = (block) => {
  const { random } = block;
  const a = floats(block);
  const { other, type, note } = partner(block, a.type);
  const [name, text, bound] = random.of(FLOAT_OPERATORS);
  block.count(`f32 ${name}`);
  block.count(`broadcast: ${note}`);
  const [left, right] = random.chance(0.5) ? [a, other] : [other, a];
  if (left.text.startsWith("-") || (/^-?[\d.]+$/.test(left.text) && /^-?[\d.]+$/.test(right.text))) throw new Unfit();
  return { text: text(operand(left.text), operand(right.text)), type, bound: bound(left.bound, right.bound) };
};

const integerBinary: Production = (block) => {
  const a = integers(block);
  const { other, type, note } = partner(block, a.type);
  const op = block.random.of(INTEGER_OPERATORS);
  block.count(`${type.dtype} ${op}`);
  block.count(`broadcast: ${note}`);
  const text =
    op === "min" || op === "max"
      ? `${op}(${a.text}, ${other.text})`
      : `${operand(a.text)} ${op} ${operand(other.text)}`;
  return { text, type, bound: 1e9 };
};

const integerUnary: Production = (block) => {
  const a = integers(block);
  const signed = a.type.dtype === "i32";
  const [name, text] = block.random.of<readonly [string, string]>([
    ["abs", `abs(${a.text})`],
    ["sign", `sign(${a.text})`],
    ["neg", signed ? `-${operand(a.text)}` : `${operand(a.text)} * 3`],
    ["clamp", `clamp(${a.text}, 1, 6)`],
    ["integer ** 2", `${operand(a.text)} ** 2`],
    ["relu", `relu(${a.text})`],
  ]);
  if (!signed && name !== "clamp" && name !== "neg") throw new Unfit();
  block.count(`integer ${name}`);
  return { text, type: a.type, bound: 1e9 };
};

const comparison: Production = (block) => {
  const { random } = block;
  const a = block.find((type) => isFloat(type) || isInteger(type));
  const { other, type, note } = partner(block, a.type);
  const op = random.of(["<", "<=", ">", ">=", "==", "!="]);
  block.count(`${a.type.dtype} ${op}`);
  block.count(`broadcast: ${note}`);
  return { text: `${operand(a.text)} ${op} ${operand(other.text)}`, type: { ...type, dtype: "bool" }, bound: 1 };
};

const logic: Production = (block) => {
  const a = block.find(({ dtype }) => dtype === "bool");
  if (block.random.chance(0.3)) {
    block.count("!");
    return { text: `!${operand(a.text)}`, type: a.type, bound: 1 };
  }
  const { other, type } = partner(block, a.type);
  const op = block.random.of(["&&", "||", "==", "!="]);
  block.count(`bool ${op}`);
  return { text: `${operand(a.text)} ${op} ${operand(other.text)}`, type, bound: 1 };
};

const selection: Production = (block) => {
  const { random } = block;
  const a = block.find((type) => !isStorage(type));
  const { other, type } = partner(block, a.type);
  const masked: Type = { dtype: "bool", shape: random.chance(0.7) ? type.shape : type.shape.slice(1) };
  const mask = ofType(block, masked);
  block.count("select");
  const [left, right] = random.chance(0.5) ? [a, other] : [other, a];
  return { text: `select(${mask.text}, ${left.text}, ${right.text})`, type, bound: Math.max(a.bound, other.bound) };
};

const clamped: Production = (block) => {
  const x = floats(block);
  block.count("clamp");
  if (block.random.chance(0.3)) {
    const low = ofType(block, x.type);
    return { text: `clamp(${x.text}, ${low.text} - 1.0, ${low.text} + 0.5)`, type: x.type, bound: low.bound + 1 };
  }
  return { text: `clamp(${x.text}, -0.75, 1.25)`, type: x.type, bound: 2 };
};

const cast: Production = (block) => {
  const value = block.find(() => true);
  const to = block.random.of<Kind>(["f32", "f32", "i32", "i32", "u32", "bool", "u8", "i8", "f16", "bf16"]);
  if (to === value.type.dtype) throw new Unfit();
  const scaled =
    isFloat(value.type) && block.random.chance(0.5) ? { ...value, text: `${operand(value.text)} * 100.0` } : value;
  return converted(block, scaled, to);
};

/** Library functions of elements that stay within a few units. */
const LIBRARY = [
  "sigmoid",
  "tanh_shrink",
  "softsign",
  "relu6",
  "hard_tanh",
  "hard_sigmoid",
  "hard_swish",
  "hard_shrink",
  "soft_shrink",
  "log_sigmoid",
  "silu",
  "swish",
  "softplus",
  "mish",
  "elu",
  "selu",
  "celu",
  "gelu",
  "gelu_erf",
  "leaky_relu",
  "square",
  "cbrt",
  "atan",
  "trunc",
  "frac",
  "smoothstep",
  "degrees",
  "radians",
  "sinc",
  "nan_to",
  "heaviside",
  "asinh",
];

const libraryUnary: Production = (block) => {
  const x = floats(block);
  const name = block.random.of(LIBRARY);
  block.count(`library: ${name}`);
  const call = block.random.chance(0.2) ? `${operand(x.text)} |> ${name}` : `${name}(${x.text})`;
  const bound = name === "square" ? x.bound ** 2 : name === "degrees" ? 60 * x.bound : x.bound + 2;
  return { text: call, type: x.type, bound };
};

const libraryBinary: Production = (block) => {
  const x = floats(block);
  const y = ofType(block, x.type);
  const name = block.random.of(["atan2", "hypot", "logaddexp"]);
  block.count(`library: ${name}`);
  return { text: `${name}(${x.text}, ${y.text})`, type: x.type, bound: x.bound + y.bound + 4 };
};

export const elementwise: readonly (readonly [weight: number, Production])[] = [
  [5, unary],
  [8, binary],
  [4, integerBinary],
  [1, integerUnary],
  [3, comparison],
  [2, logic],
  [3, selection],
  [1, clamped],
  [4, cast],
  [3, libraryUnary],
  [1, libraryBinary],
];
