/** From the concrete tree of `parser.ts` to the typed tree of `syntax.ts`: declarations, statements and types. */
import type { CstNode, IToken } from "chevrotain";
import { aNode, aToken, maybeNode, maybeToken, nodes, tokens } from "./concrete.ts";
import { ExpressionReader } from "./expressions.ts";
import { syntaxError } from "./messages.ts";
import type { SourceFile, Span } from "./source.ts";
import type * as s from "./syntax.ts";

const classes = ["num", "float", "int", "any"] as const;

export class TreeReader extends ExpressionReader {
  /** The documentation before a token, by the token's offset. */
  private readonly docs: ReadonlyMap<number, string>;

  constructor(file: SourceFile, docs: ReadonlyMap<number, string>, readHole: (span: Span) => s.Expression) {
    super(file, readHole);
    this.docs = docs;
  }

  readFile(node: CstNode): s.SyntaxFile {
    const declarations = nodes(node, "declaration").flatMap((item) => this.declaration(item) ?? []);
    return { kind: "file", declarations, span: { file: this.file, start: 0, end: this.file.text.length } };
  }

  // ---- declarations ------------------------------------------------------------------------------

  private declaration(node: CstNode): s.Declaration | undefined {
    const declared = this.declared(node);
    const rule = Object.values(node.children)
      .flat()
      .find((child) => "children" in child && child.name !== "attributes");
    if (rule === undefined || !("children" in rule)) return undefined;
    switch (rule.name) {
      case "importDeclaration":
        return {
          kind: "import",
          ...declared,
          ...this.imported(rule),
          from: this.string(aToken(rule, "StringLiteral")),
        };
      case "configDeclaration":
        return {
          kind: "config",
          ...declared,
          name: this.named(rule),
          type: this.type(aNode(rule, "type")),
          value: this.expression(aNode(rule, "expression")),
        };
      case "constStatement":
        return this.constant(rule, declared);
      case "functionDeclaration":
        return this.functionDeclaration(rule, declared);
      case "optimizerDeclaration":
        return {
          kind: "optimizer",
          ...declared,
          name: this.named(rule),
          params: this.parameters(aNode(rule, "parameters")),
          parameter: this.name(aToken(rule, "parameter")),
          gradient: this.name(aToken(rule, "gradient")),
          body: this.block(aNode(rule, "block")),
        };
      case "graphDeclaration":
        return {
          kind: "graph",
          ...declared,
          name: this.named(rule),
          generics: this.generics(maybeNode(rule, "generics")),
          where: this.where(rule),
          items: nodes(rule, "graphItem").flatMap((item) => this.graphItem(item) ?? []),
        };
      default:
        return {
          kind: "test",
          ...declared,
          name: this.string(aToken(rule, "StringLiteral")),
          body: this.block(aNode(rule, "block")),
        };
    }
  }

  private imported(rule: CstNode): Pick<s.ImportDeclaration, "names" | "namespace"> {
    const namespace = maybeToken(rule, "Ident");
    if (namespace !== undefined) return { namespace: this.name(namespace) };
    const names = nodes(rule, "importName").map((item) => {
      const name = this.named(item);
      const as = maybeToken(item, "as");
      return { name, as: as === undefined ? name : this.name(as) };
    });
    return { names };
  }

  private functionDeclaration(rule: CstNode, declared: Declared): s.FunctionDeclaration {
    const keyword = aToken(rule, "keyword");
    const result = maybeNode(rule, "result");
    const block = maybeNode(rule, "block");
    return {
      kind: "function",
      ...declared,
      form: keyword.image === "layer" ? "layer" : "def",
      keyword: this.at(keyword),
      name: this.named(rule),
      generics: this.generics(maybeNode(rule, "generics")),
      params: this.parameters(aNode(rule, "parameters")),
      ...(result === undefined ? {} : { result: this.result(result) }),
      where: this.where(rule),
      body: block === undefined ? this.expression(aNode(rule, "expression")) : this.block(block),
    };
  }

  private generics(node: CstNode | undefined): s.Generic[] {
    if (node === undefined) return [];
    return nodes(node, "generic").map((item): s.Generic => {
      const span = this.spanOf(item);
      const pack = maybeToken(item, "pack");
      if (pack !== undefined) return { kind: "pack", name: this.name(pack), span };
      const name = this.named(item);
      const word = maybeToken(item, "class");
      if (word === undefined) return { kind: "dim", name, span };
      const known = classes.find((candidate) => candidate === word.image);
      if (known === undefined) {
        const text = "`num`, `float`, `int` or `any`";
        this.report(syntaxError("TFG0101", `\`${word.image}\` is no class of dtypes`, { span: this.at(word), text }));
      }
      return { kind: "dtype", name, class: known ?? "any", span };
    });
  }

