/** The lints, by code, each with the name that `@allow` takes as well. */
import type { Complaint } from "../../ops/primitive.ts";

const LINTS = {
  TFG0901: "operator_before_pipe",
  TFG0902: "unbounded_dim",
  TFG0903: "unnamed_layers",
  TFG0904: "dropped_remainder",
  TFG0905: "hidden_library_name",
  TFG0906: "unused",
  TFG0907: "deprecated",
  TFG0908: "unreachable",
  TFG0909: "commented_division",
} as const;

type LintCode = keyof typeof LINTS;

export interface Lint extends Complaint {
  readonly code: LintCode;
}

const byName: ReadonlyMap<string, string> = new Map(
  Object.entries(LINTS).flatMap(([code, name]): [string, string][] => [
    [code, code],
    [name, code],
  ]),
);

/** The code of a lint that is given by its code or its name. */
export const lintCode = (word: string): string | undefined => byName.get(word);

export const knownLints = (): Iterable<string> => byName.keys();

export const lintName = (code: LintCode): string => LINTS[code];
