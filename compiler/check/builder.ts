/** Collects the values of one graph while it is elaborated, then drops what no output needs and numbers the rest. */
import type { Span } from "../../grammar/source.ts";
import { addDims, type Dim, dimOf, dimOfTerm, formatDim, literalOf, scaleDim, subDims, type Term } from "../ir/dims.ts";
import type {
  Assertion,
  Attributes,
  Call,
  CallId,
  DimCheck,
  Graph,
  Initializer,
  Input,
  Output,
  Step,
  Update,
  Value,
  ValueId,
  Variable,
} from "../ir/graph.ts";
import type { DType, TensorType } from "../ir/types.ts";
import type { CallRule } from "../differentiate/differentiate.ts";
import type { Facts } from "./facts.ts";
import type { Owner } from "./frame.ts";
import { Place } from "./places.ts";
import { joinPath, type ScopeNode, type TextOrder } from "./scopes.ts";

export interface VariableDraft {
  readonly scope: ScopeNode;
  /** Last component of the name. */
  readonly last: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly trainable: boolean;
  readonly init: Initializer;
  readonly doc: string;
  readonly span: Span;
  readonly value: ValueId;
}

export interface UpdateDraft {
  readonly variable: VariableDraft;
  /** As the source calls it. */
  readonly spelling: string;
  readonly value: ValueId;
  readonly owner: Owner;
  /** From the name to the `:=`. */
  readonly span: Span;
}

export interface AssertionDraft extends Omit<Assertion, "when"> {
  /** Undefined at graph level: it goes with every fetch that knows the dims it mentions. */
  readonly owner: Owner | undefined;
}

/** An update or assertion with the fetches that it goes with. */
export type Going<Draft> = Draft & { readonly when: readonly string[] };

/** What settles when all of the graph is elaborated. */
export interface Effects {
  readonly updates: readonly Going<UpdateDraft>[];
  readonly assertions: readonly Going<AssertionDraft>[];
}

interface CallDraft {
  readonly name: string;
  readonly scope?: ScopeNode;
  readonly parent?: CallId;
  readonly span: Span;
  readonly args: readonly ValueId[];
  results: readonly ValueId[];
}

/** `H >= 3` for H - 3 >= 0, `N + 2 >= M` for N - M + 2 >= 0, `N <= 5` for 5 - N >= 0. */
function orderText(difference: Dim): string {
  const part = (keeps: (term: Term) => boolean, sign: 1 | -1): Dim =>
    addDims(...difference.terms.filter(keeps).map(({ coefficient, atoms }) => dimOfTerm(sign * coefficient, atoms)));
  const more = part(({ coefficient, atoms }) => atoms.length > 0 && coefficient > 0, 1);
  const less = part(({ coefficient, atoms }) => atoms.length > 0 && coefficient < 0, -1);
  const constant = literalOf(part(({ atoms }) => atoms.length === 0, 1)) ?? 0;
  if (more.terms.length === 0) return `${formatDim(less)} <= ${constant}`;
  const [left, right] = constant > 0 ? [constant, 0] : [0, -constant];
  return `${formatDim(addDims(more, dimOf(left)))} >= ${formatDim(addDims(less, dimOf(right)))}`;
}

/** More values than any program that a person writes; a runaway `repeat` stops here. */
const MOST_VALUES = 2_000_000;

/** With sizes in the form that the facts give them. */
function normalised(value: Value, facts: Facts): Value {
  const normal = (type: TensorType): TensorType => ({
    dtype: type.dtype,
    shape: type.shape.map((dim) => facts.normal(dim)),
  });
  return { ...value, type: normal(value.type), ...(value.more ? { more: value.more.map(normal) } : {}) };
}

/** The graph under elaboration, for messages. */
export interface GraphInfo {
  readonly name: string;
  /** Offset behind the name. */
  readonly nameEnd: number;
  /** `graph unet[N, H]` */
  readonly head: string;
  readonly dims: readonly string[];
  spanOf(dim: string): Span | undefined;
  /** The input that binds a run dim. */
  feedOf(dim: string): string | undefined;
}

/** How a call came to the sizes of its result, for messages about them. */
export interface Explanation {
  /** The named arguments that decided how sizes round, if there are any. */
  readonly span?: Span;
  /** `padding="valid": 28 - 3 + 1 = 26` */
  readonly text?: string;
  /** Other values of its string arguments that would have kept the size: `keep 28 with `padding="same"``. */
  readonly way?: string;
}

export class TooLarge extends Error {}

