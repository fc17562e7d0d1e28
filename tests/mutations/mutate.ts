/** Correct programs with one to three small mistakes: a character, a word, a size, a name, a line, a bracket. */

/** A choice that follows from the seed, and what it is made from. */
export interface Choice {
  /** A whole number below `count`. */
  below(count: number): number;
  of<T>(list: readonly T[]): T;
}

export function choiceOf(next: () => number): Choice {
  const below = (count: number): number => Math.floor(next() * count);
  return {
    below,
    of: <T>(list: readonly T[]): T => {
      const chosen = list[below(list.length)];
      if (chosen === undefined) throw new Error("there is nothing to choose from");
      return chosen;
    },
  };
}

const WORD = /\/\/[^\n]*|[A-Za-z_]\w*|\d[\w.]*|"[^"\n]*"|:=|\|>|=>|->|\.\.\.?|\?\?|&&|\|\||[=!<>]=|\*\*|[^\s\w]/g;
const KEYWORDS = [
  ..."import from as const def return assert if then else for in where fn like new true false".split(" "),
  ..."config layer optimizer graph test param state input output train step scope".split(" "),
];
const OPERATORS = "+ - * / % @ ** == != < <= > >= && || |> .. ?? = := : , . ! -> =>".split(" ");
const BRACKETS = ["(", ")", "[", "]", "{", "}"];
const NUMBERS = ["0", "1", "2", "3", "7", "-1", "0.5", "1e30", "65536", "2147483647", "4294967296", "0x1F"];
const DTYPES = ["f32", "i32", "u32", "bool", "u8", "i8", "f16", "bf16", "i64", "num", "float", "int", "str"];
const CHARACTERS = [..."abxN_0919.,:;=+-*/%@!?<>|&()[]{}\"'\\ \n\t#$\u{e9}\u{1f600}\0"];
const CALLS = "sum max argmax scan while grad reshape concat sort topk softmax dense einsum tensor select".split(" ");

interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const wordsOf = (text: string, keep: (word: string) => boolean): Word[] =>
  [...text.matchAll(WORD)]
    .map((match) => ({ text: match[0], start: match.index, end: match.index + match[0].length }))
    .filter((word) => keep(word.text));

const isName = (word: string): boolean => /^[A-Za-z_]/.test(word) && !KEYWORDS.includes(word);
const isNumber = (word: string): boolean => /^\d/.test(word);
const isWord = (word: string): boolean => !word.startsWith("//");

type Mutation = (text: string, choice: Choice) => string;

/** Replaces one of the words that are `kept` by what `by` says. */
function replacing(kept: (word: string) => boolean, by: (word: Word, all: readonly Word[], choice: Choice) => string) {
  return (text: string, choice: Choice): string => {
    const all = wordsOf(text, kept);
    if (all.length === 0) return text;
    const word = choice.of(all);
    return text.slice(0, word.start) + by(word, all, choice) + text.slice(word.end);
  };
}

function onLines(change: (lines: string[], at: number, choice: Choice) => void): Mutation {
  return (text, choice) => {
    const lines = text.split("\n");
    change(lines, choice.below(lines.length), choice);
    return lines.join("\n");
  };
}

const mutations: Readonly<Record<string, Mutation>> = {
  "character removed": (text, choice) => {
    const at = choice.below(text.length);
    return text.slice(0, at) + text.slice(at + 1);
  },
  "character inserted": (text, choice) => {
    const at = choice.below(text.length + 1);
    return text.slice(0, at) + choice.of(CHARACTERS) + text.slice(at);
  },
  "character changed": (text, choice) => {
    const at = choice.below(text.length);
    return text.slice(0, at) + choice.of(CHARACTERS) + text.slice(at + 1);
  },
  "word removed": replacing(isWord, () => ""),
  "word repeated": replacing(isWord, ({ text }) => `${text} ${text}`),
  "word exchanged": replacing(isWord, (_, all, choice) => choice.of(all).text),
  "two words swapped": (text, choice) => {
    const all = wordsOf(text, isWord);
    const at = choice.below(Math.max(1, all.length - 1));
    const [first, second] = [all[at], all[at + 1]];
    if (!first || !second) return text;
    const between = text.slice(first.end, second.start);
    return text.slice(0, first.start) + second.text + between + first.text + text.slice(second.end);
  },
  "name exchanged": replacing(isName, (_, all, choice) => choice.of(all).text),
  "name misspelt": replacing(isName, ({ text }, _, choice) => {
    const at = choice.below(text.length);
    return text.slice(0, at) + choice.of([..."abcexN_1"]) + text.slice(at + choice.below(2));
  }),
  "call exchanged": replacing(isName, (_word, _all, choice) => choice.of(CALLS)),
  "number changed": replacing(isNumber, (_word, _all, choice) => choice.of(NUMBERS)),
  "number off by one": replacing(isNumber, ({ text }, _, choice) => String(Number(text) + choice.of([-1, 1]))),
  "name for a number": replacing(isNumber, (_word, _all, choice) => choice.of(["N", "x", "T", "pi", "training"])),
  "number for a name": replacing(isName, (_word, _all, choice) => choice.of(NUMBERS)),
  "keyword exchanged": replacing(
    (word) => KEYWORDS.includes(word),
    (_word, _all, choice) => choice.of(KEYWORDS),
  ),
  "keyword inserted": replacing(isWord, ({ text }, _, choice) => `${choice.of(KEYWORDS)} ${text}`),
  "dtype changed": replacing(
    (word) => DTYPES.includes(word),
    (_word, _all, choice) => choice.of(DTYPES),
  ),
  "operator changed": replacing(
    (word) => OPERATORS.includes(word),
    (_word, _all, choice) => choice.of(OPERATORS),
  ),
  "bracket changed": replacing(
    (word) => BRACKETS.includes(word),
    (_word, _all, choice) => choice.of(["", ...BRACKETS]),
  ),
  "dim removed": (text, choice) => {
    const all = [...text.matchAll(/(?<=\[(?:[^[\]\n]*, )?)[^[\],\n]+(?:, )?(?=[^[\]\n]*\])/g)];
    if (all.length === 0) return text;
    const found = choice.of(all);
    return text.slice(0, found.index) + text.slice(found.index + found[0].length);
  },
  "line removed": onLines((lines, at) => lines.splice(at, 1)),
  "line repeated": onLines((lines, at) => lines.splice(at, 0, lines[at] ?? "")),
  "lines swapped": onLines((lines, at, choice) => {
    const other = choice.below(lines.length);
    [lines[at], lines[other]] = [lines[other] ?? "", lines[at] ?? ""];
  }),
  "line from elsewhere": onLines((lines, at, choice) => lines.splice(at, 0, choice.of(lines))),
  "end cut off": (text, choice) => (choice.below(4) === 0 ? text.slice(0, choice.below(text.length)) : text),
};

/** `text` with one mistake, at times two or three, and the names of the mistakes. */
export function mutate(text: string, next: () => number): { readonly text: string; readonly how: string } {
  const choice = choiceOf(next);
  const names = Object.keys(mutations);
  const how: string[] = [];
  let out = text;
  for (let times = choice.of([1, 1, 1, 2, 3]); times > 0; times--) {
    const name = choice.of(names);
    out = mutations[name]?.(out, choice) ?? out;
    how.push(name);
  }
  return { text: out, how: how.join(", ") };
}
