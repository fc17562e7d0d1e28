/** Whole programs: dims with constraints, inputs, variables, nodes, steps, assertions, a second file. */
import {
  Block,
  type Expression,
  isStorage,
  type Kind,
  operand,
  type Program,
  Random,
  type Type,
  typeText,
  Unfit,
} from "./block.ts";
import { comprehensions } from "./comprehensions.ts";
import { controls } from "./control.ts";
import { elementwise, type Production } from "./elementwise.ts";
import { functions } from "./functions.ts";
import { gradients } from "./gradients.ts";
import { ofType } from "./operands.ts";
import { reductions } from "./reductions.ts";
import { type Numbers, Size } from "./sizes.ts";
import { views } from "./views.ts";

/** What a seed stands for. */
export interface Written {
  readonly seed: number;
  readonly text: string;
  /** `./second.tfg`, which the program imports if it is not empty. */
  readonly second: string;
  readonly settings: ReadonlyMap<string, string>;
  readonly sizes: readonly Numbers[];
  readonly features: ReadonlyMap<string, number>;
}

const all: readonly (readonly [number, Production])[] = [
  ...elementwise,
  ...views,
  ...reductions,
  ...comprehensions,
  ...controls(grow),
  ...functions(grow),
  ...gradients,
];
const total = all.reduce((sum, [weight]) => sum + weight, 0);

function anyProduction(random: Random): Production {
  let at = random.below(total);
  for (const [weight, production] of all) {
    at -= weight;
    if (at < 0) return production;
  }
  throw new Error("weights do not add up");
}

const MOST_TEXT = 1200;

/** Undefined where there is nothing of the kind. */
function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (problem) {
    if (problem instanceof Unfit) return undefined;
    throw problem;
  }
}

/** Adds statements; what cannot be written here is left for something else. */
function grow(block: Block, statements: number): void {
  for (let done = 0, tried = 0; done < statements && tried < 40 * statements; tried++) {
    const expression = attempt(() => statement(block));
    if (!expression) continue;
    block.bind(expression);
    done++;
  }
}

function statement(block: Block): Expression {
  const { random } = block;
  const inner = anyProduction(random)(block);
  const check = (expression: Expression): Expression => {
    if (expression.text.length > MOST_TEXT || expression.type.shape.length > 5) throw new Unfit();
    return expression;
  };
  if (!random.chance(0.25) || inner.text.length >= 80 || inner.text.includes('name="')) return check(inner);
  // One inside of another, without a name between.
  const given = { ...inner, text: operand(inner.text) };
  block.values.push(given);
  const outer = attempt(() => anyProduction(random)(block));
  block.values.splice(block.values.indexOf(given), 1);
  return check(outer?.text.includes(given.text) ? outer : inner);
}

interface DimOf {
  readonly name: string;
  readonly where: readonly string[];
  readonly least: number;
  readonly step: number;
}

function dimsOf(random: Random): readonly DimOf[] {
  return ["N", "M", "P"].slice(0, 1 + random.below(3)).map((name): DimOf => {
    switch (random.below(6)) {
      case 0:
        return { name, where: [`${name} >= 4`], least: 4, step: 1 };
      case 1:
        return { name, where: [`${name} % 2 == 0`], least: 2, step: 2 };
      case 2:
        return { name, where: [`${name} <= 40`, `2 <= ${name}`], least: 2, step: 1 };
      case 3:
        return { name, where: [`${name} >= 3`, `${name} % 3 == 0`], least: 3, step: 3 };
      default:
        return { name, where: [], least: 1, step: 1 };
    }
  });
}

const INPUT_DTYPES: readonly Kind[] = [
  "f32",
  "f32",
  "f32",
  "f32",
  "i32",
  "i32",
  "u32",
  "bool",
  "u8",
  "i8",
  "f16",
  "bf16",
];

