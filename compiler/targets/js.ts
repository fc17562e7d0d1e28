/**
 * Kernel code as JavaScript: functions over views `F` (Float32Array) and `I` (Int32Array) of one memory, pointers in
 * elements. Floats are computed in double precision and rounded where they are stored. Integers are int32 values,
 * unsigned ones by their bits.
 */
import type { Comparison, Expr, FunctionCode, Local, Operator, Stmt } from "../ir/stmt.ts";
import { nestedIn } from "../ir/stmt.ts";
import { originsOf } from "./wat.ts";

// The default gives the parameter its type where the text is TypeScript.
const NEAREST = `const nearest = (x = 0) => {
  const up = Math.round(x);
  return up - x === 0.5 && up % 2 !== 0 ? up - 1 : up;
};
`;
const MUL_HIGH = `const mulHigh = (a = 0, b = 0) => {
  const low = Math.imul(a & 65535, b & 65535) >>> 0;
  const middle = (Math.imul(a >>> 16, b & 65535) + (low >>> 16)) >>> 0;
  const other = (Math.imul(a & 65535, b >>> 16) + (middle & 65535)) >>> 0;
  return (Math.imul(a >>> 16, b >>> 16) + (middle >>> 16) + (other >>> 16)) | 0;
};
`;
/** Adding half of what is dropped to the bits of an f32 rounds it, ties to even. */
const withoutBits = (drop: number): string => `(() => {
  const float = new Float32Array(1);
  const word = new Int32Array(float.buffer);
  return (x = 0) => {
    float[0] = x;
    if (x !== x) return x;
    const bits = Number(word[0]);
    word[0] = (bits + ${2 ** (drop - 1) - 1} + ((bits >> ${drop}) & 1)) & ${-(2 ** drop)};
    return Number(float[0]);
  };
})()`;
const ROUND_F16 = `const round_f16 = (() => {
  const rounded = ${withoutBits(13).replaceAll("\n", "\n  ")};
  return (x = 0) => {
    const size = Math.abs(Math.fround(x));
    const near = size < ${2 ** -14} ? Math.fround(size + 0.5) - 0.5 : rounded(size);
    const held = near > 65504 ? Infinity : near;
    return x < 0 || Object.is(x, -0) ? -held : held;
  };
})();
`;
const ROUND_BF16 = `const round_bf16 = ${withoutBits(16)};
`;
/** Definitions that printed functions need, by the name they call. */
export const jsDefinitions: Readonly<Record<string, string>> = {
  nearest: NEAREST,
  mulHigh: MUL_HIGH,
  round_f16: ROUND_F16,
  round_bf16: ROUND_BF16,
};

const comparisons: Readonly<Partial<Record<Operator, string>>> = {
  eq: "===",
  ne: "!==",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
  lt_u: "<",
  le_u: "<=",
  gt_u: ">",
  ge_u: ">=",
} satisfies Record<Comparison, string>;

/** Binding strengths of JavaScript's operators, as far as they are printed. */
const level = {
  choose: 2,
  or: 3,
  bitOr: 6,
  bitXor: 7,
  bitAnd: 8,
  equality: 9,
  relation: 10,
  shift: 11,
  sum: 12,
  product: 13,
  power: 14,
  prefix: 15,
  atom: 20,
};

interface Text {
  readonly text: string;
  readonly level: number;
}
const atom = (text: string): Text => ({ text, level: level.atom });
const at = (part: Text, least: number): string => (part.level < least ? `(${part.text})` : part.text);
const binary = (sign: string, strength: number, a: Text, b: Text): Text => ({
  text: `${at(a, strength)} ${sign} ${at(b, strength + 1)}`,
  level: strength,
});
const call = (name: string, ...args: readonly Text[]): Text =>
  atom(`${name}(${args.map((arg) => arg.text).join(", ")})`);
const wrapped = (part: Text): Text => binary("|", level.bitOr, part, atom("0"));
const unsigned = (part: Text): Text => binary(">>>", level.shift, part, atom("0"));