export class GraphBuilder {
  readonly values: Value[] = [];
  readonly variables: VariableDraft[] = [];
  readonly inputs: Input[] = [];
  readonly outputs: Output[] = [];
  readonly checks: DimCheck[] = [];
  readonly steps: Step[] = [];
  readonly updates: UpdateDraft[] = [];
  readonly assertions: AssertionDraft[] = [];
  readonly #places = new Map<ScopeNode, Place>();
  readonly #keys = new Map<ValueId, Place>();
  #loops = 0;
  readonly #calls: CallDraft[] = [];
  readonly #names = new Map<ValueId, string>();
  /** Why a value has the sizes it has, by the call that made it. */
  readonly explanations = new Map<ValueId, () => Explanation>();
  /** Results of `stop_gradient`: no path to a parameter leads through them. */
  readonly barriers = new Set<ValueId>();
  /** Gradients given by hand, by the results of the calls that they are for. */
  readonly rules = new Map<ValueId, CallRule>();
  readonly #copies = new WeakMap<(id: ValueId) => ValueId, Map<CallRule, CallRule>>();
  #sequence = 0;
  readonly graph: GraphInfo | undefined;
  /** Offset in the text of the graph item under elaboration. */
  statement = 0;
  /** Elaborates the graph items that stand before an offset in the text, as far as they can be. */
  elaborateBefore: (statement: number) => void = () => {};

  /** Set while a function is checked with symbols for its generics: what depends on them is its callers' to prove. */
  readonly isGeneric: boolean;

  constructor(graph?: GraphInfo, isGeneric = false) {
    this.graph = graph;
    this.isGeneric = isGeneric;
  }

