/** Visits of the syntax tree. */
import type { Span } from "../../grammar/source.ts";
import type {
  Block,
  Declaration,
  DimSyntax,
  Expression,
  GraphItem,
  Name,
  NameExpression,
  Statement,
  TypeSyntax,
} from "../../grammar/syntax.ts";

/** The expressions directly under an expression. */
export function* childrenOf(expression: Expression): Iterable<Expression> {
  switch (expression.kind) {
    case "string":
      for (const part of expression.parts) if ("value" in part) yield part.value;
      return;
    case "list":
      for (const item of expression.items) yield item.value;
      return;
    case "unary":
      yield expression.operand;
      return;
    case "binary":
    case "pipe":
      yield expression.left;
      yield expression.right;
      return;
    case "coalesce":
      yield expression.value;
      yield expression.outside;
      return;
    case "cast":
    case "member":
    case "parenthesized":
      yield expression.value;
      return;
    case "call":
      yield expression.callee;
      for (const arg of expression.args) yield arg.value;
      return;
    case "index":
      yield expression.value;
      for (const slice of expression.slices) {
        if (slice.kind === "at") yield slice.value;
        if (slice.kind === "range") for (const part of [slice.from, slice.to, slice.step]) if (part) yield part;
      }
      return;
    case "comprehension":
      for (const binder of expression.binders) yield binder.extent;
      yield expression.body;
      return;
    case "conditional":
      yield expression.condition;
      yield expression.then;
      yield expression.else;
      return;
    case "lambda":
      if (expression.body.kind !== "block") yield expression.body;
      return;
    default:
  }
}

export function* expressionsOfType(type: TypeSyntax): Iterable<Expression> {
  for (const arg of type.args ?? []) yield arg.value;
  for (const dim of type.dims ?? []) yield* expressionsOfDim(dim);
}

/** The names in a size, without those of functions. */
export function* namesOfDim(expression: Expression): Iterable<NameExpression> {
  if (expression.kind === "name") yield expression;
  else if (expression.kind === "call") for (const arg of expression.args) yield* namesOfDim(arg.value);
  else if (expression.kind !== "lambda" && expression.kind !== "comprehension")
    for (const child of childrenOf(expression)) yield* namesOfDim(child);
}

function* expressionsOfDim(dim: DimSyntax): Iterable<Expression> {
  if (dim.kind === "expr") yield dim.value;
}

/** The expressions that stand in a statement itself, and the blocks in it. */
export function partsOf(item: GraphItem): {
  readonly expressions: readonly Expression[];
  readonly blocks: readonly Block[];
} {
  switch (item.kind) {
    case "input":
      return { expressions: [...expressionsOfType(item.type), ...(item.default ? [item.default] : [])], blocks: [] };
    case "output":
      return {
        expressions: [...(item.type ? expressionsOfType(item.type) : []), ...(item.value ? [item.value] : [])],
        blocks: [],
      };
    case "train":
    case "update":
      return { expressions: [item.value], blocks: [] };
    case "const":
    case "binding":
      return { expressions: [...(item.type ? expressionsOfType(item.type) : []), item.value], blocks: [] };
    case "param":
    case "state":
      return {
        expressions: [...("kind" in item.type ? expressionsOfType(item.type) : []), ...(item.init ? [item.init] : [])],
        blocks: [],
      };
    case "return":
      return { expressions: item.values, blocks: [] };
    case "assert":
      return { expressions: item.message ? [item.condition, item.message] : [item.condition], blocks: [] };
    case "step":
      return { expressions: [], blocks: [item.body] };
    case "scope":
      return { expressions: [item.name], blocks: [item.body] };
    case "if": {
      const blocks: Block[] = [item.then];
      const expressions: Expression[] = [item.condition];
      let rest = item.else;
      while (rest?.kind === "if") {
        expressions.push(rest.condition);
        blocks.push(rest.then);
        rest = rest.else;
      }
      if (rest) blocks.push(rest);
      return { expressions, blocks };
    }
  }
}

/** Every expression under `root`, the outer ones first, without recursion on long chains. */
export function* within(root: Expression): Iterable<Expression> {
  const pending: Expression[] = [root];
  for (let at = pending.pop(); at; at = pending.pop()) {
    yield at;
    if (at.kind === "lambda" && at.body.kind === "block") yield* expressionsOfBlock(at.body);
    pending.push(...[...childrenOf(at)].reverse());
  }
}

/** Every expression in a block and the blocks in it. */
export function* expressionsOfBlock(block: Block): Iterable<Expression> {
  for (const statement of block.statements) yield* expressionsOfItem(statement);
}

