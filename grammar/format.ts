/**
 * The canonical form of a program: its words and comments in their order with other white space between them, so that
 * the meaning cannot change. The form follows from the tree, the comments and the empty lines between items; where the
 * author broke lines does not matter. What belongs to an expression is in `format-expressions.ts`.
 */
import type { Diagnostic } from "./diagnostic.ts";
import { ExpressionFormatter } from "./format-expressions.ts";
import { choice, concat, flat, group, indent, type Layout, printLayout } from "./layout.ts";
import { parse } from "./read.ts";
import type { SourceFile } from "./source.ts";
import type * as s from "./syntax.ts";

export type Formatted = { readonly text: string } | { readonly diagnostics: readonly Diagnostic[] };

/** The text of `file` in canonical form, or what is wrong with its syntax. */
export function format(file: SourceFile): Formatted {
  const { tree, diagnostics } = parse(file);
  if (diagnostics.length > 0) return { diagnostics };
  const text = printLayout(new Formatter(file).file(tree));
  return { text: text === "" ? "" : `${text}\n` };
}

class Formatter extends ExpressionFormatter {
  file({ declarations }: s.SyntaxFile): Layout {
    const parts = declarations.flatMap((declaration) => [this.gap("newline", "item"), this.declaration(declaration)]);
    return concat(...parts, this.gap("newline", "item"));
  }

  // ---- declarations ------------------------------------------------------------------------------

  private declaration(node: s.Declaration): Layout {
    return concat(this.attributes(node.attributes, "newline"), this.declared(node));
  }

  private declared(node: s.Declaration): Layout {
    switch (node.kind) {
      case "import":
        return this.imported(node);
      case "config":
        return concat(
          this.word("config"),
          this.gap("space"),
          this.typed(node.type),
          this.next("space", "="),
          this.value(node.value),
        );
      case "const":
        return this.statement(node);
      case "function":
        return this.functionDeclaration(node);
      case "optimizer": {
        const head = concat(this.heading(), this.gap("none"));
        const params = this.params(node.params);
        const tail = concat(
          this.next("space", "for"),
          this.next("space"),
          this.next("none", ","),
          this.next("space"),
          this.gap("space"),
        );
        const header = { head, params, tail };
        return concat(this.header(header), this.block(node.body));
      }
      case "graph": {
        const head = concat(this.heading(), this.generics(node.generics));
        const where = this.where(node.where);
        const tail = this.gap("space");
        const header = { head, ...(where === undefined ? {} : { where }), tail };
        return concat(
          this.header(header),
          this.items(node.items, (item) => this.graphItem(item)),
        );
      }
      case "test":
        return concat(this.word("test"), this.next("space"), this.gap("space"), this.block(node.body));
    }
  }

  private imported({ names }: s.ImportDeclaration): Layout {
    const head = this.word("import");
    const what =
      names === undefined
        ? concat(this.next("space", "*"), this.next("space", "as"), this.next("space"))
        : concat(
            this.gap("space"),
            this.bracketed(
              names,
              () => {
                const name = this.word();
                return this.peek() === "as" ? concat(name, this.next("space", "as"), this.next("space")) : name;
              },
              "line",
            ),
          );
    return concat(head, what, this.next("space", "from"), this.next("space"));
  }

  private functionDeclaration({ generics, params, result, where, body }: s.FunctionDeclaration): Layout {
    const head = concat(this.heading(), this.generics(generics), this.gap("none"));
    const list = this.params(params);
    const arrow = result === undefined ? undefined : this.result(result);
    const conditions = this.where(where);
    const header = {
      head,
      params: list,
      ...(arrow === undefined ? {} : { result: arrow }),
      ...(conditions === undefined ? {} : { where: conditions }),
    };
    if (body.kind === "block") {
      const tail = this.gap("space");
      return concat(this.header({ ...header, tail }), this.block(body));
    }
    const equals = concat(this.gap("line"), this.word("="));
    const value = this.value(body);
    return choice(
      { of: concat(this.header({ ...header, tail: "" }), equals, value), fits: "flat" },
      { of: concat(this.header({ ...header, tail: "" }), indent(concat(equals, value))), fits: "first" },
    );
  }

