/** The canonical form of expressions and types: each method takes the words of its node from the file, in order. */
import { Words } from "./gaps.ts";
import { choice, concat, flat, group, indent, type Layout } from "./layout.ts";
import type { SourceFile } from "./source.ts";
import type * as s from "./syntax.ts";

/** Pipes of this many stages or more are one line only where they end early. */
const longPipe = 3;
const pipeWidth = 80;

/** A part that stays on the line and one that follows it on lines of its own, as `fn(x) {` and the rest of it. */
interface Hanging {
  readonly head: Layout;
  readonly tail: Layout;
}

interface Operation {
  readonly whole: Layout;
  /** With its last operand, which has brackets, begun on the first line and broken. */
  readonly hanging?: Layout;
}

export abstract class ExpressionFormatter {
  private readonly words: Words;

  constructor(file: SourceFile) {
    this.words = new Words(file);
  }

  protected abstract block(block: s.Block): Layout;
  /** A block that may be one line. */
  protected abstract shortBlock(block: s.Block): Layout;

  protected gap(...what: Parameters<Words["gap"]>): Layout {
    return this.words.gap(...what);
  }

  protected word(expected?: string): string {
    return this.words.word(expected);
  }

  protected peek(): string {
    return this.words.peek();
  }

  /** A gap and the word behind it. */
  protected next(separator: "none" | "space" | "line", expected?: string): Layout {
    return concat(this.gap(separator), this.word(expected));
  }

  /** What stands behind `=`, or behind a keyword. */
  protected value(node: s.Expression): Layout {
    return concat(this.gap("space"), this.expression(node));
  }

  // ---- lists -------------------------------------------------------------------------------------

  /** `a, b, c` */
  protected separated<T>(items: readonly T[], one: (item: T) => Layout): Layout {
    const parts = items.map((item, i) =>
      i === 0 ? one(item) : concat(this.next("none", ","), this.gap("line"), one(item)),
    );
    return concat(...parts);
  }

  /** `(a, b)` with lines that break together with what is around the list. */
  protected listed<T>(items: readonly T[], one: (item: T) => Layout, inside: "soft" | "line" = "soft"): Layout {
    const open = this.word();
    if (items.length === 0) return concat(open, this.gap("none", "close"), this.word());
    const list = indent(concat(this.gap(inside), this.separated(items, one)));
    return concat(open, list, this.gap(inside, "close"), this.word());
  }

  /** `(a, b)` on one line, or with a line for each item. */
  protected bracketed<T>(items: readonly T[], one: (item: T) => Layout, inside: "soft" | "line" = "soft"): Layout {
    return group(this.listed(items, one, inside));
  }

  // ---- types -------------------------------------------------------------------------------------

  protected type({ args, dims }: s.TypeSyntax): Layout {
    const parts: Layout[] = [this.word()];
    if (args !== undefined) parts.push(this.gap("none"), this.args(args));
    if (dims !== undefined) {
      const list = concat(
        this.gap("none"),
        this.bracketed(dims, (dim) =>
          dim.kind === "pack" ? concat(this.word(".."), this.next("none")) : this.expression(dim.value),
        ),
      );
      parts.push(list);
    }
    return concat(...parts);
  }

  // ---- expressions -------------------------------------------------------------------------------

