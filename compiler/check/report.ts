/** Collects diagnostics, each once, and moves messages out of the library to the user's own lines. */
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import { positionAt, type SourceFile, type Span, spanText } from "../../grammar/source.ts";
import type { Complaint } from "../ops/primitive.ts";
import type { Frame } from "./frame.ts";

/** Thrown after reporting; caught where the erroneous node gets ⊥. Carries nothing. */
export class Failure extends Error {}

/** Thrown where a function that is checked with symbols for its generics depends on what they are. */
export class Undecided extends Error {}

/** What the parser reports; TFG0106 and TFG0107 are the checker's. */
const SYNTAX = /^TFG010[1-5]$/;
/** Codes that missing statements make out of right programs. */
const ECHOES: ReadonlySet<string> = new Set([
  "TFG0201",
  "TFG0205",
  "TFG0206",
  "TFG0208",
  "TFG0210",
  "TFG0602",
  "TFG0405",
]);

/** Whether a syntax error may have cost a part of the program; what the others mean is certain. */
const loses = ({ code }: Diagnostic): boolean => code === "TFG0101" || code === "TFG0103";

const line = ({ file, start }: Span): string => `${file.path} ${positionAt(file, start).line}`;

const at = ({ file, start, end }: Span): string => `${file.path} ${start} ${end}`;

export class Reporter {
  readonly #unknown = new Map<string, string>();
  readonly #diagnostics: Diagnostic[] = [];
  readonly #seen = new Set<string>();
  readonly isLibrary: (file: SourceFile) => boolean;

  constructor(isLibrary: (file: SourceFile) => boolean) {
    this.isLibrary = isLibrary;
  }

  /** Collects what a trial has to say. */
  #trial: Diagnostic[] | undefined;

  /** Elaborates something that may fail and be tried otherwise: whether nothing was wrong. What was is forgotten. */
  attempt(work: () => void): boolean {
    const outer = this.#trial;
    const said: Diagnostic[] = [];
    this.#trial = said;
    try {
      work();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return false;
    } finally {
      this.#trial = outer;
    }
    return said.every(({ severity }) => severity !== "error");
  }

  /** What is elaborated once and for all, though a trial was the first to need it: it speaks for itself. */
  outsideOfTrials<T>(work: () => T): T {
    const trial = this.#trial;
    this.#trial = undefined;
    try {
      return work();
    } finally {
      this.#trial = trial;
    }
  }

