/**
 * Names of variables: TensorFlow 1's scopes (language.md 5.1). A layer instance has the name given, or the layer's
 * own made unique in its parent with `_1`, `_2`, … in text order, whatever order the graph was elaborated in.
 */
import type { Span } from "../../grammar/source.ts";

/** Position in the text of a graph: the statement, then the order within it. */
export type TextOrder = readonly [statement: number, sequence: number];

export class ScopeNode {
  readonly parent: ScopeNode | undefined;
  readonly base: string;
  /** Given by `name=` or `scope`, so taken as it is. */
  readonly isFixed: boolean;
  readonly order: TextOrder;
  readonly children: ScopeNode[] = [];
  /** Something in it was reported; what shares it stays silent. */
  isBroken = false;
  /** A layer in it has a name that could not be told, so a `reuse=` that finds nothing may mean that one. */
  hasUnknownName = false;
  #name: string | undefined;

  /** The layer that it is an instance of; undefined for the graph and for `scope` blocks. */
  readonly layer: string | undefined;
  /** Where the name was given, or the call. */
  readonly span: Span | undefined;

  constructor(
    parent: ScopeNode | undefined,
    base: string,
    isFixed: boolean,
    order: TextOrder,
    layer?: string,
    span?: Span,
  ) {
    this.layer = layer;
    this.span = span;
    this.parent = parent;
    this.base = base;
    this.isFixed = isFixed;
    this.order = order;
    parent?.children.push(this);
  }

  /** Takes back the children that were made since there were `count`, in the statement `statement` of the text. */
  forget(count: number, statement: number): void {
    const kept = this.children.filter((child, i) => i < count || child.order[0] !== statement);
    this.children.splice(0, this.children.length, ...kept);
  }

  /** Settles the names of the children; call it on the root when the graph is complete. */
  settle(): void {
    const taken = new Set(this.children.filter((child) => child.isFixed).map((child) => child.base));
    const inOrder = [...this.children].sort((a, b) => a.order[0] - b.order[0] || a.order[1] - b.order[1]);
    for (const child of inOrder) {
      let name = child.base;
      if (!child.isFixed) {
        for (let i = 1; taken.has(name); i++) name = `${child.base}_${i}`;
        taken.add(name);
      }
      child.#name = name;
      child.settle();
    }
  }

  /** The last component of the path, once it is settled. */
  get name(): string {
    return this.#name ?? this.base;
  }

  /** `block/conv2d_1`; empty for the graph itself. Names are settled first. */
  get path(): string {
    if (!this.parent) return "";
    return joinPath(this.parent.path, this.name);
  }
}

export const joinPath = (scope: string, last: string): string => (scope === "" ? last : `${scope}/${last}`);
