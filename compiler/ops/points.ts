/** Row-major arrays and their points: what the meanings loop over. */

export const elementsOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Elements between neighbours along each axis. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = (strides[i + 1] ?? 1) * (shape[i + 1] ?? 1);
  return strides;
}

/** Calls `visit` for each point in row-major order. The index array is one and the same, and must not be kept. */
export function forEachPoint(
  shape: readonly number[],
  visit: (index: readonly number[], position: number) => void,
): void {
  const index = new Array<number>(shape.length).fill(0);
  const count = elementsOf(shape);
  for (let position = 0; position < count; position++) {
    visit(index, position);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      if (next < (shape[axis] ?? 0)) {
        index[axis] = next;
        break;
      }
      index[axis] = 0;
    }
  }
}

/** Position of a point in the data of an array of this shape. */
export function positionOf(index: readonly number[], strides: readonly number[]): number {
  let position = 0;
  for (let axis = 0; axis < strides.length; axis++) position += (index[axis] ?? 0) * (strides[axis] ?? 0);
  return position;
}

/** The result whose element at each point is that of `from` at the point `at` gives. */
export function gathered(
  from: { readonly data: Float64Array; readonly shape: readonly number[] },
  shape: readonly number[],
  at: (index: readonly number[]) => readonly number[],
): Float64Array {
  const strides = stridesOf(from.shape);
  const result = new Float64Array(elementsOf(shape));
  forEachPoint(shape, (index, position) => {
    result[position] = from.data[positionOf(at(index), strides)] ?? Number.NaN;
  });
  return result;
}

export const element = (data: Float64Array, position: number): number => data[position] ?? Number.NaN;