  add(diagnostic: Diagnostic): void {
    if (this.#trial) {
      this.#trial.push(diagnostic);
      return;
    }
    const { primary, code } = diagnostic;
    const key = `${code} ${at(primary.span)}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#diagnostics.push(diagnostic);
  }

  report(complaint: Complaint, frame?: Frame, severity: "error" | "warning" = "error"): void {
    const placed = frame ? this.#placed(complaint, frame) : complaint;
    this.add({
      code: placed.code,
      severity,
      message: placed.message,
      primary: placed.primary,
      related: placed.related ?? [],
      notes: placed.notes ?? [],
      helps: placed.helps ?? [],
    });
  }

  fail(complaint: Complaint, frame?: Frame): never {
    this.report(complaint, frame);
    throw new Failure();
  }

  /** Whether `name` was offered, within `span`, in the place of a name that means nothing. */
  isSuggested(name: string, span: Span): boolean {
    return this.#diagnostics.some(
      ({ code, primary, helps }) =>
        code === "TFG0201" &&
        primary.span.file === span.file &&
        primary.span.start >= span.start &&
        primary.span.end <= span.end &&
        helps.some(({ text }) => text === name),
    );
  }

  /** Whether `name` is met for the first time as an unknown one in its declaration; each is reported once. */
  isNewName(name: string, span: Span, within: Span): boolean {
    if (this.#trial) return true;
    const key = `${name} ${within.file.path} ${within.start}`;
    const before = this.#unknown.get(key);
    if (before === undefined) this.#unknown.set(key, at(span));
    return before === undefined || before === at(span);
  }

  /** Whether `name` was reported, within `span`, as a dimension that nothing declares. */
  isUnknownDim(name: string, span: Span): boolean {
    return this.#diagnostics.some(
      ({ code, primary }) =>
        code === "TFG0205" &&
        primary.span.file === span.file &&
        primary.span.start >= span.start &&
        primary.span.end <= span.end &&
        spanText(primary.span) === name,
    );
  }

  /** Whether a declaration may have lost a part in the repair of its syntax; a bracket put in loses nothing. */
  isDamaged({ file, start, end }: Span): boolean {
    const newline = file.text.indexOf("\n", end);
    const last = newline < 0 ? file.text.length : newline;
    return this.#diagnostics.some(
      ({ code, primary, helps }) =>
        SYNTAX.test(code) &&
        primary.span.file === file &&
        primary.span.start >= start &&
        primary.span.start <= last &&
        !(
          helps.some(({ edits }) => edits?.some(({ text }) => text === "]")) &&
          // Another bracket in the line closed what was lost.
          !file.text.slice(primary.span.start, last).includes("]")
        ),
    );
  }

  hasErrorsIn(file: SourceFile): boolean {
    return this.#diagnostics.some(({ severity, primary }) => severity === "error" && primary.span.file === file);
  }

  hasErrorIn({ file, start, end }: Span): boolean {
    return this.#diagnostics.some(
      ({ severity, primary: { span } }) =>
        severity === "error" && span.file === file && span.start >= start && span.end <= end,
    );
  }

  /** By file, as first met, then by position. */
  sorted(files: readonly SourceFile[]): Diagnostic[] {
    const order = new Map(files.map((file, i) => [file, i]));
    const rank = (span: Span): number => order.get(span.file) ?? files.length;
    return this.#withoutEchoes().sort(
      (a, b) =>
        rank(a.primary.span) - rank(b.primary.span) ||
        a.primary.span.start - b.primary.span.start ||
        (a.code < b.code ? -1 : 1),
    );
  }

  /**
   * Where the syntax is damaged, statements are missing: names that they bound or used are no news, nor is anything
   * on the line itself, or at the very place of a slip.
   */
  #withoutEchoes(): Diagnostic[] {
    const damaged = new Set(this.#diagnostics.filter(loses).map(({ primary }) => primary.span.file));
    const places = new Set(
      this.#diagnostics.filter(({ code }) => SYNTAX.test(code)).map(({ primary }) => at(primary.span)),
    );
    const lines = new Set(this.#diagnostics.filter(loses).map(({ primary }) => line(primary.span)));
    return this.#diagnostics.filter(({ code, primary }) => {
      if (SYNTAX.test(code)) return true;
      if (ECHOES.has(code) && damaged.has(primary.span.file)) return false;
      return !places.has(at(primary.span)) && !lines.has(line(primary.span));
    });
  }

  /** A fault inside of the library is the fault of the call that the user wrote. */
  #placed(complaint: Complaint, frame: Frame): Complaint {
    if (!this.isLibrary(complaint.primary.span.file)) return complaint;
    for (let at: Frame | undefined = frame; at; at = at.activation?.caller) {
      const site: Span | undefined = at.activation?.span;
      if (!site || this.isLibrary(site.file)) continue;
      const inside = complaint.primary;
      // A library parameter that the user gave a value stands for that argument.
      const arg = at.activation?.args.get(spanText(inside.span));
      if (arg?.isExplicit && at === frame && !this.isLibrary(arg.span.file))
        return {
          ...complaint,
          primary: { span: arg.span, text: inside.text },
          related: complaint.related ?? [],
          helps: (complaint.helps ?? []).map(({ text }) => ({ text })),
        };
      return {
        ...complaint,
        primary: { span: at.activation?.callee ?? site, text: "in this call" },
        related: [{ span: inside.span, text: inside.text }, ...(complaint.related ?? [])],
        helps: (complaint.helps ?? []).map(({ text }) => ({ text })),
      };
    }
    return complaint;
  }
}
