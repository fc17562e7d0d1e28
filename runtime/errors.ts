/** A place in the source that the module was compiled from; lines and columns count from 1. */
export interface SourceSpan {
  readonly file: string;
  readonly line: number;
  readonly column: number | undefined;
}

/** A failure at run time: its code, and a message that begins with the code. */
export class TfgError extends Error {
  override readonly name = "TfgError";
  /** `TFGnnnn`, explained by `tfgc explain`. */
  readonly code: string;
  /** The message without its code. */
  readonly text: string;
  /** What of the source was violated: a `where`, an `assert`, an input. */
  readonly span: SourceSpan | undefined;
  /** Name of the graph, where one was involved. */
  readonly graph: string | undefined;
  /** The fetches of the run that failed. */
  readonly fetch: string | undefined;

  /** `where.at` is a place as `model.tfg:2:20` or `model.tfg:2`. */
  constructor(
    code: string,
    text: string,
    where: { at?: string; graph?: string; fetch?: string; cause?: unknown } = {},
  ) {
    super(`${code} ${text}`, where.cause === undefined ? undefined : { cause: where.cause });
    this.code = code;
    this.text = text;
    const place = /^(.*?):(\d+)(?::(\d+))?$/.exec(where.at ?? "");
    this.span = place
      ? {
          file: String(place[1]),
          line: Number(place[2]),
          column: place[3] === undefined ? undefined : Number(place[3]),
        }
      : undefined;
    this.graph = where.graph;
    this.fetch = where.fetch;
  }
}

/** Edits (insert, delete, replace) that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++)
      next.push(
        Math.min((row[j] as number) + (a[i] === b[j] ? 0 : 1), (row[j + 1] as number) + 1, (next[j] as number) + 1),
      );
    row = next;
  }
  return row[b.length] as number;
}

/** `; did you mean …` for the candidate that is few edits away, else nothing. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  let best = "";
  let least = Math.min(name.length - 1, Math.max(2, name.length >> 1));
  for (const candidate of candidates) {
    const distance = editDistance(name, candidate);
    if (distance <= least) {
      if (distance < least || !best) best = candidate;
      least = distance;
    }
  }
  return best && `; did you mean "${best}"?`;
}
