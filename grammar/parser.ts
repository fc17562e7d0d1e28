/**
 * The grammar of language.md 2.2, and nothing else: it builds Chevrotain's concrete tree and stops at the first
 * error. `read.ts` turns the tree into the typed one of `syntax.ts`; `repair.ts` makes the parser go on after an error.
 *
 * Binary operators are read as a flat list; their precedence is a table in `operators.ts`. Two gates hold error
 * productions, which accept a wrong program to give it a better message: `a if c else b`, and `2 x`.
 */
import { CstParser, EOF } from "chevrotain";
import type { CstNode, IParserErrorMessageProvider, IToken, ParserMethod } from "chevrotain";
import * as t from "./tokens.ts";
import { endsValue, is } from "./tokens.ts";

/** Expressions and blocks within each other; one level costs up to 60 frames of the stack. */
export const deepestNesting = 100;

/** Thrown where `deepestNesting` is passed. */
export class TooDeep extends Error {
  readonly token: IToken;
  constructor(token: IToken) {
    super("too deep");
    this.token = token;
  }
}

/** A declaration or statement that has begun and not ended; `within` is what it stands in. */
export interface Opened {
  readonly first: IToken;
  readonly within: "file" | "graph" | "block";
}

export class Grammar extends CstParser {
  /** After an error: the declarations and statements that were being read, outermost first. */
  readonly opened: Opened[] = [];
  private depth = 0;
  private text = "";

  constructor(messages: IParserErrorMessageProvider, skipValidations: boolean) {
    super([...t.vocabulary], {
      maxLookahead: 3,
      nodeLocationTracking: "onlyOffset",
      errorMessageProvider: messages,
      skipValidations,
    });
    this.performSelfAnalysis();
  }

  /** Makes the parser ready for `tokens` of `text`. */
  begin(text: string, tokens: IToken[]): void {
    this.text = text;
    this.depth = 0;
    this.opened.length = 0;
    this.input = tokens;
  }

  // ---- file and declarations ---------------------------------------------------------------------

  file = this.RULE("file", () => {
    this.MANY(() => this.SUBRULE(this.declaration));
  });

  private declaration = this.RULE("declaration", () => {
    this.enter("file");
    this.SUBRULE(this.attributes);
    this.OR([
      { ALT: () => this.SUBRULE(this.importDeclaration) },
      { ALT: () => this.SUBRULE(this.configDeclaration) },
      { ALT: () => this.SUBRULE(this.constStatement) },
      { ALT: () => this.SUBRULE(this.functionDeclaration) },
      { ALT: () => this.SUBRULE(this.optimizerDeclaration) },
      { ALT: () => this.SUBRULE(this.graphDeclaration) },
      { ALT: () => this.SUBRULE(this.testDeclaration) },
      { ALT: () => this.CONSUME(t.Skipped) },
    ]);
    this.leave();
  });

  private attributes = this.RULE("attributes", () => {
    this.MANY(() => this.SUBRULE(this.attribute));
  });

  private attribute = this.RULE("attribute", () => {
    this.CONSUME(t.AttributeName);
    this.OPTION(() => {
      this.CONSUME(t.LeftParen);
      this.SUBRULE(this.argumentList);
      this.CONSUME(t.RightParen);
    });
  });

