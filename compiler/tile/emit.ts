/**
 * The scalars of a nest as code. Loops are frames; a scalar is computed once in the outermost frame where the axes it
 * depends on are known, so everything that does not vary is hoisted without a further pass.
 *
 * One axis of a nest may be its lane axis: where its loop is open, a scalar that depends on it is a vector of four
 * neighbours along it. Counters of loops count in address units.
 */
import { isNonNegative } from "../ir/affine.ts";
import { type Dim, literalOf } from "../ir/dims.ts";
import type { Access, Affine, AxisId, Guard, Kernel, Nest, NestScalar, ScalarId } from "../ir/nest.ts";
import {
  type CodeBuilder,
  choose,
  compare,
  constant,
  convert,
  type Expr,
  isVector,
  load,
  op,
  plus,
  type Stmt,
  select,
  times,
} from "../ir/stmt.ts";
import { axesOfScalars, packedColumn } from "./roles.ts";
import { applyScalar, scalarKind, splatOf, vectorKind } from "./scalars.ts";
import type { Target } from "./target.ts";

/** Fixed distances from the loops' counters, in elements; of an axis without a loop, its index. */
export type Offsets = ReadonlyMap<AxisId, number>;
export const noOffsets: Offsets = new Map();

interface Frame {
  readonly axis?: AxisId;
  readonly counter?: Expr;
  readonly body: Stmt[];
  readonly values: Map<string, Expr>;
}

/** Parameters and run dims of one kernel function; shared by its nests. */
export interface KernelFrame {
  readonly kernel: Kernel;
  readonly code: CodeBuilder;
  readonly target: Target;
  readonly pointers: readonly Expr[];
  readonly dims: ReadonlyMap<string, Expr>;
}

export function openKernel(kernel: Kernel, code: CodeBuilder, target: Target): KernelFrame {
  const pointers = kernel.operands.map((operand, i) =>
    code.parameter(operand.access === "write" ? `out${i}` : `in${i}`),
  );
  const dims = new Map(kernel.dims.map((name) => [name, code.parameter(name)]));
  return { kernel, code, target, pointers, dims };
}

/** A size as an i32, computed once at the beginning of the function. */
export function dimValue(frame: KernelFrame, dim: Dim): Expr {
  const literal = literalOf(dim);
  if (literal !== undefined) return constant("i32", literal);
  return frame.code.shared(`dim:${dim.key}`, "size", () => dimExpr(frame, dim));
}

const dimExpr = (frame: KernelFrame, dim: Dim): Expr => termsExpr(frame, dim.terms);

/** Long sums are halved: assemblers and engines read expressions recursively. */
function termsExpr(frame: KernelFrame, terms: Dim["terms"]): Expr {
  if (terms.length > 32) {
    const middle = terms.length >> 1;
    return plus(termsExpr(frame, terms.slice(0, middle)), termsExpr(frame, terms.slice(middle)));
  }
  let sum: Expr = constant("i32", 0);
  for (const term of terms) {
    let product: Expr = constant("i32", term.coefficient);
    for (const atom of term.atoms) {
      let factor: Expr;
      if (atom.kind === "symbol") {
        const parameter = frame.dims.get(atom.name);
        if (!parameter) throw new Error(`kernel ${frame.kernel.name} has no dim ${atom.name}`);
        factor = parameter;
      } else if (atom.kind === "floor") {
        const numerator = dimValue(frame, atom.numerator);
        const denominator = dimValue(frame, atom.denominator);
        // The machine's division truncates; below 0 the dividend is lowered first. Divisors are positive.
        const lowered = op(
          "and",
          op("shr", numerator, constant("i32", 31)),
          plus(constant("i32", 1), op("neg", denominator)),
        );
        factor = op("quotient", plus(numerator, lowered), denominator);
      } else {
        const [left, right] = [dimValue(frame, atom.left), dimValue(frame, atom.right)];
        factor = select(compare(atom.kind === "max" ? "gt" : "lt", left, right), left, right);
      }
      product = times(product, factor);
    }
    sum = plus(sum, product);
  }
  return sum;
}

