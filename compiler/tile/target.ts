import type { CodeBuilder, Expr } from "../ir/stmt.ts";

/** What a target has: everything that templates may ask before they choose. The targets themselves are in `targets/`. */
export interface Target {
  readonly name: string;
  /** Elements of a vector; 1 for a target without vectors. */
  readonly lanes: 4 | 1;
  /** Address units of an element: bytes for WebAssembly, elements for JavaScript. */
  readonly word: 4 | 1;
  /** Register tile of a contraction: rows, columns, and how often its innermost loop is unrolled. */
  readonly tile: { readonly rows: number; readonly columns: number; readonly unroll: number };
  /**
   * A function that is no operator of `stmt.ts` everywhere: `exp log sin cos tanh erf pow`, `round_f32`, `round_f16` and
   * `round_bf16`, the nearest value of that type. Arguments and result are f32 or f32x4; both give the same bits.
   */
  expand(fn: string, args: readonly Expr[], code: CodeBuilder): Expr;
}
