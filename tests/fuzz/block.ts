/** What the generator writes into: statements, the typed values that are at hand, and the choices of one seed. */
import { randomNumbers } from "../ops/cases.ts";
import type { Size } from "./sizes.ts";

export type Kind = "f32" | "i32" | "u32" | "bool" | "u8" | "i8" | "f16" | "bf16";

export interface Type {
  readonly dtype: Kind;
  readonly shape: readonly Size[];
}

export interface Expression {
  readonly text: string;
  readonly type: Type;
  /** What no element exceeds, by and large: chains are kept from growing beyond what f32 can compare. */
  readonly bound: number;
}

export class Random {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = randomNumbers(seed);
  }

  below(count: number): number {
    return Math.floor(this.#next() * count);
  }

  chance(share: number): boolean {
    return this.#next() < share;
  }

  of<T>(list: readonly T[]): T {
    const chosen = list[this.below(list.length)];
    if (chosen === undefined) throw new Error("there is nothing to choose from");
    return chosen;
  }

  shuffled<T>(list: readonly T[]): T[] {
    const keyed = list.map((item) => ({ item, key: this.#next() }));
    return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
  }

  literal(most = 2): string {
    const value = Math.round((this.#next() * 2 - 1) * most * 8) / 8;
    return Number.isInteger(value) ? `${value}.0` : String(value);
  }
}

/** One program in the making. */
export interface Program {
  readonly random: Random;
  /** How often each construct was written. */
  readonly features: Map<string, number>;
  /** Top-level declarations by now, and those of the second file. */
  readonly declarations: string[];
  readonly library: string[];
  /** The least value of each dim that is in scope somewhere. */
  readonly least: Record<string, number>;
  names: number;
  /** Layers of the library that other calls can share: the call without its operand, the size it takes, the one it gives. */
  readonly instances: { readonly call: string; readonly takes: number; readonly gives: number }[];
  /** Whether steps off the safe path (division by what may be 0, logarithms of anything) are taken. */
  readonly isWild: boolean;
}

/** Why there is no such expression here: the production is not written, and another is chosen. */
export class Unfit extends Error {}

export class Block {
  readonly program: Program;
  readonly lines: string[] = [];
  readonly values: Expression[];
  /** Dims that may be written here. */
  readonly dims: readonly Size[];
  /** Statements that ask for another input, param or state go here; undefined inside of functions. */
  readonly declare: ((kind: "input" | "param" | "state", type: Type) => Expression) | undefined;
  /** How far down expressions have gone. */
  depth: number;
  readonly where: "graph" | "def" | "layer" | "loop";

  constructor(
    program: Program,
    where: Block["where"],
    dims: readonly Size[],
    values: readonly Expression[],
    depth: number,
    declare?: Block["declare"],
  ) {
    this.program = program;
    this.where = where;
    this.dims = dims;
    this.values = [...values];
    this.depth = depth;
    this.declare = declare;
  }

  get random(): Random {
    return this.program.random;
  }

  name(stem: string): string {
    return `${stem}${this.program.names++}`;
  }

  count(feature: string): void {
    const { features } = this.program;
    features.set(feature, (features.get(feature) ?? 0) + 1);
  }

  /** The value of a size where every dim is as small as it may be; sizes of the generator grow with their dims. */
  least(size: Size): number {
    return size.at(this.program.least);
  }

  /** Binds an expression to a name. */
  bind(expression: Expression, stem = "v"): Expression {
    const name = this.name(stem);
    const annotation = this.random.chance(0.1) ? `: ${typeText(expression.type)}` : "";
    if (annotation) this.count("annotation");
    const statement = `${name}${annotation} = ${expression.text}`;
    // `name=` and `reuse=` speak of the scope around their call.
    const isNamed = /\b(?:name|reuse)=/.test(statement);
    const isScoped = this.where === "graph" && this.random.chance(0.05) && !isNamed;
    if (isScoped) this.count("scope");
    this.lines.push(isScoped ? `scope "${this.name("scope")}" { ${statement} }` : statement);
    const bound = { ...expression, text: name };
    this.values.push(bound);
    return bound;
  }

  /** A value at hand that fits. */
  find(fits: (type: Type) => boolean): Expression {
    const found = this.values.filter(({ type }) => fits(type));
    if (found.length === 0) throw new Unfit();
    // Late ones are read more often, so that chains get long.
    return this.random.chance(0.5) ? this.random.of(found.slice(-4)) : this.random.of(found);
  }
}

export const typeText = ({ dtype, shape }: Type): string =>
  shape.length === 0 ? dtype : `${dtype}[${shape.map(({ text }) => text).join(", ")}]`;
export const shapeText = (shape: readonly Size[]): string => `[${shape.map(({ text }) => text).join(", ")}]`;
export const sameShape = (a: readonly Size[], b: readonly Size[]): boolean =>
  a.length === b.length && a.every((size, i) => b[i]?.equals(size));
export const sameType = (a: Type, b: Type): boolean => a.dtype === b.dtype && sameShape(a.shape, b.shape);

/** In parentheses where an operator follows. */
export const operand = (text: string): string => (/^[\w.]+$|^[\w.]+\([^()]*\)$/.test(text) ? text : `(${text})`);

export const isFloat = ({ dtype }: Type): boolean => dtype === "f32";
export const isInteger = ({ dtype }: Type): boolean => dtype === "i32" || dtype === "u32";
export const isStorage = ({ dtype }: Type): boolean => ["u8", "i8", "f16", "bf16"].includes(dtype);

export const RANGES: Readonly<Record<Kind, number>> = {
  f32: 2,
  i32: 9,
  u32: 9,
  bool: 1,
  u8: 255,
  i8: 128,
  f16: 4,
  bf16: 4,
};
