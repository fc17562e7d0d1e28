/** Variables that are stored as panels of 8 columns for their contraction (`PanelSpec` of abi.ts). */
import type { PanelSpec } from "./abi.ts";

/** The words of the panels from a row-major array, or with `isBack` the row-major array from the words. */
export function arrangePanels(
  { columns, step, depth }: PanelSpec,
  from: ArrayLike<number>,
  isBack: boolean,
): Float32Array<ArrayBuffer> {
  const rows = depth.reduce((n, [extent]) => n * extent, 1);
  const to = new Float32Array(rows * (isBack ? columns : Math.ceil(columns / 8) * 8));
  for (let k = 0; k < rows; k++) {
    let host = 0;
    let rest = k;
    for (let i = depth.length - 1; i >= 0; i--) {
      const [extent, along] = depth[i] as readonly [number, number];
      host += (rest % extent) * along;
      rest = Math.floor(rest / extent);
    }
    for (let n = 0; n < columns; n++, host += step) {
      const word = ((n >> 3) * rows + k) * 8 + (n & 7);
      if (isBack) to[host] = from[word] as number;
      else to[word] = from[host] as number;
    }
  }
  return to;
}
