/** Programs with small random mistakes in them, and what must hold of their reading. */
import type { Diagnostic } from "../grammar/diagnostic.ts";
import { parse } from "../grammar/read.ts";
import { type SourceFile, type Span, sourceFile } from "../grammar/source.ts";
import type { SyntaxFile } from "../grammar/syntax.ts";

/** Numbers in [0, 1) that follow from the seed: mulberry32. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

const words = /[A-Za-z_]\w*|\d[\w.]*|"[^"\n]*"|[^\s\w]|\n/g;
const strays = [
  '"',
  "(",
  ")",
  "[",
  "]",
  "{",
  "}",
  ",",
  ":",
  "=",
  ":=",
  "|>",
  "@",
  "..",
  "if",
  "else",
  "fn",
  "graph",
  "$",
  "1.",
  "\\",
  "/*",
  "\u{1F600}",
  "\0",
];

/** `text` with one to four words or characters deleted, inserted, replaced, repeated or exchanged, or cut off. */
export function mutate(text: string, random: () => number): string {
  const pick = (count: number): number => Math.floor(random() * count);
  let out = text;
  for (let times = 1 + pick(4); times > 0; times--) {
    const found = [...out.matchAll(words)];
    const word = found[pick(found.length)];
    const other = found[pick(found.length)]?.[0] ?? "x";
    if (word === undefined) return out;
    const [start, end] = random() < 0.7 ? [word.index, word.index + word[0].length] : [pick(out.length), -1];
    const stop = end < 0 ? start + pick(3) : end;
    const stray = strays[pick(strays.length)] ?? "$";
    const put =
      [
        "",
        "",
        ` ${stray} `,
        stray,
        other,
        `${out.slice(start, stop)} ${other}`,
        `${out.slice(start, stop)}${out.slice(start, stop)}`,
      ][pick(7)] ?? "";
    out = random() < 0.02 ? out.slice(0, start) : out.slice(0, start) + put + out.slice(stop);
  }
  return out;
}

export interface Reading {
  readonly file: SourceFile;
  readonly tree: SyntaxFile;
  readonly diagnostics: readonly Diagnostic[];
  readonly milliseconds: number;
}

export function read(text: string): Reading {
  const file = sourceFile("mutant.tfg", text);
  const started = performance.now();
  const { tree, diagnostics } = parse(file);
  return { file, tree, diagnostics, milliseconds: performance.now() - started };
}

/** What is wrong with the spans of a reading: outside of the file, backwards, or outside of the span around them. */
export function strayingSpans({ file, tree, diagnostics }: Reading): string[] {
  const wrong: string[] = [];
  const inside = (span: Span, around: Span, what: string): void => {
    if (span.file !== file || span.start > span.end || span.start < around.start || span.end > around.end) {
      wrong.push(`${what} ${span.start}-${span.end} in ${around.start}-${around.end}`);
    }
  };
  const whole = { file, start: 0, end: file.text.length };
  const walk: { readonly value: object; readonly around: Span; readonly what: string }[] = [
    { value: tree, around: whole, what: "file" },
  ];
  for (let item = walk.pop(); item !== undefined; item = walk.pop()) {
    const own = "span" in item.value ? (item.value.span as Span) : undefined;
    if (own !== undefined) inside(own, item.around, item.what);
    for (const [key, value] of Object.entries(item.value)) {
      if (key === "span" || typeof value !== "object" || value === null) continue;
      const what = `${item.what}.${key}`;
      if ("file" in value) inside(value as Span, own ?? item.around, what);
      else walk.push({ value, around: own ?? item.around, what });
    }
  }
  for (const diagnostic of diagnostics) {
    inside(diagnostic.primary.span, whole, diagnostic.code);
    for (const { span } of diagnostic.related) inside(span, whole, `${diagnostic.code} related`);
    for (const { edits } of diagnostic.helps)
      for (const { span } of edits ?? []) inside(span, whole, `${diagnostic.code} edit`);
  }
  return wrong;
}
