/** What moves elements: reshapes, transposes, slices of all forms, joins and parts. */
import { type Block, type Expression, isStorage, operand, shapeText, Unfit } from "./block.ts";
import type { Production } from "./elementwise.ts";
import { ofType, required } from "./operands.ts";
import { productOf, Size } from "./sizes.ts";

const anyTensor = (block: Block, least = 1, most = 5): Expression =>
  block.find(({ shape }) => shape.length >= least && shape.length <= most);

/** A name for what is indexed: `x[…]` of an expression needs one. */
const named = (expression: Expression): string => operand(expression.text);

const reshape: Production = (block) => {
  const { random } = block;
  const x = anyTensor(block);
  const { shape } = x.type;
  const at = random.below(shape.length);
  const size = required(shape[at]);
  const choice = random.below(5);
  let to: Size[];
  if (choice === 0) to = [productOf(shape)];
  else if (choice === 1 && shape.length > 1 && at + 1 < shape.length)
    to = [...shape.slice(0, at), productOf(shape.slice(at, at + 2)), ...shape.slice(at + 2)];
  else if (choice === 2) to = [...shape.slice(0, at), Size.of(1), ...shape.slice(at)];
  else if (choice === 3) to = random.shuffled(shape);
  else {
    const known = size.literal;
    const by = [2, 3, 4].find((k) => (known ?? 1) % k === 0);
    if (known === undefined || by === undefined || known === 0) throw new Unfit();
    to = [...shape.slice(0, at), Size.of(by), Size.of(known / by), ...shape.slice(at + 1)];
  }
  block.count("reshape");
  const texts = to.map(({ text }) => text);
  // What is left over can be left to the compiler, where it is no product of its own.
  const free = random.chance(0.25) && to.every((other) => block.least(other) > 0) ? random.below(to.length) : -1;
  if (free >= 0) {
    const rest = to.filter((_, i) => i !== free);
    const before = shape.filter((other) => !rest.some((kept) => kept.equals(other)));
    if (rest.every(({ literal }) => literal !== undefined) || before.length > 0) {
      block.count("reshape with -1");
      if (rest.every(({ literal, symbol }) => literal !== undefined || symbol !== undefined)) texts[free] = "-1";
    }
  }
  return { ...x, text: `reshape(${x.text}, [${texts.join(", ")}])`, type: { ...x.type, shape: to } };
};

const transpose: Production = (block) => {
  const x = anyTensor(block, 2, 4);
  const { shape } = x.type;
  if (shape.length === 2 && block.random.chance(0.5)) {
    block.count("transpose(x)");
    return { ...x, text: `transpose(${x.text})`, type: { ...x.type, shape: shape.toReversed() } };
  }
  const order = block.random.shuffled(shape.map((_, i) => i));
  block.count("transpose(x, …)");
  return {
    ...x,
    text: `transpose(${x.text}, [${order.join(", ")}])`,
    type: { ...x.type, shape: order.map((i) => required(shape[i])) },
  };
};

interface Cut {
  readonly text: string;
  readonly size?: Size;
}

/** One part of `x[…]`, with the size that is left of the axis. */
function cut(block: Block, size: Size): Cut {
  const { random } = block;
  const least = block.least(size);
  const back = (k: number): string => (random.chance(0.5) ? `-${k}` : size.plus(-k).operand);
  switch (random.below(9)) {
    case 0:
      return least >= 1 ? { text: "0" } : { text: ":", size };
    case 1:
      return least >= 1 ? { text: back(1) } : { text: ":", size };
    case 2:
      return least >= 2 ? { text: "1:", size: size.plus(-1) } : { text: ":", size };
    case 3:
      return least >= 3 ? { text: `1:${back(1)}`, size: size.plus(-2) } : { text: ":", size };
    case 4:
      return least >= 2 ? { text: ":2", size: Size.of(2) } : { text: ":", size };
    case 5:
      return least >= 2 ? { text: "::2", size: size.plus(1).over(2) } : { text: ":", size };
    case 6:
      return least >= 2 ? { text: `${back(2)}:`, size: Size.of(2) } : { text: ":", size };
    case 7:
      return least >= 4 ? { text: "1::3", size: size.plus(1).over(3) } : { text: ":", size };
    default:
      return { text: ":", size };
  }
}

