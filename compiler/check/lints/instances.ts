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

/**
 * Of a graph whose names are settled; `owners` are the scopes that own variables. With `isAlone` no other graph of the
 * file can give its calls other names.
 */
export function lintInstances(root: ScopeNode, owners: ReadonlySet<ScopeNode>, isAlone: boolean): Lint[] {
  const weighty = new Set<ScopeNode>();
  for (const owner of owners)
    for (let at: ScopeNode | undefined = owner; at && !weighty.has(at); at = at.parent) weighty.add(at);
  const groups: { readonly layer: string; readonly children: readonly ScopeNode[] }[] = [];
  /** By call, the names that it gave in all instances of what it stands in. */
  const given = new Map<string, Set<string>>();
  const visit = (parent: ScopeNode): void => {
    const kinds = new Map<string, ScopeNode[]>();
    for (const child of parent.children) {
      if (!weighty.has(child)) continue;
      visit(child);
      if (child.isFixed || child.layer === undefined || !child.span) continue;
      const key = keyOf(child.span);
      given.set(key, (given.get(key) ?? new Set()).add(child.name));
      kinds.set(child.layer, [...(kinds.get(child.layer) ?? []), child]);
    }
    for (const [layer, children] of kinds) if (children.length > most) groups.push({ layer, children });
  };
  visit(root);
  return groups.flatMap(({ layer, children }) => unnamed(layer, children, isAlone ? given : new Map()));
}

const keyOf = ({ file, start }: Span): string => `${file.path} ${start}`;

function unnamed(
  layer: string,
  children: readonly ScopeNode[],
  given: ReadonlyMap<string, ReadonlySet<string>>,
): Lint[] {
  const calls = new Map<string, { readonly span: Span; readonly names: string[] }>();
  for (const { span, name } of children) {
    if (!span) continue;
    const call = calls.get(keyOf(span));
    if (call) call.names.push(name);
    else calls.set(keyOf(span), { span, names: [name] });
  }
  const [first, ...others] = [...calls.values()];
  if (!first) return [];
  const told = ([name, ...more]: readonly string[]): string =>
    more.length === 0 ? `"${name}"` : `"${name}" and ${more.length} more, by one call`;
  // A call that stands in a layer may have another name in each instance: then no name keeps what they are.
  const isOnce = [...calls.keys()].every((key) => given.get(key)?.size === 1);
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
