/**
 * Reverse mode, graph to graph: the cotangents of values from those of results, by the `vjp` of each primitive on the
 * way, last value first. What it writes are values like any others, so gradients can be differentiated again.
 */
import { type Dim, equalShapes, isLiteral } from "../ir/dims.ts";
import type { Value, ValueId } from "../ir/graph.ts";
import { isFloat } from "../ir/types.ts";
import { numberOf } from "../ops/attributes.ts";
import type { Emitter } from "../ops/primitive.ts";
import { primitives } from "../ops/table.ts";
import { carriesThatLead, pullLoop } from "./loops.ts";

/** A gradient given by hand for a call: it stands for all values within. */
export interface CallRule {
  readonly operands: readonly ValueId[];
  readonly results: readonly ValueId[];
  /** The cotangents of the operands from those of the results. */
  pull(
    cotangents: readonly (ValueId | undefined)[],
    /** For a copy of the call: what stands in the place of the values that it was made of. */
    of?: (id: ValueId) => ValueId,
  ): readonly (ValueId | undefined)[];
}

/** The graph as far as it is made. */
export interface Source {
  valueAt(id: ValueId): Value;
  /** Whether nothing is handed through this value. */
  isBarrier(id: ValueId): boolean;
  /** The rule that takes the place of the value's own. */
  ruleOf(id: ValueId): CallRule | undefined;
  /** Appends a value that no type rule makes: of a loop, or a copy of one. `like` is where it comes from. */
  emit(like: Value, value: Omit<Value, "span" | "call" | "name">): ValueId;
  /** A number for a loop. */
  openLoop(): number;
  /** Puts a value with further results in the place of one; those that it had stay as they are. */
  replace(id: ValueId, value: Value): void;
  /** Told that a value was made again, with others in the place of those that `of` renames. */
  copied(id: ValueId, of: (id: ValueId) => ValueId): void;
  /** An emitter for the gradient of a value, so that what it emits can be traced back to it. */
  emitterFor(value: Value): Emitter;
  /** There is no `vjp` to go on with. Never returns. */
  fail(value: Value): never;
}

export interface Seed {
  readonly value: ValueId;
  readonly cotangent: ValueId;
}

/** The gradient with respect to each of `wrt`; undefined where the seeds do not depend on it. */
export function differentiate(
  source: Source,
  seeds: readonly Seed[],
  wrt: readonly ValueId[],
): readonly (ValueId | undefined)[] {
  return new Reverse(source, seeds, wrt).run();
}

class Reverse {
  readonly #source: Source;
  readonly #seeds: readonly Seed[];
  readonly #wrt: readonly ValueId[];
  /** Whether a value depends on one of `wrt`, through what can be differentiated. */
  readonly #leads: boolean[] = [];
  readonly #cotangents = new Map<ValueId, ValueId>();
  /** Of the further results of a value, by their index. */
  readonly #parts = new Map<ValueId, Map<number, ValueId>>();
  readonly #pulled = new Set<CallRule>();

  constructor(source: Source, seeds: readonly Seed[], wrt: readonly ValueId[]) {
    this.#source = source;
    this.#seeds = seeds;
    this.#wrt = wrt;
  }

