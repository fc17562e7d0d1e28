/** What can be said of declarations without elaborating them: every file is checked, called or not. */
import type { Span } from "../../grammar/source.ts";
import type {
  Block,
  Expression,
  FunctionDeclaration,
  GraphDeclaration,
  GraphItem,
  TypeSyntax,
} from "../../grammar/syntax.ts";
import { checkAttributes } from "./attributes.ts";
import { GraphBuilder } from "./builder.ts";
import { factsOf } from "./facts.ts";
import { type Check, type Frame, type Module, Names } from "./frame.ts";
import { intrinsic, isForeignDeclaration, isForeignMember, isPredefined, moduleItem, unknownName } from "./lookup.ts";
import { checkGradientAttribute, gradientAttribute } from "./gradients.ts";
import { nearest } from "./nearest.ts";
import { fail } from "./operands.ts";
import { Failure } from "./report.ts";
import { ScopeNode } from "./scopes.ts";
import { boundTwice } from "./statements.ts";
import { dimName, failDType, isDType, isStaticType, unknownPack } from "./types.ts";
import { unbuiltFunction } from "./unbuilt.ts";
import { childrenOf, expressionsOfType, namesOfDim, partsOf, statementsWithin } from "./walk.ts";

/** Where consts and configs of a file are tried without a graph. */
export function emptyFrame(check: Check, module: Module, builder = new GraphBuilder()): Frame {
  const scope = new ScopeNode(undefined, "", true, [0, 0]);
  return {
    check,
    module,
    names: new Names(),
    builder,
    facts: factsOf([]),
    scope,
    place: builder.placeOf(scope),
    form: "file",
    depth: 0,
  };
}

/** `--set` of a name that no config of the user's files has. The message points at the one that was probably meant. */
export function checkSettings(check: Check, root: Module): void {
  const configs = check.modules
    .users()
    .flatMap((module) => module.tree.declarations.filter((declaration) => declaration.kind === "config"));
  const names = configs.map((config) => config.name.text);
  for (const [name] of check.settings) {
    if (names.includes(name)) continue;
    const near = nearest(name, names);
    check.reporter.report({
      code: "TFG0201",
      message: `\`--set ${name}\`: there is no config of this name`,
      primary: {
        span: configs.find((config) => config.name.text === near)?.name.span ?? { file: root.file, start: 0, end: 0 },
        text: near ? `did you mean \`${near}\`?` : "",
      },
      notes:
        names.length > 0
          ? [`the configs are ${names.map((other) => `\`${other}\``).join(", ")}`]
          : ["this program has no `config`"],
    });
  }
}

export function checkDeclarations(check: Check, module: Module, builder: GraphBuilder): void {
  const frame = emptyFrame(check, module, builder);
  const guarded = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
  };
  for (const declaration of module.tree.declarations) {
    checkAttributes(check, declaration);
    switch (declaration.kind) {
      case "function":
        checkFunction(frame, declaration, guarded);
        break;
      case "config":
      case "const": {
        const item = module.items.get(declaration.name.text);
        if (item?.kind === "declaration" && item.declaration === declaration)
          guarded(() => check.itemEntity(frame, item, declaration.name.span));
        break;
      }
      case "graph":
        for (const item of declaration.items) checkItemAttributes(check, item);
        resolveGraph(frame, declaration);
        break;
      case "optimizer":
      case "test":
        for (const statement of statementsWithin(declaration.body)) checkAttributes(check, statement);
        break;
      default:
    }
  }
}

// ---- attributes ------------------------------------------------------------------------------------------------

function checkItemAttributes(check: Check, item: GraphItem): void {
  checkAttributes(check, item);
  for (const block of partsOf(item).blocks)
    for (const statement of statementsWithin(block)) checkAttributes(check, statement);
}

// ---- functions ---------------------------------------------------------------------------------------------------

function checkFunction(frame: Frame, declaration: FunctionDeclaration, guarded: (work: () => void) => void): void {
  const { check } = frame;
  const names = new Names();
  const dtypes = new Set<string>();
  const declare = (scope: Names, name: string, span: Span): void => {
    const before = scope.own.get(name);
    if (before && before.span.start !== span.start) {
      check.reporter.report(boundTwice(name, before.span, span));
      check.unusable.add(declaration);
    } else scope.bind(name, span, { kind: "bottom" });
  };
  for (const generic of declaration.generics) {
    declare(names, generic.name.text, generic.name.span);
    if (generic.kind === "dtype") dtypes.add(generic.name.text);
  }
  for (const param of declaration.params) {
    checkAttributes(check, param);
    declare(names, param.name.text, param.name.span);
  }
  const inner: Frame = { ...frame, names, form: declaration.form };
  const types = [
    ...declaration.params.flatMap((param) => (param.type === "fn" ? [] : [param.type])),
    ...(declaration.result?.kind === "single"
      ? [declaration.result.type]
      : (declaration.result?.parts.map((part) => part.type) ?? [])),
  ];
  const isDim = (name: string): boolean =>
    declaration.generics.some((one) => one.kind === "dim" && one.name.text === name);
  const known = new Set(dtypes);
  for (const type of types)
    guarded(() => {
      // Each unknown type once.
      if (known.has(type.name.text)) return;
      known.add(type.name.text);
      if (isDim(type.name.text)) failDimAsType(inner, type, declaration);
      checkTypeName(inner, type, dtypes);
    });
  const resolve = (scope: Names, expression: Expression): void =>
    resolveNames({ ...inner, names: scope }, expression, dtypes, declaration);
  for (const type of types) resolveDims(inner, type, dtypes, declaration);
  for (const param of declaration.params) if (param.default) resolve(names, param.default);
  for (const clause of declaration.where) {
    checkDims(inner, clause);
    resolve(names, clause);
  }
  checkGradientAttribute(frame, declaration);
  for (const { value } of gradientAttribute(declaration)?.args ?? []) resolve(names, value);
  if (declaration.body.kind !== "block") resolve(names, declaration.body);
  else resolveBlock(inner, declaration.body, dtypes, declaration);
}

/** Names in the shape of a parameter, a variable or a result: TFG0205 for what nothing declares, once for each name. */
function resolveDims(frame: Frame, type: TypeSyntax, dtypes: ReadonlySet<string>, owner: FunctionDeclaration): void {
  const { check } = frame;
  for (const arg of type.args ?? []) resolveNames(frame, arg.value, dtypes, owner);
  for (const dim of type.dims ?? []) {
    if (dim.kind === "pack") {
      const { text, span } = dim.name;
      if (frame.names.find(text) || moduleItem(frame, text)) continue;
      check.reporter.report(unknownPack(text, dim.span));
      frame.names.bind(text, span, { kind: "bottom" });
      continue;
    }
    checkDims(frame, dim.value);
    resolveNames(frame, dim.value, dtypes, owner);
  }
}

/** Unknown names in a size, each once: it is then bound, so that its other uses are no news. */
function checkDims(frame: Frame, size: Expression): void {
  for (const { name, span } of namesOfDim(size)) {
    if (frame.names.find(name) || moduleItem(frame, name) || isPredefined(name)) continue;
    try {
      dimName(frame, name, span);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
    frame.names.bind(name, span, { kind: "bottom" });
  }
}

function checkTypeName(frame: Frame, type: TypeSyntax, dtypes: ReadonlySet<string>): void {
  const { text } = type.name;
  if (!isDType(text) && !isStaticType(text) && !dtypes.has(text)) failDType(frame, type);
}

/** TFG0211: a generic without a class is a dimension. */
function failDimAsType(frame: Frame, type: TypeSyntax, owner: FunctionDeclaration): never {
  const { text, span } = type.name;
  const generic = owner.generics.find((one) => one.name.text === text);
  return fail(frame, {
    code: "TFG0211",
    message: `\`${text}\` is a dimension, not a type`,
    primary: { span, text: "an element type is expected" },
    related: generic ? [{ span: generic.span, text: "declared here" }] : [],
    helps: generic
      ? [
          {
            text: `for an element type declare \`${text}: num\``,
            edits: [{ span: generic.span, text: `${text}: num` }],
          },
        ]
      : [],
  });
}