export function write(seed: number, statements?: number): Written {
  const random = new Random(seed);
  const features = new Map<string, number>();
  const program: Program = {
    random,
    features,
    declarations: [],
    library: [],
    least: {},
    names: 0,
    instances: [],
    isWild: random.chance(0.12),
  };
  const dims = dimsOf(random);
  for (const { name, least } of dims) program.least[name] = least;
  const symbols = dims.map(({ name }) => Size.of(name));
  const heads: string[] = [];
  const states: Expression[] = [];
  const asked = new Map<string, number>();
  const block = new Block(program, "graph", symbols, [], 0, (kind, type) => {
    const most = { input: 7, param: 5, state: 4 }[kind];
    asked.set(kind, (asked.get(kind) ?? 0) + 1);
    if ((asked.get(kind) ?? 0) > most || type.shape.length > 4) throw new Unfit();
    const stem =
      kind === "input"
        ? random.of(type.dtype === "i32" || type.dtype === "u32" ? ["x", "x", "x", "big"] : ["x", "grid"])
        : kind === "param"
          ? "w"
          : "s";
    const name = block.name(stem);
    const start = (): string => {
      if (type.dtype === "bool") return random.of(["true", "false"]);
      if (type.dtype !== "f32") return "2";
      return random.of([
        "zeros",
        "0.75",
        "random_normal(stddev=0.5)",
        "random_uniform(min=-1.0, max=1.0)",
        "glorot_uniform",
      ]);
    };
    block.count(`${kind} ${type.dtype}`);
    heads.push(`${kind} ${name}: ${typeText(type)}${kind === "input" ? "" : ` = ${start()}`}`);
    const value: Expression = {
      text: name,
      type,
      bound: { f32: 3, u8: 255, i8: 128, f16: 4, bf16: 4, bool: 1, i32: 1e9, u32: 1e9 }[type.dtype],
    };
    block.values.push(value);
    if (kind === "state") states.push(value);
    return value;
  });

  const someSize = (): Size => (random.chance(0.55) ? random.of(symbols) : Size.of(1 + random.below(6)));
  const someShape = (most: number): Size[] => Array.from({ length: random.below(most + 1) }, someSize);
  // Every dim is told by an input that has it plainly.
  block.declare?.("input", { dtype: "f32", shape: symbols });
  for (let more = 1 + random.below(3); more > 0; more--)
    block.declare?.("input", { dtype: random.of(INPUT_DTYPES), shape: someShape(3) });
  block.declare?.("input", { dtype: "i32", shape: [random.of(symbols)] });
  const known = (): Size[] => Array.from({ length: random.below(3) }, () => Size.of(1 + random.below(4)));
  for (let more = random.below(3); more > 0; more--)
    block.declare?.("state", { dtype: random.of<Kind>(["f32", "f32", "i32", "bool"]), shape: known() });
  const hasCounter = random.chance(0.4);
  if (hasCounter) {
    heads.push("state counter: i32 = 0");
    block.values.push({ text: "counter", type: { dtype: "i32", shape: [] }, bound: 20 });
  }
  grow(block, statements ?? 4 + random.below(14));

  const tail: string[] = [];
  if (hasCounter) {
    block.count("host scalar");
    tail.push("step count { counter := counter + 1 }");
    if (random.chance(0.5)) {
      block.count("assert");
      tail.push(
        random.of([
          'assert counter < 2, "too often"',
          `assert counter + ${symbols[0]?.text} <= 12`,
          "assert counter >= 0",
        ]),
      );
    }
  }
  for (const state of states) {
    if (random.chance(0.2)) continue;
    const other = states.find((candidate) => candidate !== state && random.chance(0.3));
    const updates = (other ? [state, other] : [state]).flatMap(({ text, type }): string[] => {
      const value = attempt(() => ofType(block, type));
      return value ? [`${text} := ${value.text}`] : [];
    });
    if (updates.length === 0) continue;
    block.count("step");
    tail.push(`step ${block.name("step")} { ${updates.join("  ")} }`);
  }

  // Every input and every node that nothing reads is fetched, and a few of the others.
  const body = [...block.lines, ...tail].join("\n");
  const isRead = (name: string): boolean =>
    (body.match(new RegExp(`\\b${name}\\b`, "g")) ?? []).length >
    (heads.some((head) => head.includes(` ${name}:`)) ? 0 : 1);
  const names = new Map(
    block.values.filter(({ text }) => /^[a-z]+\d+$/.test(text)).map((value) => [value.text, value.type]),
  );
  const outputs = [...names]
    .filter(([name]) => !isRead(name) || random.chance(0.15))
    .map(([name, type]) =>
      random.chance(0.6) && !heads.some((head) => head.includes(` ${name}:`))
        ? `output ${name}`
        : output(random, block.name("o"), name, type),
    );
  const where = dims.flatMap((dim) => dim.where);
  const lines = [...heads, ...(random.chance(0.2) ? [...block.lines].reverse() : block.lines), ...tail, ...outputs];
  const head = `graph g[${dims.map(({ name }) => name).join(", ")}]${where.length > 0 ? ` where ${where.join(", ")}` : ""} {`;
  const used = [...program.library].map((text) => /^def (\w+)/.exec(text)?.[1] ?? "");
  const isModule = used.length > 0 && random.chance(0.3);
  const whole = (text: string): string =>
    isModule
      ? used.reduce((now, name) => now.replaceAll(new RegExp(`\\b${name}\\(`, "g"), `second.${name}(`), text)
      : text;
  const settings = new Map(random.chance(0.5) ? [["K", "3"]] : []);
  const text = [
    'import * as signal from "std/signal"',
    ...(used.length > 0
      ? [isModule ? 'import * as second from "./second.tfg"' : `import { ${used.join(", ")} } from "./second.tfg"`]
      : []),
    `config K: int = ${settings.size > 0 ? 1 : 3}`,
    "config FLAG: bool = true",
    'config MODE: str = "fast"',
    "const WEIGHTS = [1.0, -0.5, 2.0]",
    "const ROWS = [[1.0, 2.0], [0.5, -1.0]]",
    ...program.declarations.map(whole),
    head,
    ...lines.map((line) => `  ${whole(line).replaceAll("\n", "\n  ")}`),
    "}",
    "",
  ].join("\n");
  if (used.length > 0) block.count(isModule ? "import * as" : "import");
  const sizes = [0, 1, 2].map(
    (round): Numbers =>
      Object.fromEntries(
        dims.map(({ name, least, step }) => [
          name,
          least + step * (round === 0 ? random.below(3) : round === 1 ? 0 : 2 + random.below(5)),
        ]),
      ),
  );
  return { seed, text, second: program.library.join("\n"), settings, sizes, features };
}

function output(random: Random, name: string, value: string, type: Type): string {
  const annotation = random.chance(0.3) && !isStorage(type) ? `: ${typeText(type)}` : "";
  return `output ${name}${annotation} = ${value}`;
}