export interface Address {
  readonly base: Expr;
  readonly offset: number;
  /** Equal for equal bases. */
  readonly key: string;
}

export class NestEmitter {
  readonly frame: KernelFrame;
  readonly code: CodeBuilder;
  readonly target: Target;
  readonly nest: Nest;
  readonly lane: AxisId | undefined;
  /** Emits the reduction of a `reduced` scalar that has no value yet, and binds it; the frames are those where it belongs. */
  onReduced: (scalar: ScalarId, offsets: Offsets) => void = (scalar) => {
    throw new Error(`no value for the reduction of scalar ${scalar}`);
  };
  /** Takes the place of computing a scalar, if it gives a value. */
  instead: (scalar: ScalarId, offsets: Offsets) => Expr | undefined = () => undefined;
  /** Told of every scalar that is computed, in the frame where it is. */
  onComputed: (scalar: ScalarId, value: Expr, offsets: Offsets) => void = () => {};
  readonly #axes: readonly ReadonlySet<AxisId>[];
  #frames: Frame[];
  /** Nothing is hoisted out of the frames from here on. */
  #fence = 0;

  constructor(frame: KernelFrame, nest: Nest, lane: AxisId | undefined) {
    this.frame = frame;
    this.code = frame.code;
    this.target = frame.target;
    this.nest = nest;
    this.lane = lane;
    this.#axes = axesOfScalars(nest);
    this.#frames = [{ body: this.code.open, values: new Map() }];
  }

  scalar(id: ScalarId): NestScalar {
    const scalar = this.nest.scalars[id];
    if (!scalar) throw new Error(`no scalar ${id}`);
    return scalar;
  }

  dim(dim: Dim): Expr {
    return dimValue(this.frame, dim);
  }

  /** An extent in address units. */
  extent(axis: AxisId): Expr {
    const extent = this.nest.axes[axis]?.extent;
    if (!extent) throw new Error(`no axis ${axis}`);
    return this.inUnits(extent);
  }

  inUnits(dim: Dim): Expr {
    const literal = literalOf(dim);
    const { word } = this.target;
    if (literal !== undefined) return constant("i32", literal * word);
    if (word === 1) return this.dim(dim);
    return this.code.shared(`units:${dim.key}`, "span", () => times(this.dim(dim), constant("i32", word)));
  }

  /** The axes a scalar varies with. */
  dependencies(id: ScalarId): ReadonlySet<AxisId> {
    return this.#axes[id] ?? new Set();
  }

  // ---- frames ----------------------------------------------------------------------------------------

  isOpen(axis: AxisId): boolean {
    return this.#frames.some((frame) => frame.axis === axis);
  }

  counter(axis: AxisId): Expr {
    const counter = this.#frames.find((frame) => frame.axis === axis)?.counter;
    if (!counter) throw new Error(`axis ${this.nest.axes[axis]?.name} has no loop`);
    return counter;
  }

  /** Fills a loop's body, or any block where `counter` stands for the axis. */
  within(axis: AxisId, counter: Expr, fill: () => void): void {
    this.#frames.push({ axis, counter, body: this.code.open, values: new Map() });
    try {
      fill();
    } finally {
      this.#frames.pop();
    }
  }

  /** Runs `fill` in a frame of its own which nothing leaves: what it needs is computed there, not before earlier loops. */
  fenced(fill: () => void): void {
    const before = this.#fence;
    this.#fence = this.#frames.length;
    this.#frames.push({ body: this.code.open, values: new Map() });
    try {
      fill();
    } finally {
      this.#frames.pop();
      this.#fence = before;
    }
  }

  /** A loop over a whole axis, `step` elements at a time. */
  loop(axis: AxisId, step: number, fill: () => void): void {
    this.range(axis, constant("i32", 0), this.extent(axis), step, fill);
  }

  /** A loop over part of an axis; bounds in address units. */
  range(axis: AxisId, from: Expr, to: Expr, step: number, fill: () => void): void {
    const name = this.nest.axes[axis]?.name ?? "i";
    this.code.loop(name, from, to, constant("i32", step * this.target.word), (counter) =>
      this.within(axis, counter, fill),
    );
  }