  private parameters(node: CstNode): s.FunctionParam[] {
    return nodes(node, "parameter").map((item) => {
      const type = maybeNode(item, "type");
      const value = maybeNode(item, "expression");
      return {
        kind: "param-of-function",
        ...this.declared(item),
        name: this.named(item),
        type: type === undefined ? "fn" : this.type(type),
        ...(value === undefined ? {} : { default: this.expression(value) }),
      };
    });
  }

  private result(node: CstNode): s.ResultSyntax {
    const span = this.spanOf(node);
    const type = maybeNode(node, "type");
    if (type !== undefined) return { kind: "single", type: this.type(type), span };
    const parts = nodes(node, "resultPart").map((part) => {
      return { name: this.named(part), type: this.type(aNode(part, "type")) };
    });
    return { kind: "named", parts, span };
  }

  private where(rule: CstNode): s.Expression[] {
    const node = maybeNode(rule, "where");
    return node === undefined ? [] : nodes(node, "expression").map((item) => this.expression(item));
  }

  private type(node: CstNode): s.TypeSyntax {
    const args = maybeNode(node, "argumentList");
    const hasDims = maybeToken(node, "LeftBracket") !== undefined;
    return {
      kind: "type",
      name: this.named(node),
      ...(args === undefined ? {} : { args: this.argumentList(args) }),
      ...(hasDims ? { dims: nodes(node, "dim").map((item) => this.dim(item)) } : {}),
      span: this.spanOf(node),
    };
  }

  private dim(node: CstNode): s.DimSyntax {
    const span = this.spanOf(node);
    const pack = maybeToken(node, "pack");
    if (pack !== undefined) return { kind: "pack", name: this.name(pack), span };
    return { kind: "expr", value: this.expression(aNode(node, "expression")), span };
  }

  // ---- statements --------------------------------------------------------------------------------

  protected override block(node: CstNode): s.Block {
    const statements = nodes(node, "blockItem").flatMap((item) => {
      return this.statement(aNode(item, "statement"), this.declared(item)) ?? [];
    });
    return { kind: "block", statements, span: this.spanOf(node) };
  }

  private graphItem(node: CstNode): s.GraphItem | undefined {
    const declared = this.declared(node);
    const input = maybeNode(node, "inputStatement");
    if (input !== undefined) {
      const value = this.maybeExpression(input);
      return {
        kind: "input",
        ...declared,
        name: this.named(input),
        type: this.type(aNode(input, "type")),
        ...(value === undefined ? {} : { default: value }),
      };
    }
    const output = maybeNode(node, "outputStatement");
    if (output !== undefined) {
      const value = this.maybeExpression(output);
      const name = this.named(output);
      return {
        kind: "output",
        ...declared,
        name,
        ...this.maybeType(output),
        ...(value === undefined ? {} : { value }),
      };
    }
    const train = maybeNode(node, "trainStatement");
    if (train !== undefined) {
      return {
        kind: "train",
        ...declared,
        name: this.named(train),
        value: this.expression(aNode(train, "expression")),
      };
    }
    const step = maybeNode(node, "stepStatement");
    if (step !== undefined) {
      return { kind: "step", ...declared, name: this.named(step), body: this.block(aNode(step, "block")) };
    }
    return this.statement(aNode(node, "statement"), declared);
  }