  expression(node: s.Expression): Layout {
    switch (node.kind) {
      case "number":
      case "string":
      case "boolean":
      case "name":
        return this.word();
      case "list":
        return this.list(node);
      case "unary":
        return concat(this.word(node.operator), this.gap("none"), this.expression(node.operand));
      case "binary":
        return this.binary(node).whole;
      case "pipe":
        return this.pipe(node);
      case "coalesce":
        return concat(this.expression(node.value), this.next("space", "??"), this.value(node.outside));
      case "cast":
        return concat(this.expression(node.value), this.next("space", "as"), this.next("space"));
      case "member":
        return concat(this.expression(node.value), this.next("none", "."), this.next("none"));
      case "call":
        return concat(this.expression(node.callee), this.gap("none"), this.args(node.args));
      case "index":
        return concat(
          this.expression(node.value),
          this.gap("none"),
          this.bracketed(node.slices, (slice) => this.slice(slice)),
        );
      case "comprehension":
        return this.comprehension(node);
      case "conditional":
        return this.conditional(node);
      case "lambda": {
        const { head, tail } = this.lambda(node);
        return group(concat(head, tail));
      }
      case "parenthesized": {
        if (node.value.kind === "binary") return this.bracketed([node.value], (value) => this.expression(value));
        const open = concat(this.word("("), this.gap("none"));
        return concat(open, this.expression(node.value), this.gap("none", "close"), this.word(")"));
      }
      case "error":
        throw new Error("a program with errors has no canonical form");
    }
  }

  /** A name for each line, or as many numbers as fit. */
  private list({ items }: s.ListExpression): Layout {
    const one = ({ spread, value }: (typeof items)[number]): Layout =>
      spread ? concat(this.word(".."), this.gap("none"), this.expression(value)) : this.expression(value);
    if (items.length < 2 || !items.every(({ value, spread }) => !spread && isNumber(value))) {
      return this.bracketed(items, one);
    }
    const open = this.word("[");
    const numbers = items.map((item, i) =>
      i === 0
        ? concat(this.gap("soft"), one(item))
        : concat(this.next("none", ","), group(concat(this.gap("line"), one(item)))),
    );
    return group(concat(open, indent(concat(...numbers)), this.gap("soft", "close"), this.word("]")));
  }

  /** Operators that bind alike are broken alike, each at the start of its line. */
  private binary(node: s.BinaryExpression): Operation {
    if (node.operator === ".." || node.operator === "**") {
      const isTight = node.operator === ".." && isAtom(node.left) && isAtom(node.right);
      const space = isTight ? "none" : "space";
      const left = concat(this.expression(node.left), this.next(space, node.operator));
      return { whole: concat(left, this.gap(space), this.expression(node.right)) };
    }
    const chain: s.BinaryExpression[] = [];
    let first: s.Expression = node;
    while (first.kind === "binary" && levelOf(first) === levelOf(node)) {
      chain.push(first);
      first = first.left;
    }
    const start = this.expression(first);
    if (chain.length === 1) return this.pair(start, node);
    const rest = chain
      .toReversed()
      .map(({ operator, right }) => concat(this.next("line", operator), this.value(right)));
    return { whole: group(concat(start, indent(concat(...rest)))) };
  }

  /**
   * Two operands, of which one may have brackets: those are broken where the operands are too long for two lines, as
   * in `x - [` and the list below it, or `)` and `< 1e-6` behind it.
   */
  private pair(left: Layout, { left: first, operator, right: second }: s.BinaryExpression): Operation {
    const sign = concat(this.next("line", operator), this.gap("space"));
    const { whole: right, hanging: inner = right } =
      second.kind === "binary" ? this.binary(second) : { whole: this.expression(second) };
    const lines = concat(left, indent(concat(sign, right)));
    const hanging = isAtom(first) && endsInBracket(second) ? concat(flat(concat(left, sign)), inner) : undefined;
    const isShort = endsInBracket(first) && isAtom(second) && !endsInBracket(second);
    const besides = hanging ?? (isShort ? concat(left, flat(concat(sign, right))) : undefined);
    if (besides === undefined) return { whole: group(lines) };
    const whole = choice(
      { of: lines, fits: "flat" },
      { of: lines, fits: "all" },
      { of: besides, fits: "first" },
      { of: lines, fits: "all" },
    );
    return hanging === undefined ? { whole } : { whole, hanging };
  }

