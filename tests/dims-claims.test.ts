/**
 * What the checker knows of sizes: the claims of `dims-identities.ts`, and that no claim it accepts has a
 * counterexample among small sizes. Claims are written in the language and evaluated here by their syntax.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkProgram } from "../compiler/check/index.ts";
import { library } from "../compiler/std/sources.ts";
import { parse } from "../grammar/read.ts";
import { sourceFile } from "../grammar/source.ts";
import type { Expression } from "../grammar/syntax.ts";
import { IDENTITIES } from "./dims-identities.ts";
import { randomNumbers } from "./ops/cases.ts";
import { RIGHT, WRONG } from "./size-programs.ts";

const test = suite("claims about sizes");

const namesIn = (text: string): readonly string[] => [...new Set(text.match(/\b[A-Z]\w*\b/g))];

/** Whether the checker decides the claim while compiling; otherwise it leaves a check of the feeds, or refuses. */
function isProved(where: string, claim: string): boolean {
  const names = namesIn(`${where} ${claim}`);
  const text = `graph g[${names.join(", ")}]${where ? ` where ${where}` : ""} {
    ${names.map((name) => `input x${name}: f32[${name}]`).join("\n")}
    output y = ${names.map((name) => `sum(x${name})`).join(" + ")}
    assert ${claim}
  }`;
  const { graphs, diagnostics } = checkProgram({ path: "g.tfg", read: () => text, library });
  const given = where === "" ? 0 : where.split(",").length;
  return diagnostics.length === 0 && graphs[0]?.checks.length === given;
}

function expressionOf(text: string): Expression {
  const { tree, diagnostics } = parse(sourceFile("claim.tfg", `const C = ${text}`));
  const [declaration] = tree.declarations;
  if (diagnostics.length > 0 || declaration?.kind !== "const") throw new Error(`${text} does not parse`);
  return declaration.value;
}

function valueOf(e: Expression, at: ReadonlyMap<string, number>): number {
  switch (e.kind) {
    case "number":
      return e.value;
    case "name":
      return at.get(e.name) ?? Number.NaN;
    case "parenthesized":
      return valueOf(e.value, at);
    case "unary":
      return -valueOf(e.operand, at);
    case "call": {
      const [a = 0, b = 0] = e.args.map((arg) => valueOf(arg.value, at));
      const name = e.callee.kind === "name" ? e.callee.name : "";
      if (name === "ceil_div") return Math.ceil(a / b);
      if (name === "max" || name === "min") return Math[name](a, b);
      throw new Error(`no ${name} here`);
    }
    case "binary": {
      const [a, b] = [valueOf(e.left, at), valueOf(e.right, at)];
      switch (e.operator) {
        case "+":
          return a + b;
        case "-":
          return a - b;
        case "*":
          return a * b;
        case "/":
          return Math.floor(a / b);
        case "%":
          return a - b * Math.floor(a / b);
        case "==":
          return Number(a === b);
        case "<=":
          return Number(a <= b);
        case ">=":
          return Number(a >= b);
        case "<":
          return Number(a < b);
        case ">":
          return Number(a > b);
        default:
          throw new Error(`no ${e.operator} here`);
      }
    }
    default:
      throw new Error(`no ${e.kind} here`);
  }
}

/** Sizes for which the facts hold and the claim does not. */
function counterexample(where: string, claim: string, most: number): string | undefined {
  const names = namesIn(`${where} ${claim}`);
  const facts = where === "" ? [] : where.split(",").map(expressionOf);
  const claimed = expressionOf(claim);
  const at = new Map<string, number>();
  const search = (i: number): boolean => {
    const name = names[i];
    if (name === undefined) return facts.every((fact) => valueOf(fact, at) === 1) && valueOf(claimed, at) !== 1;
    for (let size = 1; size <= most; size++) {
      at.set(name, size);
      if (search(i + 1)) return true;
    }
    return false;
  };
  return search(0) ? [...at].map(([name, size]) => `${name} = ${size}`).join(", ") : undefined;
}

const mostFor = (text: string): number => [0, 700, 70, 24, 10][namesIn(text).length] ?? 6;

