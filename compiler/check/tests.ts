/** `test "…" { … }`: each block is a graph of its own whose assertions are outputs (language.md 5). */
import type { Span } from "../../grammar/source.ts";
import type { AssertStatement, Expression, GraphDeclaration, TestDeclaration } from "../../grammar/syntax.ts";
import type { Graph, ValueId } from "../ir/graph.ts";
import { describe, type Entity, formatType } from "./entity.ts";
import type { Check, Frame, Module } from "./frame.ts";
import { elaborateGraph } from "./graphs.ts";
import { conjuncts, withoutParentheses } from "./obligations.ts";
import { fail } from "./operands.ts";
import { Failure } from "./report.ts";
import { statementsWithin } from "./walk.ts";

/** One side of a comparison, or what it was computed from: an output of the test's graph. */
export interface Side {
  readonly output: string;
  /** Where it is written. */
  readonly span: Span;
}

/** A comparison of which `all(…)` is asserted, or the asserted condition itself. */
export interface Compared {
  readonly operator: "==" | "!=" | "<" | "<=" | ">" | ">=";
  readonly left: Side;
  readonly right: Side;
  /** For `abs(a - b) < tolerance`: the two. */
  readonly apart?: readonly [Side, Side];
}

/** One conjunct of an `assert`. */
export interface TestAssertion {
  readonly span: Span;
  readonly message?: string;
  /** What the checker found out, or the output that says it. */
  readonly holds: boolean | { readonly output: string };
  readonly compared?: Compared;
}

export interface TestGraph {
  readonly name: string;
  /** Of the whole block. */
  readonly span: Span;
  readonly graph: Graph;
  readonly assertions: readonly TestAssertion[];
}

const OPERATORS: ReadonlyMap<string, Compared["operator"]> = new Map([
  ["equal", "=="],
  ["not_equal", "!="],
  ["less", "<"],
  ["less_equal", "<="],
  ["greater", ">"],
  ["greater_equal", ">="],
]);

/** The tests of a file, in its order. A test with an error of its own is left out; the error is reported. */
export function elaborateTests(check: Check, module: Module): TestGraph[] {
  const seen = new Map<string, Span>();
  return module.tree.declarations.flatMap((declaration) => {
    if (declaration.kind !== "test") return [];
    const name = nameOf(check, declaration);
    const before = seen.get(name);
    if (before)
      check.reporter.report({
        code: "TFG0202",
        message: `two tests are named "${name}"`,
        primary: { span: declaration.name.span, text: "again" },
        related: [{ span: before, text: "first" }],
        helps: [{ text: "say what this one is about" }],
      });
    seen.set(name, declaration.name.span);
    if (!isOneRun(check, declaration)) return [];
    const assertions: TestAssertion[] = [];
    const graph = elaborateGraph(check, module, graphOf(declaration, name), new Set(), (frame, statement) =>
      collect(frame, statement, assertions),
    );
    return [{ name, span: declaration.span, graph, assertions }];
  });
}

/** A test is one run of a fresh session: it reads no update, and has no caller to return to. It asserts something. */
function isOneRun(check: Check, { name, body }: TestDeclaration): boolean {
  const statements = [...statementsWithin(body)];
  for (const statement of statements) {
    if (statement.kind === "update")
      check.reporter.report({
        code: "TFG0403",
        message: `\`${statement.name.text}\` is updated in a test`,
        primary: { span: statement.operator, text: "a test is one run, and nothing in it reads the new value" },
        helps: [{ text: "assert what the new value would be" }],
      });
    if (statement.kind === "return")
      check.reporter.report({
        code: "TFG0210",
        message: "a test does not return",
        primary: { span: { ...statement.span, end: statement.span.start + "return".length }, text: "" },
        helps: [{ text: "assert CONDITION" }],
      });
  }
  if (!statements.some((statement) => statement.kind === "assert"))
    check.reporter.report({
      code: "TFG0210",
      message: "this test asserts nothing",
      primary: { span: name.span, text: "it cannot fail" },
      helps: [{ text: 'assert CONDITION, "what is wrong if it does not hold"' }],
    });
  return statements.every(({ kind }) => kind !== "update" && kind !== "return");
}

function nameOf(check: Check, { name }: TestDeclaration): string {
  if (name.parts.some((part) => "value" in part))
    check.reporter.report({
      code: "TFG0210",
      message: "the name of a test is a plain string",
      primary: { span: name.span, text: "this has a hole" },
    });
  return name.parts.map((part) => ("text" in part ? part.text : "")).join("");
}

