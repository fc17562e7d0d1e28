import type { DType } from "./abi.ts";
import { type ArrayOf, toNumbers } from "./dtype.ts";

/** A result: row-major data of its own, which the caller may keep or change. */
export class Tensor<D extends DType = DType, S extends readonly number[] = readonly number[]> {
  readonly dtype: D;
  readonly shape: S;
  readonly data: ArrayOf<ArrayBuffer>[D];

  constructor(dtype: D, shape: S, data: ArrayOf<ArrayBuffer>[D]) {
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
  }

  /** The elements as nested arrays of numbers; a number for rank 0. */
  toNested(): unknown {
    const numbers = toNumbers(this.dtype, this.data);
    let at = 0;
    const nest = (axis: number): unknown =>
      axis === this.shape.length
        ? numbers[at++]
        : Array.from({ length: Number(this.shape[axis]) }, () => nest(axis + 1));
    return nest(0);
  }
}
