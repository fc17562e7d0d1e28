/** Comprehensions: nine reducers, guarded, clamped and non-affine reads, indices as values. */
import { type Block, type Expression, isFloat, isInteger, isStorage, operand, Unfit } from "./block.ts";
import type { Production } from "./elementwise.ts";
import { literal, required } from "./operands.ts";
import { Size } from "./sizes.ts";

type Scalar = "f32" | "i32" | "bool";

interface Index {
  readonly name: string;
  readonly extent: Size;
}

class Body {
  readonly block: Block;
  readonly indices: Index[];
  budget: number;

  constructor(block: Block, indices: readonly Index[], budget: number) {
    this.block = block;
    this.indices = [...indices];
    this.budget = budget;
  }

  get random() {
    return this.block.random;
  }

  expression(dtype: Scalar): string {
    this.budget--;
    if (this.budget <= 0) return this.leaf(dtype);
    switch (dtype) {
      case "f32":
        return this.float();
      case "i32":
        return this.integer();
      case "bool":
        return this.condition();
    }
  }

  leaf(dtype: Scalar): string {
    const { random } = this;
    if (random.chance(0.7)) {
      const read = this.read(dtype);
      if (read !== undefined) return read;
    }
    const index = this.indices.length > 0 ? random.of(this.indices).name : "2";
    if (dtype === "bool") return `${index} ${random.of(["<", ">=", "!=", "=="])} ${1 + random.below(3)}`;
    if (dtype === "i32") return random.chance(0.7) ? index : literal(this.block, "i32");
    return random.chance(0.5) ? `0.25 * (${index} as f32)` : random.literal();
  }

  float(): string {
    const { random } = this;
    const one = (): string => `(${this.expression("f32")})`;
    switch (random.below(13)) {
      case 0:
      case 1:
        return `${one()} ${random.of(["+", "-", "*"])} ${one()}`;
      case 2:
        return `${random.of(["tanh", "sin", "abs", "floor", "round", "sign", "erf"])}(${this.expression("f32")})`;
      case 3:
        return `${random.of(["min", "max"])}(${this.expression("f32")}, ${this.expression("f32")})`;
      case 4:
        this.block.count("select in a comprehension");
        return `select(${this.expression("bool")}, ${this.expression("f32")}, ${this.expression("f32")})`;
      case 5:
        this.block.count("if in a comprehension");
        return `(if ${this.expression("bool")} then ${this.expression("f32")} else ${this.expression("f32")})`;
      case 6:
        return `0.125 * (((${this.expression("i32")}) % 17) as f32)`;
      case 7:
      case 8:
      case 9:
        return this.reduce("f32");
      default:
        return this.leaf("f32");
    }
  }

  integer(): string {
    const { random } = this;
    switch (random.below(8)) {
      case 0:
      case 1:
        return `(${this.expression("i32")}) ${random.of(["+", "-", "*", "%", "/"])} (${this.expression("i32")})`;
      case 2:
        return `select(${this.expression("bool")}, ${this.expression("i32")}, ${this.expression("i32")})`;
      case 3:
        return `floor(${this.expression("f32")}) as i32`;
      case 4:
        return this.reduce("i32");
      default:
        return this.leaf("i32");
    }
  }

  condition(): string {
    const { random } = this;
    switch (random.below(6)) {
      case 0:
        return `(${this.expression("f32")}) ${random.of(["<", ">", "<=", ">=", "==", "!="])} (${this.expression("f32")})`;
      case 1:
        return `(${this.expression("i32")}) ${random.of(["<", ">", "==", "!="])} (${this.expression("i32")})`;
      case 2:
        return `(${this.expression("bool")}) ${random.of(["&&", "||"])} !(${this.expression("bool")})`;
      case 3:
        return this.reduce("bool");
      default:
        return this.leaf("bool");
    }
  }

  /** A reduction over one or two axes of its own, which its body has to read. */
  reduce(dtype: Scalar): string {
    const { block, random } = this;
    const count = random.chance(0.2) ? 2 : 1;
    const fn = random.of(
      {
        f32: ["sum", "sum", "mean", "max", "min", "prod"],
        i32: ["sum", "max", "min", "argmax", "argmin"],
        bool: ["any", "all"],
      }[dtype],
    );
    const needsOne = !["sum", "prod", "any", "all"].includes(fn);
    const own = Array.from({ length: count }, () => ({ name: block.name("r"), extent: this.extent(needsOne) }));
    this.indices.push(...own);
    const inner: Scalar = fn === "argmax" || fn === "argmin" ? random.of(["f32", "i32"]) : dtype;
    const isFloatProduct = fn === "prod" && dtype === "f32";
    let body = this.expression(inner);
    for (const { name } of own) if (!new RegExp(`\\b${name}\\b`).test(body)) body = used(body, name, inner);
    this.indices.splice(this.indices.length - count, count);
    block.count(`${fn}(i in N: …)`);
    const text = isFloatProduct ? `1.0 + 0.1 * tanh(${body})` : body;
    return `${fn}(${own.map(({ name, extent }) => `${name} in ${extent.text}`).join(", ")}: ${text})`;
  }

  extent(needsOne: boolean): Size {
    const { block, random } = this;
    const arrays = block.values.flatMap(({ type }) => type.shape);
    const sizes = [...block.dims, ...arrays, Size.of(2), Size.of(3)].filter(
      (size) => !needsOne || block.least(size) >= 1,
    );
    return random.of(sizes);
  }

