/**
 * What a name or an expression stands for while a program is elaborated. Compile-time values never reach the graph;
 * numbers among them become constants where a tensor is wanted.
 */
import type { Span } from "../../grammar/source.ts";
import type {
  Argument,
  Expression,
  FunctionDeclaration,
  FunctionParam,
  LambdaExpression,
} from "../../grammar/syntax.ts";
import { type Dim, dimOf, formatDim, formatShape, literalOf } from "../ir/dims.ts";
import type { Initializer, Scalar, ValueId } from "../ir/graph.ts";
import type { DType, TensorType } from "../ir/types.ts";
import type { Primitive } from "../ops/primitive.ts";
import type { ComprehensionDraft } from "./comprehension.ts";
import type { CallSite, Frame, Module } from "./frame.ts";
import type { TextOrder } from "./scopes.ts";

/** Identity of a declared dim, by which `over=` finds an axis. Compared by reference. */
export interface DimLabel {
  readonly name: string;
}

/** The type of what an error was reported for; everything that uses it stays silent. */
export interface Bottom {
  readonly kind: "bottom";
}
export const BOTTOM: Bottom = { kind: "bottom" };

/** A compile-time int: a literal, or a size that run dims take part in. `dtype` is set where a declaration fixed it. */
export interface IntEntity {
  readonly kind: "int";
  readonly dim: Dim;
  readonly dtype?: DType;
}
export interface FloatEntity {
  readonly kind: "float";
  readonly value: number;
  readonly dtype?: DType;
}
export interface BoolEntity {
  readonly kind: "bool";
  readonly value: boolean;
}
export interface StringEntity {
  readonly kind: "str";
  readonly value: string;
}
export interface ListEntity {
  readonly kind: "list";
  readonly items: readonly Entity[];
  /** Set where a declaration made it a tensor. */
  readonly dtype?: DType;
}
export interface TensorEntity {
  readonly kind: "tensor";
  readonly value: ValueId;
  readonly type: TensorType;
  /** Where the value was made. */
  readonly origin: Span;
  /** The declared dim that each axis bears, as far as it is known. */
  readonly labels?: readonly (DimLabel | undefined)[];
}
/** An element of a comprehension: depends on its indices. */
export interface ScalarEntity {
  readonly kind: "scalar";
  readonly scalar: Scalar;
  readonly of: ComprehensionDraft;
  readonly origin: Span;
}
/** Several named results: of a function with `-> (a: …, b: …)`, or of a primitive with several. */
export interface RecordEntity {
  readonly kind: "record";
  readonly parts: readonly { readonly name: string; readonly entity: Entity }[];
}
export type FunctionEntity = { readonly kind: "fn" } & (
  | { readonly form: "declared"; readonly declaration: FunctionDeclaration; readonly module: Module }
  | { readonly form: "lambda"; readonly lambda: LambdaExpression; readonly frame: Frame }
  | { readonly form: "primitive"; readonly name: string; readonly candidates: readonly Primitive[] }
  | { readonly form: "builtin"; readonly name: string }
  /** `random_normal(stddev=0.02)` as an argument: the call still lacks its first argument. */
  | {
      readonly form: "partial";
      readonly of: FunctionEntity;
      readonly args: readonly Argument[];
      readonly frame: Frame;
      readonly span: Span;
    }
);
/** Random numbers: how a variable starts, or where a tensor is wanted a node of the graph. */
export interface InitialEntity {
  readonly kind: "initial";
  readonly init: Initializer;
  readonly shape: readonly Dim[];
  readonly origin: Span;
  /** What the node needs, and the node once it is made: every reader of the call's result reads the same numbers. */
  readonly node: {
    readonly frame: Frame;
    readonly site: CallSite;
    readonly name: string;
    readonly order: TextOrder;
    tensor?: TensorEntity;
  };
}
/** `import * as blocks`: its members are looked up in the module. */
export interface ModuleEntity {
  readonly kind: "module";
  readonly module: Module;
}

