/** Statements of function bodies: bindings, variables, compile-time branches, results. Graph items are `graphs.ts`. */
import type { Span } from "../../grammar/source.ts";
import { spanText } from "../../grammar/source.ts";
import type {
  BindingStatement,
  Block,
  ConstStatement,
  Expression,
  IfStatement,
  ScopeStatement,
  Statement,
  TypeSyntax,
} from "../../grammar/syntax.ts";
import { formatDim, literalOf } from "../ir/dims.ts";
import type { ValueId } from "../ir/graph.ts";
import { runUpdate } from "./effects.ts";
import { BOTTOM, describe, type Entity, isNumber } from "./entity.ts";
import type { Frame } from "./frame.ts";
import { castText } from "../ops/complaints.ts";
import { runAssert } from "./obligations.ts";
import { adaptedDType, fail, listTensor, toTensor } from "./operands.ts";
import { Failure } from "./report.ts";
import { ScopeNode } from "./scopes.ts";
import { isStaticType, writtenType } from "./types.ts";
import { bindStaticType } from "./unify.ts";
import { freshVariable } from "./variables.ts";

/** The body of a function in the names of `frame`. The result is what it returns. */
export function runBlock(frame: Frame, block: Block): Entity {
  const result = runStatements(frame, block.statements);
  if (result) return result;
  return fail(frame, {
    code: "TFG0210",
    message: frame.activation
      ? `\`${frame.activation.declaration.name.text}\` returns nothing`
      : "this function returns nothing",
    primary: {
      span: { ...block.span, start: Math.max(block.span.start, block.span.end - 1) },
      text: "`return` is missing",
    },
  });
}

export function runStatements(frame: Frame, statements: readonly Statement[]): Entity | undefined {
  let failed = false;
  for (const statement of statements) {
    try {
      const result = runStatement(frame, statement);
      if (result) return failed ? BOTTOM : result;
    } catch (error) {
      // A false assertion says that the rest makes no sense.
      if (statement.kind === "assert") throw error;
      // The statements behind it may have faults of their own; what used its names stays silent.
      if (!(error instanceof Failure)) throw error;
      failed = true;
      for (const name of namesOf(statement))
        if (!frame.names.own.has(name.text)) frame.names.bind(name.text, name.span, BOTTOM);
    }
  }
  if (failed) throw new Failure();
  return undefined;
}

export function namesOf(statement: Statement): readonly { readonly text: string; readonly span: Span }[] {
  switch (statement.kind) {
    case "binding":
      return statement.names;
    case "param":
    case "state":
    case "const":
      return [statement.name];
    case "if":
      return [statement.then, ...(statement.else ? [statement.else] : [])].flatMap((part) =>
        part.kind === "if" ? namesOf(part) : part.statements.flatMap(namesOf),
      );
    case "scope":
      return statement.body.statements.flatMap(namesOf);
    default:
      return [];
  }
}

function runStatement(frame: Frame, statement: Statement): Entity | undefined {
  switch (statement.kind) {
    case "binding":
      bindNames(frame, statement);
      return undefined;
    case "const": {
      checkFresh(frame, statement.name);
      frame.names.bind(statement.name.text, statement.name.span, constValue(frame, statement));
      return undefined;
    }
    case "param":
    case "state": {
      checkFresh(frame, statement.name);
      if (frame.form === "def")
        fail(frame, {
          code: "TFG0402",
          message: `\`${statement.kind}\` inside a \`def\``,
          primary: {
            span: {
              ...statement.span,
              start: keywordStart(statement),
              end: keywordStart(statement) + statement.kind.length,
            },
            text: "only a `layer` or a `graph` owns variables",
          },
        });
      if (frame.owner?.kind === "step")
        fail(frame, {
          code: "TFG0210",
          message: `a step declares no variables`,
          primary: { span: statement.name.span, text: `a \`${statement.kind}\` belongs to the graph` },
          helps: [{ text: "declare it beside the step" }],
        });
      const { entity, declared } = freshVariable(frame, statement);
      frame.names.bind(statement.name.text, statement.name.span, entity, { variable: declared });
      return undefined;
    }
    case "return":
      return returned(frame, statement.values);
    case "assert":
      runAssert(frame, statement);
      return undefined;
    case "if":
      return runIf(frame, statement);
    case "scope":
      return runScope(frame, statement);
    case "update":
      runUpdate(frame, statement);
      return undefined;
  }
}

const keywordStart = (statement: {
  readonly kind: "param" | "state";
  readonly name: { readonly span: Span };
  readonly span: Span;
}): number => {
  const { file } = statement.span;
  const text = file.text.slice(statement.span.start, statement.name.span.start);
  const at = text.lastIndexOf(statement.kind);
  return statement.span.start + Math.max(at, 0);
};

function returned(frame: Frame, values: readonly Expression[]): Entity {
  const entities = values.map((value) => frame.check.evaluate(frame, value));
  const [only] = entities;
  if (entities.length === 1 && only) return only;
  if (entities.some((entity) => entity.kind === "bottom")) return BOTTOM;
  return { kind: "record", parts: entities.map((entity, i) => ({ name: `${i}`, entity })) };
}