  /**
   * A header on one line; else with its result or its conditions on lines of their own; else with a parameter a line.
   * Those that follow the parameters are indented more than the body.
   */
  private header({ head, params, result, where, tail = "" }: Header): Layout {
    const small = concat(head, params === undefined ? "" : flat(params));
    const broken = concat(head, params ?? "");
    const beside = (part: Lower | undefined): Layout => (part === undefined ? "" : concat(flat(part.gap), part.text));
    const below = (part: Lower | undefined): Layout =>
      part === undefined ? "" : indent(concat(part.gap, part.text), 2);
    return choice(
      { of: concat(small, beside(result), beside(where), tail), fits: "flat" },
      { of: concat(small, beside(result), below(where), tail), fits: "all" },
      { of: concat(small, below(result), beside(where), tail), fits: "all" },
      { of: concat(small, below(result), below(where), tail), fits: "all" },
      { of: concat(broken, beside(result), beside(where), tail), fits: "all" },
      { of: concat(broken, beside(result), below(where), tail), fits: "all" },
    );
  }

  /** `layer dense`: a keyword and a name. */
  private heading(): Layout {
    return concat(this.word(), this.next("space"));
  }

  private generics(generics: readonly s.Generic[]): Layout {
    if (generics.length === 0) return "";
    return concat(
      this.gap("none"),
      this.bracketed(generics, (generic) => {
        if (generic.kind === "pack") return concat(this.word(".."), this.next("none"));
        const name = this.word();
        return generic.kind === "dim" ? name : concat(name, this.next("none", ":"), this.next("space"));
      }),
    );
  }

  /** A list whose lines break with what is around it. */
  private params(params: readonly s.FunctionParam[]): Layout {
    return this.listed(params, (param) => {
      const { type } = param;
      const start = concat(this.attributes(param.attributes, "space"), this.word(), this.next("none", ":"));
      const name = concat(start, this.gap("space"), type === "fn" ? this.word("fn") : this.type(type));
      return param.default === undefined ? name : concat(name, this.next("space", "="), this.value(param.default));
    });
  }

  private result(result: s.ResultSyntax): Lower {
    const gap = this.gap("line");
    const arrow = concat(this.word("->"), this.gap("space"));
    const type =
      result.kind === "single" ? this.type(result.type) : this.bracketed(result.parts, (part) => this.typed(part.type));
    return { gap, text: concat(arrow, type) };
  }

  private where(conditions: readonly s.Expression[]): Lower | undefined {
    if (conditions.length === 0) return undefined;
    const gap = this.gap("line");
    const start = concat(this.word("where"), this.gap("space"));
    const list = this.separated(conditions, (condition) => this.expression(condition));
    return { gap, text: concat(start, group(indent(list))) };
  }

  private attributes(attributes: readonly s.Attribute[], after: "space" | "newline"): Layout {
    return concat(
      ...attributes.map(({ args }) => {
        const name = this.word();
        const list = this.peek() === "(" ? concat(this.gap("none"), this.args(args)) : "";
        return concat(name, list, this.gap(after));
      }),
    );
  }

  // ---- statements --------------------------------------------------------------------------------

  protected override block({ statements }: s.Block): Layout {
    return this.items(statements, (statement) => this.attributed(statement));
  }

  protected override shortBlock(block: s.Block): Layout {
    const [only, ...others] = block.statements;
    if (only === undefined || others.length > 0 || only.kind === "if" || only.kind === "scope" || only.doc !== "") {
      return this.block(block);
    }
    const open = this.word("{");
    const inside = indent(concat(this.gap("line"), this.attributed(only)));
    return group(concat(open, inside, this.gap("line", "close"), this.word("}")));
  }

  private items<T>(items: readonly T[], one: (item: T) => Layout): Layout {
    const open = this.word("{");
    if (items.length === 0) return concat(open, this.gap("none", "close"), this.word("}"));
    const parts = items.map((item, i) => concat(this.gap("newline", i === 0 ? "between" : "item"), one(item)));
    return concat(open, indent(concat(...parts)), this.gap("newline", "close"), this.word("}"));
  }

  private attributed(node: s.Statement): Layout {
    return concat(this.attributes(node.attributes, "space"), this.statement(node));
  }