export type Entity =
  | Bottom
  | IntEntity
  | FloatEntity
  | BoolEntity
  | StringEntity
  | ListEntity
  | TensorEntity
  | ScalarEntity
  | RecordEntity
  | FunctionEntity
  | InitialEntity
  | ModuleEntity;

export type NumberEntity = IntEntity | FloatEntity;

export const int = (value: number | Dim): IntEntity => ({
  kind: "int",
  dim: typeof value === "number" ? dimOf(value) : value,
});
export const float = (value: number): FloatEntity => ({ kind: "float", value });
export const bool = (value: boolean): BoolEntity => ({ kind: "bool", value });
export const str = (value: string): StringEntity => ({ kind: "str", value });
export const list = (items: readonly Entity[]): ListEntity => ({ kind: "list", items });

export const isNumber = (entity: Entity): entity is NumberEntity => entity.kind === "int" || entity.kind === "float";
/** A number without run dims. */
export function numberOf(entity: Entity): number | undefined {
  if (entity.kind === "float") return entity.value;
  return entity.kind === "int" ? literalOf(entity.dim) : undefined;
}
export const literalInt = (entity: Entity): number | undefined =>
  entity.kind === "int" ? literalOf(entity.dim) : undefined;

/** Known to the compiler: takes part in compile-time arithmetic. */
export const isStatic = (entity: Entity): boolean =>
  entity.kind === "int" ||
  entity.kind === "float" ||
  entity.kind === "bool" ||
  entity.kind === "str" ||
  (entity.kind === "list" && entity.items.every(isStatic));

export const formatType = (type: TensorType): string => `${type.dtype}${formatShape(type.shape)}`;

/** What an entity is, for messages: `f32[N, 10]`, `a string`, `a list`. */
export function describe(entity: Entity): string {
  switch (entity.kind) {
    case "bottom":
      return "an error";
    case "int":
      return entity.dtype ?? "an int";
    case "float":
      return entity.dtype ?? "a float";
    case "bool":
      return "a bool";
    case "str":
      return "a string";
    case "list":
      return "a list";
    case "tensor":
      return formatType(entity.type);
    case "scalar":
      return entity.scalar.dtype;
    case "record":
      return `(${entity.parts.map((part) => `${part.name}: ${describe(part.entity)}`).join(", ")})`;
    case "fn":
      return "a function";
    case "initial":
      return `f32${formatShape(entity.shape)}`;
    case "module":
      return "a module";
  }
}

/** The value of a compile-time entity as a person writes it. */
export function formatStatic(entity: Entity): string {
  switch (entity.kind) {
    case "int":
      return formatDim(entity.dim);
    case "float":
      return Number.isInteger(entity.value) && Math.abs(entity.value) < 1e16
        ? entity.value.toFixed(1)
        : `${entity.value}`;
    case "bool":
      return `${entity.value}`;
    case "str":
      return JSON.stringify(entity.value);
    case "list":
      return `[${entity.items.map(formatStatic).join(", ")}]`;
    default:
      return describe(entity);
  }
}

/** The name of a function as the user calls it. */
export function functionName(fn: FunctionEntity): string {
  switch (fn.form) {
    case "declared":
      return fn.declaration.name.text;
    case "primitive":
    case "builtin":
      return fn.name;
    case "partial":
      return functionName(fn.of);
    case "lambda":
      return "fn";
  }
}

/** An argument as it reaches a function: an expression of the caller, or a value that the compiler supplies. */
export type Supplied =
  | {
      readonly name?: string;
      readonly nameSpan?: Span;
      readonly expression: Expression;
      readonly frame: Frame;
      readonly span: Span;
    }
  | { readonly name?: string; readonly nameSpan?: Span; readonly entity: Entity; readonly span: Span };

/** A bound parameter of a declared function, for messages that point at the argument. */
export interface BoundArgument {
  readonly param: FunctionParam;
  readonly span: Span;
  /** Written by the caller, not a default. */
  readonly isExplicit: boolean;
  /** The argument is this parameter of the caller's function, or an item of it. */
  readonly forwarded?: { readonly frame: Frame; readonly name: string };
}