/** The chosen branch of a compile-time `if`; its names belong to the block around it. */
export function chosenBranch(frame: Frame, statement: IfStatement): Block | IfStatement | undefined {
  const entity = frame.check.evaluate(frame, statement.condition);
  if (entity.kind === "bottom") throw new Failure();
  if (entity.kind === "bool") return entity.value ? statement.then : statement.else;
  return fail(frame, {
    code: "TFG0210",
    message: "the `if` statement takes compile-time conditions only",
    primary: {
      span: statement.condition.span,
      text: entity.kind === "tensor" || entity.kind === "scalar" ? "known only at run time" : describe(entity),
    },
    helps:
      entity.kind === "tensor" ? [{ text: "choose between values: `if c then a else b`, or `select(c, a, b)`" }] : [],
  });
}

function runIf(frame: Frame, statement: IfStatement): Entity | undefined {
  const branch = chosenBranch(frame, statement);
  if (!branch) return undefined;
  return branch.kind === "if" ? runIf(frame, branch) : runStatements(frame, branch.statements);
}

function runScope(frame: Frame, statement: ScopeStatement): Entity | undefined {
  const scope = blockScope(frame, statement);
  // In a function that owns no variables the place is that of its call.
  const place = frame.form === "def" ? frame.place : frame.builder.placeOf(scope);
  return runStatements({ ...frame, scope, place, ...sharedBlock(frame, scope) }, statement.body.statements);
}

/** In a shared instance a block's layers are those that its first run made; opened again, it goes on where it was. */
function sharedBlock({ reuse }: Frame, scope: ScopeNode): Pick<Frame, "reuse"> {
  if (!reuse) return {};
  const walk = reuse.blocks.get(scope) ?? { next: 0, blocks: new Map() };
  reuse.blocks.set(scope, walk);
  return { reuse: walk };
}

/** The scope that `scope "x"` opens, or opens again. */
export function blockScope(frame: Frame, statement: ScopeStatement): ScopeNode {
  const entity = frame.check.evaluate(frame, statement.name);
  if (entity.kind === "bottom") throw new Failure();
  if (entity.kind !== "str" || !/^[A-Za-z0-9_.][A-Za-z0-9_.\-/]*$/.test(entity.value))
    fail(frame, {
      code: "TFG0210",
      message: "a scope is named by letters, digits, `_`, `.`, `-` and `/`",
      primary: { span: statement.name.span, text: "" },
    });
  const name = entity.kind === "str" ? entity.value : "";
  const open = frame.scope.children.find((child) => child.isFixed && child.base === name && child.layer === undefined);
  return open ?? new ScopeNode(frame.scope, name, true, frame.builder.textOrder());
}

export function checkFresh(frame: Frame, name: { readonly text: string; readonly span: Span }): void {
  const before = frame.names.own.get(name.text);
  if (!before) return;
  if (before.span.file === name.span.file && before.span.start === name.span.start) return;
  fail(frame, boundTwice(name.text, before.span, name.span));
}

export function boundTwice(name: string, first: Span, second: Span) {
  return {
    code: "TFG0202",
    message: `\`${name}\` is bound twice`,
    primary: { span: second, text: "a name is one node of the graph" },
    related: first.file === second.file ? [{ span: first, text: "first bound here" }] : [],
    helps: [{ text: secondNameHelp(name, first, second) }],
  };
}

/** For `x = relu(h)` and then `x = dense(x, 10)` the pipe that needs no name between them. */
function secondNameHelp(name: string, first: Span, second: Span): string {
  const plain = "give the second node its own name";
  const right = (span: Span): string => {
    const { text } = span.file;
    const end = text.indexOf("\n", span.end);
    const line = text.slice(span.end, end < 0 ? undefined : end).trim();
    return line.startsWith("=") ? line.slice(1).trim() : "";
  };
  const a = /^(\w+)\((\w+)(?:, *(.*))?\)$/.exec(right(first));
  const b = /^(\w+)\((\w+)(?:, *(.*))?\)$/.exec(right(second));
  if (!a || !b || b[2] !== name) return plain;
  const call = (match: RegExpExecArray): string => (match[3] ? `${match[1]}(${match[3]})` : `${match[1]}`);
  return `${plain}, or write \`${name} = ${a[2]} |> ${call(a)} |> ${call(b)}\``;
}

/** `a = e`, `h, c = e`, `a: f32[N] = e` */
export function bindNames(frame: Frame, statement: BindingStatement): void {
  for (const name of statement.names) checkFresh(frame, name);
  const entities = boundEntities(frame, statement);
  for (const [i, name] of statement.names.entries()) frame.names.bind(name.text, name.span, entities[i] ?? BOTTOM);
}