  private statement(node: CstNode, declared: Declared): s.Statement | undefined {
    const rule = Object.values(node.children)[0]?.[0];
    if (rule === undefined || !("children" in rule)) return undefined;
    switch (rule.name) {
      case "paramStatement": {
        const init = this.maybeExpression(rule);
        const type = this.type(aNode(rule, "type"));
        return { kind: "param", ...declared, name: this.named(rule), type, ...(init === undefined ? {} : { init }) };
      }
      case "stateStatement": {
        const init = this.maybeExpression(rule);
        const like = maybeToken(rule, "like");
        const type = like === undefined ? this.type(aNode(rule, "type")) : { like: this.name(like) };
        return { kind: "state", ...declared, name: this.named(rule), type, ...(init === undefined ? {} : { init }) };
      }
      case "constStatement":
        return this.constant(rule, declared);
      case "returnStatement":
        return { kind: "return", ...declared, values: nodes(rule, "expression").map((item) => this.expression(item)) };
      case "assertStatement": {
        const message = maybeToken(rule, "StringLiteral");
        const condition = this.expression(aNode(rule, "expression"));
        return {
          kind: "assert",
          ...declared,
          condition,
          ...(message === undefined ? {} : { message: this.string(message) }),
        };
      }
      case "ifStatement":
        return this.conditionalStatement(rule, declared);
      case "scopeStatement":
        return {
          kind: "scope",
          ...declared,
          name: this.string(aToken(rule, "StringLiteral")),
          body: this.block(aNode(rule, "block")),
        };
      case "updateStatement":
        return {
          kind: "update",
          ...declared,
          name: this.named(rule),
          operator: this.at(aToken(rule, "ColonEqual")),
          value: this.expression(aNode(rule, "expression")),
        };
      default:
        return {
          kind: "binding",
          ...declared,
          names: tokens(rule, "name").map((name) => this.name(name)),
          ...this.maybeType(rule),
          value: this.expression(aNode(rule, "expression")),
        };
    }
  }

  /** `if a { } else if b { } else { }`, from its end so that a long chain needs no stack. */
  private conditionalStatement(rule: CstNode, declared: Declared): s.IfStatement {
    const branches = nodes(rule, "ifBranch");
    const last = maybeNode(rule, "block");
    let rest: s.Block | s.IfStatement | undefined = last === undefined ? undefined : this.block(last);
    let whole: s.IfStatement | undefined;
    for (const branch of branches.toReversed()) {
      const span: Span = { file: this.file, start: this.spanOf(branch).start, end: declared.span.end };
      const first = branch === branches[0];
      const then = this.block(aNode(branch, "block"));
      whole = {
        kind: "if",
        ...(first ? declared : { attributes: [], doc: "", span }),
        condition: this.expression(aNode(branch, "expression")),
        then,
        ...(rest === undefined ? {} : { else: rest }),
      };
      rest = whole;
    }
    return whole ?? absentBranch(rule);
  }

  private constant(rule: CstNode, declared: Declared): s.ConstStatement {
    const value = this.expression(aNode(rule, "expression"));
    return { kind: "const", ...declared, name: this.named(rule), ...this.maybeType(rule), value };
  }

  // ---- what declarations and statements share ------------------------------------------------------

  private declared(node: CstNode): Declared {
    const span = this.spanOf(node);
    const attributes = nodes(aNode(node, "attributes"), "attribute").map((item): s.Attribute => {
      const token = aToken(item, "AttributeName");
      const args = maybeNode(item, "argumentList");
      const name = { text: token.image.slice(1), span: { ...this.at(token), start: token.startOffset + 1 } };
      return { name, args: args === undefined ? [] : this.argumentList(args), span: this.spanOf(item) };
    });
    return { attributes, doc: this.docs.get(span.start) ?? "", span };
  }

  private named(rule: CstNode): s.Name {
    return this.name(aToken(rule, "name"));
  }

  private maybeExpression(rule: CstNode): s.Expression | undefined {
    const node = maybeNode(rule, "expression");
    return node === undefined ? undefined : this.expression(node);
  }

  private maybeType(rule: CstNode): { readonly type?: s.TypeSyntax } {
    const node = maybeNode(rule, "type");
    return node === undefined ? {} : { type: this.type(node) };
  }
}

type Declared = Pick<s.ConstStatement, "attributes" | "doc" | "span">;

function absentBranch(rule: CstNode): never {
  throw new Error(`the rule ${rule.name} was read without a branch`);
}

/** The documentation before each token: the last block of `///` lines between it and the token before it. */
export function attachDocs(file: SourceFile, words: readonly IToken[], docs: readonly IToken[]): Map<number, string> {
  const attached = new Map<number, string>();
  let at = 0;
  for (const word of words) {
    let block: IToken[] = [];
    for (let doc = docs[at]; doc !== undefined && doc.startOffset < word.startOffset; doc = docs[++at]) {
      const before = block.at(-1);
      const between = file.text.slice((before?.startOffset ?? 0) + (before?.image.length ?? 0), doc.startOffset);
      if (!/^\s*$/.test(between) || (between.match(/\r\n?|\n/g) ?? []).length > 1) block = [];
      block.push(doc);
    }
    if (block.length > 0) {
      attached.set(word.startOffset, block.map((doc) => doc.image.slice(3).replace(/^ /, "").trimEnd()).join("\n"));
    }
  }
  return attached;
}
