/** Typed access to Chevrotain's concrete tree, whose children are lists by the name of a rule or a token. */
import type { CstNode, IToken } from "chevrotain";

/** The rules used under `key`, in order. */
export function nodes(node: CstNode, key: string): CstNode[] {
  return (node.children[key] ?? []).filter((child): child is CstNode => "children" in child);
}

/** The tokens under `key`, in order. */
export function tokens(node: CstNode, key: string): IToken[] {
  return (node.children[key] ?? []).filter((child): child is IToken => !("children" in child));
}

export function maybeNode(node: CstNode, key: string): CstNode | undefined {
  const child = node.children[key]?.[0];
  return child !== undefined && "children" in child ? child : undefined;
}

export function maybeToken(node: CstNode, key: string): IToken | undefined {
  const child = node.children[key]?.[0];
  return child !== undefined && !("children" in child) ? child : undefined;
}

/** A rule that the grammar makes sure of. */
export function aNode(node: CstNode, key: string): CstNode {
  return maybeNode(node, key) ?? absent(node, key);
}

/** A token that the grammar makes sure of. */
export function aToken(node: CstNode, key: string): IToken {
  return maybeToken(node, key) ?? absent(node, key);
}

function absent(node: CstNode, key: string): never {
  throw new Error(`the rule ${node.name} was read without its ${key}`);
}
