/** Where the characters of a source line stand on a terminal: tabs, wide and combining characters, very long lines. */
import type { Label } from "../../grammar/diagnostic.ts";
import { lineText, positionAt } from "../../grammar/source.ts";

const tab = "    ";
/** Longer lines are shown in part, around their labels. */
const widest = 160;
const margin = 40;

export interface ShownLine {
  readonly text: string;
  /** The columns (from 0) of each label, at least one wide. */
  readonly marks: readonly { readonly label: Label; readonly start: number; readonly end: number }[];
}

/** `source` as it is shown, and the columns of the labels that begin on it; a label ends with its line at the latest. */
export function showLine(source: string, labels: readonly Label[]): ShownLine {
  // columns[i] is where UTF-16 unit i stands.
  const columns: number[] = [];
  const shown: { readonly text: string; readonly column: number }[] = [];
  let column = 0;
  for (const character of source) {
    for (let unit = 0; unit < character.length; unit++) columns.push(column);
    const text = visible(character);
    shown.push({ text, column });
    column += character === "\t" ? tab.length : widthOf(character);
  }
  columns.push(column);
  const at = (unit: number): number => columns[Math.min(unit, columns.length - 1)] ?? column;
  const marks = labels.map((label) => {
    const { file, start, end } = label.span;
    const first = positionAt(file, start);
    const last = positionAt(file, end);
    const lineEnd = lineText(file, first.line).trimEnd().length;
    const from = at(first.column - 1);
    const to = last.line > first.line ? at(lineEnd) : at(last.column - 1);
    return { label, start: from, end: Math.max(to, from + 1) };
  });
  if (column <= widest) return { text: shown.map(({ text }) => text).join(""), marks };
  return cut(shown, marks);
}

function cut(
  shown: readonly { readonly text: string; readonly column: number }[],
  marks: ShownLine["marks"],
): ShownLine {
  const leftmost = Math.min(...marks.map(({ start }) => start));
  const from = Math.max(0, leftmost - margin);
  const to = from + widest;
  const kept = shown.filter(({ column }) => column >= from && column < to);
  const lead = from > 0 ? "…" : "";
  const shift = from - lead.length;
  const moved = marks.map(({ label, start, end }) => {
    const first = Math.min(start, to) - shift;
    return { label, start: first, end: Math.max(Math.min(end, to) - shift, first + 1) };
  });
  return {
    text: `${lead}${kept.map(({ text }) => text).join("")}${shown.length > kept.length ? "…" : ""}`,
    marks: moved,
  };
}

/** Control characters must not reach the terminal; Unicode has pictures of them. */
function visible(character: string): string {
  if (character === "\t") return tab;
  const code = character.codePointAt(0) ?? 0;
  if (code < 32) return String.fromCodePoint(0x2400 + code);
  return code === 127 || (code >= 0x80 && code < 0xa0) ? "\uFFFD" : character;
}

const zeroWidth = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const doubleWidth =
  /^[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303E\uFF01-\uFF60\uFFE0-\uFFE6]$/u;

function widthOf(character: string): number {
  if (character.length === 1 && character < "\u0300") return 1;
  if (zeroWidth.test(character)) return 0;
  return doubleWidth.test(character) ? 2 : 1;
}
