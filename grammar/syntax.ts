/**
 * The syntax tree. Plain immutable data; every node has a span. One interface a construct of the grammar
 * (docs: language.md section 2). Nothing here knows an operator of the library.
 */
import type { Span } from "./source.ts";

export interface Name {
  readonly text: string;
  readonly span: Span;
}

/** `@name("w")`, before a declaration or statement. */
export interface Attribute {
  readonly name: Name;
  readonly args: readonly Argument[];
  readonly span: Span;
}

interface Node {
  readonly span: Span;
}

// ---- file and declarations -------------------------------------------------------------------

export interface SyntaxFile extends Node {
  readonly kind: "file";
  readonly declarations: readonly Declaration[];
}

/** What every declaration and statement carries. */
interface Declared extends Node {
  readonly attributes: readonly Attribute[];
  /** The text of the `///` lines before it, without the slashes; empty if none. */
  readonly doc: string;
}

export type Declaration =
  | ImportDeclaration
  | ConfigDeclaration
  | ConstStatement
  | FunctionDeclaration
  | OptimizerDeclaration
  | GraphDeclaration
  | TestDeclaration;

export interface ImportDeclaration extends Declared {
  readonly kind: "import";
  /** `import { a as b }`; undefined for `import * as name`. */
  readonly names?: readonly { readonly name: Name; readonly as: Name }[];
  readonly namespace?: Name;
  readonly from: StringExpression;
}

export interface ConfigDeclaration extends Declared {
  readonly kind: "config";
  readonly name: Name;
  readonly type: TypeSyntax;
  readonly value: Expression;
}

export interface FunctionDeclaration extends Declared {
  readonly kind: "function";
  readonly form: "def" | "layer";
  /** Where the keyword stands, for messages. */
  readonly keyword: Span;
  readonly name: Name;
  readonly generics: readonly Generic[];
  readonly params: readonly FunctionParam[];
  /** Undefined when no `->` is written. */
  readonly result?: ResultSyntax;
  readonly where: readonly Expression[];
  /** `= expr` or a block. */
  readonly body: Expression | Block;
}

export interface OptimizerDeclaration extends Declared {
  readonly kind: "optimizer";
  readonly name: Name;
  readonly params: readonly FunctionParam[];
  readonly parameter: Name;
  readonly gradient: Name;
  readonly body: Block;
}

export interface GraphDeclaration extends Declared {
  readonly kind: "graph";
  readonly name: Name;
  readonly generics: readonly Generic[];
  readonly where: readonly Expression[];
  readonly items: readonly GraphItem[];
}

export interface TestDeclaration extends Declared {
  readonly kind: "test";
  readonly name: StringExpression;
  readonly body: Block;
}

export type Generic =
  | { readonly kind: "dim"; readonly name: Name; readonly span: Span }
  | {
      readonly kind: "dtype";
      readonly name: Name;
      readonly class: "num" | "float" | "int" | "any";
      readonly span: Span;
    }
  | { readonly kind: "pack"; readonly name: Name; readonly span: Span };

export interface FunctionParam extends Declared {
  readonly kind: "param-of-function";
  readonly name: Name;
  /** `"fn"` for a function argument. */
  readonly type: TypeSyntax | "fn";
  readonly default?: Expression;
}

/** `f32[N, 28]`, `int[2]`, `str`, `q8(axis=-1)[I, O]`. */
export interface TypeSyntax extends Node {
  readonly kind: "type";
  readonly name: Name;
  /** `q4(block=32)`; undefined without parentheses. */
  readonly args?: readonly Argument[];
  /** Undefined without brackets (rank 0). */
  readonly dims?: readonly DimSyntax[];
}

export type DimSyntax =
  | { readonly kind: "pack"; readonly name: Name; readonly span: Span }
  | { readonly kind: "expr"; readonly value: Expression; readonly span: Span };

export type ResultSyntax =
  | { readonly kind: "single"; readonly type: TypeSyntax; readonly span: Span }
  | {
      readonly kind: "named";
      readonly parts: readonly { readonly name: Name; readonly type: TypeSyntax }[];
      readonly span: Span;
    };

// ---- statements -------------------------------------------------------------------------------

export interface Block extends Node {
  readonly kind: "block";
  readonly statements: readonly Statement[];
}

export type GraphItem = InputStatement | OutputStatement | TrainStatement | StepStatement | Statement;

export type Statement =
  | ParamStatement
  | StateStatement
  | ConstStatement
  | ReturnStatement
  | AssertStatement
  | IfStatement
  | ScopeStatement
  | UpdateStatement
  | BindingStatement;

