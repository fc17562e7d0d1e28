/**
 * The words of a file in order, and what lies between them: white space that is made anew, and comments, which stay
 * between the words where they were written. A formatter that takes every word from here cannot lose one.
 */
import type { IToken } from "chevrotain";
import { concat, endOfLine, indent, type Layout, line, lines, newline } from "./layout.ts";
import type { SourceFile } from "./source.ts";
import { DocComment, endOf, readWords } from "./tokens.ts";

/** What stands between two words without comments: nothing, a space, a place to break with or without one, a new line. */
type Separator = "none" | "space" | "soft" | "line" | "newline";
/** Between items an empty line is kept; what closes a bracket stands one level left of the comments before it. */
type Role = "between" | "item" | "close";

interface Comment {
  readonly text: string;
  readonly isBlock: boolean;
  /** `/// …`, which belongs to the declaration behind it. */
  readonly isDoc: boolean;
  /** Line ends between the word or comment before it and itself. */
  readonly lineEnds: number;
}

interface Gap {
  readonly comments: readonly Comment[];
  /** Line ends behind the last comment. */
  readonly lineEnds: number;
}

export class Words {
  private readonly words: readonly IToken[];
  private readonly comments: readonly IToken[];
  private readonly file: SourceFile;
  private at = 0;
  private nextComment = 0;
  /** Whether what stands before the next word is taken. */
  private isReady = false;

  constructor(file: SourceFile) {
    const { tokens, docs, comments } = readWords(file);
    this.file = file;
    this.words = tokens;
    this.comments = [...docs, ...comments].sort((a, b) => a.startOffset - b.startOffset);
  }

  /** The text of the next word, or nothing at the end. */
  peek(): string {
    return this.words[this.at]?.image ?? "";
  }

  /** The next word as it is written; where it is known what it must be, that is checked. */
  word(expected?: string): string {
    const image = this.peek();
    if (!this.isReady || image === "" || (expected !== undefined && image !== expected)) {
      throw new Error(`the formatter is at \`${image}\` where it expects \`${expected ?? "a word"}\``);
    }
    this.at++;
    this.isReady = false;
    return image;
  }

  /** What stands before the next word. */
  gap(separator: Separator, role: Role = "between"): Layout {
    const { comments, lineEnds } = this.read();
    this.isReady = true;
    const before = this.words[this.at - 1];
    const isEnd = this.at === this.words.length;
    const isClose = role === "close";
    const isItem = role === "item";
    if (comments.length === 0) {
      return before === undefined || isEnd ? "" : separatorOf(separator, isItem && lineEnds > 1);
    }
    const lineEndsAfter = (i: number): number => comments[i + 1]?.lineEnds ?? lineEnds;
    const endsLine = (i: number): boolean => comments[i]?.isBlock === false || lineEndsAfter(i) > 0;

    // Comments on the line of the word before them trail it if they end that line, or if a sign follows that does not
    // begin anything; else they lead the next word. Documentation always leads, as it does in its meaning.
    let count = 0;
    if (before !== undefined) {
      while (comments[count]?.lineEnds === 0 && comments[count]?.isDoc === false) count++;
      if (count > 0 && !endsLine(count - 1) && !isEnd && !isClose && !/^[,)\]}]$/.test(this.peek())) count = 0;
    }
    const trailing = comments.slice(0, count);
    const leading = comments.slice(count);
    const needsLine =
      trailing.at(-1)?.isBlock === false ||
      leading.some((_, i) => endsLine(count + i)) ||
      ((isClose || isEnd) && leading.length > 0);

    const isTight = separator === "none" || separator === "soft";
    const spaceBefore = isTight && before !== undefined && /^[([.]$/.test(before.image) ? "" : " ";
    const spaceAfter = isTight && /^[,:.()[\]]?$/.test(this.peek()) ? "" : " ";
    const parts: Layout[] = [];
    trailing.forEach((comment, i) => {
      parts.push(comment.isBlock ? (i === 0 ? spaceBefore : " ") : "  ", layoutOf(comment));
    });

    const moved: Layout[] = [];
    if (before !== undefined && needsLine) {
      const isBlank = (comments[count]?.lineEnds ?? lineEnds) > 1;
      // Documentation ends at an empty line, so that one between comments has a meaning.
      const isKept =
        (trailing.length > 0 && leading.length > 0) ||
        (separator === "newline" && (isItem || (isClose && leading.length > 0)));
      if (leading.length > 0 || !(isClose || isEnd)) moved.push(newline(isBlank && isKept));
    } else if (before !== undefined) {
      const space = leading.length === 0 ? spaceAfter : trailing.length === 0 ? spaceBefore : " ";
      moved.push(betweenOf(separator, space));
    }
    leading.forEach((comment, i) => {
      moved.push(layoutOf(comment));
      const isLast = i === leading.length - 1;
      if (isLast && (isClose || isEnd)) return;
      if (!endsLine(count + i)) moved.push(isLast ? spaceAfter : " ");
      else moved.push(newline(lineEndsAfter(count + i) > 1 && (!isLast || separator === "newline")));
    });
    const isInside = needsLine && (isClose || separator === "none" || separator === "space");
    parts.push(isInside ? indent(concat(...moved)) : concat(...moved));
    if (isClose && needsLine) parts.push(newline());
    return concat(...parts);
  }

  private read(): Gap {
    const before = this.words[this.at - 1];
    const next = this.words[this.at]?.startOffset ?? this.file.text.length;
    let end = before === undefined ? 0 : endOf(before);
    const comments: Comment[] = [];
    for (;;) {
      const token = this.comments[this.nextComment];
      if (token === undefined || token.startOffset >= next) break;
      comments.push({
        text: token.image.trimEnd(),
        isBlock: token.image.startsWith("/*"),
        isDoc: token.tokenType === DocComment,
        lineEnds: this.lineEnds(end, token.startOffset),
      });
      end = endOf(token);
      this.nextComment++;
    }
    return { comments, lineEnds: this.lineEnds(end, next) };
  }

  private lineEnds(start: number, end: number): number {
    return (this.file.text.slice(start, end).match(/\r\n?|\n/g) ?? []).length;
  }
}

function separatorOf(separator: Separator, blank: boolean): Layout {
  if (separator === "newline") return newline(blank);
  return separator === "none" ? "" : separator === "space" ? " " : line(separator === "line" ? " " : "");
}

/** The separator beside a comment, which keeps a space from its neighbour where `space` is one. */
function betweenOf(separator: Separator, space: "" | " "): Layout {
  if (separator === "none") return space;
  return separator === "soft" ? line(space) : separatorOf(separator, false);
}

function layoutOf({ text, isBlock }: Comment): Layout {
  if (!isBlock) return endOfLine(text);
  const texts = text.split(/\r\n?|\n/).map((part) => part.trimEnd());
  if (texts.length === 1) return text;
  const isAligned = texts.slice(1).every((part) => /^\s*\*/.test(part));
  return lines(isAligned ? texts.map((part) => part.trimStart()) : texts, isAligned);
}
