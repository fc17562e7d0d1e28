/** From the concrete tree to typed expressions. */
import type { CstNode, IToken } from "chevrotain";
import { aNode, aToken, maybeNode, maybeToken, nodes, tokens } from "./concrete.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { spanAt, syntaxError } from "./messages.ts";
import { foldOperators } from "./operators.ts";
import type { SourceFile, Span } from "./source.ts";
import { joinSpans, spanText } from "./source.ts";
import { readString } from "./strings.ts";
import type * as s from "./syntax.ts";
import { endOf } from "./tokens.ts";

export abstract class ExpressionReader {
  readonly diagnostics: Diagnostic[] = [];
  protected readonly file: SourceFile;
  private readonly readHole: (span: Span) => s.Expression;

  /** `readHole` reads the expression within `{` and `}` of a string. */
  constructor(file: SourceFile, readHole: (span: Span) => s.Expression) {
    this.file = file;
    this.readHole = readHole;
  }

  /** The body of `fn(…) { … }`; statements are the business of the tree reader. */
  protected abstract block(node: CstNode): s.Block;

  expression(node: CstNode): s.Expression {
    const [first, second] = nodes(node, "expression");
    const value = this.simple(node);
    if (first === undefined || second === undefined) return value;
    return this.pythonConditional(this.spanOf(node), value, this.expression(first), this.expression(second));
  }

  private simple(node: CstNode): s.Expression {
    const pipe = maybeNode(node, "pipe");
    if (pipe !== undefined) return this.pipe(pipe);
    const conditional = maybeNode(node, "conditional");
    if (conditional === undefined) return this.lambda(aNode(node, "lambda"));
    const span = this.spanOf(conditional);
    const error: s.Expression = { kind: "error", span };
    const parts = nodes(conditional, "expression").map((part) => this.expression(part));
    const [condition = error, then = error, otherwise = error] = parts;
    return { kind: "conditional", condition, then, else: otherwise, span };
  }

  /** `a if c else b`, reported and read as what it means. */
  private pythonConditional(span: Span, then: s.Expression, c: s.Expression, otherwise: s.Expression): s.Expression {
    const right = `if ${spanText(c.span)} then ${spanText(then.span)} else ${spanText(otherwise.span)}`;
    this.report(
      syntaxError(
        "TFG0104",
        "a conditional expression is written `if c then a else b`",
        { span, text: "this is the Python order" },
        { helps: [{ text: right, edits: [{ span, text: right }] }] },
      ),
    );
    return { kind: "conditional", condition: c, then, else: otherwise, span };
  }

  private lambda(node: CstNode): s.LambdaExpression {
    const patterns = nodes(node, "pattern").map((pattern) => ({
      names: tokens(pattern, "name").map((name) => this.name(name)),
      isTuple: maybeToken(pattern, "LeftParen") !== undefined,
      span: this.spanOf(pattern),
    }));
    const block = maybeNode(node, "block");
    const body = block === undefined ? this.expression(aNode(node, "expression")) : this.block(block);
    return { kind: "lambda", patterns, body, span: this.spanOf(node) };
  }

  private pipe(node: CstNode): s.Expression {
    let left = this.operation(aNode(node, "operation"));
    for (const stage of nodes(node, "postfix")) {
      const right = this.postfix(stage);
      left = { kind: "pipe", left, right, span: joinSpans(left.span, right.span) };
    }
    return left;
  }

  private operation(node: CstNode): s.Expression {
    const operands = nodes(node, "operand").map((operand) => ({
      prefixes: tokens(operand, "prefix"),
      value: this.cast(aNode(operand, "cast")),
      start: this.spanOf(operand).start,
    }));
    const [only] = operands;
    if (only !== undefined && operands.length === 1 && only.prefixes.length === 0) return only.value;
    const written = tokens(node, "BinaryOperator");
    const operators: (IToken | undefined)[] = [];
    let at = 0;
    for (const operand of operands.slice(1)) {
      const operator = written[at];
      const isWritten = operator !== undefined && operator.startOffset < operand.start;
      operators.push(isWritten ? operator : undefined);
      if (isWritten) at++;
    }
    return foldOperators(this.file, operands, operators, (diagnostic) => this.report(diagnostic));
  }

  private cast(node: CstNode): s.Expression {
    let value = this.postfix(aNode(node, "postfix"));
    for (const token of tokens(node, "to")) {
      const to = this.name(token);
      value = { kind: "cast", value, to, span: joinSpans(value.span, to.span) };
    }
    return value;
  }

  private postfix(node: CstNode): s.Expression {
    let value = this.primary(aNode(node, "primary"));
    for (const suffix of nodes(node, "suffix")) value = this.suffix(value, suffix);
    return value;
  }