/** The value for each name of a binding. */
export function boundEntities(frame: Frame, statement: BindingStatement): readonly Entity[] {
  const { names, value, type } = statement;
  const [{ text: name } = { text: "" }] = names;
  const entity = frame.check.evaluate({ ...frame, place: frame.place.binding(name) }, value);
  if (entity.kind === "bottom") throw new Failure();
  if (names.length === 1) return [type ? annotated(frame, entity, type, value.span) : entity];
  const parts =
    entity.kind === "record"
      ? entity.parts.map((part) => part.entity)
      : entity.kind === "list"
        ? entity.items
        : undefined;
  if (parts && parts.length === names.length)
    return type ? parts.map((part) => annotated(frame, part, type, value.span)) : parts;
  const [first] = names;
  const last = names[names.length - 1];
  return fail(frame, {
    code: "TFG0210",
    message: `${names.length} names for ${parts ? `${parts.length} values` : `one value, ${describe(entity)}`}`,
    primary: { span: first && last ? { ...first.span, end: last.span.end } : statement.span, text: "" },
    related: [{ span: value.span, text: describe(entity) }],
  });
}

/** A value under a written type: numbers and lists take it, tensors must have it. */
export function annotated(frame: Frame, entity: Entity, type: TypeSyntax, span: Span): Entity {
  const { text: name } = type.name;
  if (isStaticType(name) || (name === "bool" && !type.dims && entity.kind === "bool"))
    return bindStaticType(frame, type, entity, span);
  const declared = writtenType(frame, type);
  const given =
    entity.kind === "list"
      ? listTensor(frame, entity, span, declared.dtype)
      : isNumber(entity) || entity.kind === "bool" || entity.kind === "scalar"
        ? entity
        : toTensor(frame, entity, span);
  const dtype = given.kind === "tensor" ? given.type.dtype : adaptedDType(given, declared.dtype);
  const shape = given.kind === "tensor" ? given.type.shape : [];
  const shown =
    given.kind === "tensor"
      ? `${given.type.dtype}${shape.length ? `[${shape.map(formatDim).join(", ")}]` : ""}`
      : describe(given);
  if (dtype !== declared.dtype)
    fail(frame, {
      code: "TFG0304",
      message: `\`${declared.dtype}\` is declared, but this is \`${dtype}\``,
      primary: { span, text: shown },
      related: [{ span: type.span, text: "declared here" }],
      helps:
        declared.dtype === "bool" || given.kind !== "tensor"
          ? []
          : [{ text: castText({ type: given.type, span, origin: span }, declared.dtype) }],
    });
  if (
    shape.length !== declared.shape.length ||
    shape.some((dim, i) => !frame.facts.equal(dim, declared.shape[i] ?? dim))
  ) {
    const uncertain =
      shape.length === declared.shape.length &&
      shape.every(
        (dim, i) =>
          literalOf(dim) === undefined ||
          literalOf(declared.shape[i] ?? dim) === undefined ||
          frame.facts.equal(dim, declared.shape[i] ?? dim),
      );
    fail(frame, {
      code:
        uncertain && shape.some((dim) => dim.terms.length > 1 || (dim.terms[0]?.atoms.length ?? 0) > 1)
          ? "TFG0311"
          : "TFG0301",
      message: `this is ${shown}, not ${spanText(type.span)}`,
      primary: { span, text: shown },
      related: [{ span: type.span, text: "declared here" }],
    });
  }
  if (given.kind === "tensor") return { ...given, labels: declared.labels };
  return isNumber(given) ? { ...given, dtype: declared.dtype } : given;
}

/** What a value depends on if it differs from run to run. */
const ofRuns: ReadonlySet<string> = new Set(["input", "variable", "random_key"]);

/** A compile-time value: numbers, strings, lists, functions; or a tensor of such, which then is a node like any other. */
export function constValue(frame: Frame, statement: ConstStatement): Entity {
  const entity = frame.check.evaluate({ ...frame, place: frame.place.binding(statement.name.text) }, statement.value);
  if (entity.kind === "bottom") return BOTTOM;
  if (entity.kind === "tensor" && differsByRun(frame, entity.value)) {
    const { name, span, value } = statement;
    const start = span.file.text.lastIndexOf("const", name.span.start);
    const keyword = { ...span, start, end: name.span.start };
    fail(frame, {
      code: "TFG0210",
      message: `\`${name.text}\` is a \`const\`, and its value is not known before a run`,
      primary: { span: value.span, text: describe(entity) },
      related: [{ span: { ...keyword, end: start + "const".length }, text: "a `const` is known to the compiler" }],
      helps: [{ text: `${name.text} = ${spanText(value.span)}`, edits: [{ span: keyword, text: "" }] }],
    });
  }
  return statement.type ? annotated(frame, entity, statement.type, statement.value.span) : entity;
}

function differsByRun(frame: Frame, value: ValueId): boolean {
  const seen = new Set<ValueId>();
  const open = [value];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const { op, args } = frame.builder.valueAt(id);
    if (ofRuns.has(op)) return true;
    open.push(...args);
  }
  return false;
}
