/** Operands of a wanted type: what is at hand, made to fit, written out, or asked of a feed. */
import {
  type Block,
  type Expression,
  isFloat,
  isInteger,
  isStorage,
  type Kind,
  operand,
  RANGES,
  sameShape,
  sameType,
  shapeText,
  type Type,
  Unfit,
} from "./block.ts";

/** Beyond this an operand is drawn together before it is used. */
const CALM = 40;

/** The same value within a few units. */
export function calm(block: Block, expression: Expression): Expression {
  const { text, type, bound } = expression;
  if (type.dtype !== "f32" || bound <= CALM) return expression;
  const by = 2 ** -Math.ceil(Math.log2(bound));
  switch (block.random.below(3)) {
    case 0:
      return { text: `tanh(${operand(text)} * ${by})`, type, bound: 1 };
    case 1:
      return { text: `clamp(${text}, -4.0, 4.0)`, type, bound: 4 };
    default:
      return { text: `${operand(text)} / (1.0 + abs(${text}))`, type, bound: 1 };
  }
}

/** A value of exactly this type. */
export function ofType(block: Block, type: Type): Expression {
  const { random } = block;
  const found = block.values.filter((value) => sameType(value.type, type));
  if (found.length > 0 && random.chance(0.85)) return calm(block, random.of(found));
  const choice = random.below(6);
  if (choice === 0 && block.declare && !(type.shape.length > 4)) return block.declare("input", type);
  if (choice === 1 && block.declare && isKnown(type) && !isStorage(type)) return block.declare("param", type);
  if (choice === 2) {
    const cast = block.values.filter(
      (value) => sameShape(value.type.shape, type.shape) && value.type.dtype !== type.dtype,
    );
    if (cast.length > 0) return converted(block, random.of(cast), type.dtype);
  }
  if (choice === 3 && type.shape.length > 0 && !isStorage(type)) {
    const tails = block.values.filter(
      (value) =>
        value.type.dtype === type.dtype &&
        value.type.shape.length < type.shape.length &&
        sameShape(value.type.shape, type.shape.slice(type.shape.length - value.type.shape.length)),
    );
    if (tails.length > 0) {
      const value = random.of(tails);
      block.count("broadcast");
      return { text: `broadcast(${value.text}, ${shapeText(type.shape)})`, type, bound: value.bound };
    }
  }
  if (found.length > 0) return calm(block, random.of(found));
  return made(block, type);
}

/** A tensor that is made of sizes. */
function made(block: Block, type: Type): Expression {
  const { random } = block;
  const { dtype, shape } = type;
  if (isStorage(type)) return converted(block, made(block, { dtype: "f32", shape }), dtype);
  const scalar = literal(block, dtype);
  if (shape.length === 0) {
    // A number alone is compile-time; as a tensor it is a node.
    const name = block.name("k");
    block.lines.push(`${name}: ${dtype} = ${scalar}`);
    block.values.push({ text: name, type, bound: 4 });
    return { text: name, type, bound: 4 };
  }
  if (dtype === "f32" && random.chance(0.3)) {
    block.count("zeros and ones");
    return { text: `${random.of(["zeros", "ones"])}(${shapeText(shape)})`, type, bound: 1 };
  }
  block.count("tensor(…) of indices");
  const binders = shape.map((size, i) => `i${i} in ${size.text}`).join(", ");
  const sum = shape.map((_, i) => `${random.of(["1", "2", "3", "5"])} * i${i}`).join(" + ");
  const body = {
    f32: `0.125 * (((${sum}) % 11) as f32) - 0.5`,
    i32: `(${sum}) % 7 - 2`,
    u32: `((${sum}) % 7) as u32`,
    bool: `(${sum}) % 3 == 1`,
  }[dtype as "f32"];
  return { text: `tensor(${binders}: ${body})`, type, bound: 4 };
}

export function literal(block: Block, dtype: Kind): string {
  const { random } = block;
  switch (dtype) {
    case "f32":
      return random.literal();
    case "bool":
      return random.of(["true", "false"]);
    case "u32":
    case "u8":
      return String(random.below(6));
    default:
      return String(random.below(9) - 3);
  }
}

/** `as`, and what stands for it where there is none. */
export function converted(block: Block, value: Expression, to: Kind): Expression {
  const { text, type } = value;
  if (type.dtype === to) return value;
  block.count(`${type.dtype} as ${to}`);
  const shape = { shape: type.shape };
  if (to === "bool") {
    if (isStorage(type)) return { text: `${operand(text)} as f32 > 0.5`, type: { dtype: to, ...shape }, bound: 1 };
    return { text: `${operand(text)} ${block.random.of(["!=", ">", "<"])} 0`, type: { dtype: to, ...shape }, bound: 1 };
  }
  // A wrapped integer may be anything.
  const inner = isInteger(type) && to === "f32" ? `${operand(text)} % 13` : text;
  const bound = isInteger(type) && to === "f32" ? 13 : Math.min(value.bound, RANGES[to] === 9 ? value.bound : 1e4);
  const scaled = isStorage(type) && to === "f32" && bound > 8;
  return {
    text: scaled ? `0.02 * (${inner} as f32)` : `${operand(inner)} as ${to}`,
    type: { dtype: to, ...shape },
    bound: scaled ? bound / 50 : bound,
  };
}

const isKnown = ({ shape }: Type): boolean =>
  shape.length > 0 && shape.every(({ literal: size }) => size !== undefined && size <= 64);

/** A float value with at least this many axes; one of another dtype is converted. */
export function floats(block: Block, least = 0, most = 5): Expression {
  const fits = ({ shape }: Type): boolean => shape.length >= least && shape.length <= most;
  const found = block.values.filter(({ type }) => isFloat(type) && fits(type));
  if (found.length === 0 || block.random.chance(0.08)) {
    const other = block.values.filter(({ type }) => !isFloat(type) && fits(type));
    if (other.length > 0) return converted(block, block.random.of(other), "f32");
  }
  return calm(
    block,
    block.find((type) => isFloat(type) && fits(type)),
  );
}

export function integers(block: Block, least = 0): Expression {
  return block.find((type) => isInteger(type) && type.shape.length >= least);
}

/** A rank-0 bool of the run. */
export function condition(block: Block): Expression {
  const { random } = block;
  const type: Type = { dtype: "bool", shape: [] };
  const scalars = block.values.filter(
    ({ type: { dtype, shape } }) => shape.length === 0 && !isStorage({ dtype, shape }),
  );
  if (scalars.length > 0 && random.chance(0.6)) {
    const value = random.of(scalars);
    if (value.type.dtype === "bool") return value;
    const limit = value.type.dtype === "f32" ? random.of(["0.3", "-0.2", "1.1"]) : "1";
    return { text: `${operand(value.text)} ${random.of(["<", ">", "<=", ">="])} ${limit}`, type, bound: 1 };
  }
  const value = floats(block, 1);
  return { text: `sum(${value.text}) ${random.of(["<", ">"])} ${random.of(["0.25", "-0.4"])}`, type, bound: 1 };
}

export function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Unfit();
  return value;
}
