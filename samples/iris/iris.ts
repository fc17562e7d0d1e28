/** 150 irises: four lengths in centimetres and a species each. */
import { readFileSync } from "node:fs";

interface Irises {
  /** One row of four after the other: length and width of the sepals, of the petals. */
  readonly lengths: Float32Array;
  readonly species: readonly string[];
}

export function readIrises(): Irises {
  const [, ...lines] = readFileSync(new URL("iris.csv", import.meta.url), "utf8")
    .trimEnd()
    .split("\n");
  const rows = lines.map((line) => line.split(","));
  return {
    lengths: Float32Array.from(
      rows.flatMap((row) => row.slice(0, 4)),
      Number,
    ),
    species: rows.map((row) => row[4] ?? ""),
  };
}

/** The same with mean 0 and standard deviation 1 in each of its columns. */
export function standardised(rows: Float32Array, width: number): Float32Array {
  const count = rows.length / width;
  const result = new Float32Array(rows.length);
  for (let column = 0; column < width; column++) {
    const values = Array.from({ length: count }, (_, i) => rows[i * width + column] ?? 0);
    const mean = values.reduce((sum, x) => sum + x, 0) / count;
    const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count);
    values.forEach((x, i) => {
      result[i * width + column] = (x - mean) / deviation;
    });
  }
  return result;
}
