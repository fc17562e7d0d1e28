/** The template of a nest by name, as `tile.ts` chooses it. */
import type { Kernel, Nest } from "../ir/nest.ts";
import { contractionOf } from "./contract.ts";
import { chooseLanes } from "./roles.ts";

export type Template = "contract" | "row" | "window" | "map" | "plain";

/**
 * `contract`: a tile of sums of products. `row`: lanes run along an axis that a reduction runs over. `window`: along
 * another one, beside it. `map`: nothing is reduced. `plain`: loops without vectors.
 */
export function templateOf(kernel: Kernel, nest: Nest): Template {
  if (contractionOf(kernel, nest)) return "contract";
  const lane = chooseLanes(kernel, nest);
  if (lane === undefined) return "plain";
  if (nest.reductions.length === 0) return "map";
  return nest.reductions.some(({ over }) => over.includes(lane)) ? "row" : "window";
}