/** Names in what a graph does not elaborate: branches that are not taken, messages of assertions that hold. */
function resolveGraph(frame: Frame, declaration: GraphDeclaration): void {
  const names = new Names();
  const bind = ({ text, span }: { readonly text: string; readonly span: Span }): void => {
    if (!names.own.has(text)) names.bind(text, span, { kind: "bottom" });
  };
  const bindItem = (item: GraphItem): void => {
    for (const name of namesBoundBy(item)) bind(name);
    if (item.kind === "if" || item.kind === "scope")
      for (const block of partsOf(item).blocks) block.statements.forEach(bindItem);
  };
  for (const generic of declaration.generics) bind(generic.name);
  declaration.items.forEach(bindItem);
  const inner: Frame = { ...frame, names, form: "graph" };
  for (const item of declaration.items) {
    if (item.kind === "train") continue;
    for (const expression of valuesOf(item)) resolveNames(inner, expression, new Set(), undefined);
    for (const block of partsOf(item).blocks)
      resolveBlock({ ...inner, names: new Names(names) }, block, new Set(), undefined);
  }
}

function namesBoundBy(item: GraphItem): readonly { readonly text: string; readonly span: Span }[] {
  if (item.kind === "binding") return item.names;
  return "name" in item && "text" in item.name && item.kind !== "update" ? [item.name] : [];
}

/** The expressions in a statement without those of its type. */
function valuesOf(item: GraphItem): readonly Expression[] {
  const type = "type" in item && item.type && "kind" in item.type ? item.type : undefined;
  const inType = new Set(type ? expressionsOfType(type) : []);
  return partsOf(item).expressions.filter((expression) => !inType.has(expression));
}

