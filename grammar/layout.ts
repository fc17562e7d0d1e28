/**
 * Text with places where a line may break, and the printer that decides which of them do: after Wadler's
 * "A prettier printer" and Oppen, with the choice among alternatives that argument lists and headers need.
 *
 * A group is printed on one line if it fits there, else each `line` directly in it becomes a new line and the groups
 * within it are tried anew. A `newline` is one always, and breaks every group around it.
 */
export type Layout =
  | string
  | { readonly kind: "concat"; readonly parts: readonly Layout[]; readonly breaks: boolean }
  | { readonly kind: "indent"; readonly of: Layout; readonly by: number; readonly breaks: boolean }
  | { readonly kind: "line"; readonly flat: "" | " "; readonly breaks: false }
  | { readonly kind: "newline"; readonly blank: boolean; readonly breaks: true }
  | { readonly kind: "end-of-line"; readonly text: string; readonly breaks: true }
  | { readonly kind: "lines"; readonly lines: readonly string[]; readonly aligned: boolean; readonly breaks: true }
  | { readonly kind: "group"; readonly of: Layout; readonly limit: number; readonly breaks: boolean }
  | { readonly kind: "flat"; readonly of: Layout; readonly breaks: boolean }
  | { readonly kind: "choice"; readonly options: readonly Option[]; readonly breaks: boolean };

/**
 * What must fit for an alternative to be taken: all of it on one line, its first line, or each of its lines if every
 * group within it is on one. The last alternative is taken without a question.
 */
interface Option {
  readonly of: Layout;
  readonly fits: "flat" | "first" | "all";
}

const lineWidth = 120;
const step = 2;

const breaks = (layout: Layout): boolean => typeof layout !== "string" && layout.breaks;

export function concat(...parts: readonly Layout[]): Layout {
  return { kind: "concat", parts, breaks: parts.some(breaks) };
}

export function indent(of: Layout, levels = 1): Layout {
  return { kind: "indent", of, by: levels * step, breaks: breaks(of) };
}

/** A place to break; on one line it is a space, or nothing. */
export function line(flat: "" | " "): Layout {
  return { kind: "line", flat, breaks: false };
}

/** With `blank`, an empty line lies between. */
export function newline(blank = false): Layout {
  return { kind: "newline", blank, breaks: true };
}

/** A comment that ends its line. It may stand beyond the margin: no code is broken to make room for it. */
export function endOfLine(text: string): Layout {
  return { kind: "end-of-line", text, breaks: true };
}

/** Lines that keep their own indentation, or with `aligned` follow that of the code by one column. */
export function lines(texts: readonly string[], aligned: boolean): Layout {
  return { kind: "lines", lines: texts, aligned, breaks: true };
}

/** On one line only where it ends before column `limit`. */
export function group(of: Layout, limit = lineWidth): Layout {
  return { kind: "group", of, limit, breaks: breaks(of) };
}

/** On one line even where it does not fit. */
export function flat(of: Layout): Layout {
  return { kind: "flat", of, breaks: breaks(of) };
}

/** The first of `options` that fits; the first one has the fewest lines. */
export function choice(...options: readonly [Option, ...Option[]]): Layout {
  return { kind: "choice", options, breaks: breaks(options[0].of) };
}

interface Command {
  readonly of: Layout;
  readonly indent: number;
  readonly isFlat: boolean;
}

export function printLayout(layout: Layout): string {
  const printer = new Printer();
  printer.print(layout);
  return printer.done();
}

class Printer {
  private readonly out: string[] = [];
  /** The last line, as far as it is written. */
  private last = "";
  private readonly commands: Command[] = [];

  print(layout: Layout): void {
    this.commands.push({ of: layout, indent: 0, isFlat: false });
    for (let command = this.commands.pop(); command !== undefined; command = this.commands.pop()) this.one(command);
  }

  done(): string {
    this.endLine();
    return this.out.join("\n");
  }

  private endLine(): void {
    this.out.push(this.last.replace(/ +$/, ""));
    this.last = "";
  }