  read(dtype: Scalar): string | undefined {
    const { block, random } = this;
    const arrays = block.values.filter(
      // A layer or a loop would be another for every element, which is refused.
      ({ text, type }) =>
        /^\w+$/.test(text) &&
        type.shape.length > 0 &&
        (type.dtype === dtype || (dtype === "f32" && (isInteger(type) || isStorage(type)))),
    );
    if (arrays.length === 0) return undefined;
    const array = random.of(arrays);
    let guarded = false;
    const at: string[] = [];
    for (const size of array.type.shape) {
      const { text, isInside } = this.index(size);
      at.push(text);
      guarded ||= !isInside;
    }
    const { dtype: own } = array.type;
    const plain = `${operand(array.text)}[${at.join(", ")}]`;
    const outside = own === "bool" ? "false" : own === "f32" ? random.of(["0.0", "-1.5"]) : random.of(["0", "3"]);
    // What is inside anyway may be guarded too.
    if (!guarded && !isStorage(array.type) && random.chance(0.1)) {
      guarded = true;
      block.count("?? where it is inside");
    }
    if (guarded && isStorage(array.type)) return undefined;
    if (guarded) block.count("x[…] ?? v");
    const read = guarded ? `(${plain} ?? ${outside})` : plain;
    if (own === dtype) return read;
    if (isStorage(array.type)) return `0.05 * (${read} as f32)`;
    return `0.25 * ((${read} % 9) as f32)`;
  }

  /** An index of an axis of this size, and whether the compiler can see that it is inside. */
  index(size: Size): { readonly text: string; readonly isInside: boolean } {
    const { block, random } = this;
    const fitting = this.indices.filter(({ extent }) => extent.equals(size));
    const any = this.indices.length > 0 ? random.of(this.indices).name : "0";
    const least = block.least(size);
    const choice = random.below(16);
    if (choice < 7 && fitting.length > 0) return { text: random.of(fitting).name, isInside: true };
    if (choice === 7 && fitting.length > 0) {
      block.count("x[N - 1 - i]");
      return { text: `${size.plus(-1).text} - ${random.of(fitting).name}`, isInside: true };
    }
    if (choice === 8 && least >= 1) return { text: String(random.below(Math.min(least, 3))), isInside: true };
    if (choice === 9) return { text: `${any} + ${1 + random.below(2)}`, isInside: false };
    if (choice === 10) return { text: `${any} - ${1 + random.below(2)}`, isInside: false };
    if (choice === 11) return { text: `2 * ${any} - 1`, isInside: false };
    if (choice === 12 && this.indices.length > 1) {
      const [a, b] = random.shuffled(this.indices);
      return { text: `${a?.name} + ${b?.name} - 1`, isInside: false };
    }
    if (choice === 13 && least >= 1) {
      block.count("x[clamp(i, …)]");
      return { text: `clamp(${any} - 1, 0, ${size.plus(-1).text})`, isInside: true };
    }
    if (choice === 14 && least >= 1) {
      block.count("x[i % N]");
      return { text: `(${any} + 1) % ${size.operand}`, isInside: true };
    }
    if (choice === 15 && least >= 1) {
      const ids = block.values.filter(
        ({ text, type }) => /^\w+$/.test(text) && type.dtype === "i32" && type.shape.length === 1,
      );
      if (ids.length > 0) {
        const chosen = random.of(ids);
        const inner = this.indices.find(({ extent }) => extent.equals(required(chosen.type.shape[0])));
        if (inner) {
          block.count("x[ids[i]]");
          const text = `${operand(chosen.text)}[${inner.name}]`;
          return random.chance(0.5) ? { text: `${text} % ${size.operand}`, isInside: true } : { text, isInside: false };
        }
      }
    }
    if (choice === 6) return { text: `${any} / 2`, isInside: false };
    return { text: any, isInside: fitting.some(({ name }) => name === any) };
  }
}

/** An index that is bound has to be used. */
function used(body: string, name: string, dtype: Scalar): string {
  if (dtype === "bool") return `(${body}) && ${name} >= 0`;
  return dtype === "i32" ? `(${body}) + ${name}` : `(${body}) + 0.125 * (${name} as f32)`;
}

const comprehension: Production = (block) => {
  const { random } = block;
  const rank = 1 + random.below(3);
  const pool = [...block.dims, ...block.values.flatMap(({ type }) => type.shape), Size.of(2), Size.of(3)];
  const indices = Array.from({ length: rank }, (_, i): Index => ({ name: `${"ijklm"[i]}`, extent: random.of(pool) }));
  const dtype = random.of<Scalar>(["f32", "f32", "f32", "i32", "bool"]);
  const body = new Body(block, indices, 3 + random.below(10));
  let text = random.chance(0.4) ? body.reduce(dtype) : body.expression(dtype);
  for (const { name } of indices) if (!new RegExp(`\\b${name}\\b`).test(text)) text = used(text, name, dtype);
  if (text.length > 900) throw new Unfit();
  block.count(`tensor(…) of ${dtype}`);
  const type: Expression["type"] = { dtype, shape: indices.map(({ extent }) => extent) };
  return {
    text: `tensor(${indices.map(({ name, extent }) => `${name} in ${extent.text}`).join(", ")}: ${text})`,
    type,
    bound: isFloat(type) ? 1000 : 1e6,
  };
};

export const comprehensions: readonly (readonly [number, Production])[] = [[12, comprehension]];