export interface InputStatement extends Declared {
  readonly kind: "input";
  readonly name: Name;
  readonly type: TypeSyntax;
  readonly default?: Expression;
}
export interface OutputStatement extends Declared {
  readonly kind: "output";
  readonly name: Name;
  readonly type?: TypeSyntax;
  /** Undefined: exports the binding of that name. */
  readonly value?: Expression;
}
export interface TrainStatement extends Declared {
  readonly kind: "train";
  readonly name: Name;
  readonly value: Expression;
}
export interface StepStatement extends Declared {
  readonly kind: "step";
  readonly name: Name;
  readonly body: Block;
}
export interface ParamStatement extends Declared {
  readonly kind: "param";
  readonly name: Name;
  readonly type: TypeSyntax;
  readonly init?: Expression;
}
export interface StateStatement extends Declared {
  readonly kind: "state";
  readonly name: Name;
  /** A type, or the variable named by `like p`. */
  readonly type: TypeSyntax | { readonly like: Name };
  readonly init?: Expression;
}
export interface ConstStatement extends Declared {
  readonly kind: "const";
  readonly name: Name;
  readonly type?: TypeSyntax;
  readonly value: Expression;
}
export interface ReturnStatement extends Declared {
  readonly kind: "return";
  readonly values: readonly Expression[];
}
export interface AssertStatement extends Declared {
  readonly kind: "assert";
  readonly condition: Expression;
  readonly message?: StringExpression;
}
export interface IfStatement extends Declared {
  readonly kind: "if";
  readonly condition: Expression;
  readonly then: Block;
  readonly else?: Block | IfStatement;
}
export interface ScopeStatement extends Declared {
  readonly kind: "scope";
  readonly name: StringExpression;
  readonly body: Block;
}
/** `w := expr` */
export interface UpdateStatement extends Declared {
  readonly kind: "update";
  readonly name: Name;
  /** The span of `:=`. */
  readonly operator: Span;
  readonly value: Expression;
}
/** `a = expr`, `h, c = expr`, `a: f32[N] = expr` */
export interface BindingStatement extends Declared {
  readonly kind: "binding";
  readonly names: readonly Name[];
  readonly type?: TypeSyntax;
  readonly value: Expression;
}

// ---- expressions ------------------------------------------------------------------------------

export type Expression =
  | NumberExpression
  | StringExpression
  | BooleanExpression
  | NameExpression
  | ListExpression
  | UnaryExpression
  | BinaryExpression
  | PipeExpression
  | CoalesceExpression
  | CastExpression
  | MemberExpression
  | CallExpression
  | IndexExpression
  | ComprehensionExpression
  | ConditionalExpression
  | LambdaExpression
  | ParenthesizedExpression
  | ErrorExpression;

export interface NumberExpression extends Node {
  readonly kind: "number";
  readonly value: number;
  /** Written with a dot or an exponent. */
  readonly isFloat: boolean;
}
/** Text pieces and `{expr}` holes in order; a plain string has one text piece (or none when empty). */
export interface StringExpression extends Node {
  readonly kind: "string";
  readonly parts: readonly (
    | { readonly text: string; readonly span: Span }
    | { readonly value: Expression; readonly span: Span }
  )[];
}
export interface BooleanExpression extends Node {
  readonly kind: "boolean";
  readonly value: boolean;
}
export interface NameExpression extends Node {
  readonly kind: "name";
  readonly name: string;
}
/** `[a, b, ..S]` */
export interface ListExpression extends Node {
  readonly kind: "list";
  readonly items: readonly { readonly spread: boolean; readonly value: Expression; readonly span: Span }[];
}
export interface UnaryExpression extends Node {
  readonly kind: "unary";
  readonly operator: "-" | "!";
  readonly operand: Expression;
}
export type BinaryOperator =
  | "||"
  | "&&"
  | "=="
  | "!="
  | "<="
  | ">="
  | "<"
  | ">"
  | ".."
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "@"
  | "**";
export interface BinaryExpression extends Node {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  readonly operatorSpan: Span;
  readonly left: Expression;
  readonly right: Expression;
}
/** `left |> right`; `right` is a name, a member or a call. */
export interface PipeExpression extends Node {
  readonly kind: "pipe";
  readonly left: Expression;
  readonly right: Expression;
}
/** `x[i - 1] ?? 0.0` */
export interface CoalesceExpression extends Node {
  readonly kind: "coalesce";
  readonly value: Expression;
  readonly outside: Expression;
}
export interface CastExpression extends Node {
  readonly kind: "cast";
  readonly value: Expression;
  readonly to: Name;
}
export interface MemberExpression extends Node {
  readonly kind: "member";
  readonly value: Expression;
  readonly name: Name;
}
export interface Argument extends Node {
  readonly name?: Name;
  readonly value: Expression;
}
export interface CallExpression extends Node {
  readonly kind: "call";
  readonly callee: Expression;
  readonly args: readonly Argument[];
}
export type SliceSyntax =
  | { readonly kind: "rest"; readonly span: Span }
  | { readonly kind: "new"; readonly span: Span }
  | { readonly kind: "at"; readonly value: Expression; readonly span: Span }
  | {
      readonly kind: "range";
      readonly from?: Expression;
      readonly to?: Expression;
      readonly step?: Expression;
      readonly span: Span;
    };
export interface IndexExpression extends Node {
  readonly kind: "index";
  readonly value: Expression;
  readonly slices: readonly SliceSyntax[];
}
export interface Binder {
  readonly name: Name;
  readonly extent: Expression;
  readonly span: Span;
}
/** `tensor(i in M: body)`, `sum(k in K: body)`; the callee is any name, checked later. */
export interface ComprehensionExpression extends Node {
  readonly kind: "comprehension";
  readonly callee: Name;
  readonly binders: readonly Binder[];
  readonly body: Expression;
}
export interface ConditionalExpression extends Node {
  readonly kind: "conditional";
  readonly condition: Expression;
  readonly then: Expression;
  readonly else: Expression;
}
export interface LambdaExpression extends Node {
  readonly kind: "lambda";
  readonly patterns: readonly { readonly names: readonly Name[]; readonly isTuple: boolean; readonly span: Span }[];
  readonly body: Expression | Block;
}
export interface ParenthesizedExpression extends Node {
  readonly kind: "parenthesized";
  readonly value: Expression;
}
/** Stands where a syntax error was recovered; the checker gives it the erroneous type and stays silent. */
export interface ErrorExpression extends Node {
  readonly kind: "error";
}
