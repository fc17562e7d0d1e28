/** Machine-applicable ways out: which of them go together, and the text with them. */
import type { Diagnostic, Edit } from "../../grammar/diagnostic.ts";
import type { SourceFile } from "../../grammar/source.ts";

/** The first way out of a diagnostic that has edits. */
export interface Fix {
  readonly diagnostic: Diagnostic;
  /** What the message says to do. */
  readonly text: string;
  readonly edits: readonly Edit[];
}

/** The fixes that change nothing but `file`. */
export function fixesIn(file: SourceFile, diagnostics: readonly Diagnostic[]): Fix[] {
  return diagnostics.flatMap((diagnostic) => {
    const help = diagnostic.helps.find(({ edits }) => edits !== undefined && edits.length > 0);
    const edits = help?.edits ?? [];
    if (help === undefined || edits.some(({ span }) => span.file !== file) || clash(edits, [])) return [];
    return [{ diagnostic, text: help.text, edits }];
  });
}

/** As many of `fixes` as go together, the earlier ones first. */
export function compatible(fixes: readonly Fix[]): Fix[] {
  const taken: Fix[] = [];
  for (const fix of fixes) {
    const edits = taken.flatMap((other) => other.edits);
    if (!clash(fix.edits, edits)) taken.push(fix);
  }
  return taken;
}

/** Whether an edit of `edits` overlaps another one of them, or one of `others`; insertions at one place do as well. */
function clash(edits: readonly Edit[], others: readonly Edit[]): boolean {
  const overlap = ({ span: a }: Edit, { span: b }: Edit): boolean =>
    a.start === b.start || (a.start < b.end && b.start < a.end);
  return edits.some((edit, i) => [...edits.slice(i + 1), ...others].some((other) => overlap(edit, other)));
}

/** `text` after `edits`, which do not overlap. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let out = "";
  let at = 0;
  for (const edit of [...edits].sort((a, b) => a.span.start - b.span.start)) {
    out += text.slice(at, edit.span.start) + edit.text;
    at = edit.span.end;
  }
  return out + text.slice(at);
}
