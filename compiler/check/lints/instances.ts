/**
 * TFG0903: layers of one kind without names beside each other. Their variables are numbered in the order of the text
 * (language.md 5.1), so one that is inserted above takes the weights of those below.
 */
import type { Span } from "../../../grammar/source.ts";
import { spanText } from "../../../grammar/source.ts";
import type { ScopeNode } from "../scopes.ts";
import type { Lint } from "./names.ts";

/** Two of a kind are told apart at a glance. */
const most = 2;

/** Of a graph whose names are settled; `owners` are the scopes that own variables. */
export function lintInstances(root: ScopeNode, owners: ReadonlySet<ScopeNode>): Lint[] {
  const weighty = new Set<ScopeNode>();
  for (const owner of owners)
    for (let at: ScopeNode | undefined = owner; at && !weighty.has(at); at = at.parent) weighty.add(at);
  const found: Lint[] = [];
  const visit = (parent: ScopeNode): void => {
    const kinds = new Map<string, ScopeNode[]>();
    for (const child of parent.children) {
      if (!weighty.has(child)) continue;
      visit(child);
      if (child.isFixed || child.layer === undefined) continue;
      const others = kinds.get(child.layer);
      if (others) others.push(child);
      else kinds.set(child.layer, [child]);
    }
    for (const [layer, children] of kinds) if (children.length > most) found.push(...unnamed(layer, children));
  };
  visit(root);
  return found;
}

function unnamed(layer: string, children: readonly ScopeNode[]): Lint[] {
  const calls = new Map<string, { readonly span: Span; readonly names: string[] }>();
  for (const { span, name } of children) {
    if (!span) return [];
    const key = `${span.file.path} ${span.start}`;
    const call = calls.get(key);
    if (call) call.names.push(name);
    else calls.set(key, { span, names: [name] });
  }
  const [first, ...others] = [...calls.values()];
  if (!first) return [];
  const told = (names: readonly string[]): string =>
    names.length === 1 ? `"${names[0]}"` : `"${names[0]}" to "${names[names.length - 1]}", by one call`;
  const isOnce = [...calls.values()].every(({ names }) => names.length === 1);
  return [
    {
      code: "TFG0903",
      message: `${children.length} \`${layer}\` here have no name`,
      primary: { span: first.span, text: told(first.names) },
      related: others.slice(0, 3).map(({ span, names }) => ({ span, text: told(names) })),
      notes: ["inserting a layer above will rename their weights, and a checkpoint no longer fits"],
      helps: [
        isOnce
          ? {
              text: `name them as they are called today: \`name="${first.names[0]}"\`, …`,
              edits: [first, ...others].map(({ span, names }) => nameEdit(span, names[0] ?? layer)),
            }
          : { text: 'name them: `name="…"`; `{i}` in it is the index of a `repeat`' },
      ],
    },
  ];
}

/** `dense(10)` gets `, name="dense_1"`, `batch_norm` behind a pipe `(name="…")`. */
function nameEdit(span: Span, name: string): { readonly span: Span; readonly text: string } {
  const call = spanText(span);
  if (!call.endsWith(")")) return { span: { ...span, start: span.end }, text: `(name="${name}")` };
  const isEmpty = call.slice(0, -1).trimEnd().endsWith("(");
  return { span: { ...span, start: span.end - 1, end: span.end - 1 }, text: `${isEmpty ? "" : ", "}name="${name}"` };
}
