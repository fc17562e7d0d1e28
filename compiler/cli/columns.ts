/** Tables and amounts as people read them. */
import { type Atom, type Dim, literalOf } from "../ir/dims.ts";

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

/** How a polynomial is written. */
interface Notation {
  number(value: number): string;
  floor(above: string, below: string): string;
  readonly times: string;
}

const forPeople: Notation = { number: grouped, floor: (above, below) => `⌊${above}/${below}⌋`, times: " " };
const forPrograms: Notation = { number: String, floor: (above, below) => `floor(${above} / ${below})`, times: "*" };

/** The terms with their signs: `["15,680 N", " + ", "12"]` without the spaces between. */
function terms(dim: Dim, notation: Notation): { readonly sign: "+" | "-"; readonly text: string }[] {
  return dim.terms.map(({ coefficient, atoms }) => {
    const size = Math.abs(coefficient);
    const factors = atoms.map((atom) => atomText(atom, notation));
    if (size !== 1 || factors.length === 0) factors.unshift(notation.number(size));
    return { sign: coefficient < 0 ? "-" : "+", text: factors.join(notation.times) };
  });
}

function atomText(atom: Atom, notation: Notation): string {
  const whole = (dim: Dim): string => joined(terms(dim, notation));
  if (atom.kind === "symbol") return atom.name;
  if (atom.kind !== "floor") return `${atom.kind}(${whole(atom.left)}, ${whole(atom.right)})`;
  const part = (dim: Dim): string => {
    const isPlain = dim.terms.length === 1 && (dim.terms[0]?.atoms.length === 0 || dim.terms[0]?.coefficient === 1);
    return isPlain ? whole(dim) : `(${whole(dim)})`;
  };
  return notation.floor(part(atom.numerator), part(atom.denominator));
}

function joined(parts: readonly { readonly sign: "+" | "-"; readonly text: string }[]): string {
  const [first, ...rest] = parts;
  if (!first) return "0";
  return `${first.sign === "-" ? "-" : ""}${first.text}${rest.map(({ sign, text }) => ` ${sign} ${text}`).join("")}`;
}

/** A polynomial with the numbers in front: `15,680 N + 12`. What does not fit in `width` stands as `…`. */
export function polynomialText(dim: Dim, width = Number.POSITIVE_INFINITY): string {
  const parts = terms(dim, forPeople);
  for (let count = parts.length; count > 0; count--) {
    const text = joined(parts.slice(0, count));
    if (text.length <= width) return count < parts.length ? `${text} + …` : text;
  }
  return parts.length === 0 ? "0" : "…";
}

/** A polynomial for programs, which need only floor, max and min beside arithmetic: `15680*N*floor((H + 1) / 2)`. */
export const polynomialExpression = (dim: Dim): string => joined(terms(dim, forPrograms));

/** A number of bytes or operations: in units where it is known, else the polynomial. */
export function amountText(dim: Dim, known: (value: number) => string, width?: number): string {
  const value = literalOf(dim);
  return value === undefined ? polynomialText(dim, width) : known(value);
}
