import type { Span } from "./source.ts";

/** A caret line under a span. The primary label says what is wrong there, the others say why. */
export interface Label {
  readonly span: Span;
  readonly text: string;
}

/** A replacement of source text; `span` may be empty for an insertion. */
export interface Edit {
  readonly span: Span;
  readonly text: string;
}

/** A way out. With `edits` it is machine-applicable and shown with `[fix]`. */
export interface Help {
  readonly text: string;
  readonly edits?: readonly Edit[];
}

/** One message about the source. Rendering is `compiler/diagnostics/render.ts`. */
export interface Diagnostic {
  /** `TFGnnnn`, an entry of the catalogue. */
  readonly code: string;
  readonly severity: "error" | "warning";
  /** Lower case, no full stop; says what is wrong in the user's own names. */
  readonly message: string;
  readonly primary: Label;
  readonly related: readonly Label[];
  readonly notes: readonly string[];
  readonly helps: readonly Help[];
}