  run(): readonly (ValueId | undefined)[] {
    const last = Math.max(-1, ...this.#seeds.map(({ value }) => value));
    this.#markLeading(last);
    for (const { value, cotangent } of this.#seeds) this.#handTo(value, cotangent);
    for (let id = last; id >= 0; id--) this.#pull(id);
    return this.#wrt.map((id) => this.#cotangents.get(id));
  }

  #markLeading(last: ValueId): void {
    const wanted = new Set(this.#wrt);
    let first = Math.min(...this.#wrt);
    const leads = (id: ValueId): boolean => this.#leads[id] ?? false;
    // What a loop carries leads if its next value does, which is known only when the body was gone through.
    for (let isSettled = false; !isSettled; ) {
      isSettled = true;
      for (let id = first; id <= last; id++) {
        this.#leads[id] = wanted.has(id) || this.#dependsOnWanted(id);
        const value = this.#source.valueAt(id);
        if (value.op !== "loop") continue;
        for (const leaf of carriesThatLead(value, leads)) {
          if (this.#source.isBarrier(leaf)) continue;
          wanted.add(leaf);
          // What the body reads from outside may have been computed only after the loop was opened.
          first = Math.min(first, leaf);
          isSettled = false;
        }
      }
    }
  }

  #dependsOnWanted(id: ValueId): boolean {
    const source = this.#source;
    const value = source.valueAt(id);
    if (!isFloat(value.type.dtype) && !value.more?.some(({ dtype }) => isFloat(dtype))) return false;
    if (source.isBarrier(id)) return false;
    const rule = source.ruleOf(id);
    if (rule) return this.#anyLeads(rule.operands);
    return primitives[value.op]?.vjp !== "zero" && this.#anyLeads(value.args);
  }

  #handTo(id: ValueId, cotangent: ValueId): void {
    if (!this.#leads[id]) return;
    const value = this.#source.valueAt(id);
    this.#cotangents.set(id, this.#plus(value, this.#cotangents.get(id), cotangent));
  }

  #plus(value: Value, before: ValueId | undefined, cotangent: ValueId): ValueId {
    return before === undefined ? cotangent : this.#source.emitterFor(value).apply("add", [before, cotangent]);
  }

  #pull(id: ValueId): void {
    const source: Source = this.#source;
    // What it is differentiated with respect to need not lead further.
    if (!this.#leads[id] || source.isBarrier(id)) return;
    const value = source.valueAt(id);
    const rule = source.ruleOf(id);
    if (rule) {
      // The results of one call are pulled together, when the last of them is met: its readers come behind them all.
      if (this.#pulled.has(rule) || !this.#cotangents.has(id)) return;
      this.#pulled.add(rule);
      if (!this.#anyLeads(rule.operands)) return;
      const cotangents = rule.pull(rule.results.map((result) => this.#cotangents.get(result)));
      this.#hand(value, rule.operands, cotangents);
      return;
    }
    const cotangent = this.#cotangents.get(id);
    const parts = this.#parts.get(id);
    if ((cotangent === undefined && !parts) || !this.#anyLeads(value.args)) return;
    if (value.op === "part") {
      const [of] = value.args;
      if (of === undefined || cotangent === undefined) return;
      const index = numberOf(value, "index");
      const known = this.#parts.get(of) ?? new Map<number, ValueId>();
      known.set(index, this.#plus(value, known.get(index), cotangent));
      this.#parts.set(of, known);
      return;
    }
    if (value.op === "loop") {
      const cotangents = [cotangent, ...(value.more ?? []).map((_, i) => parts?.get(i + 1))];
      const pulled = pullLoop({ source, id, cotangents, leads: (other) => this.#leads[other] ?? false });
      this.#hand(value, [...pulled.keys()], [...pulled.values()]);
      return;
    }
    // Within an iteration, what comes from outside of it is given: a gradient does not lead into the one before.
    if (value.op === "carry" || value.op === "element") return;
    const vjp = primitives[value.op]?.vjp;
    if (vjp === "zero") return;
    if (!vjp) source.fail(value);
    const emit = source.emitterFor(value);
    const pulled = vjp({
      emit,
      value,
      id,
      cotangent: cotangent ?? emit.zeros(value.type.shape),
      cotangents: [cotangent, ...(value.more ?? []).map((_, i) => parts?.get(i + 1))],
      wants: (k) => this.#leads[value.args[k] ?? -1] ?? false,
    });
    this.#hand(value, value.args, pulled);
  }

  #anyLeads(operands: readonly ValueId[]): boolean {
    return operands.some((operand) => this.#leads[operand]);
  }

  #hand(value: Value, operands: readonly ValueId[], cotangents: readonly (ValueId | undefined)[]): void {
    for (const [k, cotangent] of cotangents.entries()) {
      const operand = operands[k];
      if (operand === undefined || cotangent === undefined || !this.#leads[operand]) continue;
      const emit = this.#source.emitterFor(value);
      this.#handTo(operand, summedTo(emit, cotangent, emit.typeOf(operand).shape));
    }
  }
}

/** Undoes broadcasting (language.md 4.4): the sum over what was repeated. */
function summedTo(emit: Emitter, cotangent: ValueId, shape: readonly Dim[]): ValueId {
  const from = emit.typeOf(cotangent).shape;
  if (equalShapes(from, shape)) return cotangent;
  const lead = from.length - shape.length;
  const repeated = from.flatMap((dim, i) =>
    i < lead || (isLiteral(shape[i - lead] ?? dim, 1) && !isLiteral(dim, 1)) ? [i] : [],
  );
  let result = cotangent;
  if (repeated.length > 0) result = emit.apply("reduce_sum", [cotangent], { axis: repeated, keep: false });
  return equalShapes(emit.typeOf(result).shape, shape) ? result : emit.apply("reshape", [result], { shape });
}
