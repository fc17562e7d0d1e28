/**
 * The gradient of a comprehension: its body is differentiated backwards, from the result to the reads, and each read
 * is then transposed by its index map (`index-maps.ts`).
 *
 * What a derivative needs of the body that is itself a reduction (the maximum of a window, a sum under a root) becomes
 * a tensor of its own over the axes that it depends on, so that nothing is reduced again at every point.
 */
import type { Comprehension, Scalar, Value, ValueId } from "../ir/graph.ts";
import { isFloat } from "../ir/types.ts";
import { productOf } from "../ir/dims.ts";
import { comprehensionOf } from "./attributes.ts";
import { type Algebra, derivativeOf, isLinearFunction } from "./derivatives.ts";
import { transposeRead } from "./index-maps.ts";
import type { Dependence, Pullback, Vjp } from "./primitive.ts";
import { folding, freeAxes, partsOf, rewriting, scalarNumbers, ScalarWriter, withParts } from "./scalars.ts";

/** The vjp of a value that is `comprehension` of its operands. */
export function pullComprehension(pullback: Pullback, comprehension: Comprehension): readonly (ValueId | undefined)[] {
  return new BodyPullback(pullback, comprehension).run();
}

export const comprehensionVjp: Vjp = (pullback) => pullComprehension(pullback, comprehensionOf(pullback.value));

/** The vjp of a value by the comprehension that it equals; `write` gives the body at the axes of the result. */
export function vjpOf(write: (value: Value, at: readonly Scalar[], writer: ScalarWriter) => Scalar): Vjp {
  return (pullback) => {
    const { emit, value } = pullback;
    const rank = value.type.shape.length;
    const axes = value.type.shape.map((extent, i) => ({ name: `i${i}`, extent }));
    const writer = new ScalarWriter(emit, value.span, axes, value.args);
    const body = write(
      value,
      axes.map((_, axis) => writer.axis(axis)),
      writer,
    );
    return pullComprehension(pullback, { rank, axes: writer.axes, body });
  };
}

/** A scalar of the body where certain axes run, with what is to be handed back to it. */
interface Visit {
  readonly scalar: Scalar;
  readonly domain: readonly number[];
  readonly cotangents: Scalar[];
}

class BodyPullback {
  readonly #pullback: Pullback;
  readonly #comprehension: Comprehension;
  readonly #writer: ScalarWriter;
  readonly #spatial: readonly number[];
  readonly #visits = new Map<string, Visit>();
  /** Numbers of scalars, for keys of visits. */
  readonly #numbers = new Map<Scalar, number>();
  readonly #reductions = new Map<Scalar, Scalar>();
  readonly #leads: (scalar: Scalar) => boolean;