  textOrder(): TextOrder {
    return [this.statement, this.#sequence++];
  }

  emit(value: Value, facts: Facts): ValueId {
    if (this.values.length >= MOST_VALUES) throw new TooLarge();
    return this.values.push(normalised(value, facts)) - 1;
  }

  /** Gives a value further results. Those that it had keep their places. */
  replace(id: ValueId, value: Value, facts: Facts): void {
    this.values[id] = normalised(value, facts);
  }

  /** What a copy of a value is differentiated by, if the value has a rule; `of` renames what was copied with it. */
  copyRules(id: ValueId, of: (id: ValueId) => ValueId): void {
    const rule = this.rules.get(id);
    if (!rule) return;
    const copies = this.#copies.get(of) ?? new Map<CallRule, CallRule>();
    this.#copies.set(of, copies);
    const copy = copies.get(rule) ?? {
      get operands() {
        return rule.operands.map(of);
      },
      get results() {
        return rule.results.map(of);
      },
      pull: (cotangents, outer = (other) => other) => rule.pull(cotangents, (other) => outer(of(other))),
    };
    copies.set(rule, copy);
    this.rules.set(of(id), copy);
  }

  valueAt(id: ValueId): Value {
    const value = this.values[id];
    if (!value) throw new Error(`no value ${id}`);
    return value;
  }

  openCall(
    name: string,
    span: Span,
    parent: CallId | undefined,
    scope: ScopeNode | undefined,
    args: readonly ValueId[],
  ): CallId {
    this.#calls.push({
      name,
      span,
      args,
      results: [],
      ...(parent === undefined ? {} : { parent }),
      ...(scope ? { scope } : {}),
    });
    return this.#calls.length - 1;
  }

  /** The call and those that it stands in, the inner ones first. */
  *callsAround(id: CallId | undefined): Iterable<CallId> {
    for (let at = id; at !== undefined; at = this.#calls[at]?.parent) yield at;
  }

  /** A number for a loop, by which its leaves know it. */
  openLoop(): number {
    return this.#loops++;
  }

  /** Where the random nodes of a scope stand. */
  placeOf(scope: ScopeNode): Place {
    const place = this.#places.get(scope) ?? new Place(scope);
    this.#places.set(scope, place);
    return place;
  }

  /** Says where the random node stands that reads a key. */
  placeKey(key: ValueId, place: Place): void {
    this.#keys.set(key, place);
  }

  callAt(id: CallId): { readonly name: string; readonly span: Span; readonly parent?: CallId } {
    const call = this.#calls[id];
    if (!call) throw new Error(`no call ${id}`);
    return call;
  }

  closeCall(id: CallId, results: readonly ValueId[]): void {
    const call = this.#calls[id];
    if (call) call.results = results;
  }

  /** Makes a check of the feeds of what must hold and could not be proved. False if no run can satisfy it. */
  oblige(dim: Dim, minimum: number, span: Span, facts: Facts): boolean {
    if (facts.atLeast(dim, minimum)) return true;
    const literal = literalOf(dim);
    if (literal !== undefined || !(this.graph || this.isGeneric) || facts.atLeast(scaleDim(dim, -1), 1 - minimum))
      return false;
    const difference = subDims(dim, dimOf(minimum));
    this.addCheck({ difference, holds: ">= 0", text: orderText(difference), span });
    facts.assume({ kind: "nonNegative", dim: difference });
    return true;
  }

  addCheck(check: DimCheck): void {
    const same = (other: DimCheck): boolean =>
      other.difference.key === check.difference.key && JSON.stringify(other.holds) === JSON.stringify(check.holds);
    if (!this.checks.some(same)) this.checks.push(check);
  }

  /** The first name that a value gets at graph level is the one it keeps. */
  nameValue(id: ValueId, name: string): void {
    const { op } = this.valueAt(id);
    if (!this.#names.has(id) && op !== "input" && op !== "variable") this.#names.set(id, name);
  }

  findVariable(scope: ScopeNode, last: string): VariableDraft | undefined {
    return this.variables.find((variable) => variable.scope === scope && variable.last === last);
  }

  /** Everything that `roots` are computed from, and they. */
  needed(roots: readonly ValueId[], known: ReadonlySet<ValueId> = new Set()): Set<ValueId> {
    const needed = new Set<ValueId>();
    const pending = [...roots];
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      if (needed.has(id) || known.has(id)) continue;
      needed.add(id);
      pending.push(...this.valueAt(id).args);
    }
    return needed;
  }

  /** Call after the scopes' names are settled. */
  finish(name: string, doc: string, span: Span, dims: Graph["dims"], effects: Effects): Graph {
    const needed = this.needed([
      ...this.outputs.map((output) => output.value),
      ...effects.updates.flatMap(({ value, variable }) => [value, variable.value]),
      ...effects.assertions.map((assertion) => assertion.condition),
    ]);

    const callsKept: number[] = [];
    const keepCall = (id: CallId | undefined): void => {
      if (id === undefined || callsKept[id] !== undefined) return;
      keepCall(this.#calls[id]?.parent);
      callsKept[id] = 1;
    };
    for (const [id, value] of this.values.entries()) if (needed.has(id)) keepCall(value.call);
    let nextCall = 0;
    for (const [id] of this.#calls.entries()) if (callsKept[id] !== undefined) callsKept[id] = nextCall++;

    const renumbered = new Map<ValueId, ValueId>();
    const drafts = new Map(this.variables.map((variable) => [variable.value, variable]));
    const fullName = (variable: VariableDraft): string => joinPath(variable.scope.path, variable.last);
    const values: Value[] = [];
    const loops = new Map<number, number>();
    const attributesOf = (id: ValueId, { attributes }: Value): Attributes => {
      const variable = drafts.get(id);
      if (variable) return { name: fullName(variable) };
      const place = this.#keys.get(id);
      if (place) return { path: place.path };
      const { loop } = attributes;
      if (typeof loop !== "number") return attributes;
      const number = loops.get(loop) ?? loops.size;
      loops.set(loop, number);
      return { ...attributes, loop: number };
    };
    for (const [id, value] of this.values.entries()) {
      if (!needed.has(id)) continue;
      renumbered.set(id, values.length);
      const userName = this.#names.get(id);
      const { call, ...rest } = value;
      const region = call === undefined ? undefined : callsKept[call];
      values.push({
        ...rest,
        attributes: attributesOf(id, value),
        args: value.args.map((arg) => renumbered.get(arg) ?? 0),
        ...(userName === undefined ? {} : { name: userName }),
        ...(region === undefined ? {} : { call: region }),
      });
    }
    const mapped = (ids: readonly ValueId[]): ValueId[] => ids.flatMap((id) => renumbered.get(id) ?? []);
    const calls: Call[] = this.#calls.flatMap((call, id) => {
      if (callsKept[id] === undefined) return [];
      const parent = call.parent === undefined ? undefined : callsKept[call.parent];
      return {
        name: call.name,
        span: call.span,
        args: mapped(call.args),
        results: mapped(call.results),
        ...(call.scope ? { scope: call.scope.path } : {}),
        ...(parent === undefined ? {} : { parent }),
      };
    });
    const variables: Variable[] = this.variables.flatMap((draft) => {
      if (!needed.has(draft.value)) return [];
      const { dtype, shape, trainable, init, doc } = draft;
      return { name: fullName(draft), dtype, shape, trainable, init, doc, span: draft.span };
    });
    return {
      name,
      doc,
      span,
      dims,
      checks: this.checks,
      inputs: this.inputs,
      variables,
      outputs: this.outputs.map((output) => ({ ...output, value: renumbered.get(output.value) ?? 0 })),
      steps: this.steps,
      updates: effects.updates.map(
        ({ variable, value, when, span: at }): Update => ({
          variable: fullName(variable),
          value: renumbered.get(value) ?? 0,
          when,
          span: at,
        }),
      ),
      assertions: effects.assertions.map(
        ({ condition, message, text, when, span: at }): Assertion => ({
          condition: renumbered.get(condition) ?? 0,
          message,
          text,
          when,
          span: at,
        }),
      ),
      values,
      calls,
    };
  }
}