const slice: Production = (block) => {
  const { random } = block;
  const x = anyTensor(block);
  const { shape } = x.type;
  const parts: string[] = [];
  const to: Size[] = [];
  const ellipsis = random.chance(0.2) ? random.below(shape.length) : -1;
  const skipped = ellipsis >= 0 ? 1 + random.below(shape.length - ellipsis) : 0;
  let fresh = 0;
  for (let i = 0; i < shape.length; i++) {
    if (i === ellipsis) {
      parts.push("...");
      to.push(...shape.slice(i, i + skipped));
      i += skipped - 1;
      continue;
    }
    if (shape.length + fresh < 5 && random.chance(0.12)) {
      parts.push("new");
      to.push(Size.of(1));
      fresh++;
    }
    const { text, size } = cut(block, required(shape[i]));
    parts.push(text);
    if (size) to.push(size);
    // What is not written is whole.
    if (ellipsis < 0 && random.chance(0.2)) {
      to.push(...shape.slice(i + 1));
      break;
    }
  }
  if (parts.every((part) => part === ":")) throw new Unfit();
  for (const part of parts)
    block.count(`slice ${part.replace(/\(.*\)|\d+|[A-Z]\w*( - 1)?/g, (text) => (/^\d$/.test(text) ? "k" : "N"))}`);
  return { ...x, text: `${named(x)}[${parts.join(", ")}]`, type: { ...x.type, shape: to } };
};

/** `slice` and `update_slice` at a place that the run knows. */
const dynamic: Production = (block) => {
  const { random } = block;
  const x = anyTensor(block);
  const axis = random.below(x.type.shape.length);
  const whole = required(x.type.shape[axis]);
  const size =
    block.least(whole) >= 3 && random.chance(0.5) ? Size.of(2) : block.least(whole) >= 2 ? whole.plus(-1) : whole;
  // A number of the compiler has to be inside; one of the run is clamped.
  const scalars = block.values.filter(
    ({ text, type }) => type.dtype === "i32" && type.shape.length === 0 && !/^k\d/.test(text),
  );
  const at = scalars.length > 0 && random.chance(0.7) ? random.of(scalars).text : random.of(["0", "1"]);
  if (at === "1" && size.equals(whole)) throw new Unfit();
  const shape = x.type.shape.map((other, i) => (i === axis ? size : other));
  const negative = random.chance(0.3) ? axis - x.type.shape.length : axis;
  if (random.chance(0.5)) {
    block.count("slice(…, at=)");
    return {
      ...x,
      text: `slice(${x.text}, axis=${negative}, at=${at}, size=${size.text})`,
      type: { ...x.type, shape },
    };
  }
  const part = ofType(block, { ...x.type, shape });
  block.count("update_slice");
  return {
    ...x,
    text: `update_slice(${x.text}, ${part.text}, axis=${negative}, at=${at})`,
    bound: Math.max(x.bound, part.bound),
  };
};

const concat: Production = (block) => {
  const { random } = block;
  const x = anyTensor(block);
  const axis = random.below(x.type.shape.length);
  const other = random.chance(0.6)
    ? ofType(block, x.type)
    : block.find(
        (type) =>
          type.dtype === x.type.dtype &&
          type.shape.length === x.type.shape.length &&
          type.shape.every((size, i) => i === axis || size.equals(required(x.type.shape[i]))),
      );
  const all = random.shuffled([x, other, ...(random.chance(0.2) ? [x] : [])]);
  const size = Size.sum(...all.map(({ type }) => required(type.shape[axis])));
  block.count("concat");
  return {
    text: `concat([${all.map(({ text }) => text).join(", ")}], axis=${random.chance(0.3) ? axis - x.type.shape.length : axis})`,
    type: { ...x.type, shape: x.type.shape.map((own, i) => (i === axis ? size : own)) },
    bound: Math.max(x.bound, other.bound),
  };
};

const stack: Production = (block) => {
  const { random } = block;
  const x = block.find(({ shape }) => shape.length < 4);
  const other = ofType(block, x.type);
  const axis = random.below(x.type.shape.length + 1);
  block.count("stack");
  const shape = [...x.type.shape.slice(0, axis), Size.of(2), ...x.type.shape.slice(axis)];
  return {
    text: `stack([${x.text}, ${other.text}], axis=${axis})`,
    type: { ...x.type, shape },
    bound: Math.max(x.bound, other.bound),
  };
};

