/** How the messages about syntax are put together. */
import type { Diagnostic, Label } from "./diagnostic.ts";
import type { SourceFile, Span } from "./source.ts";

export type SyntaxCode = "TFG0101" | "TFG0102" | "TFG0103" | "TFG0104" | "TFG0105";

export function syntaxError(
  code: SyntaxCode,
  message: string,
  primary: Label,
  more: Partial<Pick<Diagnostic, "related" | "notes" | "helps">> = {},
): Diagnostic {
  return { code, severity: "error", message, primary, related: [], notes: [], helps: [], ...more };
}

export function spanAt(file: SourceFile, start: number, end = start): Span {
  return { file, start, end };
}
