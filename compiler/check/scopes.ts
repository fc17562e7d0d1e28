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
  #name: string | undefined;

  constructor(parent: ScopeNode | undefined, base: string, isFixed: boolean, order: TextOrder) {
    this.parent = parent;
    this.base = base;
    this.isFixed = isFixed;
    this.order = order;
    parent?.children.push(this);
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

  /** `block/conv2d_1`; empty for the graph itself. Names are settled first. */
  get path(): string {
    if (!this.parent) return "";
    return joinPath(this.parent.path, this.#name ?? this.base);
  }
}

export const joinPath = (scope: string, last: string): string => (scope === "" ? last : `${scope}/${last}`);

/** A layer instance that `reuse=` can find again. */
export interface Instance {
  readonly node: ScopeNode;
  readonly layer: string;
  readonly span: Span;
}