  private one(command: Command): void {
    const { of, indent: column, isFlat } = command;
    if (typeof of === "string") {
      this.last += of;
      return;
    }
    switch (of.kind) {
      case "concat":
        for (const part of of.parts.toReversed()) this.commands.push({ ...command, of: part });
        return;
      case "indent":
        this.commands.push({ ...command, of: of.of, indent: column + of.by });
        return;
      case "line":
        if (isFlat) this.last += of.flat;
        else this.startLine(column);
        return;
      case "newline":
        if (of.blank) this.endLine();
        this.startLine(column);
        return;
      case "end-of-line":
        this.last += of.text;
        return;
      case "lines":
        of.lines.forEach((text, i) => {
          if (i > 0) this.startLine(of.aligned ? column + 1 : 0);
          this.last += text;
        });
        return;
      case "flat":
        this.commands.push({ ...command, of: of.of, isFlat: true });
        return;
      case "group":
        this.commands.push({ ...command, of: of.of, isFlat: !of.breaks && (isFlat || this.fits(of, column, "flat")) });
        return;
      case "choice": {
        const [first] = of.options;
        const isOneLine = isFlat && !of.breaks;
        const taken = isOneLine ? first : of.options.find((option, i) => this.takes(option, column, i, of.options));
        if (taken === undefined) return;
        this.commands.push({
          of: taken.of,
          indent: column,
          isFlat: isOneLine || (taken.fits === "flat" && !of.breaks),
        });
      }
    }
  }

  private startLine(column: number): void {
    this.endLine();
    this.last = " ".repeat(column);
  }

  private takes(option: Option, column: number, index: number, options: readonly Option[]): boolean {
    return index === options.length - 1 || this.fits(option.of, column, option.fits);
  }

  /** Whether `of` fits behind what is written, together with what follows it up to the next place to break. */
  private fits(of: Layout, column: number, how: Option["fits"]): boolean {
    if (how === "flat" && breaks(of)) return false;
    let width = this.last.length;
    let rest = this.commands.length;
    const todo: (Tried | { readonly limit: number })[] = [
      { of, indent: column, isFlat: how === "flat", isRest: false },
    ];
    for (;;) {
      const following = todo.length === 0 ? this.commands[--rest] : undefined;
      const tried = todo.pop() ?? (following && { ...following, isRest: true });
      if (tried === undefined) return true;
      if ("limit" in tried) {
        if (width > tried.limit) return false;
        continue;
      }
      const { of: next, isFlat, isRest } = tried;
      if (typeof next === "string") {
        width += next.length;
        if (width > lineWidth) return false;
        continue;
      }
      // Where all must fit, groups are on one line; a first line ends, and what follows breaks, as soon as it can.
      const isOneLine = isFlat || !(isRest || next.breaks || how === "first");
      switch (next.kind) {
        case "concat":
          for (const part of next.parts.toReversed()) todo.push({ ...tried, of: part });
          break;
        case "indent":
          todo.push({ ...tried, of: next.of, indent: tried.indent + next.by });
          break;
        case "line":
        case "newline":
          if (next.kind === "line" && isFlat) width += next.flat.length;
          else if (isRest) return true;
          else if (isFlat) return false;
          else if (how === "first") return true;
          else width = tried.indent;
          break;
        case "end-of-line":
          break;
        case "lines":
          return isRest && width + (next.lines[0] ?? "").length <= lineWidth;
        case "flat":
          todo.push({ ...tried, of: next.of, isFlat: true });
          break;
        case "group":
          if (next.breaks && !isRest && how === "all") return false;
          if (isOneLine && next.limit < lineWidth) todo.push({ limit: next.limit });
          todo.push({ ...tried, of: next.of, isFlat: isOneLine });
          break;
        case "choice": {
          if (next.breaks && !isRest && how === "all") return false;
          const hanging = isRest ? undefined : next.options.find(({ fits }) => fits === "first");
          const option = isOneLine ? next.options[0] : (hanging ?? next.options.at(-1));
          if (option !== undefined) todo.push({ ...tried, of: option.of, isFlat: isOneLine });
        }
      }
    }
  }
}

interface Tried extends Command {
  /** Whether it stands behind what is tried. */
  readonly isRest: boolean;
}
