/** Results for people and for programs. */
import type { DType } from "../../runtime/abi.ts";

/** A fetched value: numbers whatever the dtype, row-major. */
export interface Shown {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/**
 * `{name: {dtype, shape, data}}` with `data` flat. JSON has no NaN and no infinities: they stand as the strings
 * `"NaN"`, `"Infinity"` and `"-Infinity"`, which `Number(…)` and Python's `float(…)` read. bool is true or false.
 */
export function resultsAsJson(results: ReadonlyMap<string, Shown>): string {
  const entries = [...results].map(([name, { dtype, shape, data }]) => {
    const elements = Array.from(data, (value) => jsonNumber(value, dtype)).join(", ");
    return `  ${JSON.stringify(name)}: { "dtype": "${dtype}", "shape": [${shape.join(", ")}], "data": [${elements}] }`;
  });
  return entries.length === 0 ? "{}\n" : `{\n${entries.join(",\n")}\n}\n`;
}

function jsonNumber(value: number, dtype: DType): string {
  if (dtype === "bool") return value ? "true" : "false";
  if (!Number.isFinite(value)) return `"${value}"`;
  return Object.is(value, -0) ? "-0" : String(value);
}

/** Name, type and the elements in rows; long tensors are shortened as NumPy does. */
export function resultsAsText(results: ReadonlyMap<string, Shown>): string {
  return [...results].map(([name, shown]) => `${name} ${typeText(shown)}\n${elementsText(shown)}\n`).join("\n");
}

export const typeText = ({ dtype, shape }: Pick<Shown, "dtype" | "shape">): string =>
  shape.length === 0 ? dtype : `${dtype}[${shape.join(", ")}]`;

const edge = 3;
const shortUpTo = 1000;

function elementsText({ dtype, shape, data }: Shown): string {
  const isShort = data.length <= shortUpTo;
  const shown = (extent: number): (number | undefined)[] =>
    isShort || extent <= 2 * edge
      ? Array.from({ length: extent }, (_, i) => i)
      : [
          ...Array.from({ length: edge }, (_, i) => i),
          undefined,
          ...Array.from({ length: edge }, (_, i) => extent - edge + i),
        ];
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const visible: number[] = [];
  const collect = (axis: number, at: number): void => {
    if (axis === shape.length) visible.push(data[at] ?? 0);
    else for (const i of shown(shape[axis] ?? 0)) if (i !== undefined) collect(axis + 1, at + i * (strides[axis] ?? 1));
  };
  collect(0, 0);
  const format = numberFormat(visible, dtype);
  const width = Math.max(...visible.map((value) => format(value).length), 0);
  const print = (axis: number, at: number, indent: number): string => {
    if (axis === shape.length) return format(data[at] ?? 0).padStart(shape.length === 0 ? 0 : width);
    const parts = shown(shape[axis] ?? 0).map((i) =>
      i === undefined ? "…" : print(axis + 1, at + i * (strides[axis] ?? 1), indent + 1),
    );
    if (axis < shape.length - 1) return `[${parts.join(`\n${" ".repeat(indent + 1)}`)}]`;
    return `[${wrap(parts, indent + 1)}]`;
  };
  return print(0, 0, 0);
}

function wrap(parts: readonly string[], indent: number): string {
  const lines: string[] = [];
  let line = "";
  for (const part of parts) {
    if (line !== "" && indent + line.length + part.length + 1 > 100) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? part : ` ${part}`;
  }
  lines.push(line);
  return lines.join(`\n${" ".repeat(indent)}`);
}

function numberFormat(values: readonly number[], dtype: DType): (value: number) => string {
  if (dtype === "bool") return (value) => (value ? "true" : "false");
  if (dtype !== "f32" && dtype !== "f16" && dtype !== "bf16") return String;
  const sizes = values.filter((value) => Number.isFinite(value) && value !== 0).map(Math.abs);
  const isPlain = sizes.every((size) => size < 1e6) && Math.max(...sizes, 0) >= 1e-3;
  if (values.every((value) => !Number.isFinite(value) || (Number.isInteger(value) && Math.abs(value) < 1e6)))
    return String;
  return (value) => (Number.isFinite(value) ? (isPlain ? value.toFixed(6) : value.toExponential(6)) : String(value));
}
