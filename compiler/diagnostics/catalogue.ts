/**
 * Every message of the compiler and of the runtime by its code: what `tfgc explain TFG0301` tells.
 * Ranges: 01xx syntax, 02xx names, 03xx types and shapes, 04xx variables and effects, 05xx gradients, 06xx modules,
 * 07xx weights, 08xx run time, 09xx lints.
 */
import { fromOutside } from "./catalogue/outside.ts";
import { lints } from "./catalogue/lints.ts";
import { names } from "./catalogue/names.ts";
import { syntax } from "./catalogue/syntax.ts";
import { types } from "./catalogue/types.ts";
import { variables } from "./catalogue/variables.ts";

export interface Entry {
  readonly code: string;
  /** A few words, lower case, no full stop. */
  readonly title: string;
  /** Why the language is so, and what to do; plain text, paragraphs separated by an empty line. */
  readonly text: string;
  /** A whole program with this error, and the same without it. */
  readonly wrong?: string;
  readonly right?: string;
  /** For what happens at run time: a graph, what an app does wrong with its session, and what is right. */
  readonly run?: { readonly program: string; readonly wrong: string; readonly right: string };
}

export const catalogue: ReadonlyMap<string, Entry> = new Map(
  [...syntax, ...names, ...types, ...variables, ...fromOutside, ...lints].map((entry) => [entry.code, entry]),
);

/** The long form of a code, or undefined if there is no such code. */
export function explain(code: string): string | undefined {
  const entry = catalogue.get(code);
  if (entry === undefined) return undefined;
  const parts = [`${entry.code}: ${entry.title}`, entry.text];
  if (entry.wrong !== undefined) parts.push(`This is wrong:\n\n${indented(entry.wrong)}`);
  if (entry.right !== undefined) parts.push(`This is right:\n\n${indented(entry.right)}`);
  if (entry.run !== undefined) {
    parts.push(`For example with this graph:\n\n${indented(entry.run.program)}`);
    parts.push(`This is wrong:\n\n${indented(entry.run.wrong)}`);
    parts.push(`This is right:\n\n${indented(entry.run.right)}`);
  }
  return `${parts.join("\n\n")}\n`;
}

function indented(program: string): string {
  return program.trim().replaceAll(/^(?=.)/gm, "    ");
}
