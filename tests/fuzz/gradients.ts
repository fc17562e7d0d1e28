/** Gradients of what was written so far, and adjoints of linear functions. */
import { type Block, type Expression, isFloat, operand, shapeText, Unfit } from "./block.ts";
import type { Production } from "./elementwise.ts";
import { ofType, required } from "./operands.ts";
import { productOf, Size } from "./sizes.ts";

/** The nodes of a block that a node is computed from, by the text. */
function behind(block: Block, name: string): ReadonlySet<string> {
  const text = new Map<string, string>();
  for (const line of block.lines) {
    const [, left = "", right = ""] = /^([\w, ]+?)(?:: [^=]+)? = (.*)$/s.exec(line) ?? [];
    for (const own of left.split(", ")) text.set(own, right);
  }
  const found = new Set<string>();
  const stack = [name];
  for (let at = stack.pop(); at !== undefined; at = stack.pop())
    for (const [word] of (text.get(at) ?? "").matchAll(/\b[a-z]+\d+\b/g))
      if (!found.has(word)) {
        found.add(word);
        stack.push(word);
      }
  return found;
}

const gradient: Production = (block) => {
  const { random } = block;
  if (block.where !== "graph") throw new Unfit();
  const y = block.find((type) => isFloat(type) && type.shape.length <= 4);
  const before = behind(block, y.text);
  const candidates = block.values.filter(
    ({ text, type }) => isFloat(type) && /^[a-jl-z]+\d+$/.test(text) && (before.has(text) || random.chance(0.1)),
  );
  if (candidates.length === 0 || !/^\w+$/.test(y.text)) throw new Unfit();
  const wanted = random
    .shuffled([...new Map(candidates.map((value) => [value.text, value])).values()])
    .slice(0, random.chance(0.3) ? 2 : 1);
  const loss = block.name("loss");
  // Squashed, so that the slopes of what comes before are what is compared; each of them is there at least by itself.
  const inner = y.bound > 8 ? `${y.text} * ${2 ** -Math.ceil(Math.log2(y.bound))}` : y.text;
  const own = wanted.map(({ text }) => `sum(sin(${text}))`).join(" + ");
  block.lines.push(`${loss} = sum(tanh(${inner})) + 0.1 * (${own})`);
  block.values.push({ text: loss, type: { dtype: "f32", shape: [] }, bound: 100 });
  const [only, second] = wanted;
  const slopes = (value: Expression, text: string): Expression => ({ text, type: value.type, bound: 1000 });
  if (only && !second) {
    block.count("grad");
    return slopes(only, `grad(${loss}, ${only.text})`);
  }
  const names = wanted.map(() => block.name("d"));
  block.count("grad by several");
  block.lines.push(`${names.join(", ")} = grad(${loss}, [${wanted.map(({ text }) => text).join(", ")}])`);
  const all = wanted.map((value, i) => slopes(value, required(names[i])));
  block.values.push(...all);
  return random.of(all);
};

/** The gradient of a norm of a gradient. */
const second: Production = (block) => {
  if (block.where !== "graph") throw new Unfit();
  const x = block.find((type) => isFloat(type) && type.shape.length <= 2);
  if (!/^[a-jl-z]\w*$/.test(x.text)) throw new Unfit();
  const [inner, slope] = [block.name("e"), block.name("d")];
  block.count("grad of a grad");
  block.lines.push(`${inner} = sum(sin(${x.text}) * tanh(${x.text}))`, `${slope} = grad(${inner}, ${x.text})`);
  return { text: `grad(sum(${slope} ** 2), ${x.text})`, type: x.type, bound: 20 };
};

const stopped: Production = (block) => {
  const x = block.find(isFloat);
  block.count("stop_gradient");
  return { ...x, text: `stop_gradient(${x.text})` };
};

const adjoint: Production = (block) => {
  const { random } = block;
  const from = Array.from({ length: 1 + random.below(2) }, () =>
    random.chance(0.4) ? random.of(block.dims) : Size.of(2 + random.below(4)),
  );
  let shape: readonly Size[] = from;
  let text = "z";
  for (let steps = 1 + random.below(3); steps > 0; steps--) {
    const first = required(shape[0]);
    const rest = shape.slice(1);
    switch (random.below(8)) {
      case 0:
        text = `reverse(${text}, axis=0)`;
        break;
      case 1:
        if (block.least(first) < 2) break;
        text = `${operand(text)}[1:]`;
        shape = [first.plus(-1), ...rest];
        break;
      case 2:
        text = `cumsum(${text}, axis=0)`;
        break;
      case 3:
        text = `pad(${text}, [${shape.map((_, i) => (i === 0 ? "[1, 2]" : "[0, 0]")).join(", ")}])`;
        shape = [first.plus(3), ...rest];
        break;
      case 4:
        if (shape.length !== 2) break;
        text = `transpose(${text})`;
        shape = shape.toReversed();
        break;
      case 5:
        text = `${operand(text)} * ${operand(ofType(block, { dtype: "f32", shape }).text)}`;
        break;
      case 6:
        text = `concat([${text}, 2.0 * ${operand(text)}], axis=0)`;
        shape = [first.times(2), ...rest];
        break;
      default:
        text = `reshape(${text}, [${productOf(shape).text}])`;
        shape = [productOf(shape)];
    }
  }
  const y = ofType(block, { dtype: "f32", shape });
  block.count("adjoint");
  return {
    text: `adjoint(fn(z) => ${text}, ${y.text}, shape=${shapeText(from)})`,
    type: { dtype: "f32", shape: from },
    bound: 200,
  };
};

export const gradients: readonly (readonly [number, Production])[] = [
  [5, gradient],
  [1, second],
  [1, stopped],
  [2, adjoint],
];