  private graphItem(node: s.GraphItem): Layout {
    switch (node.kind) {
      case "input":
        return this.variable(node.attributes, node.type, node.default);
      case "output": {
        const start = concat(this.attributes(node.attributes, "space"), this.heading());
        return concat(start, this.typeAndValue(node.type, node.value));
      }
      case "train":
        return concat(
          this.attributes(node.attributes, "space"),
          this.heading(),
          this.typeAndValue(undefined, node.value),
        );
      case "step": {
        const start = concat(this.attributes(node.attributes, "space"), this.heading(), this.gap("space"));
        return concat(start, this.shortBlock(node.body));
      }
      default:
        return this.attributed(node);
    }
  }

  private statement(node: s.Statement): Layout {
    switch (node.kind) {
      case "param":
        return this.variable([], node.type, node.init);
      case "state":
        return this.variable([], node.type, node.init);
      case "const": {
        const head = this.heading();
        return concat(head, this.typeAndValue(node.type, node.value));
      }
      case "return": {
        const [only, ...others] = node.values;
        const word = this.word("return");
        if (only !== undefined && others.length === 0) return concat(word, this.value(only));
        const values = concat(
          this.gap("space"),
          this.separated(node.values, (value) => this.expression(value)),
        );
        return concat(word, group(indent(values)));
      }
      case "assert": {
        const condition = concat(this.word("assert"), this.value(node.condition));
        if (node.message === undefined) return condition;
        return group(concat(condition, this.next("none", ","), indent(concat(this.gap("line"), this.word()))));
      }
      case "if":
        return this.ifStatement(node);
      case "scope":
        return concat(this.word("scope"), this.next("space"), this.gap("space"), this.shortBlock(node.body));
      case "update":
        return concat(this.word(), this.next("space", ":="), this.value(node.value));
      case "binding": {
        const names = node.names.map((_, i) =>
          i === 0 ? this.word() : concat(this.next("none", ","), this.next("space")),
        );
        return concat(...names, this.typeAndValue(node.type, node.value));
      }
    }
  }

  /** `param w: f32[3] = zeros`, and what is written like it. */
  private variable(
    attributes: readonly s.Attribute[],
    type: s.StateStatement["type"],
    value: s.Expression | undefined,
  ): Layout {
    return concat(this.attributes(attributes, "space"), this.heading(), this.typeAndValue(type, value));
  }

  private ifStatement(node: s.IfStatement): Layout {
    const parts: Layout[] = [];
    for (let branch: s.IfStatement | s.Block | undefined = node; branch !== undefined; ) {
      if (branch.kind === "block") {
        parts.push(this.gap("space"), this.block(branch));
        break;
      }
      if (parts.length > 0) parts.push(this.gap("space"));
      const head = concat(this.word("if"), this.value(branch.condition), this.gap("space"));
      parts.push(head, this.block(branch.then));
      branch = branch.else;
      if (branch !== undefined) parts.push(this.next("space", "else"));
    }
    return concat(...parts);
  }

  // ---- parts of both -----------------------------------------------------------------------------

  /** `name: type` */
  private typed(type: s.TypeSyntax): Layout {
    return concat(this.word(), this.next("none", ":"), this.gap("space"), this.type(type));
  }

  /** `: type = value`, of which either may be missing. A value that cannot break goes below a type that could. */
  private typeAndValue(type: s.StateStatement["type"] | undefined, value: s.Expression | undefined): Layout {
    const colon = type === undefined ? "" : concat(this.next("none", ":"), this.gap("space"));
    const written =
      type === undefined ? "" : "like" in type ? concat(this.word("like"), this.next("space")) : this.type(type);
    const start = concat(colon, written);
    if (value === undefined) return start;
    if (type === undefined || value.kind !== "name") return concat(start, this.next("space", "="), this.value(value));
    const equals = concat(this.next("line", "="), this.value(value));
    return choice(
      { of: concat(start, equals), fits: "flat" },
      { of: concat(flat(start), indent(equals)), fits: "all" },
      { of: concat(start, flat(equals)), fits: "all" },
    );
  }
}

/** A part of a header that may begin a line. */
interface Lower {
  readonly gap: Layout;
  readonly text: Layout;
}

interface Header {
  readonly head: Layout;
  readonly params?: Layout;
  readonly result?: Lower;
  readonly where?: Lower;
  /** What stands before a block. */
  readonly tail?: Layout;
}