  /** On one line, or with a line for each stage. A function that ends an only stage goes on below the line. */
  private pipe(node: s.PipeExpression): Layout {
    const stages: s.Expression[] = [];
    let first: s.Expression = node;
    for (; first.kind === "pipe"; first = first.left) stages.push(first.right);
    const start = this.expression(first);
    const rest = stages.toReversed().map((stage) => ({ arrow: this.next("line", "|>"), stage: this.value(stage) }));
    const whole = concat(start, indent(concat(...rest.map(({ arrow, stage }) => concat(arrow, stage)))));
    if (stages.length >= longPipe) return group(whole, pipeWidth);
    if (stages.length > 1 || !endsInFunction(node.right)) return group(whole);
    return choice(
      { of: whole, fits: "flat" },
      { of: concat(start, ...rest.map(({ arrow, stage }) => concat(flat(arrow), stage))), fits: "first" },
      { of: whole, fits: "all" },
    );
  }

  /** `if c then a`, and `else b` below it; `then` has a line of its own where `a` has several. */
  private conditional(node: s.ConditionalExpression): Layout {
    const parts: Layout[] = [];
    for (let branch: s.Expression = node; ; branch = branch.else) {
      if (branch.kind !== "conditional") {
        parts.push(this.expression(branch));
        break;
      }
      const condition = concat(this.word("if"), this.value(branch.condition));
      const then = group(indent(concat(this.next("line", "then"), this.value(branch.then))));
      parts.push(condition, then);
      parts.push(indent(concat(this.next("line", "else"), this.gap("space"))));
    }
    // The last branch is indented with its `else`.
    const last = parts.pop() ?? "";
    return group(concat(...parts, indent(last)));
  }

  private lambda({ patterns, body }: s.LambdaExpression): Hanging {
    const fn = concat(this.word("fn"), this.gap("none"));
    const list = this.bracketed(patterns, ({ names, isTuple }) =>
      isTuple ? this.bracketed(names, () => this.word()) : this.word(),
    );
    const start = concat(fn, list, this.gap("space"));
    if (body.kind === "block") return { head: start, tail: this.shortBlock(body) };
    const head = concat(start, this.word("=>"));
    return { head, tail: indent(concat(this.gap("line"), this.expression(body))) };
  }

  private comprehension(node: s.ComprehensionExpression): Layout {
    const callee = concat(this.word(), this.gap("none"), this.word("("));
    const binders = concat(
      this.gap("soft"),
      this.separated(node.binders, ({ extent }) => concat(this.word(), this.next("space", "in"), this.value(extent))),
    );
    const colon = this.next("none", ":");
    const body = indent(concat(this.gap("line"), this.expression(node.body)));
    const close = concat(this.gap("none", "close"), this.word(")"));
    return choice(
      { of: concat(callee, binders, colon, body, close), fits: "flat" },
      { of: concat(callee, flat(binders), colon, body, close), fits: "first" },
      { of: concat(callee, indent(binders, 2), colon, body, close), fits: "all" },
    );
  }

  /**
   * `(a, b)` on one line; or with the last argument, a function or a comprehension, going on below the line; or with
   * a line for each argument. An only argument with brackets of its own breaks in them.
   */
  protected args(args: readonly s.Argument[]): Layout {
    const last = args.at(-1)?.value;
    if (args.length === 1 && last !== undefined && hasBrackets(last)) {
      const open = concat(this.word("("), this.gap("none"));
      const only = args.map((arg) => this.argument(arg));
      return concat(open, ...only, this.gap("none", "close"), this.word(")"));
    }
    if (args.length === 1 && last?.kind === "binary") return this.onlyOperation(args[0]?.name, last);
    if (last?.kind !== "lambda") return this.bracketed(args, (arg) => this.argument(arg));

    const open = this.word("(");
    const start = concat(
      this.gap("soft"),
      ...args.slice(0, -1).map((arg) => concat(this.argument(arg), this.next("none", ","), this.gap("line"))),
    );
    const name = args.at(-1)?.name === undefined ? "" : this.argumentName();
    const { head, tail } = this.lambda(last);
    const close = concat(this.gap("soft", "close"), this.word(")"));
    const whole = concat(start, name, group(concat(head, tail)));
    return choice(
      { of: concat(open, indent(whole), close), fits: "flat" },
      { of: concat(open, flat(concat(start, name, head)), tail, flat(close)), fits: "first" },
      { of: concat(open, indent(whole), close), fits: "all" },
    );
  }

