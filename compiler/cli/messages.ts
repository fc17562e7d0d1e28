/** Messages about sources as `--json` prints them. */
import type { Diagnostic, Label } from "../../grammar/diagnostic.ts";
import { positionAt, type Span } from "../../grammar/source.ts";

/** Lines and columns count from 1, columns in UTF-16 units; the end is exclusive. */
interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

function place({ file, start, end }: Span): Place {
  const from = positionAt(file, start);
  const to = positionAt(file, end);
  return { file: file.path, line: from.line, column: from.column, endLine: to.line, endColumn: to.column };
}

interface JsonHelp {
  readonly text: string;
  readonly edits?: readonly (Place & { readonly text: string })[];
}

/** One message as plain data. */
export function jsonOf({ code, message, severity, primary, related, notes, helps }: Diagnostic) {
  const label = ({ span, text }: Label, isPrimary: boolean) => ({ ...place(span), text, primary: isPrimary });
  // A note is advice without an edit.
  const help: JsonHelp[] = [
    ...helps.map(({ text, edits }) =>
      edits === undefined ? { text } : { text, edits: edits.map((edit) => ({ ...place(edit.span), text: edit.text })) },
    ),
    ...notes.map((text) => ({ text })),
  ];
  return {
    code,
    message,
    ...place(primary.span),
    severity,
    labels: [label(primary, true), ...related.map((other) => label(other, false))],
    help,
  };
}
