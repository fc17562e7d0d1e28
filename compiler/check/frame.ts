/** Where an expression is elaborated: its names, the function and scope it belongs to, the graph it adds to. */
import type { SourceFile, Span } from "../../grammar/source.ts";
import type { Declaration, Expression, FunctionDeclaration, SyntaxFile } from "../../grammar/syntax.ts";
import type { CallId } from "../ir/graph.ts";
import type { DType } from "../ir/types.ts";
import type { Complaint, Primitive } from "../ops/primitive.ts";
import type { Arguments, ArgumentSpans, OperandEntity } from "./apply.ts";
import type { GraphBuilder } from "./builder.ts";
import type { ComprehensionDraft } from "./comprehension.ts";
import type { BoundArgument, DimLabel, Entity, FunctionEntity, Supplied, TensorEntity } from "./entity.ts";
import type { Facts } from "./facts.ts";
import type { Assumption } from "./inside.ts";
import type { Modules } from "./modules.ts";
import type { Lint } from "./lints/names.ts";
import type { Place } from "./places.ts";
import type { Reporter } from "./report.ts";
import type { ScopeNode } from "./scopes.ts";

/** A file and the names at its top level. */
export interface Module {
  readonly path: string;
  readonly file: SourceFile;
  readonly tree: SyntaxFile;
  readonly isLibrary: boolean;
  readonly items: ReadonlyMap<string, ModuleItem>;
  /** Values of its configs from the import that made it: `"./gpt2.tfg?LAYERS=6"`. */
  readonly settings: ReadonlyMap<string, ModuleSetting>;
}

export interface ModuleSetting {
  readonly value: string;
  /** Of the import's path. */
  readonly span: Span;
}

export type ModuleItem =
  | {
      readonly kind: "declaration";
      readonly declaration: Declaration;
      readonly name: string;
      readonly span: Span;
      readonly module: Module;
    }
  | { readonly kind: "namespace"; readonly module: Module; readonly span: Span }
  /** An import that failed; using the name is silent. */
  | { readonly kind: "broken"; readonly span: Span };

/** What a name is bound to. A slot of a graph item is evaluated when it is first needed. */
export interface Slot {
  readonly span: Span;
  /** Evaluates the item, if that is still to be done. `use` is where the name stands. */
  get(use: Span): Entity;
  /** Set for dims: generics and run dims. For a pack, one per dim. */
  readonly label?: DimLabel | readonly DimLabel[];
  /** Set for a generic like `T: float`. */
  readonly dtype?: DType;
  /** Set for inputs, params and states: for messages and `:=`. */
  readonly variable?: DeclaredVariable;
  /** A graph item that is no function: calls look past it. */
  readonly isData?: boolean;
}

/** An input, param or state, with the text of its declaration up to the end of the type and the dims in it. */
export interface DeclaredVariable {
  readonly kind: "input" | "param" | "state";
  readonly span: Span;
  readonly type: Span;
  readonly dims: readonly Span[];
}

/** Names of one block, in the scope of `outer`. */
export class Names {
  readonly own = new Map<string, Slot>();
  readonly outer: Names | undefined;
  constructor(outer?: Names) {
    this.outer = outer;
  }
  find(name: string): Slot | undefined {
    return this.own.get(name) ?? this.outer?.find(name);
  }
  *all(): Iterable<string> {
    yield* this.own.keys();
    if (this.outer) yield* this.outer.all();
  }
  bind(name: string, span: Span, entity: Entity, more: Partial<Slot> = {}): void {
    this.own.set(name, { span, get: () => entity, ...more });
  }
}

/** The call that a function body is elaborated for. */
export interface Activation {
  readonly declaration: FunctionDeclaration;
  readonly caller: Frame;
  /** The call expression in the caller. */
  readonly span: Span;
  readonly callee: Span;
  readonly args: ReadonlyMap<string, BoundArgument>;
}

/** A walk through the layers of a shared instance. */
export interface Reuse {
  /** The next inner layer, in the order in which they were made. */
  next: number;
  /** The `reuse=` argument, for the outermost of them. */
  readonly span?: Span;
  /** The walks through the layers of its `scope` blocks, each of which counts its own. */
  readonly blocks: Map<ScopeNode, Reuse>;
}

/** Whose runs an update or an assertion takes part in: those of a step, or those that evaluate a call. */
export type Owner =
  | { readonly kind: "step"; readonly name: string }
  | { readonly kind: "call"; readonly call: CallId; readonly span: Span };

/** A loop of the run whose body is elaborated. */
export interface LoopFrame {
  /** In source: `scan` or `while`. */
  readonly spelling: string;
  /** Iterations done, counted through the loops around it: an i32. */
  iteration(): TensorEntity;
}

export interface Frame {
  readonly check: Check;
  readonly module: Module;
  readonly names: Names;
  readonly builder: GraphBuilder;
  readonly facts: Facts;
  /** Owner of the variables made here. */
  readonly scope: ScopeNode;
  /** Set inside of a shared layer instance: variables are found, not made, and `next` is its next inner layer. */
  readonly reuse?: Reuse;
  /** What the innermost function may contain; a graph's own items are `graph`. */
  readonly form: "file" | "def" | "layer" | "graph";
  readonly activation?: Activation;
  readonly call?: CallId;
  readonly comprehension?: ComprehensionDraft;
  /** Of the updates and assertions written here; none at graph level. */
  readonly owner?: Owner;
  readonly loop?: LoopFrame;
  /** Names the random nodes. */
  readonly place: Place;
  /** Conditions on the indices of the comprehension that hold here: in a branch of an `if`. */
  readonly assumed?: readonly Assumption[];
  /** Function declarations being elaborated, the innermost last. */
  readonly depth: number;
}

/** The parts of the checker that need each other, wired once in `index.ts`. */
export interface Check {
  readonly reporter: Reporter;
  readonly modules: Modules;
  readonly settings: ReadonlyMap<string, string>;
  /** Functions that were reported to call themselves, or to name two parameters alike: calls of them are silent. */
  readonly unusable: Set<FunctionDeclaration>;
  /** Lints that elaboration finds; told at the end, if nothing is wrong. */
  readonly lints: Lint[];
  /** Functions that some graph calls. */
  readonly elaborated: Set<FunctionDeclaration>;
  /** Of an expression; never throws, reports and gives ⊥. */
  evaluate(frame: Frame, expression: Expression): Entity;
  /** Of what stands in front of `(`. */
  evaluateCallee(frame: Frame, callee: Expression): Entity;
  /** Why a tensor has fewer dims than wanted, if the source shows it: "without `axis` or `over` this is a scalar". */
  whyRank(frame: Frame, tensor: TensorEntity, span: Span): Pick<Complaint, "related" | "helps"> | undefined;
  /** Of a function on arguments. */
  invoke(frame: Frame, fn: FunctionEntity, args: readonly Supplied[], site: CallSite): Entity;
  /** The record of a primitive by its name. */
  primitive(name: string): Primitive | undefined;
  /** A primitive on operands; its complaints are thrown as failures. */
  apply(
    frame: Frame,
    primitive: Primitive,
    operands: readonly OperandEntity[],
    args: Arguments,
    site: CallSite,
    spans?: ArgumentSpans,
  ): Entity;
  /** A top-level item as seen from `frame`; configs and consts are evaluated in the frame's graph. */
  itemEntity(frame: Frame, item: ModuleItem, use: Span): Entity;
}

export interface CallSite {
  /** The whole call or pipe. */
  readonly span: Span;
  /** The callee's name. */
  readonly callee: Span;
  readonly spelling: string;
}