function numberText(value: number): Text {
  if (Number.isNaN(value)) return atom("NaN");
  if (!Number.isFinite(value)) return value > 0 ? atom("Infinity") : { text: "-Infinity", level: level.prefix };
  const text = Object.is(value, -0) ? "-0" : `${value}`;
  return { text, level: text.startsWith("-") ? level.prefix : level.atom };
}

function isCondition(e: Expr): boolean {
  if (e.op === "and" || e.op === "or") return e.args.every(isCondition);
  return e.op in comparisons;
}

function condition(e: Expr): Text {
  if (e.op === "and" && isCondition(e)) {
    const [a, b] = e.args.map(condition);
    if (a && b) return { text: `${at(a, level.bitOr)} && ${at(b, level.bitOr)}`, level: level.or };
  }
  if (e.op === "or" && isCondition(e)) {
    const [a, b] = e.args.map(condition);
    if (a && b) return { text: `${at(a, level.bitOr)} || ${at(b, level.bitOr)}`, level: level.choose };
  }
  const sign = comparisons[e.op as Operator];
  if (sign !== undefined && "args" in e) {
    const isUnsigned = e.op.endsWith("_u");
    const [a, b] = e.args.map((arg) => (isUnsigned ? unsigned(value(arg)) : value(arg)));
    if (a && b) return binary(sign, sign.length === 3 ? level.equality : level.relation, a, b);
  }
  return value(e);
}

function value(e: Expr): Text {
  switch (e.op) {
    case "const":
      return numberText(e.kind === "i32" ? e.value | 0 : e.value);
    case "local":
      return atom(e.local.name);
    case "load": {
      const index = e.offset ? `${at(value(e.base), level.sum)} + ${e.offset}` : value(e.base).text;
      return atom(`${e.kind === "i32" ? "I" : "F"}[${index}]`);
    }
    case "select":
    case "choose": {
      const [test, then, otherwise] = e.args;
      const text = `${at(condition(test), level.or)} ? ${at(value(then), level.choose)} : ${at(value(otherwise), level.choose)}`;
      return { text, level: level.choose };
    }
    default:
      return operator(e.op, e);
  }
}

function operator(name: Operator, e: Expr & { readonly args: readonly Expr[] }): Text {
  if (name in comparisons) return { text: `${at(condition(e), level.or)} ? 1 : 0`, level: level.choose };
  const isInt = e.kind === "i32";
  const parts = e.args.map(value);
  const [a = atom(""), b = atom(""), c = atom("")] = parts;
  switch (name) {
    case "plus":
      return binary("+", level.sum, a, b);
    case "times":
      return binary("*", level.product, a, b);
    case "add":
      return isInt ? wrapped(binary("+", level.sum, a, b)) : binary("+", level.sum, a, b);
    case "sub":
      return isInt ? wrapped(binary("-", level.sum, a, b)) : binary("-", level.sum, a, b);
    case "mul":
      return isInt ? call("Math.imul", a, b) : binary("*", level.product, a, b);
    case "div":
      return binary("/", level.product, a, b);
    case "madd":
      return binary("+", level.sum, binary("*", level.product, a, b), c);
    case "neg": {
      const negated = { text: `-${at(a, level.atom)}`, level: level.prefix };
      return isInt ? wrapped(negated) : negated;
    }
    case "and":
      return binary("&", level.bitAnd, a, b);
    case "or":
      return binary("|", level.bitOr, a, b);
    case "xor":
      return binary("^", level.bitXor, a, b);
    case "shl":
      return binary("<<", level.shift, a, b);
    case "shr":
      return binary(">>", level.shift, a, b);
    case "shr_u":
      return wrapped(binary(">>>", level.shift, a, b));
    case "quotient":
      return wrapped(binary("/", level.product, a, b));
    case "quotient_u":
      return wrapped(binary("/", level.product, unsigned(a), unsigned(b)));
    case "remainder":
      return wrapped(binary("%", level.product, a, b));
    case "remainder_u":
      return wrapped(binary("%", level.product, unsigned(a), unsigned(b)));
    case "pow":
      return { text: `${at(a, level.prefix + 1)} ** ${at(b, level.power)}`, level: level.power };
    case "nearest":
      return call("nearest", a);
    case "mulhi_u":
      return call("mulHigh", a, b);
    case "round_f32":
      return call("Math.fround", a);
    case "round_f16":
    case "round_bf16":
      return call(name, a);
    case "abs":
    case "sqrt":
    case "floor":
    case "ceil":
    case "trunc":
    case "exp":
    case "log":
    case "sin":
    case "cos":
    case "tanh":
    case "min":
    case "max":
      return call(`Math.${name}`, ...parts);
    case "promote":
    case "demote":
      return a;
    // Beyond 2^24 f32 does not have every integer. What compares such a number, or converts it back, sees that.
    case "float":
      return call("Math.fround", a);
    case "float_u":
      return call("Math.fround", unsigned(a));
    case "int":
      return wrapped(call("Math.max", atom("-2147483648"), call("Math.min", atom("2147483647"), a)));
    case "int_u":
      return wrapped(call("Math.max", atom("0"), call("Math.min", atom("4294967295"), a)));
    default:
      throw new Error(`JavaScript has no ${name} of ${e.kind}`);
  }
}

