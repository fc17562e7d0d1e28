/** Tables and amounts as people read them. */
import { type Dim, dimOfTerm, formatDim, literalOf } from "../ir/dims.ts";

export type Align = "left" | "right";

/** Rows with their columns aligned, two spaces apart; nothing behind the last word of a row. */
export function columns(rows: readonly (readonly string[])[], align: readonly Align[]): string[] {
  const widths = align.map((_, i) => Math.max(0, ...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => (align[i] === "right" ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

/** `1,234,567` */
export const grouped = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ",");

/** `987`, `1.21 KiB`, `3.4 MiB` */
export function bytesText(bytes: number): string {
  const units = ["KiB", "MiB", "GiB", "TiB"];
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes / 1024;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}

/** `12,345`, `300.8 M`, `7.6 G` */
export function countText(count: number): string {
  const units = ["M", "G", "T", "P"];
  if (count < 1e7) return grouped(count);
  let value = count / 1e6;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${value.toFixed(1)} ${units[unit]}`;
}

/** A polynomial with the numbers in front: `15,680 N + 12`. What does not fit in `width` stands as `…`. */
export function polynomialText(dim: Dim, width = Number.POSITIVE_INFINITY): string {
  let text = "";
  for (const { coefficient, atoms } of dim.terms) {
    const size = Math.abs(coefficient);
    const symbols = atoms.length === 0 ? "" : formatDim(dimOfTerm(1, atoms));
    const term = symbols === "" ? grouped(size) : size === 1 ? symbols : `${grouped(size)} ${symbols}`;
    const isFirst = text === "";
    const sign = coefficient < 0 ? (isFirst ? "-" : " - ") : isFirst ? "" : " + ";
    if (text.length + sign.length + term.length > width) return isFirst ? "…" : `${text} + …`;
    text += sign + term;
  }
  return text || "0";
}

/** A number of bytes or operations: in units where it is known, else the polynomial. */
export function amountText(dim: Dim, known: (value: number) => string, width?: number): string {
  const value = literalOf(dim);
  return value === undefined ? polynomialText(dim, width) : known(value);
}
