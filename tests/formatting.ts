/** What must hold of a formatted program, and programs with other white space, comments and names to try it on. */
import * as assert from "uvu/assert";
import { format } from "../grammar/format.ts";
import { sourceFile } from "../grammar/source.ts";
import { Ident, readWords } from "../grammar/tokens.ts";
import { read } from "./grammar-mutations.ts";

export function formatted(text: string): string {
  const result = format(sourceFile("try.tfg", text));
  assert.ok("text" in result, `has errors:\n${text}`);
  return result.text;
}

/** A tree without its places in the text. */
export function meaning(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(meaning);
  if (typeof value !== "object" || value === null) return value;
  if ("file" in value && "start" in value) return "a place";
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== "span")
      .map(([key, part]) => [key, meaning(part)]),
  );
}

/** The words and comments of a text in order; lines of a comment without the white space around them. */
export function wordsOf(text: string): string[] {
  const { tokens, docs, comments } = readWords(sourceFile("try.tfg", text));
  const all = [...tokens, ...docs, ...comments].sort((a, b) => a.startOffset - b.startOffset);
  return all.map(({ image }) => {
    const lines = image.split(/\r\n?|\n/);
    return lines.map((line, i) => (i === 0 ? line.trimEnd() : line.trim())).join("\n");
  });
}

export const isRight = (text: string): boolean => read(text).diagnostics.length === 0;

/** Formats a right program, and looks whether the words, the comments and the tree are the same, and whether it is stable. */
export function checkFormatted(text: string): string {
  const before = read(text);
  const result = formatted(text);
  const told = (what: string): string => `${what}\n---- written\n${text}\n---- formatted\n${result}`;
  const after = read(result);
  assert.equal(after.diagnostics, [], told("the result has errors"));
  assert.equal(wordsOf(result), wordsOf(text), told("words or comments differ"));
  assert.equal(meaning(after.tree), meaning(before.tree), told("the meaning differs"));
  const again = formatted(result);
  assert.ok(again === result, `${told("formatting again changes it")}\n---- again\n${again}`);
  assert.not.match(result, /[ \t]\n|\n\n\n|\r|^\n|[^\n]$/, told("white space at ends of lines, or empty lines"));
  return result;
}

/** `text` with its words joined by what `between` says; comments are left out unless `between` writes them. */
export function rejoin(text: string, between: (before: string, after: string, original: string) => string): string {
  const { tokens } = readWords(sourceFile("try.tfg", text));
  let out = "";
  let end = 0;
  let last = "";
  for (const { image, startOffset } of tokens) {
    out += between(last, image, text.slice(end, startOffset)) + image;
    end = startOffset + image.length;
    last = image;
  }
  return out + between(last, "", text.slice(end));
}

/** Whether two words are still two, and mean the same, without a space. */
function mayTouch(before: string, after: string): boolean {
  if (before === "" || after === "" || after.startsWith("@")) return before === "" || after === "";
  const { tokens } = readWords(sourceFile("try.tfg", before + after));
  return tokens.length === 2 && tokens[0]?.image === before && tokens[1]?.image === after;
}

/** The words of `text` with random white space between them, at most one line end in each place. */
export function scatter(text: string, random: () => number): string {
  const spaces = ["", "", " ", "   ", "\t", "\n", "\r\n", " \n    ", "\r", "\uFEFF "];
  return rejoin(text, (before, after) => {
    // Behind a value on its line, `@name` may be a matrix product without spaces.
    const space = after.startsWith("@") ? "\n" : (spaces[Math.floor(random() * spaces.length)] ?? " ");
    return space !== "" || mayTouch(before, after) ? space : " ";
  });
}

/** `text` with comments at random places, in all their forms. */
export function sprinkle(text: string, random: () => number, often: number): string {
  let count = 0;
  const pick = (...from: readonly string[]): string => from[Math.floor(random() * from.length)] ?? "";
  const comment = (): string => {
    const name = `c${++count}`;
    const before = pick("", " ", "\n", "\n\n", "\n  ");
    const block = pick(`/* ${name} */`, `/*${name}*/`, `/* ${name}\n * more\n */`, `/* ${name}\n   more */`, `/**/`);
    const whole = pick(
      `// ${name}\n`,
      `//${name}  \n`,
      `/// ${name}\n`,
      `///${name}\r\n`,
      `//// ${name}\n`,
      block,
      block,
    );
    return before + whole + pick("", " ", "\n", "\n\n", "\n\n\n");
  };
  return rejoin(text, (before, after, original) => {
    let out = original;
    while (random() < often) out += comment();
    return out === "" && !mayTouch(before, after) ? " " : out;
  });
}

/** `text` with names of other lengths, so that other lines are too long. */
export function stretch(text: string, random: () => number): string {
  const { tokens } = readWords(sourceFile("try.tfg", text));
  let out = "";
  let end = 0;
  for (const { image, startOffset, tokenType } of tokens) {
    const isName = tokenType === Ident && !/^(?:num|float|int|any|and|or|not|lambda)$/.test(image);
    const more = isName && random() < 0.5 ? "_".repeat(1 + Math.floor(random() * 16)) : "";
    out += text.slice(end, startOffset) + image + more;
    end = startOffset + image.length;
  }
  return out + text.slice(end);
}