export function* expressionsOfItem(item: GraphItem): Iterable<Expression> {
  const { expressions, blocks } = partsOf(item);
  for (const expression of expressions) yield* within(expression);
  for (const block of blocks) yield* expressionsOfBlock(block);
}

/** Every expression in a declaration, those in types left out. */
export function* expressionsOfDeclaration(declaration: Declaration): Iterable<Expression> {
  switch (declaration.kind) {
    case "graph":
      for (const item of declaration.items) yield* expressionsOfItem(item);
      return;
    case "function":
      for (const param of declaration.params) if (param.default) yield* within(param.default);
      if (declaration.body.kind === "block") yield* expressionsOfBlock(declaration.body);
      else yield* within(declaration.body);
      return;
    case "config":
    case "const":
      yield* within(declaration.value);
      return;
    case "optimizer":
    case "test":
      yield* expressionsOfBlock(declaration.body);
      return;
    default:
  }
}

/** Every statement in a block and the blocks in it, with whether it stands directly in it. */
export function* statementsWithin(block: Block): Iterable<Statement> {
  for (const statement of block.statements) {
    yield statement;
    for (const inner of partsOf(statement).blocks) yield* statementsWithin(inner);
  }
}

/** Whether an item reads the node `name`, or exports or updates it. */
export function mentionsName(item: GraphItem, name: string): boolean {
  if (item.kind === "output" && !item.value && item.name.text === name) return true;
  for (const expression of expressionsOfItem(item))
    if (expression.kind === "name" && expression.name === name) return true;
  return false;
}

export interface BoundName {
  readonly name: Name;
  /** The statement that binds it; undefined for parameters and generics. */
  readonly item?: GraphItem;
}

/** The names that a declaration binds in its own statements and its head, those of functions within it left out. */
export function* namesBoundIn(declaration: Declaration): Iterable<BoundName> {
  if (declaration.kind === "graph" || declaration.kind === "function")
    for (const { name } of declaration.generics) yield { name };
  if (declaration.kind === "function" || declaration.kind === "optimizer")
    for (const { name } of declaration.params) yield { name };
  if (declaration.kind === "graph") for (const item of declaration.items) yield* namesBoundBy(item);
  const body = "body" in declaration ? declaration.body : undefined;
  if (body?.kind === "block") for (const statement of body.statements) yield* namesBoundBy(statement);
}

function* namesBoundBy(item: GraphItem): Iterable<BoundName> {
  if (item.kind === "binding") for (const name of item.names) yield { name, item };
  else if (item.kind !== "update" && item.kind !== "scope" && "name" in item) yield { name: item.name, item };
  for (const block of partsOf(item).blocks) for (const statement of block.statements) yield* namesBoundBy(statement);
}

/** Where a declaration reads `name`, but for what indices and functions within it bind by that name. */
export function* readsOf(declaration: Declaration, name: string): Iterable<Span> {
  const roots = [
    ...(declaration.kind === "function" && declaration.body.kind !== "block" ? [declaration.body] : []),
    ...("value" in declaration ? [declaration.value] : []),
  ];
  for (const root of roots) yield* freeReads(root, name);
  if (declaration.kind === "function" || declaration.kind === "optimizer")
    for (const param of declaration.params) if (param.default) yield* freeReads(param.default, name);
  if (declaration.kind === "graph") for (const item of declaration.items) yield* readsOfItem(item, name);
  const body = "body" in declaration ? declaration.body : undefined;
  if (body?.kind === "block") for (const statement of body.statements) yield* readsOfItem(statement, name);
}

function* readsOfItem(item: GraphItem, name: string): Iterable<Span> {
  const { expressions, blocks } = partsOf(item);
  for (const expression of expressions) yield* freeReads(expression, name);
  for (const block of blocks) for (const statement of block.statements) yield* readsOfItem(statement, name);
}

function* freeReads(root: Expression, name: string): Iterable<Span> {
  const pending: Expression[] = [root];
  for (let at = pending.pop(); at; at = pending.pop()) {
    if (at.kind === "name" && at.name === name) yield at.span;
    if (at.kind === "comprehension" && at.binders.some((binder) => binder.name.text === name)) {
      pending.push(...at.binders.map((binder) => binder.extent));
      continue;
    }
    if (at.kind === "lambda") {
      if (at.patterns.some(({ names }) => names.some((bound) => bound.text === name))) continue;
      if (at.body.kind === "block") for (const statement of at.body.statements) yield* readsOfItem(statement, name);
    }
    pending.push(...[...childrenOf(at)].reverse());
  }
}