/** The statements of a block are those of a graph, which has no inputs and whose asserts say what it is fetched for. */
function graphOf({ name, body, doc, attributes, span }: TestDeclaration, text: string): GraphDeclaration {
  return {
    kind: "graph",
    name: { text, span: name.span },
    generics: [],
    where: [],
    items: body.statements,
    doc,
    attributes,
    span,
  };
}

function collect(frame: Frame, statement: AssertStatement, into: TestAssertion[]): void {
  const said = statement.message ? frame.check.evaluate(frame, statement.message) : undefined;
  if (said?.kind === "bottom") throw new Failure();
  const message = said?.kind === "str" ? { message: said.value } : {};
  for (const clause of conjuncts(statement.condition)) {
    const entity = frame.check.evaluate(frame, clause);
    const { span } = clause;
    if (entity.kind === "bottom") throw new Failure();
    if (entity.kind === "bool") into.push({ span, ...message, holds: entity.value });
    else {
      const value = conditionOf(frame, entity, span);
      const number = into.length;
      const output = addOutput(frame, `assertion ${number}`, value, span);
      const compared = comparison(frame, value, number, writtenSides(clause));
      into.push({ span, ...message, holds: { output }, ...(compared ? { compared } : {}) });
    }
  }
}

/** The value of a condition, a bool of rank 0. */
function conditionOf(frame: Frame, entity: Entity, span: Span): ValueId {
  if (entity.kind === "tensor" && entity.type.dtype === "bool") {
    if (entity.type.shape.length === 0) return entity.value;
    return fail(frame, {
      code: "TFG0210",
      message: `an assertion is one bool, and this is ${formatType(entity.type)}`,
      primary: { span, text: "say of how many elements it must hold" },
      helps: [
        {
          text: `all(${span.file.text.slice(span.start, span.end)})`,
          edits: [
            { span: { ...span, end: span.start }, text: "all(" },
            { span: { ...span, start: span.end }, text: ")" },
          ],
        },
      ],
    });
  }
  return fail(frame, {
    code: "TFG0210",
    message: `an assertion is a bool, not ${describe(entity)}`,
    primary: { span, text: "" },
  });
}

/** Where the sides of a comparison are written, if the condition is plainly one. */
interface WrittenSides {
  readonly left: Span;
  readonly right: Span;
  readonly apart?: readonly [Span, Span];
}

function writtenSides(condition: Expression): WrittenSides | undefined {
  const bare = withoutParentheses(condition);
  const inner = argumentOf(bare, "all");
  if (inner) return writtenSides(inner);
  if (bare.kind !== "binary") return undefined;
  const magnitude = argumentOf(withoutParentheses(bare.left), "abs");
  const difference = magnitude && withoutParentheses(magnitude);
  return {
    left: bare.left.span,
    right: bare.right.span,
    ...(difference?.kind === "binary" ? { apart: [difference.left.span, difference.right.span] } : {}),
  };
}

/** The argument of a call of `name` that has no other. */
function argumentOf(expression: Expression, name: string): Expression | undefined {
  if (expression.kind !== "call" || expression.callee.kind !== "name" || expression.callee.name !== name)
    return undefined;
  return expression.args.length === 1 ? expression.args[0]?.value : undefined;
}

/**
 * The comparison behind a condition, found in the graph rather than in the text: evaluating its sides once more would
 * make the layers in them a second time.
 */
function comparison(
  frame: Frame,
  condition: ValueId,
  number: number,
  written: WrittenSides | undefined,
): Compared | undefined {
  const { builder } = frame;
  let id = condition;
  for (
    let value = builder.valueAt(id);
    value.op === "reduce_all" && value.args[0] !== undefined;
    value = builder.valueAt(id)
  )
    id = value.args[0];
  const { op, args } = builder.valueAt(id);
  const operator = OPERATORS.get(op);
  const [left, right] = args;
  if (!operator || left === undefined || right === undefined) return undefined;
  const side = (what: string, value: ValueId, at: Span | undefined): Side => {
    const span = at ?? builder.valueAt(value).span;
    return { output: addOutput(frame, `${what} ${number}`, value, span), span };
  };
  const magnitude = builder.valueAt(left);
  const difference = magnitude.op === "abs" ? builder.valueAt(magnitude.args[0] ?? left) : undefined;
  const [a, b] = difference?.op === "sub" ? difference.args : [];
  const [first, second] = written?.apart ?? [];
  return {
    operator,
    left: side("left", left, written?.left),
    right: side("right", right, written?.right),
    ...(a === undefined || b === undefined
      ? {}
      : { apart: [side("first", a, first), side("second", b, second)] as const }),
  };
}

function addOutput(frame: Frame, name: string, value: ValueId, span: Span): string {
  frame.builder.outputs.push({ name, value, doc: "", span });
  return name;
}
