/** TFG0902: a run dim without an upper bound, so that nothing can be said about the memory of a run. */
import { dimOf, dimSymbol, literalOf, subDims } from "../../ir/dims.ts";
import type { DimCheck, Graph } from "../../ir/graph.ts";
import { type Fact, factsOf } from "../facts.ts";
import type { Module } from "../frame.ts";
import type { Lint } from "./names.ts";

/** No run has so many elements along an axis: a bound above this is none. */
const most = 2 ** 40;

export function lintBounds(module: Module, graph: Graph): Lint[] {
  const facts = factsOf(graph.checks.flatMap(factOf));
  return graph.dims.flatMap(({ name, span }) => {
    if (span.file !== module.file || facts.atLeast(subDims(dimOf(most), dimSymbol(name)), 0)) return [];
    return [
      {
        code: "TFG0902",
        message: `\`${name}\` has no upper bound`,
        primary: { span, text: "the memory that a run needs has no maximum" },
        helps: [{ text: `state one: \`where ${name} <= 1024\`; it is checked at the feeds` }],
      },
    ];
  });
}

function factOf({ difference, holds }: DimCheck): Fact[] {
  if (holds === "== 0") return [{ kind: "zero", dim: difference }];
  if (holds === ">= 0") return [{ kind: "nonNegative", dim: difference }];
  const by = literalOf(holds.divisibleBy);
  return by === undefined ? [] : [{ kind: "divisible", dim: difference, by }];
}