test("every identity of the list is true, and proved", () => {
  for (const [where, claim] of IDENTITIES) {
    assert.is(counterexample(where, claim, mostFor(where + claim)), undefined, `${where} |- ${claim}`);
    assert.ok(isProved(where, claim), `${where} |- ${claim} is not proved`);
  }
});

test("a claim with a counterexample is never proved", () => {
  const random = randomNumbers(3);
  let wrong = 0;
  for (let round = 0; round < 6; round++)
    for (const [where, claim] of IDENTITIES) {
      // Another number, another relation, or one fact less.
      const kind = random();
      const numbers = [...claim.matchAll(/\d+/g)];
      const one = numbers[Math.floor(random() * numbers.length)];
      let changed = claim;
      if (kind < 0.6 && one)
        changed =
          claim.slice(0, one.index) +
          (Number(one[0]) + (random() < 0.5 ? 1 : 2)) +
          claim.slice(one.index + one[0].length);
      else if (kind < 0.8)
        changed = claim.replace(/(==|<=|>=)/, (sign) => (sign === "==" ? "<" : sign === "<=" ? ">" : "<"));
      const facts = kind < 0.8 ? where : where.split(",").slice(1).join(",");
      if (counterexample(facts, changed, mostFor(facts + changed)) === undefined) continue;
      wrong++;
      assert.not.ok(isProved(facts, changed), `${facts} |- ${changed} is proved`);
    }
  assert.ok(wrong > 300, `${wrong} wrong claims`);
});

/** A random size in up to three names. */
function randomSize(random: () => number, depth: number): string {
  const pick = random();
  const number = (most: number): number => 1 + Math.floor(random() * most);
  if (depth === 0 || pick < 0.2)
    return random() < 0.7 ? (["A", "B", "C"][Math.floor(random() * 3)] ?? "A") : `${number(5)}`;
  const inner = (): string => randomSize(random, depth - 1);
  if (pick < 0.45) return `(${inner()} + ${inner()})`;
  if (pick < 0.6) return `(${inner()} - ${inner()})`;
  if (pick < 0.68) return `(${inner()} * ${inner()})`;
  if (pick < 0.8) return `(${inner()} / ${number(4)})`;
  if (pick < 0.86) return `ceil_div(${inner()}, ${number(4)})`;
  if (pick < 0.92) return `(${inner()} % ${number(4)})`;
  return `${random() < 0.5 ? "max" : "min"}(${inner()}, ${inner()})`;
}

const FACTS = [
  "A % 2 == 0",
  "A % 3 == 1",
  "B == A + 1",
  "A <= B",
  "C >= 3",
  "B <= 4",
  "2 * A == 3 * C",
  "A + B <= C",
  "B % 2 == 0, C % 6 == 3",
];

test("programs with sizes that feeds decide are accepted, and wrong ones are not", () => {
  const codes = (text: string): string[] =>
    checkProgram({ path: "g.tfg", read: () => text, library }).diagnostics.flatMap(({ code, message, severity }) =>
      severity === "error" ? [`${code} ${message}`] : [],
    );
  for (const [name, text] of RIGHT) assert.equal(codes(text), [], name);
  for (const [code, text] of WRONG)
    assert.equal(
      codes(text).map((one) => one.slice(0, 7)),
      [code],
      text,
    );
});

test("what is proved of random sizes under random facts has no counterexample among small ones", () => {
  const random = randomNumbers(17);
  let proved = 0;
  for (let i = 0; i < 700; i++) {
    const where = random() < 0.6 ? (FACTS[Math.floor(random() * FACTS.length)] ?? "") : "";
    const [a, b] = [randomSize(random, 2), randomSize(random, 2)];
    const sign = ["==", "<=", ">="][Math.floor(random() * 3)] ?? "==";
    const claim = `${a} ${sign} ${sign === "==" ? b : `${b} ${sign === "<=" ? "+" : "-"} ${Math.floor(random() * 6)}`}`;
    if (!isProved(where, claim)) continue;
    proved++;
    const found = counterexample(where, claim, 9);
    assert.is(found, undefined, `${where} |- ${claim} is proved, but not for ${found}`);
  }
  assert.ok(proved > 100, `${proved} claims are proved`);
});

test.run();
