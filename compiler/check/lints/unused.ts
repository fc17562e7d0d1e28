/** TFG0905, TFG0906 and TFG0908: names and statements that do nothing, or not what they seem to. */
import type {
  Declaration,
  Expression,
  FunctionDeclaration,
  GraphDeclaration,
  GraphItem,
  Name,
  Statement,
} from "../../../grammar/syntax.ts";
import type { Check, Module } from "../frame.ts";
import { intrinsic } from "../lookup.ts";
import { type BoundName, expressionsOfDeclaration, expressionsOfType, namesBoundIn, partsOf, within } from "../walk.ts";
import type { Lint } from "./names.ts";

// ---- TFG0905 -------------------------------------------------------------------------------------------------

/** Functions of the user that bear the name of one of the library: the local name wins (language.md 5.8). */
export function lintHidden(check: Check, { tree }: Module): Lint[] {
  return tree.declarations.flatMap((declaration) => {
    if (declaration.kind !== "function" && declaration.kind !== "optimizer") return [];
    const { text, span } = declaration.name;
    if (!check.modules.preludeItem(text) && !intrinsic(text)) return [];
    return [
      {
        code: "TFG0905",
        message: `\`${text}\` hides the \`${text}\` of the standard library`,
        primary: { span, text: "calls in this file mean this one" },
        helps: [{ text: "choose another name" }],
      },
    ];
  });
}

// ---- TFG0906 -------------------------------------------------------------------------------------------------

/** Names that nothing reads, and what is behind a `return`. A name that begins with `_` is not meant to be read. */
export function lintUnused(module: Module, nodes: ReadonlySet<string>): Lint[] {
  return module.tree.declarations.flatMap((declaration) => {
    if (declaration.kind === "import") return unusedImports(module, declaration);
    const idle = declaration.kind === "graph" ? withoutResults(declaration, nodes) : undefined;
    if (idle) return [idle];
    const used = namesReadIn(declaration);
    const dead = unreachable(declaration);
    const isFree = ({ text, span }: Name): boolean =>
      used.has(text) ||
      text.startsWith("_") ||
      text === "" ||
      dead.some(({ primary }) => primary.span.start <= span.start && span.end <= primary.span.end);
    const unused = [...namesBoundIn(declaration)].flatMap((bound): Lint[] => {
      const { name } = bound;
      if (isFree(name) || (declaration.kind === "graph" && nodes.has(name.text))) return [];
      const what = nameOfBound(bound, declaration);
      if (what === undefined || (bound.item?.kind === "binding" && bound.item.names.some(isFree))) return [];
      return [
        {
          code: "TFG0906",
          message: `nothing reads ${what} \`${name.text}\``,
          primary: { span: name.span, text: "never read" },
          helps: [
            {
              text:
                declaration.kind === "graph" && bound.item?.kind === "binding"
                  ? `remove it, or fetch it: \`output ${name.text} = …\``
                  : "remove it, or let its name begin with `_`",
            },
          ],
        },
      ];
    });
    return [...dead, ...unused];
  });
}

/** A graph of which nothing can be fetched. */
function withoutResults(graph: GraphDeclaration, nodes: ReadonlySet<string>): Lint | undefined {
  const isResult = ({ kind }: GraphItem): boolean => kind === "output" || kind === "step" || kind === "train";
  if (nodes.size > 0 || graph.items.some(isResult)) return undefined;
  const last = graph.items.findLast((item) => item.kind === "binding");
  const { name } = graph;
  return {
    code: "TFG0906",
    message: `nothing of the graph \`${name.text}\` can be fetched`,
    primary: { span: name.span, text: "it has no `output` and no `step`" },
    helps:
      last?.kind === "binding" && last.names.length === 1 && last.attributes.length === 0
        ? [
            {
              text: `output ${last.names[0]?.text} = …`,
              edits: [{ span: { ...last.span, end: last.span.start }, text: "output " }],
            },
          ]
        : [{ text: "declare what is fetched: `output name = …`" }],
  };
}

