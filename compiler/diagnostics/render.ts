/**
 * A diagnostic as text (language.md 10): the message, the lines it is about with carets under them, notes and helps.
 *
 *     error[TFG0302]: cannot broadcast f32[N, 10] with f32[N]
 *      --> bad.tfg:5:21
 *       |
 *     5 |   output z = logits + bias
 *       |              ------ ^ ---- f32[N]
 *       |              |
 *       |              f32[N, 10]
 *       = help: to add one value per row write `logits + bias[:, new]`
 */
import picocolors from "picocolors";
import type { Diagnostic, Label } from "../../grammar/diagnostic.ts";
import { lineText, positionAt, type SourceFile } from "../../grammar/source.ts";
import { type ShownLine, showLine } from "./cells.ts";

export interface RenderOptions {
  /** ANSI colours; off unless asked for. */
  readonly color?: boolean;
}

type Colors = ReturnType<typeof picocolors.createColors>;

/** Without a line end behind the last line. */
export function render(diagnostic: Diagnostic, options: RenderOptions = {}): string {
  const colors = picocolors.createColors(options.color === true);
  const { code, severity, message, primary } = diagnostic;
  const accent = severity === "error" ? colors.red : colors.yellow;
  const sections = sectionsOf(diagnostic);
  const width = Math.max(...sections.flatMap(({ lines }) => lines.map(({ number }) => String(number).length)), 1);
  const gutter = colors.blue(`${" ".repeat(width + 1)}|`);

  const out = [`${colors.bold(accent(`${severity}[${code}]`))}${colors.bold(`: ${message}`)}`];
  sections.forEach(({ file, lines, at }, index) => {
    const { line, column } = positionAt(file, at);
    out.push(`${" ".repeat(width)}${colors.blue(index === 0 ? "-->" : ":::")} ${file.path}:${line}:${column}`);
    if (file.text === "") return;
    out.push(gutter);
    lines.forEach((shown, row) => {
      const before = lines[row - 1];
      if (before !== undefined && before.number + 1 < shown.number) out.push(colors.blue("..."));
      const { text, marks } = showLine(lineText(file, shown.number), shown.labels);
      out.push(`${colors.blue(`${String(shown.number).padStart(width)} |`)} ${text}`.trimEnd());
      for (const under of rows(marks, primary, colors, accent)) out.push(`${gutter} ${under}`);
    });
  });
  const bullet = `${" ".repeat(width + 1)}${colors.blue("=")} `;
  const indent = " ".repeat(width + 9);
  for (const note of diagnostic.notes) out.push(`${bullet}${colors.bold("note")}: ${hang(note, indent)}`);
  for (const { text, edits } of diagnostic.helps) {
    out.push(
      `${bullet}${colors.bold("help")}: ${hang(text, indent)}${edits === undefined ? "" : colors.green("  [fix]")}`,
    );
  }
  return out.join("\n");
}

interface Line {
  readonly number: number;
  readonly labels: Label[];
}

interface Section {
  readonly file: SourceFile;
  /** The offset that the head of the section names. */
  readonly at: number;
  readonly lines: readonly Line[];
}

/** The lines with labels, file by file; the file of the primary label comes first. */
function sectionsOf({ primary, related }: Diagnostic): Section[] {
  const byFile = new Map<SourceFile, Label[]>();
  for (const label of [primary, ...related]) {
    const labels = byFile.get(label.span.file);
    if (labels === undefined) byFile.set(label.span.file, [label]);
    else labels.push(label);
  }
  return [...byFile].map(([file, labels]) => {
    const lines = new Map<number, Line>();
    for (const label of labels) {
      const number = positionAt(file, label.span.start).line;
      const line = lines.get(number);
      if (line === undefined) lines.set(number, { number, labels: [label] });
      else line.labels.push(label);
    }
    const at = labels[0]?.span.start ?? 0;
    return { file, at, lines: [...lines.values()].sort((a, b) => a.number - b.number) };
  });
}

/**
 * The rows under a line: the carets, with the text of the last label beside them if nothing stands to its right; then
 * the other texts, each hanging from its caret by a `|`.
 */
function rows(marks: ShownLine["marks"], primary: Label, colors: Colors, accent: (text: string) => string): string[] {
  const sorted = [...marks].sort((a, b) => a.start - b.start || a.end - b.end);
  const paint = (label: Label): ((text: string) => string) => (label === primary ? accent : colors.blue);
  const carets: Cell[] = [];
  for (const { label, start, end } of sorted) {
    for (let column = start; column < end; column++) {
      if (carets[column]?.text !== "^") carets[column] = { text: label === primary ? "^" : "-", paint: paint(label) };
    }
  }
  const last = sorted.at(-1);
  const isBeside = last !== undefined && last.label.text !== "" && sorted.every(({ end }) => end <= last.end);
  const beside = isBeside && last !== undefined ? ` ${paint(last.label)(last.label.text)}` : "";
  const out = [line(carets) + beside];
  const hanging = sorted.filter((mark) => mark.label.text !== "" && !(isBeside && mark === last));
  if (hanging.length > 0) out.push(line(drops(hanging, paint)));
  for (let mark = hanging.pop(); mark !== undefined; mark = hanging.pop()) {
    const column = mark.start;
    const row = drops(
      hanging.filter((other) => other.start < column),
      paint,
    );
    row[column] = { text: mark.label.text, paint: paint(mark.label) };
    out.push(line(row));
  }
  return out;
}

interface Cell {
  readonly text: string;
  readonly paint: (text: string) => string;
}

function drops(marks: ShownLine["marks"], paint: (label: Label) => (text: string) => string): Cell[] {
  const row: Cell[] = [];
  for (const { label, start } of marks) row[start] = { text: "|", paint: paint(label) };
  return row;
}

/** One row of text; columns without a cell are spaces, and runs of one colour are painted together. */
function line(cells: readonly Cell[]): string {
  let out = "";
  for (let column = 0; column < cells.length; ) {
    const cell = cells[column];
    if (cell === undefined) {
      out += " ";
      column++;
      continue;
    }
    let text = cell.text;
    for (column++; cells[column]?.paint === cell.paint && cells[column]?.text === cell.text; column++)
      text += cell.text;
    out += cell.paint(text);
  }
  return out;
}

function hang(text: string, indent: string): string {
  return text.replaceAll("\n", `\n${indent}`);
}