  private suffix(value: s.Expression, node: CstNode): s.Expression {
    const span = joinSpans(value.span, this.spanOf(node));
    const member = maybeToken(node, "member");
    if (member !== undefined) return { kind: "member", value, name: this.name(member), span };
    const args = maybeNode(node, "argumentList");
    if (args !== undefined) return { kind: "call", callee: value, args: this.argumentList(args), span };
    const comprehension = maybeNode(node, "comprehension");
    if (comprehension !== undefined) return this.comprehension(value, comprehension, span);
    return { kind: "index", value, slices: nodes(node, "slice").map((slice) => this.slice(slice)), span };
  }

  private comprehension(callee: s.Expression, node: CstNode, span: Span): s.Expression {
    const binders = nodes(node, "binder").map((binder) => ({
      name: this.name(aToken(binder, "name")),
      extent: this.expression(aNode(binder, "expression")),
      span: this.spanOf(binder),
    }));
    const body = this.expression(aNode(node, "expression"));
    if (callee.kind === "name") {
      const name = { text: callee.name, span: callee.span };
      return { kind: "comprehension", callee: name, binders, body, span };
    }
    const text = "write `tensor(i in N: …)`, or a reduction such as `sum(i in N: …)`";
    this.report(syntaxError("TFG0101", "only a name can bind indices", { span: callee.span, text }));
    return { kind: "error", span };
  }

  protected argumentList(node: CstNode): s.Argument[] {
    return nodes(node, "argument").map((item) => {
      const name = maybeToken(item, "name");
      const value = this.expression(aNode(item, "expression"));
      return { ...(name === undefined ? {} : { name: this.name(name) }), value, span: this.spanOf(item) };
    });
  }

  private slice(node: CstNode): s.SliceSyntax {
    const span = this.spanOf(node);
    if (maybeToken(node, "Ellipsis") !== undefined) return { kind: "rest", span };
    if (maybeToken(node, "New") !== undefined) return { kind: "new", span };
    const from = maybeNode(node, "from");
    const after = maybeNode(node, "sliceEnd");
    if (after === undefined) return { kind: "at", value: this.expression(aNode(node, "from")), span };
    const to = maybeNode(after, "to");
    const step = maybeNode(after, "step");
    return {
      kind: "range",
      ...(from === undefined ? {} : { from: this.expression(from) }),
      ...(to === undefined ? {} : { to: this.expression(to) }),
      ...(step === undefined ? {} : { step: this.expression(step) }),
      span,
    };
  }

  private primary(node: CstNode): s.Expression {
    const span = this.spanOf(node);
    const inner = maybeNode(node, "expression");
    if (inner !== undefined) return { kind: "parenthesized", value: this.expression(inner), span };
    if (maybeToken(node, "LeftBracket") !== undefined) {
      const items = nodes(node, "listItem").map((item) => ({
        spread: maybeToken(item, "DotDot") !== undefined,
        value: this.expression(aNode(item, "expression")),
        span: this.spanOf(item),
      }));
      return { kind: "list", items, span };
    }
    const name = maybeToken(node, "Ident");
    if (name !== undefined) return { kind: "name", name: name.image, span };
    const number = maybeToken(node, "NumberLiteral");
    if (number !== undefined) return this.number(number);
    const string = maybeToken(node, "StringLiteral");
    if (string !== undefined) return this.string(string);
    if (maybeToken(node, "Skipped") !== undefined) return { kind: "error", span };
    return { kind: "boolean", value: maybeToken(node, "True") !== undefined, span };
  }

  private number(token: IToken): s.NumberExpression {
    const value = Number(token.image);
    const span = this.at(token);
    if (value === Infinity) {
      this.report(
        syntaxError("TFG0101", "this number is too large", { span, text: "the largest is 1.7976931348623157e308" }),
      );
    }
    // A badly written number, which has its message, is read as 0.
    return {
      kind: "number",
      value: Number.isNaN(value) ? 0 : value,
      isFloat: token.tokenType.name === "FloatLiteral",
      span,
    };
  }

  protected string(token: IToken): s.StringExpression {
    return readString(this.at(token), this.readHole, (diagnostic) => this.report(diagnostic));
  }

  protected name(token: IToken): s.Name {
    return { text: token.image, span: this.at(token) };
  }

  protected at(token: IToken): Span {
    return spanAt(this.file, token.startOffset, endOf(token));
  }

  protected spanOf(node: CstNode): Span {
    const { startOffset, endOffset } = node.location ?? { startOffset: 0 };
    return spanAt(this.file, startOffset, (endOffset ?? startOffset) + 1);
  }

  protected report(diagnostic: Diagnostic): void {
    this.diagnostics.push(diagnostic);
  }
}