  /** `abs(x - [` and the list below it, where a line for the argument is not enough. */
  private onlyOperation(name: s.Name | undefined, operation: s.BinaryExpression): Layout {
    const open = this.word("(");
    const start = concat(this.gap("soft"), name === undefined ? "" : this.argumentName());
    const { whole, hanging } = this.binary(operation);
    const end = concat(this.gap("soft", "close"), this.word(")"));
    const lines = concat(open, indent(concat(start, whole)), end);
    if (hanging === undefined) return group(lines);
    return choice(
      { of: lines, fits: "flat" },
      { of: lines, fits: "all" },
      { of: concat(open, flat(start), hanging, flat(end)), fits: "first" },
      { of: lines, fits: "all" },
    );
  }

  private argument({ name, value }: s.Argument): Layout {
    return name === undefined ? this.expression(value) : concat(this.argumentName(), this.expression(value));
  }

  /** `name=` */
  private argumentName(): Layout {
    return concat(this.word(), this.next("none", "="), this.gap("none"));
  }

  private slice(slice: s.SliceSyntax): Layout {
    if (slice.kind === "rest" || slice.kind === "new") return this.word();
    if (slice.kind === "at") return this.expression(slice.value);
    const { from, to, step } = slice;
    const bounds = [from, to, step].filter((part) => part !== undefined);
    const isTight = bounds.length < 2 || bounds.every(isAtom);
    const parts: Layout[] = from === undefined ? [] : [this.expression(from)];
    const colon = (value: s.Expression | undefined): void => {
      parts.push(this.next(isTight || parts.length === 0 ? "none" : "space", ":"));
      if (value !== undefined) parts.push(this.gap(isTight ? "none" : "space"), this.expression(value));
    };
    colon(to);
    if (step !== undefined) colon(step);
    return concat(...parts);
  }
}

function isNumber(node: s.Expression): boolean {
  return node.kind === "number" || (node.kind === "unary" && isNumber(node.operand));
}

/** Whether an operator beside `node` needs no space to be seen. */
function isAtom(node: s.Expression): boolean {
  if (node.kind === "unary") return isAtom(node.operand);
  return !["binary", "pipe", "coalesce", "cast", "conditional", "lambda"].includes(node.kind);
}

function endsInFunction(node: s.Expression): boolean {
  return node.kind === "call" && node.args.at(-1)?.value.kind === "lambda";
}

function hasBrackets(node: s.Expression): boolean {
  if (node.kind === "call") return node.args.length > 0;
  if (node.kind === "list") return node.items.length > 0;
  return node.kind === "comprehension";
}

/** Whether it ends with a bracket in which it can be broken. */
function endsInBracket(node: s.Expression): boolean {
  if (node.kind === "binary") return isAtom(node.left) && endsInBracket(node.right);
  if (node.kind === "unary") return endsInBracket(node.operand);
  return hasBrackets(node) || (node.kind === "parenthesized" && node.value.kind === "binary");
}

function levelOf({ operator }: s.BinaryExpression): number {
  return levels.findIndex((level) => level.includes(operator));
}

/** Operators that bind alike; those of the last rows do not chain. */
const levels: readonly (readonly s.BinaryOperator[])[] = [
  ["||"],
  ["&&"],
  ["==", "!=", "<=", ">=", "<", ">"],
  [".."],
  ["+", "-"],
  ["*", "/", "%", "@"],
  ["**"],
];