/** Undefined for what others may read: inputs, outputs and steps, and generics, which the arguments bind. */
function nameOfBound({ name, item }: BoundName, declaration: Declaration): string | undefined {
  if (declaration.kind === "graph" && declaration.generics.some((generic) => generic.name === name))
    return "the run dim";
  if (item === undefined)
    return (declaration.kind === "function" || declaration.kind === "optimizer") &&
      declaration.params.some((param) => param.name === name)
      ? "the parameter"
      : undefined;
  switch (item.kind) {
    case "param":
    case "state":
    case "const":
      return `the \`${item.kind}\``;
    case "binding":
      return declaration.kind === "graph" ? "the node" : "the name";
    default:
      return undefined;
  }
}

/** What a declaration reads or updates by name; nodes that it exports by their names alone as well. */
function namesReadIn(declaration: Declaration): ReadonlySet<string> {
  const found = new Set<string>();
  const read = (expression: Expression): void => {
    if (expression.kind === "name") found.add(expression.name);
  };
  const readAll = (roots: readonly Expression[]): void => {
    for (const root of roots) for (const expression of within(root)) read(expression);
  };
  for (const expression of expressionsOfDeclaration(declaration)) read(expression);
  const visit = (item: GraphItem): void => {
    if (item.kind === "update" || (item.kind === "output" && !item.value)) found.add(item.name.text);
    if (item.kind === "state" && "like" in item.type) found.add(item.type.like.text);
    for (const block of partsOf(item).blocks) block.statements.forEach(visit);
  };
  if (declaration.kind === "graph") {
    declaration.items.forEach(visit);
    readAll(declaration.where);
  }
  if ("body" in declaration && declaration.body.kind === "block") declaration.body.statements.forEach(visit);
  if (declaration.kind === "function") readAll(expressionsOfHead(declaration));
  return found;
}

function expressionsOfHead({ params, result, where }: FunctionDeclaration) {
  const types = [
    ...params.flatMap(({ type }) => (type === "fn" ? [] : [type])),
    ...(result === undefined ? [] : result.kind === "single" ? [result.type] : result.parts.map(({ type }) => type)),
  ];
  return [...types.flatMap((type) => [...expressionsOfType(type)]), ...where];
}

function unusedImports(module: Module, declaration: Extract<Declaration, { kind: "import" }>): Lint[] {
  const { declarations } = module.tree;
  // A file without a graph may import names for others to import.
  if (!declarations.some(({ kind }) => kind === "graph")) return [];
  const used = new Set(declarations.flatMap((other) => [...namesReadIn(other)]));
  const names = [...(declaration.names ?? []).map(({ as }) => as), declaration.namespace].filter(
    (name) => name !== undefined,
  );
  return names.flatMap((name) =>
    used.has(name.text) || name.text.startsWith("_")
      ? []
      : [
          {
            code: "TFG0906",
            message: `nothing reads the import \`${name.text}\``,
            primary: { span: name.span, text: "never read" },
            helps: [{ text: "remove it" }],
          },
        ],
  );
}

// ---- TFG0908 -------------------------------------------------------------------------------------------------

/** Statements behind a `return`. */
function unreachable(declaration: Declaration): Lint[] {
  return "body" in declaration && declaration.body.kind === "block" ? behindReturn(declaration.body.statements) : [];
}

/** TFG0908, for each block once. */
function behindReturn(statements: readonly Statement[]): Lint[] {
  const at = statements.findIndex(alwaysReturns);
  const [last, next] = [statements[at], statements[at + 1]];
  const inside = statements.flatMap((statement) =>
    partsOf(statement).blocks.flatMap((block) => behindReturn(block.statements)),
  );
  if (!last || !next) return inside;
  return [
    ...inside,
    {
      code: "TFG0908",
      message: "nothing behind a `return` is reached",
      primary: { span: { ...next.span, end: statements.at(-1)?.span.end ?? next.span.end }, text: "never reached" },
      related: [{ span: last.span, text: last.kind === "return" ? "returns here" : "every branch returns" }],
      helps: [{ text: "remove it" }],
    },
  ];
}

function alwaysReturns(statement: Statement): boolean {
  if (statement.kind === "return") return true;
  if (statement.kind !== "if" || !statement.else) return false;
  const { then, else: otherwise } = statement;
  return (
    then.statements.some(alwaysReturns) &&
    (otherwise.kind === "if" ? alwaysReturns(otherwise) : otherwise.statements.some(alwaysReturns))
  );
}