/** Locals that are set once, where they are defined: `const`. */
function assignedLater(list: readonly Stmt[], into: Set<Local> = new Set()): Set<Local> {
  for (const stmt of list) {
    if (stmt.do === "set" && !stmt.declares) into.add(stmt.local);
    for (const nested of nestedIn(stmt)) assignedLater(nested, into);
  }
  return into;
}

function statements(list: readonly Stmt[], indent: string, changing: ReadonlySet<Local>): string {
  return list.map((stmt) => statement(stmt, indent, changing)).join("");
}

function statement(stmt: Stmt, indent: string, changing: ReadonlySet<Local>): string {
  const inner = `${indent}  `;
  switch (stmt.do) {
    case "set": {
      const keyword = stmt.declares ? (changing.has(stmt.local) ? "let " : "const ") : "";
      const sum = stmt.value.op === "madd" && stmt.value.args[2];
      if (sum && sum.op === "local" && sum.local === stmt.local && !stmt.declares)
        return `${indent}${stmt.local.name} += ${value({ kind: stmt.value.kind, op: "mul", args: stmt.value.args.slice(0, 2) }).text};\n`;
      return `${indent}${keyword}${stmt.local.name} = ${value(stmt.value).text};\n`;
    }
    case "store": {
      const index = stmt.offset ? `${at(value(stmt.base), level.sum)} + ${stmt.offset}` : value(stmt.base).text;
      return `${indent}${stmt.value.kind === "i32" ? "I" : "F"}[${index}] = ${value(stmt.value).text};\n`;
    }
    case "loop": {
      const name = stmt.counter.name;
      const step =
        stmt.step.op === "const" && stmt.step.value === 1 ? `${name}++` : `${name} += ${value(stmt.step).text}`;
      const head = `for (let ${name} = ${value(stmt.from).text}; ${name} < ${value(stmt.to).text}; ${step})`;
      return `${indent}${head} {\n${statements(stmt.body, inner, changing)}${indent}}\n`;
    }
    case "if": {
      const otherwise = stmt.otherwise.length
        ? ` else {\n${statements(stmt.otherwise, inner, changing)}${indent}}`
        : "";
      return `${indent}if (${condition(stmt.condition).text}) {\n${statements(stmt.body, inner, changing)}${indent}}${otherwise}\n`;
    }
  }
}

/** `isTyped` gives the parameters types, for a module in TypeScript. */
export function jsFunction(code: FunctionCode, isTyped = false): string {
  const origins = originsOf(code).map((place) => `// ${place}\n`);
  const params = code.params.map((p) => (isTyped ? `${p.name}: number` : p.name)).join(", ");
  return `${origins.join("")}function ${code.name}(${params}) {\n${statements(code.body, "  ", assignedLater(code.body))}}\n`;
}