  constructor(pullback: Pullback, comprehension: Comprehension) {
    const { value, emit, wants } = pullback;
    this.#pullback = pullback;
    this.#comprehension = comprehension;
    this.#writer = new ScalarWriter(emit, value.span, comprehension.axes, value.args);
    this.#spatial = Array.from({ length: comprehension.rank }, (_, axis) => axis);
    this.#leads = folding<boolean>((scalar, parts) => {
      if (!isFloat(scalar.dtype)) return false;
      if (scalar.kind === "read") return wants(scalar.operand) || (scalar.outside ? parts(scalar.outside) : false);
      if (scalar.kind === "apply" && scalar.fn !== "cast" && derivativeOf(scalar.fn).rule === "zero") return false;
      return partsOf(scalar).some(parts);
    });
  }

  run(): readonly (ValueId | undefined)[] {
    const { emit, value, cotangent } = this.#pullback;
    const { body } = this.#comprehension;
    const gradients = value.args.map((): ValueId | undefined => undefined);
    if (!this.#leads(body)) return gradients;
    const order = this.#ordered(body);
    const indices = this.#spatial.map((axis) => this.#writer.axis(axis));
    this.#handTo(body, this.#spatial, this.#writer.read(cotangent, indices));
    const numberOf = scalarNumbers();
    const reads = new Map<string, Visit & { readonly scalar: { readonly kind: "read" } }>();
    for (const visit of order) {
      const { scalar, domain, cotangents } = visit;
      const total = this.#sum(cotangents);
      if (!total) continue;
      if (scalar.kind === "apply") this.#pullApply(scalar, domain, total);
      else if (scalar.kind === "reduce") this.#pullReduce(scalar, domain, total);
      else if (scalar.kind === "read") {
        if (scalar.outside && this.#leads(scalar.outside))
          this.#handTo(scalar.outside, domain, this.#whereOutside(scalar, total));
        if (!this.#pullback.wants(scalar.operand)) continue;
        // Reads of one element are one read.
        const key = `${numberOf(scalar)}|${domain.join()}`;
        const before = reads.get(key);
        if (before) before.cotangents.push(total);
        else reads.set(key, { scalar, domain, cotangents: [total] });
      }
    }
    for (const { scalar, domain, cotangents } of reads.values()) {
      const handed = this.#sum(cotangents);
      if (!handed) continue;
      const shape = this.#writer.shapeOf(scalar.operand);
      const at = scalar.at.map((index) => this.#primal(index));
      const gradient = transposeRead(this.#writer, { shape, at, domain, value: handed });
      const before = gradients[scalar.operand];
      gradients[scalar.operand] = before === undefined ? gradient : emit.apply("add", [before, gradient]);
    }
    return gradients;
  }

  // ---- order -----------------------------------------------------------------------------------------------

  #key(scalar: Scalar, domain: readonly number[]): string {
    let number = this.#numbers.get(scalar);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(scalar, number);
    }
    return `${number}|${domain.join()}`;
  }

  /** Everything that leads to a wanted read, each scalar before its parts. */
  #ordered(body: Scalar): readonly Visit[] {
    const order: Visit[] = [];
    const visit = (scalar: Scalar, domain: readonly number[]): void => {
      const key = this.#key(scalar, domain);
      if (this.#visits.has(key) || !this.#leads(scalar)) return;
      const made: Visit = { scalar, domain, cotangents: [] };
      this.#visits.set(key, made);
      const inner = scalar.kind === "reduce" ? [...domain, ...scalar.axes] : domain;
      for (const part of partsOf(scalar)) visit(part, inner);
      order.push(made);
    };
    visit(body, this.#spatial);
    return order.reverse();
  }

  #handTo(scalar: Scalar, domain: readonly number[], cotangent: Scalar): void {
    this.#visits.get(this.#key(scalar, domain))?.cotangents.push(cotangent);
  }

  #sum([first, ...others]: readonly Scalar[]): Scalar | undefined {
    return first && others.reduce((sum, other) => this.#writer.apply("add", sum, other), first);
  }

  // ---- rules -----------------------------------------------------------------------------------------------

  #algebra(): Algebra<Scalar> {
    const writer = this.#writer;
    return { apply: (fn, ...args) => writer.apply(fn, ...args), constant: (value) => writer.constant(value, "f32") };
  }

  #pullApply(scalar: Scalar & { kind: "apply" }, domain: readonly number[], total: Scalar): void {
    if (scalar.fn === "cast") {
      const [from] = scalar.args;
      if (from) this.#handTo(from, domain, total);
      return;
    }
    const { rule } = derivativeOf(scalar.fn);
    if (rule === "zero") return;
    const args = scalar.args.map((arg) => this.#primal(arg));
    const made = rule(this.#algebra(), args, () => this.#primal(scalar), total);
    for (const [k, cotangent] of made.entries()) {
      const arg = scalar.args[k];
      if (arg && cotangent && this.#leads(arg)) this.#handTo(arg, domain, cotangent());
    }
  }

  #pullReduce(scalar: Scalar & { kind: "reduce" }, domain: readonly number[], total: Scalar): void {
    const writer = this.#writer;
    const inner = [...domain, ...scalar.axes];
    const { monoid, axes, body } = scalar;
    switch (monoid) {
      case "sum":
        this.#handTo(body, inner, total);
        return;
      case "mean": {
        const count = writer.size(productOf(axes.map((axis) => writer.extent(axis))), "f32");
        this.#handTo(body, inner, writer.apply("div", total, count));
        return;
      }
      case "max":
      case "min": {
        // All of it to the first that is the extremum.
        const winner = writer.reduce(monoid === "max" ? "argmax" : "argmin", axes, this.#primal(body));
        const isWinner = writer.apply("equal", this.#asTensor(winner), this.#position(axes));
        this.#handTo(body, inner, writer.apply("select", isWinner, total, writer.constant(0, "f32")));
        return;
      }
      case "prod": {
        this.#handTo(body, inner, writer.apply("mul", total, this.#productOfOthers(axes, this.#primal(body))));
        return;
      }
      default:
    }
  }

  /** The row-major position of the current point among those of a reduction. */
  #position(axes: readonly number[]): Scalar {
    const writer = this.#writer;
    let position: Scalar | undefined;
    for (const axis of axes) {
      const index = writer.axis(axis);
      position = position
        ? writer.apply("add", writer.apply("mul", position, writer.size(writer.extent(axis))), index)
        : index;
    }
    return position ?? writer.constant(0, "i32");
  }

  /** Exact also where factors are 0, and for further derivatives; so each product is taken anew. */
  #productOfOthers(axes: readonly number[], factor: Scalar): Scalar {
    const writer = this.#writer;
    const fresh = axes.map((axis) => writer.newAxis(writer.axes[axis]?.name ?? "r", writer.extent(axis)));
    const renamed = rewriting((scalar, within) => {
      if (scalar.kind !== "axis") return withParts(scalar, within);
      const k = axes.indexOf(scalar.axis);
      return k < 0 ? scalar : { ...scalar, axis: fresh[k] ?? scalar.axis };
    });
    const isThis = writer.apply("equal", this.#position(fresh), this.#position(axes));
    const other = writer.apply("select", isThis, writer.constant(1, factor.dtype), renamed(factor));
    return this.#asTensor(writer.reduce("prod", fresh, other));
  }

  #whereOutside(read: Scalar & { kind: "read" }, total: Scalar): Scalar {
    const writer = this.#writer;
    const shape = writer.shapeOf(read.operand);
    const outside = read.at.flatMap((index, d) => {
      const at = this.#primal(index);
      return [
        writer.apply("less", at, writer.constant(0, "i32")),
        writer.apply("greater_equal", at, writer.size(shape[d] ?? productOf([]))),
      ];
    });
    const [first, ...others] = outside;
    if (!first) return writer.constant(0, total.dtype);
    const mask = others.reduce((any, one) => writer.apply("or", any, one), first);
    return writer.apply("select", mask, total, writer.constant(0, total.dtype));
  }

  // ---- values of the body ------------------------------------------------------------------------------------

  /** The scalar itself, with each reduction in it read from a tensor. */
  readonly #primal = rewriting((scalar, within) => {
    // The result of the whole is at hand.
    if (scalar === this.#comprehension.body && (scalar.kind === "reduce" || scalar.kind === "apply"))
      return this.#writer.read(
        this.#pullback.id,
        this.#spatial.map((axis) => this.#writer.axis(axis)),
      );
    const made = withParts(scalar, within);
    if (made.kind !== "reduce") return made;
    return this.#asTensor(made);
  });

  /** A reduction as a tensor over the axes that it depends on. */
  #asTensor(reduction: Scalar): Scalar {
    const known = this.#reductions.get(reduction);
    if (known) return known;
    const axes = [...freeAxes(reduction)].sort((a, b) => a - b);
    const made = this.#writer.read(
      this.#writer.tensor(axes, reduction),
      axes.map((axis) => this.#writer.axis(axis)),
    );
    this.#reductions.set(reduction, made);
    return made;
  }
}