  private importDeclaration = this.RULE("importDeclaration", () => {
    this.CONSUME(t.Import);
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.LeftBrace);
          this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.importName) });
          this.CONSUME(t.RightBrace);
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.Star);
          this.CONSUME(t.As);
          this.CONSUME(t.Ident);
        },
      },
    ]);
    this.CONSUME(t.From);
    this.CONSUME(t.StringLiteral);
  });

  private importName = this.RULE("importName", () => {
    this.CONSUME(t.Ident, { LABEL: "name" });
    this.OPTION(() => {
      this.CONSUME(t.As);
      this.CONSUME2(t.Ident, { LABEL: "as" });
    });
  });

  private configDeclaration = this.RULE("configDeclaration", () => {
    this.CONSUME(t.Config);
    this.CONSUME(t.Ident, { LABEL: "name" });
    this.CONSUME(t.Colon);
    this.SUBRULE(this.type);
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expression);
  });

  private functionDeclaration = this.RULE("functionDeclaration", () => {
    this.OR([
      { ALT: () => this.CONSUME(t.Def, { LABEL: "keyword" }) },
      { ALT: () => this.CONSUME(t.Layer, { LABEL: "keyword" }) },
    ]);
    this.CONSUME(t.Ident, { LABEL: "name" });
    this.OPTION(() => this.SUBRULE(this.generics));
    this.SUBRULE(this.parameters);
    this.OPTION2(() => {
      this.CONSUME(t.Arrow);
      this.SUBRULE(this.result);
    });
    this.OPTION3(() => this.SUBRULE(this.where));
    this.OR2([
      {
        ALT: () => {
          this.CONSUME(t.Equal);
          this.SUBRULE(this.expression);
        },
      },
      { ALT: () => this.SUBRULE(this.block) },
    ]);
  });

  private optimizerDeclaration = this.RULE("optimizerDeclaration", () => {
    this.CONSUME(t.Optimizer);
    this.CONSUME(t.Ident, { LABEL: "name" });
    this.SUBRULE(this.parameters);
    this.CONSUME(t.For);
    this.CONSUME2(t.Ident, { LABEL: "parameter" });
    this.CONSUME(t.Comma);
    this.CONSUME3(t.Ident, { LABEL: "gradient" });
    this.SUBRULE(this.block);
  });

  private graphDeclaration = this.RULE("graphDeclaration", () => {
    this.CONSUME(t.Graph);
    this.CONSUME(t.Ident, { LABEL: "name" });
    this.OPTION(() => this.SUBRULE(this.generics));
    this.OPTION2(() => this.SUBRULE(this.where));
    this.CONSUME(t.LeftBrace);
    this.MANY(() => this.SUBRULE(this.graphItem));
    this.CONSUME(t.RightBrace);
  });

  private testDeclaration = this.RULE("testDeclaration", () => {
    this.CONSUME(t.Test);
    this.CONSUME(t.StringLiteral);
    this.SUBRULE(this.block);
  });

  private generics = this.RULE("generics", () => {
    this.CONSUME(t.LeftBracket);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.generic) });
    this.CONSUME(t.RightBracket);
  });

  private generic = this.RULE("generic", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.DotDot);
          this.CONSUME(t.Ident, { LABEL: "pack" });
        },
      },
      {
        ALT: () => {
          this.CONSUME2(t.Ident, { LABEL: "name" });
          this.OPTION(() => {
            this.CONSUME(t.Colon);
            this.CONSUME3(t.Ident, { LABEL: "class" });
          });
        },
      },
    ]);
  });

  private parameters = this.RULE("parameters", () => {
    this.CONSUME(t.LeftParen);
    this.MANY_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.parameter) });
    this.CONSUME(t.RightParen);
  });

  private parameter = this.RULE("parameter", () => {
    this.SUBRULE(this.attributes);
    this.CONSUME(t.Ident, { LABEL: "name" });
    this.CONSUME(t.Colon);
    this.OR([{ ALT: () => this.CONSUME(t.Fn) }, { ALT: () => this.SUBRULE(this.type) }]);
    this.OPTION(() => {
      this.CONSUME(t.Equal);
      this.SUBRULE(this.expression);
    });
  });

  private type = this.RULE("type", () => {
    this.CONSUME(t.Ident, { LABEL: "name" });
    this.OPTION(() => {
      this.CONSUME(t.LeftParen);
      this.SUBRULE(this.argumentList);
      this.CONSUME(t.RightParen);
    });
    this.OPTION2(() => {
      this.CONSUME(t.LeftBracket);
      this.MANY_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.dim) });
      this.CONSUME(t.RightBracket);
    });
  });

  private dim = this.RULE("dim", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.DotDot);
          this.CONSUME(t.Ident, { LABEL: "pack" });
        },
      },
      { ALT: () => this.SUBRULE(this.expression) },
    ]);
  });

  private result = this.RULE("result", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.LeftParen);
          this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.resultPart) });
          this.CONSUME(t.RightParen);
        },
      },
      { ALT: () => this.SUBRULE(this.type) },
    ]);
  });

  private resultPart = this.RULE("resultPart", () => {
    this.CONSUME(t.Ident, { LABEL: "name" });
    this.CONSUME(t.Colon);
    this.SUBRULE(this.type);
  });

  private where = this.RULE("where", () => {
    this.CONSUME(t.Where);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.expression) });
  });

  // ---- statements --------------------------------------------------------------------------------

  private block = this.RULE("block", () => {
    this.CONSUME(t.LeftBrace);
    this.MANY(() => this.SUBRULE(this.blockItem));
    this.CONSUME(t.RightBrace);
  });

  private graphItem = this.RULE("graphItem", () => {
    this.enter("graph");
    this.SUBRULE(this.attributes);
    this.OR([
      { ALT: () => this.SUBRULE(this.inputStatement) },
      { ALT: () => this.SUBRULE(this.outputStatement) },
      { ALT: () => this.SUBRULE(this.trainStatement) },
      { ALT: () => this.SUBRULE(this.stepStatement) },
      { ALT: () => this.SUBRULE(this.statement) },
    ]);
    this.leave();
  });

  private blockItem = this.RULE("blockItem", () => {
    this.enter("block");
    this.SUBRULE(this.attributes);
    this.SUBRULE(this.statement);
    this.leave();
  });

  private inputStatement = this.RULE("inputStatement", () => {
    this.CONSUME(t.Input);
    this.CONSUME(t.Ident, { LABEL: "name" });
    this.CONSUME(t.Colon);
    this.SUBRULE(this.type);
    this.OPTION(() => {
      this.CONSUME(t.Equal);
      this.SUBRULE(this.expression);
    });
  });

  private outputStatement = this.RULE("outputStatement", () => {
    this.CONSUME(t.Output);
    this.CONSUME(t.Ident, { LABEL: "name" });
    this.OPTION(() => {
      this.CONSUME(t.Colon);
      this.SUBRULE(this.type);
    });
    this.OPTION2(() => {
      this.CONSUME(t.Equal);
      this.SUBRULE(this.expression);
    });
  });

  private trainStatement = this.RULE("trainStatement", () => {
    this.CONSUME(t.Train);
    this.CONSUME(t.Ident, { LABEL: "name" });
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expression);
  });

  private stepStatement = this.RULE("stepStatement", () => {
    this.CONSUME(t.Step);
    this.CONSUME(t.Ident, { LABEL: "name" });
    this.SUBRULE(this.block);
  });

  private statement = this.RULE("statement", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.paramStatement) },
      { ALT: () => this.SUBRULE(this.stateStatement) },
      { ALT: () => this.SUBRULE(this.constStatement) },
      { ALT: () => this.SUBRULE(this.returnStatement) },
      { ALT: () => this.SUBRULE(this.assertStatement) },
      { ALT: () => this.SUBRULE(this.ifStatement) },
      { ALT: () => this.SUBRULE(this.scopeStatement) },
      { ALT: () => this.SUBRULE(this.updateStatement) },
      { ALT: () => this.SUBRULE(this.bindingStatement) },
      { ALT: () => this.CONSUME(t.Skipped) },
    ]);
  });

  private paramStatement = this.RULE("paramStatement", () => {
    this.CONSUME(t.Param);
    this.CONSUME(t.Ident, { LABEL: "name" });
    this.CONSUME(t.Colon);
    this.SUBRULE(this.type);
    this.OPTION(() => {
      this.CONSUME(t.Equal);
      this.SUBRULE(this.expression);
    });
  });

  private stateStatement = this.RULE("stateStatement", () => {
    this.CONSUME(t.State);
    this.CONSUME(t.Ident, { LABEL: "name" });
    this.CONSUME(t.Colon);
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.Like);
          this.CONSUME2(t.Ident, { LABEL: "like" });
        },
      },
      { ALT: () => this.SUBRULE(this.type) },
    ]);
    this.OPTION(() => {
      this.CONSUME(t.Equal);
      this.SUBRULE(this.expression);
    });
  });

  private constStatement = this.RULE("constStatement", () => {
    this.CONSUME(t.Const);
    this.CONSUME(t.Ident, { LABEL: "name" });
    this.OPTION(() => {
      this.CONSUME(t.Colon);
      this.SUBRULE(this.type);
    });
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expression);
  });

  private returnStatement = this.RULE("returnStatement", () => {
    this.CONSUME(t.Return);
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.expression) });
  });

  private assertStatement = this.RULE("assertStatement", () => {
    this.CONSUME(t.Assert);
    this.SUBRULE(this.expression);
    this.OPTION(() => {
      this.CONSUME(t.Comma);
      this.CONSUME(t.StringLiteral);
    });
  });

  private ifStatement = this.RULE("ifStatement", () => {
    this.SUBRULE(this.ifBranch);
    this.MANY(() => {
      this.CONSUME(t.Else);
      this.SUBRULE2(this.ifBranch);
    });
    this.OPTION(() => {
      this.CONSUME2(t.Else);
      this.SUBRULE(this.block);
    });
  });

  private ifBranch = this.RULE("ifBranch", () => {
    this.CONSUME(t.If);
    this.SUBRULE(this.expression);
    this.SUBRULE(this.block);
  });

  private scopeStatement = this.RULE("scopeStatement", () => {
    this.CONSUME(t.Scope);
    this.CONSUME(t.StringLiteral);
    this.SUBRULE(this.block);
  });

  private updateStatement = this.RULE("updateStatement", () => {
    this.CONSUME(t.Ident, { LABEL: "name" });
    this.CONSUME(t.ColonEqual);
    this.SUBRULE(this.expression);
  });

  private bindingStatement = this.RULE("bindingStatement", () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.CONSUME(t.Ident, { LABEL: "name" }) });
    this.OPTION(() => {
      this.CONSUME(t.Colon);
      this.SUBRULE(this.type);
    });
    this.CONSUME(t.Equal);
    this.SUBRULE(this.expression);
  });

  // ---- expressions -------------------------------------------------------------------------------

  expression: ParserMethod<[], CstNode> = this.RULE("expression", () => {
    this.descend();
    this.OR([
      { ALT: () => this.SUBRULE(this.conditional) },
      { ALT: () => this.SUBRULE(this.lambda) },
      { ALT: () => this.SUBRULE(this.pipe) },
    ]);
    this.OPTION({
      GATE: () => this.isPythonConditional(),
      DEF: () => {
        this.CONSUME(t.If);
        this.SUBRULE(this.expression);
        this.CONSUME(t.Else);
        this.SUBRULE2(this.expression);
      },
    });
    this.ascend();
  });

  private conditional = this.RULE("conditional", () => {
    this.CONSUME(t.If);
    this.SUBRULE(this.expression);
    this.CONSUME(t.Then);
    this.SUBRULE2(this.expression);
    this.CONSUME(t.Else);
    this.SUBRULE3(this.expression);
  });

  private lambda = this.RULE("lambda", () => {
    this.CONSUME(t.Fn);
    this.CONSUME(t.LeftParen);
    this.MANY_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.pattern) });
    this.CONSUME(t.RightParen);
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.FatArrow);
          this.SUBRULE(this.expression);
        },
      },
      { ALT: () => this.SUBRULE(this.block) },
    ]);
  });

  private pattern = this.RULE("pattern", () => {
    this.OR([
      { ALT: () => this.CONSUME(t.Ident, { LABEL: "name" }) },
      {
        ALT: () => {
          this.CONSUME(t.LeftParen);
          this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.CONSUME2(t.Ident, { LABEL: "name" }) });
          this.CONSUME(t.RightParen);
        },
      },
    ]);
  });

  private pipe = this.RULE("pipe", () => {
    this.SUBRULE(this.operation);
    this.MANY(() => {
      this.CONSUME(t.Pipe);
      this.SUBRULE(this.postfix);
    });
  });

  /** `or` to `power` of the EBNF: operands with operators between them. */
  private operation = this.RULE("operation", () => {
    this.SUBRULE(this.operand);
    this.MANY({
      GATE: () => this.isOperator() || this.isMissingOperator(),
      DEF: () => {
        this.OPTION(() => this.CONSUME(t.BinaryOperator));
        this.SUBRULE2(this.operand);
      },
    });
  });

  private operand = this.RULE("operand", () => {
    this.MANY(() =>
      this.OR([
        { ALT: () => this.CONSUME(t.Minus, { LABEL: "prefix" }) },
        { ALT: () => this.CONSUME(t.Bang, { LABEL: "prefix" }) },
      ]),
    );
    this.SUBRULE(this.cast);
  });

  private cast = this.RULE("cast", () => {
    this.SUBRULE(this.postfix);
    this.MANY(() => {
      this.CONSUME(t.As);
      this.CONSUME(t.Ident, { LABEL: "to" });
    });
  });

  private postfix = this.RULE("postfix", () => {
    this.SUBRULE(this.primary);
    this.MANY(() => this.SUBRULE(this.suffix));
  });

  private suffix = this.RULE("suffix", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.Dot);
          this.CONSUME(t.Ident, { LABEL: "member" });
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.LeftParen);
          this.OR2([{ ALT: () => this.SUBRULE(this.comprehension) }, { ALT: () => this.SUBRULE(this.argumentList) }]);
          this.CONSUME(t.RightParen);
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.LeftBracket);
          this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.slice) });
          this.CONSUME(t.RightBracket);
        },
      },
    ]);
  });

  private comprehension = this.RULE("comprehension", () => {
    this.AT_LEAST_ONE_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.binder) });
    this.CONSUME(t.Colon);
    this.SUBRULE(this.expression);
  });

  private binder = this.RULE("binder", () => {
    this.CONSUME(t.Ident, { LABEL: "name" });
    this.CONSUME(t.In);
    this.SUBRULE(this.expression);
  });

  private argumentList = this.RULE("argumentList", () => {
    this.MANY_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.argument) });
  });

  private argument = this.RULE("argument", () => {
    this.OPTION(() => {
      this.CONSUME(t.Ident, { LABEL: "name" });
      this.CONSUME(t.Equal);
    });
    this.SUBRULE(this.expression);
  });

  private slice = this.RULE("slice", () => {
    this.OR([
      { ALT: () => this.CONSUME(t.Ellipsis) },
      { ALT: () => this.CONSUME(t.New) },
      {
        ALT: () => {
          this.CONSUME(t.Colon);
          this.SUBRULE(this.sliceEnd);
        },
      },
      {
        ALT: () => {
          this.SUBRULE(this.expression, { LABEL: "from" });
          this.OPTION(() => {
            this.CONSUME2(t.Colon);
            this.SUBRULE2(this.sliceEnd);
          });
        },
      },
    ]);
  });

  /** What follows the first colon of a slice. */
  private sliceEnd = this.RULE("sliceEnd", () => {
    this.OPTION(() => this.SUBRULE(this.expression, { LABEL: "to" }));
    this.OPTION2(() => {
      this.CONSUME(t.Colon);
      this.SUBRULE2(this.expression, { LABEL: "step" });
    });
  });

  private primary = this.RULE("primary", () => {
    this.OR([
      { ALT: () => this.CONSUME(t.NumberLiteral) },
      { ALT: () => this.CONSUME(t.StringLiteral) },
      { ALT: () => this.CONSUME(t.True) },
      { ALT: () => this.CONSUME(t.False) },
      { GATE: () => !this.isNextStatement(), ALT: () => this.CONSUME(t.Ident) },
      {
        ALT: () => {
          this.CONSUME(t.LeftParen);
          this.SUBRULE(this.expression);
          this.CONSUME(t.RightParen);
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.LeftBracket);
          this.MANY_SEP({ SEP: t.Comma, DEF: () => this.SUBRULE(this.listItem) });
          this.CONSUME(t.RightBracket);
        },
      },
      { ALT: () => this.CONSUME(t.Skipped) },
    ]);
  });

  private listItem = this.RULE("listItem", () => {
    this.OPTION(() => this.CONSUME(t.DotDot));
    this.SUBRULE(this.expression);
  });

  // ---- gates -------------------------------------------------------------------------------------

  private isOperator(): boolean {
    return is(this.LA(1), t.BinaryOperator);
  }

  /**
   * A value directly behind a value on the same line, where no statement begins. Directly within the brackets of a
   * call or list it is a missing comma instead, which the rule of those brackets reports.
   */
  private isMissingOperator(): boolean {
    const next = this.LA(1);
    const isValue = is(next, t.NumberLiteral) || is(next, t.Ident) || is(next, t.True) || is(next, t.False);
    if (!isValue || this.breaksLine(1)) return false;
    if (is(next, t.Ident) && this.startsStatement()) return false;
    return !this.isWithinList();
  }

  /** Whether the name at hand begins a statement: `a =`, `a :=`, `a: `, `a, b =`, `output a`, `test "…"`. */
  private startsStatement(): boolean {
    let after = 2;
    while (is(this.LA(after), t.Comma) && is(this.LA(after + 1), t.Ident)) after += 2;
    const end = this.LA(after);
    if (is(end, t.Equal) || is(end, t.Colon)) return true;
    const second = this.LA(2);
    if (is(second, t.ColonEqual)) return true;
    return t.softKeywords.has(this.LA(1).tokenType) && (is(second, t.Ident) || is(second, t.StringLiteral));
  }

  /** A line that begins with `output y` cannot go on with a value named `output`. */
  private isNextStatement(): boolean {
    if (!t.softKeywords.has(this.LA(1).tokenType) || !this.breaksLine(1)) return false;
    return is(this.LA(2), t.Ident) && !this.breaksLine(2);
  }

  /** Whether the innermost open bracket is a list, an index, a shape or a call. */
  private isWithinList(): boolean {
    let open = 0;
    for (let back = 0; ; back--) {
      const token = this.LA(back);
      if (is(token, EOF) || is(token, t.LeftBrace) || is(token, t.RightBrace)) return false;
      if (is(token, t.RightParen) || is(token, t.RightBracket)) open++;
      else if (is(token, t.LeftParen) || is(token, t.LeftBracket)) {
        if (open > 0) open--;
        else return is(token, t.LeftBracket) || endsValue(this.LA(back - 1));
      }
    }
  }

  /** `a if c else b`: an `if` on the line of the value before it, and its `else` before any `then` or block. */
  private isPythonConditional(): boolean {
    if (!is(this.LA(1), t.If) || this.breaksLine(1)) return false;
    let open = 0;
    for (let ahead = 2; ; ahead++) {
      const token = this.LA(ahead);
      if (is(token, EOF) || is(token, t.LeftBrace) || is(token, t.Then)) return false;
      if (is(token, t.Else)) return open === 0;
      if (is(token, t.LeftParen) || is(token, t.LeftBracket)) open++;
      else if (is(token, t.RightParen) || is(token, t.RightBracket)) open--;
      if (open < 0) return false;
    }
  }

  /** Whether token `ahead` stands on another line than the token before it. */
  private breaksLine(ahead: number): boolean {
    return this.text.slice(t.endOf(this.LA(ahead - 1)), this.LA(ahead).startOffset).search(/[\n\r]/) >= 0;
  }

  // ---- where the parser is -----------------------------------------------------------------------

  private enter(within: Opened["within"]): void {
    this.opened.push({ first: this.LA(1), within });
    this.descend();
  }

  private leave(): void {
    this.opened.pop();
    this.ascend();
  }

  private descend(): void {
    if (++this.depth > deepestNesting) throw new TooDeep(this.LA(1));
  }

  private ascend(): void {
    this.depth--;
  }
}