  #naturalLevel(axes: Iterable<AxisId>): number {
    let level = 0;
    for (const axis of axes)
      level = Math.max(
        level,
        this.#frames.findIndex((frame) => frame.axis === axis),
      );
    return level;
  }

  #level(axes: Iterable<AxisId>): number {
    return Math.max(this.#fence, this.#naturalLevel(axes));
  }

  /** What an outer frame, or one within a fence, computed already. */
  #known(axes: Iterable<AxisId>, key: string): Expr | undefined {
    const last = this.#level(axes);
    for (let level = this.#naturalLevel(axes); level <= last; level++) {
      const value = this.#frames[level]?.values.get(key);
      if (value) return value;
    }
    return undefined;
  }

  /** Runs `fill` in the outermost frame where `axes` are known; its statements go there. */
  at<T>(axes: Iterable<AxisId>, fill: (values: Map<string, Expr>) => T): T {
    const level = this.#level(axes);
    const frames = this.#frames;
    const frame = frames[level];
    if (!frame) throw new Error("no frame");
    this.#frames = frames.slice(0, level + 1);
    let result: T | undefined;
    let done = false;
    try {
      this.code.inside(frame.body, () => {
        result = fill(frame.values);
        done = true;
      });
    } finally {
      this.#frames = frames;
    }
    if (!done) throw new Error("unreachable");
    return result as T;
  }

  // ---- scalars ---------------------------------------------------------------------------------------

  /** Whether the scalar is a vector where the lane axis is open. */
  isVarying(id: ScalarId): boolean {
    return this.lane !== undefined && this.isOpen(this.lane) && this.dependencies(id).has(this.lane);
  }

  #key(id: ScalarId, offsets: Offsets): string {
    let key = `${id}`;
    for (const axis of this.dependencies(id)) {
      const offset = offsets.get(axis);
      if (offset) key += `@${axis}:${offset}`;
    }
    return key;
  }

  /** Gives a `reduced` scalar its value in the frame where it belongs. */
  bind(id: ScalarId, offsets: Offsets, value: Expr): void {
    this.at(this.dependencies(id), (values) => values.set(this.#key(id, offsets), value));
  }

  /** Whether the scalar has a value already where it belongs. */
  isKnown(id: ScalarId, offsets: Offsets): boolean {
    return this.#known(this.dependencies(id), this.#key(id, offsets)) !== undefined;
  }

  /** The scalar where the loops stand, plus `offsets`. */
  value(id: ScalarId, offsets: Offsets = noOffsets): Expr {
    const key = this.#key(id, offsets);
    const before = this.#known(this.dependencies(id), key);
    if (before) return before;
    return this.at(this.dependencies(id), (values) => {
      const scalar = this.scalar(id);
      const replaced = this.instead(id, offsets);
      const computed = replaced ?? this.#compute(id, scalar, offsets);
      const value = this.code.let(computed, scalar.op === "apply" ? scalar.fn : scalar.op === "read" ? "x" : "v");
      values.set(key, value);
      if (!replaced) this.onComputed(id, value, offsets);
      return value;
    });
  }

  /** The scalar as a vector: itself, or its value in all lanes. */
  vector(id: ScalarId, offsets: Offsets = noOffsets): Expr {
    const value = this.value(id, offsets);
    if (isVector(value.kind)) return value;
    const key = `v${this.#key(id, offsets)}`;
    const before = this.#known(this.dependencies(id), key);
    if (before) return before;
    return this.at(this.dependencies(id), (values) => {
      const splat = this.code.let(splatOf(this.scalar(id).dtype, value, this.code), "all");
      values.set(key, splat);
      return splat;
    });
  }

  #compute(id: ScalarId, scalar: NestScalar, offsets: Offsets): Expr {
    const varying = this.isVarying(id);
    const part = (arg: ScalarId): Expr => (varying ? this.vector(arg, offsets) : this.value(arg, offsets));
    switch (scalar.op) {
      case "constant":
        return constant(scalarKind(scalar.dtype), scalar.value);
      case "dim": {
        const size = this.dim(scalar.dim);
        return scalarKind(scalar.dtype) === "f32" ? convert("float", "f32", [size]) : size;
      }
      case "index":
        return this.index(scalar.at, offsets, varying);
      case "apply": {
        const dtype = this.scalar(scalar.args[scalar.args.length - 1] ?? 0).dtype;
        const literal = (arg: number): number | undefined => {
          const operand = this.scalar(scalar.args[arg] ?? 0);
          return operand.op === "constant" ? operand.value : undefined;
        };
        return applyScalar(scalar.fn, dtype, scalar.dtype, scalar.args.map(part), this.code, this.target, literal);
      }
      case "reduced": {
        this.onReduced(id, offsets);
        const bound = this.#known(this.dependencies(id), this.#key(id, offsets));
        if (!bound) throw new Error(`the reduction of scalar ${id} has no value`);
        return bound;
      }
      case "read": {
        const kind = varying ? vectorKind(scalar.dtype) : scalarKind(scalar.dtype);
        const { base, offset, key } = this.address(scalar.access, offsets);
        // What varies may be the value outside alone: then all lanes read one element.
        const isOne = varying && !scalar.access.address.terms.some(({ axis }) => axis === this.lane);
        let value = load(kind, base, offset, isOne);
        if (scalar.guards.length === 0) {
          // Windows overlap: what a neighbour has read is read once.
          const place = `${kind}${isOne ? "*" : ""}[${key}+${offset}]`;
          const before = this.#known(this.dependencies(id), place);
          value = before ?? this.code.let(value, "x");
          this.at(this.dependencies(id), (values) => values.set(place, value));
        }
        if (varying && scalar.dtype === "bool") value = compare("ne", value, this.code.constant("i32x4", 0));
        if (scalar.outside === undefined || scalar.guards.length === 0) return value;
        const outside = part(scalar.outside);
        return choose(this.#inside(scalar.guards, offsets), value, outside);
      }
    }
  }

  /** Whether all guards hold: 0 <= index < extent as one unsigned comparison each. */
  #inside(guards: readonly Guard[], offsets: Offsets): Expr {
    const tests = guards.map((guard) => {
      const { base, offset } = this.#affine(guard.index, offsets, constant("i32", 0), "g");
      return compare("lt_u", plus(base, constant("i32", offset)), this.inUnits(guard.extent));
    });
    return tests.reduce((a, b) => op("and", a, b));
  }

  /** The value of an index expression in elements; of a varying one for four neighbours. */
  index(at: Affine, offsets: Offsets, varying: boolean): Expr {
    const { base, offset } = this.#affine(at, offsets, constant("i32", 0), "i");
    const units = plus(base, constant("i32", offset));
    const { word } = this.target;
    const index =
      word === 1
        ? units
        : units.op === "const"
          ? constant("i32", units.value / word)
          : op("shr", units, constant("i32", 2));
    if (!varying) return index;
    const stride = at.terms.find((term) => term.axis === this.lane)?.times;
    const step = stride ? literalOf(stride) : 0;
    if (step === undefined) throw new Error("an index varies with lanes by a run dim");
    return op("add", convert("splat", "i32x4", [index]), this.lanes(step));
  }

  /** An index expression in address units, as a sum and a literal. */
  units(at: Affine, offsets: Offsets, key: string): Address {
    return this.#affine(at, offsets, constant("i32", 0), key);
  }

  /** The i32x4 of 0, 1, 2, 3 times `step`. */
  lanes(step: number): Expr {
    return this.code.shared(`lanes:${step}`, "lanes", () => {
      const counted = convert("lanes", "i32x4", []);
      return step === 1 ? counted : op("mul", counted, constant("i32x4", step));
    });
  }

  // ---- addresses -------------------------------------------------------------------------------------

  address(access: Access, offsets: Offsets = noOffsets): Address {
    const pointer = this.frame.pointers[access.operand];
    if (!pointer) throw new Error(`no operand ${access.operand}`);
    return this.#affine(
      access.address,
      offsets,
      pointer,
      `p${access.operand}`,
      packedColumn(this.frame.kernel, this.nest, access.operand, access.address),
    );
  }

  /**
   * `root + at` in address units. Terms are added in the order of their loops and each partial sum lives in its
   * loop's frame, where accesses with the same terms share it; literal parts go into the offset.
   */
  #affine(at: Affine, offsets: Offsets, root: Expr, rootKey: string, column?: AxisId): Address {
    const { word } = this.target;
    const isAddress = root.op !== "const";
    const parts: { readonly axes: Iterable<AxisId>; readonly key: string; readonly amount: () => Expr }[] = [];
    let immediate = 0;
    const constantPart = literalOf(at.plus);
    if (constantPart !== undefined) immediate += constantPart * word;
    else parts.push({ axes: [], key: `(${at.plus.key})`, amount: () => this.inUnits(at.plus) });
    for (const { axis, times: stride } of at.terms) {
      const literal = literalOf(stride);
      const offset = offsets.get(axis) ?? 0;
      if (this.isOpen(axis)) {
        const isPanelled = axis === column;
        const amount = (): Expr =>
          isPanelled ? this.#panelled(this.counter(axis), stride) : times(this.counter(axis), this.dim(stride));
        parts.push({ axes: [axis], key: `${isPanelled ? "p" : ""}${axis}*${stride.key}`, amount });
      }
      if (offset === 0) continue;
      if (axis === column) {
        // The counter stands at the beginning of a panel, or so early in one that the offset stays inside.
        const panels = offset - (offset % 8);
        immediate += (offset % 8) * word;
        if (panels === 0) continue;
        if (literal !== undefined) immediate += literal * panels * word;
        else
          parts.push({
            axes: [],
            key: `${panels}(${stride.key})`,
            amount: () => times(this.inUnits(stride), constant("i32", panels)),
          });
      } else if (literal !== undefined) immediate += literal * offset * word;
      else
        parts.push({
          axes: [],
          key: `${offset}(${stride.key})`,
          amount: () => times(this.inUnits(stride), constant("i32", offset)),
        });
    }
    for (const { scalar, times: stride } of at.scalars)
      parts.push({
        axes: this.dependencies(scalar),
        key: `s${this.#key(scalar, offsets)}*${stride.key}`,
        amount: () => times(this.value(scalar, offsets), this.inUnits(stride)),
      });
    // The offset of an access is added to its base without wrapping: the base alone must not lie below 0.
    const isRising =
      isNonNegative(at.plus) &&
      at.terms.every((term) => isNonNegative(term.times)) &&
      at.scalars.every((term) => isNonNegative(term.times));
    if (isAddress && (immediate < 0 || (immediate > 0 && !isRising))) {
      const amount = immediate;
      parts.push({ axes: [], key: `${amount}`, amount: () => constant("i32", amount) });
      immediate = 0;
    }
    let base = root;
    let key = rootKey;
    for (const part of parts.sort((a, b) => this.#level(a.axes) - this.#level(b.axes))) {
      key += `+${part.key}`;
      const before = base;
      // A sum belongs where its innermost term is known; terms come in that order.
      const known = this.#known(part.axes, key);
      if (known) {
        base = known;
        continue;
      }
      base = this.at(part.axes, (values) => {
        const sum = plus(before, part.amount());
        // A pointer plus a counter costs nothing where it is used; anything longer is kept.
        const isShort = sum.op === "plus" && sum.args.every((arg) => arg.op === "local" || arg.op === "const");
        const kept = isShort ? sum : this.code.let(sum, isAddress ? rootKey : "at");
        values.set(key, kept);
        return kept;
      });
    }
    return { base, offset: immediate, key };
  }

  /** Column n of a packed operand lies at (n - n mod 8) * K + n mod 8. */
  #panelled(counter: Expr, depth: Dim): Expr {
    const mask = 8 * this.target.word - 1;
    if (counter.op === "const") {
      const inside = counter.value & mask;
      return plus(times(constant("i32", counter.value - inside), this.dim(depth)), constant("i32", inside));
    }
    const panel = op("and", counter, constant("i32", ~mask));
    return plus(times(panel, this.dim(depth)), op("and", counter, constant("i32", mask)));
  }
}
