/**
 * Lints: warnings about right programs (TFG09xx). They speak of the user's files only, and of none that has an error,
 * so that a warning never stands beside what may have caused it. `@allow(CODE)` before a declaration or statement
 * silences them in it.
 */
import type { SourceFile, Span } from "../../../grammar/source.ts";
import type { Declaration, GraphItem } from "../../../grammar/syntax.ts";
import type { Graph } from "../../ir/graph.ts";
import type { Check, Module } from "../frame.ts";
import { partsOf } from "../walk.ts";
import { lintBounds } from "./bounds.ts";
import { lintComments } from "./comments.ts";
import { lintDeprecated } from "./deprecated.ts";
import { type Lint, lintCode, lintName } from "./names.ts";
import { lintDivisions } from "./divisions.ts";
import { lintPipes } from "./pipes.ts";
import { lintHidden, lintUnused } from "./unused.ts";

export interface LintOptions {
  /** Nodes that are fetched though they are no outputs. */
  readonly nodes: ReadonlySet<string>;
  /** Whether run dims without a bound are told of. */
  readonly bounds: boolean;
}

/** Reports the warnings of a checked program. */
export function lintProgram(
  check: Check,
  root: Module,
  graphs: readonly Graph[],
  { nodes, bounds }: LintOptions,
): void {
  const { reporter, modules } = check;
  const right = modules.users().filter(({ file }) => !reporter.hasErrorsIn(file));
  const found: Lint[] = [...check.lints];
  for (const module of right) {
    found.push(
      ...lintPipes(module),
      ...lintDivisions(check, module),
      ...lintHidden(check, module),
      ...lintUnused(module, nodes),
      ...lintDeprecated(check, module),
      ...lintComments(check, module),
    );
  }
  if (bounds) for (const graph of graphs) found.push(...lintBounds(root, graph));
  const files = new Set(right.map(({ file }) => file));
  const allowed = right.flatMap(allowances);
  for (const lint of found) {
    const { span } = lint.primary;
    if (!files.has(span.file) || allowed.some((one) => one.code === lint.code && holds(one.span, span))) continue;
    const name = lintName(lint.code);
    const notes = [...(lint.notes ?? []), `\`@allow(${name})\` before the statement or declaration silences this`];
    reporter.report({ ...lint, notes }, undefined, "warning");
  }
}

const holds = (outer: Span, inner: Span): boolean =>
  outer.file === inner.file && outer.start <= inner.start && inner.end <= outer.end;

interface Allowance {
  readonly code: string;
  readonly span: Span;
}

/** Where `@allow` silences what. */
function allowances({ tree, file }: Module): Allowance[] {
  return tree.declarations.flatMap((declaration) => [
    ...allowedBy(declaration, file),
    ...itemsOf(declaration).flatMap((item) => allowedBy(item, file)),
  ]);
}

function allowedBy({ attributes, span }: Declaration | GraphItem, file: SourceFile): Allowance[] {
  return attributes
    .filter(({ name }) => name.text === "allow")
    .flatMap(({ args, span: { start } }) =>
      args.flatMap(({ value }) => {
        const code = value.kind === "name" ? lintCode(value.name) : undefined;
        // What stands behind it in its last line is a comment, of which TFG0909 speaks.
        const newline = file.text.indexOf("\n", span.end);
        const end = newline < 0 ? file.text.length : newline;
        return code === undefined ? [] : [{ code, span: { file, start, end } }];
      }),
    );
}

/** Every statement of a declaration. */
function itemsOf(declaration: Declaration): readonly GraphItem[] {
  const inside = (item: GraphItem): GraphItem[] => [
    item,
    ...partsOf(item).blocks.flatMap((block) => block.statements.flatMap(inside)),
  ];
  if (declaration.kind === "graph") return declaration.items.flatMap(inside);
  if (declaration.kind === "optimizer" || declaration.kind === "test")
    return declaration.body.statements.flatMap(inside);
  return declaration.kind === "function" && declaration.body.kind === "block"
    ? declaration.body.statements.flatMap(inside)
    : [];
}