const parts: Production = (block) => {
  const { random } = block;
  const x = block.find(({ shape }) =>
    shape.some(({ literal }) => literal !== undefined && literal >= 2 && literal <= 6),
  );
  const axes = x.type.shape.flatMap(({ literal }, i) =>
    literal !== undefined && literal >= 2 && literal <= 6 ? [i] : [],
  );
  const axis = random.of(axes);
  const size = required(x.type.shape[axis]?.literal);
  const isSplit = random.chance(0.5);
  const pieces = isSplit ? random.of([2, 3, 4, size].filter((k) => size % k === 0)) : size;
  if (isSplit && pieces === 1) throw new Unfit();
  const shape = isSplit
    ? x.type.shape.map((own, i) => (i === axis ? Size.of(size / pieces) : own))
    : x.type.shape.filter((_, i) => i !== axis);
  const names = Array.from({ length: pieces }, () => block.name("p"));
  block.count(isSplit ? "split" : "unstack");
  block.lines.push(
    `${names.join(", ")} = ${isSplit ? `split(${x.text}, ${pieces}, axis=${axis})` : `unstack(${x.text}, axis=${axis})`}`,
  );
  const values = names.map((text): Expression => ({ ...x, text, type: { ...x.type, shape } }));
  block.values.push(...values);
  return random.of(values);
};

const pad: Production = (block) => {
  const { random } = block;
  const x = anyTensor(block, 1, 4);
  const pads = x.type.shape.map(() => [random.below(3), random.below(3)] as const);
  const value =
    isStorage(x.type) || x.type.dtype === "bool" || random.chance(0.5)
      ? ""
      : `, value=${x.type.dtype === "f32" ? "-1.5" : "3"}`;
  block.count("pad");
  const shape = x.type.shape.map((size, i) => size.plus((pads[i]?.[0] ?? 0) + (pads[i]?.[1] ?? 0)));
  return {
    ...x,
    text: `pad(${x.text}, [${pads.map(([a, b]) => `[${a}, ${b}]`).join(", ")}]${value})`,
    type: { ...x.type, shape },
  };
};

const reverse: Production = (block) => {
  const x = anyTensor(block);
  const axis = block.random.below(x.type.shape.length);
  block.count("reverse");
  return { ...x, text: `reverse(${x.text}, axis=${axis})` };
};

const rearrange: Production = (block) => {
  const { random } = block;
  const x = anyTensor(block, 1, 4);
  const letters = x.type.shape.map(
    (_, i) => random.of(["abcd", "hwkm", "ptuv"])[i] + (random.chance(0.2) ? "long" : ""),
  );
  if (new Set(letters).size < letters.length) throw new Unfit();
  const left = [...letters];
  const sizes = new Map(letters.map((letter, i) => [letter, required(x.type.shape[i])]));
  let named = "";
  const at = random.below(letters.length);
  const size = x.type.shape[at]?.literal;
  const by = [2, 3].find((k) => size !== undefined && size > 0 && size % k === 0);
  if (by !== undefined && size !== undefined && random.chance(0.6)) {
    left[at] = "(y z)";
    sizes.set("y", Size.of(by));
    sizes.set("z", Size.of(size / by));
    named = random.chance(0.5) ? `, y=${by}` : `, z=${size / by}`;
  }
  const all = random.shuffled(left.flatMap((part) => (part === "(y z)" ? ["y", "z"] : [part])));
  const right: string[] = [];
  const shape: Size[] = [];
  for (let i = 0; i < all.length; i++) {
    const first = required(all[i]);
    const second = all[i + 1];
    if (second !== undefined && random.chance(0.3)) {
      right.push(`(${first} ${second})`);
      shape.push(Size.product(required(sizes.get(first)), required(sizes.get(second))));
      i++;
    } else {
      right.push(first);
      shape.push(required(sizes.get(first)));
    }
  }
  block.count("rearrange");
  return {
    ...x,
    text: `rearrange(${x.text}, "${left.join(" ")} -> ${right.join(" ")}"${named})`,
    type: { ...x.type, shape },
  };
};

const broadcast: Production = (block) => {
  const x = block.find(({ shape }) => shape.length <= 3);
  const size = block.random.chance(0.5) ? block.random.of(block.dims) : Size.of(1 + block.random.below(4));
  const shape = [size, ...x.type.shape];
  block.count("broadcast");
  return { ...x, text: `broadcast(${x.text}, ${shapeText(shape)})`, type: { ...x.type, shape } };
};

export const views: readonly (readonly [number, Production])[] = [
  [4, reshape],
  [3, transpose],
  [7, slice],
  [2, dynamic],
  [3, concat],
  [2, stack],
  [2, parts],
  [2, pad],
  [1, reverse],
  [3, rearrange],
  [2, broadcast],
];