// ---- linearity -----------------------------------------------------------------------------------------------

/** How the body depends on one tensor, given how the operands do; a scalar that is not linear is given back. */
export function dependenceOf(comprehension: Comprehension, operands: readonly Dependence[]): Dependence | Scalar {
  const failed: Scalar[] = [];
  const isZero = (scalar: Scalar): boolean => scalar.kind === "constant" && scalar.value === 0;
  const combined = (scalar: Scalar, kinds: readonly Dependence[], isLinear: (k: readonly Dependence[]) => boolean) => {
    if (kinds.every((kind) => kind === "fixed")) return "fixed";
    if (kinds.includes("linear")) {
      if (!isLinear(kinds)) failed.push(scalar);
      return "linear";
    }
    return isLinear(kinds.map((kind) => (kind === "zero" ? "linear" : kind))) ? "zero" : "fixed";
  };
  const jointly = (kinds: readonly Dependence[]): boolean => !kinds.includes("fixed");
  const of = folding<Dependence>((scalar, parts) => {
    switch (scalar.kind) {
      case "read": {
        const own = operands[scalar.operand] ?? "fixed";
        for (const index of scalar.at) if (parts(index) === "linear") failed.push(scalar);
        return scalar.outside ? combined(scalar, [own, parts(scalar.outside)], jointly) : own;
      }
      case "apply": {
        const kinds = scalar.args.map(parts);
        if (scalar.fn === "cast")
          return combined(scalar, kinds, () => isFloat(scalar.dtype) && scalar.args.every((arg) => isFloat(arg.dtype)));
        return combined(scalar, kinds, (now) => isLinearFunction(scalar.fn, now));
      }
      case "reduce":
        return combined(scalar, [parts(scalar.body)], () => scalar.monoid === "sum" || scalar.monoid === "mean");
      default:
        return isZero(scalar) ? "zero" : "fixed";
    }
  });
  const result = of(comprehension.body);
  return failed[0] ?? result;
}