/** `owner` is the function that the block is of; the types in a graph are left to elaboration. */
function resolveBlock(
  frame: Frame,
  block: Block,
  dtypes: ReadonlySet<string>,
  owner: FunctionDeclaration | undefined,
): void {
  const { check, names } = frame;
  for (const statement of block.statements) {
    if (owner) checkAttributes(check, statement);
    if ((statement.kind === "param" || statement.kind === "state") && owner?.form === "def") {
      const { file } = statement.span;
      const start = file.text.lastIndexOf(statement.kind, statement.name.span.start);
      check.reporter.report({
        code: "TFG0402",
        message: `\`${statement.kind}\` inside a \`def\``,
        primary: {
          span: { file, start, end: start + statement.kind.length },
          text: "only a `layer` or a `graph` owns variables",
        },
        related: [{ span: owner.keyword, text: "a `def` is a pure function" }],
        helps: [{ text: `layer ${owner.name.text}`, edits: [{ span: owner.keyword, text: "layer" }] }],
      });
    }
    if (statement.kind === "update" && owner?.form === "def")
      check.reporter.report({
        code: "TFG0402",
        message: "`:=` inside a `def`",
        primary: { span: statement.operator, text: "a `def` is a pure function" },
        related: [{ span: owner.keyword, text: "" }],
      });
    if (owner && "type" in statement && statement.type && "kind" in statement.type)
      resolveDims(frame, statement.type, dtypes, owner);
    for (const expression of valuesOf(statement)) resolveNames(frame, expression, dtypes, owner);
    for (const inner of partsOf(statement).blocks) resolveBlock(frame, inner, dtypes, owner);
    for (const name of namesBoundBy(statement))
      if (!names.own.has(name.text)) names.bind(name.text, name.span, { kind: "bottom" });
  }
}

/** TFG0201 for names that mean nothing; names in the position of a dim are left to elaboration. */
function resolveNames(
  frame: Frame,
  root: Expression,
  dtypes: ReadonlySet<string>,
  owner: FunctionDeclaration | undefined,
): void {
  const { names } = frame;
  const visit = (expression: Expression, scope: Names, isCallee: boolean): void => {
    switch (expression.kind) {
      case "name":
        resolveName({ ...frame, names: scope }, expression.name, expression.span, isCallee, owner);
        return;
      case "member":
        if (!isForeignMember({ ...frame, names: scope }, expression)) visit(expression.value, scope, false);
        return;
      case "index":
        for (const slice of expression.slices)
          if (slice.kind === "at" && slice.value.kind === "name" && slice.value.name === "None" && !scope.find("None"))
            frame.check.reporter.report({
              code: "TFG0201",
              message: "unknown name `None`",
              primary: { span: slice.value.span, text: "a new dimension is written `new`" },
              helps: [{ text: "new", edits: [{ span: slice.value.span, text: "new" }] }],
            });
        for (const child of childrenOf(expression)) visit(child, scope, false);
        return;
      case "call":
        visit(expression.callee, scope, true);
        if (isForeignDeclaration({ ...frame, names: scope }, expression.callee)) return;
        for (const arg of expression.args) {
          // `over=` takes dims; those of a graph are left to elaboration.
          if (arg.name?.text !== "over") visit(arg.value, scope, false);
          else if (owner) checkDims({ ...frame, names: scope }, arg.value);
        }
        return;
      case "comprehension": {
        const inner = new Names(scope);
        for (const binder of expression.binders) {
          visit(binder.extent, inner, false);
          inner.bind(binder.name.text, binder.name.span, { kind: "bottom" });
        }
        visit(expression.body, inner, false);
        return;
      }
      case "lambda": {
        const inner = new Names(scope);
        for (const pattern of expression.patterns)
          for (const name of pattern.names) inner.bind(name.text, name.span, { kind: "bottom" });
        if (expression.body.kind === "block") resolveBlock({ ...frame, names: inner }, expression.body, dtypes, owner);
        else visit(expression.body, inner, false);
        return;
      }
      case "pipe":
        visit(expression.left, scope, false);
        visit(expression.right, scope, true);
        return;
      case "cast":
        visit(expression.value, scope, false);
        return;
      default:
        for (const child of childrenOf(expression)) visit(child, scope, false);
    }
  };
  visit(root, names, false);
}

function resolveName(
  frame: Frame,
  name: string,
  span: Span,
  isCallee: boolean,
  owner: FunctionDeclaration | undefined,
): void {
  if (frame.names.find(name)) return;
  const item = moduleItem(frame, name);
  // What is not built yet does no harm in a branch that a graph does not take.
  if (!owner && unbuiltFunction(name)) return;
  if (!item && !isPredefined(name) && !intrinsic(name)) unknownName(frame, name, span, isCallee ? "function" : "name");
  if (
    isCallee &&
    item?.kind === "declaration" &&
    item.declaration.kind === "function" &&
    item.declaration.form === "layer" &&
    owner?.form === "def"
  )
    frame.check.reporter.report({
      code: "TFG0402",
      message: `\`${name}\` is a layer, called in a \`def\``,
      primary: { span, text: "it owns variables, and a `def` is a pure function" },
      related: [{ span: owner.keyword, text: `\`${owner.name.text}\` is a \`def\`` }],
      helps: [{ text: `layer ${owner.name.text}`, edits: [{ span: owner.keyword, text: "layer" }] }],
    });
}
