/** Control flow: loops with carries and outputs, conditions of the run and of the compiler, unrolled repetition. */
import { Block, type Expression, isFloat, isStorage, operand, type Type, Unfit } from "./block.ts";
import type { Production } from "./elementwise.ts";
import { calm, condition, floats, ofType, required } from "./operands.ts";
import { Size } from "./sizes.ts";

/** Adds a few statements to a block; given by the caller, since statements may hold any production. */
export type Grow = (block: Block, statements: number) => void;

/** Deeper than this loops are not put into loops. */
const DEEPEST = 2;

function inside(block: Block, values: readonly Expression[]): Block {
  const { random } = block;
  // Some of what is outside is read in the body too.
  const outer = block.values.filter(() => random.chance(0.4));
  // A loop of a `def` calls no layers either.
  const where = block.where === "def" ? "def" : "loop";
  return new Block(block.program, where, block.dims, [...outer, ...values], block.depth + 1);
}

/** What a carried value becomes: it must not run away over the iterations. */
function nextOf(block: Block, carry: Expression): string {
  const { random } = block;
  const { type, text } = carry;
  if (isFloat(type)) {
    const step = calm(block, ofType(block, type)).text;
    return random.chance(0.2) && step !== text ? step : `0.5 * ${text} + ${operand(step)}`;
  }
  const step = ofType(block, type).text;
  if (type.dtype === "bool") return `${text} != ${operand(step)}`;
  return random.chance(0.5) ? `${text} + ${operand(step)}` : step === text ? `${text} + 1` : step;
}

const carryType = (block: Block, near: Type): Type => {
  const { random } = block;
  switch (random.below(5)) {
    case 0:
      return { dtype: "f32", shape: [] };
    case 1:
      return { dtype: "i32", shape: [] };
    case 2:
      return isStorage(near) ? { dtype: "f32", shape: near.shape } : near;
    case 3:
      return { dtype: random.of(["f32", "i32", "bool"] as const), shape: near.shape };
    default:
      return block.find((type) => !isStorage(type) && type.shape.length <= 3).type;
  }
};

const bodyText = (inner: Block, results: string): string => {
  const lines = inner.lines.map((line) => line.replaceAll("\n", "\n  "));
  return lines.length === 0 ? `{ return ${results} }` : `{\n  ${lines.join("\n  ")}\n  return ${results}\n}`;
};

const bound = (type: Type): number => (isFloat(type) ? 80 : 1e6);

function scan(block: Block, grow: Grow): Expression {
  const { random } = block;
  if (block.depth >= DEEPEST) throw new Unfit();
  const xs = block.find((type) => type.shape.length >= 1 && type.shape.length <= 3 && !isStorage(type));
  const axis = random.below(xs.type.shape.length);
  const times = required(xs.type.shape[axis]);
  if (block.least(times) < 1) throw new Unfit();
  const isNamed = times.symbol !== undefined && xs.type.shape.filter((other) => other.equals(times)).length === 1;
  const slice: Type = { ...xs.type, shape: xs.type.shape.filter((_, i) => i !== axis) };
  const types = Array.from({ length: random.chance(0.3) ? 2 : 1 }, () => carryType(block, slice));
  const inits = types.map((type) => ofType(block, type).text);
  const carries = types.map((type): Expression => ({ text: block.name("h"), type, bound: bound(type) }));
  const element: Expression = { text: block.name("x"), type: slice, bound: xs.bound };
  const inner = inside(block, [...carries, element]);
  grow(inner, random.below(4));
  const next = carries.map((carry) => nextOf(inner, carry));
  const hasOutput = random.chance(0.6);
  const isList = carries.length > 1;
  const names = carries.map(({ text }) => text);
  const over = isNamed && random.chance(0.7) ? `over=${times.text}` : `axis=${axis}`;
  const from = isList ? `[${inits.join(", ")}]` : required(inits[0]);
  const to = isList ? `[${next.join(", ")}]` : required(next[0]);
  const pattern = isList ? `(${names.join(", ")})` : required(names[0]);
  block.count(
    `scan${isList ? " of two carries" : ""}${hasOutput ? " with outputs" : ""}${block.depth > 0 ? " in a loop" : ""}`,
  );
  if (!hasOutput) {
    const isShort = inner.lines.length === 0 && !isList;
    const text = `scan(${xs.text}, init=${from}, ${over}, fn(${pattern}, ${element.text}) ${isShort ? `=> ${to}` : bodyText(inner, to)})`;
    return lastOf(block, text, types);
  }
  const y = inner.find((type) => !isStorage(type) && type.shape.length <= 3);
  const stacked: Expression = {
    text: block.name("ys"),
    // Stacked where it was scanned, or at the end of what has fewer axes.
    type: { ...y.type, shape: [...y.type.shape.slice(0, axis), times, ...y.type.shape.slice(axis)] },
    bound: y.bound,
  };
  if (axis > y.type.shape.length) throw new Unfit();
  const call = `scan(${xs.text}, init=${from}, ${over}, fn(${pattern}, ${element.text}) ${bodyText(inner, `${to}, ${y.text}`)})`;
  if (random.chance(0.4)) {
    block.lines.push(`${stacked.text} = (${call}).ys`.replace(/= \((.*)\)\.ys$/s, "= $1.ys"));
    block.values.push(stacked);
    return stacked;
  }
  const last = block.name("last");
  block.lines.push(`${stacked.text}, ${last} = ${call}`);
  block.values.push(stacked);
  return random.chance(0.5) ? stacked : lastOf(block, last, types);
}

/** The carries of a loop: one value, or a list to be taken apart. */
function lastOf(block: Block, text: string, types: readonly Type[]): Expression {
  const [only, second] = types;
  if (only && !second) return { text, type: only, bound: bound(only) };
  const names = types.map(() => block.name("c"));
  block.lines.push(`${names.join(", ")} = ${text}`);
  const all = types.map((type, i): Expression => ({ text: required(names[i]), type, bound: bound(type) }));
  block.values.push(...all);
  return block.random.of(all);
}

function whileLoop(block: Block, grow: Grow): Expression {
  const { random } = block;
  if (block.depth >= DEEPEST) throw new Unfit();
  const types = Array.from({ length: random.chance(0.3) ? 2 : 1 }, () => carryType(block, { dtype: "f32", shape: [] }));
  const inits = types.map((type) => ofType(block, type).text);
  const carries = types.map((type): Expression => ({ text: block.name("c"), type, bound: bound(type) }));
  const isList = carries.length > 1;
  const pattern = isList ? `(${carries.map(({ text }) => text).join(", ")})` : required(carries[0]?.text);
  const most = random.chance(0.3) ? random.of(block.dims).text : String(1 + random.below(4));
  const inner = inside(block, carries);
  grow(inner, random.below(3));
  const next = carries.map((carry) => nextOf(inner, carry));
  const to = isList ? `[${next.join(", ")}]` : required(next[0]);
  let cond = "";
  if (random.chance(0.6)) {
    const asked = inside(block, carries);
    // What is asked has to be about the carries, or it never changes.
    asked.values.splice(0, asked.values.length, ...carries);
    try {
      cond = `, cond=fn(${pattern}) => ${condition(asked).text}`;
    } catch {
      cond = "";
    }
  }
  block.count(
    `while${isList ? " of two carries" : ""}${cond ? " with a condition" : ""}${block.depth > 0 ? " in a loop" : ""}`,
  );
  const isShort = inner.lines.length === 0 && !isList;
  const from = isList ? `[${inits.join(", ")}]` : required(inits[0]);
  return lastOf(
    block,
    `while(${from}, max=${most}${cond}, fn(${pattern}) ${isShort ? `=> ${to}` : bodyText(inner, to)})`,
    types,
  );
}

const runTimeIf: Production = (block) => {
  const { random } = block;
  const a = block.find((type) => !isStorage(type));
  const b = ofType(block, a.type);
  const asked = condition(block);
  block.count("if of the run");
  const otherwise = random.chance(0.2) ? `if ${condition(block).text} then ${a.text} else ${b.text}` : b.text;
  return { text: `if ${asked.text} then ${a.text} else ${otherwise}`, type: a.type, bound: Math.max(a.bound, b.bound) };
};

const compileTimeIf: Production = (block) => {
  const { random } = block;
  const a = block.find((type) => !isStorage(type));
  const other = block.find(() => true);
  const [asked, holds] = random.of<readonly [string, boolean]>([
    ["K == 3", true],
    ["K > 3 && FLAG", false],
    ["FLAG || K < 0", true],
    ["!FLAG", false],
    ['MODE == "fast"', true],
  ]);
  if (random.chance(0.3) && block.where === "graph") {
    const name = block.name("e");
    block.count("if statement");
    block.lines.push(
      `if ${asked} { ${name} = ${holds ? a.text : other.text} } else { ${name} = ${holds ? other.text : a.text} }`,
    );
    block.values.push({ ...a, text: name });
    return { ...a, text: name };
  }
  block.count("if of the compiler");
  return { ...a, text: `if ${asked} then ${holds ? a.text : other.text} else ${holds ? other.text : a.text}` };
};

const repetition: Production = (block) => {
  const { random } = block;
  const x = floats(block, 0, 3);
  const step = calm(block, ofType(block, x.type)).text;
  const h = block.name("h");
  switch (random.below(4)) {
    case 0:
      block.count("repeat");
      return {
        ...x,
        text: `${operand(x.text)} |> repeat(K, fn(${h}, i) => 0.5 * ${h} + ${operand(step)} * (0.25 * (i + 1)))`,
        bound: x.bound + 80,
      };
    case 1:
      block.count("fold over numbers");
      return {
        ...x,
        text: `fold(${x.text}, WEIGHTS, fn(${h}, w) => 0.5 * ${h} + w * ${operand(step)})`,
        bound: x.bound + 80,
      };
    case 2:
      block.count("fold over rows");
      return {
        ...x,
        text: `fold(${x.text}, ROWS, fn(${h}, (a, b)) => 0.5 * ${h} * a + ${operand(step)} * (b / 4.0))`,
        bound: x.bound + 80,
      };
    default:
      block.count("fold over a range");
      return {
        ...x,
        text: `fold(${x.text}, 0..K, fn(${h}, j) => 0.5 * ${h} + ${operand(step)} * (j / 2.0))`,
        bound: x.bound + 80,
      };
  }
};

const tableValue: Production = (block) => {
  const { random } = block;
  block.count("const table");
  const k = random.of(block.dims);
  return {
    text: `tensor(i in ${k.text}, j in 3: WEIGHTS[(i + j) % 3] * 1.0)`,
    type: { dtype: "f32", shape: [k, Size.of(3)] },
    bound: 3,
  };
};

export const controls = (grow: Grow): readonly (readonly [number, Production])[] => [
  [4, (block) => scan(block, grow)],
  [3, (block) => whileLoop(block, grow)],
  [3, runTimeIf],
  [2, compileTimeIf],
  [2, repetition],
  [1, tableValue],
];
