/**
 * Random nodes (language.md 5.6): `random_uniform` and its like where a tensor is wanted, as bits and what is made of
 * them. The laws are those of initial values in `runtime/random.ts`, word for word; only a truncated normal, which is
 * drawn again there, is made by the inverse of its distribution.
 */
import type { Span } from "../../grammar/source.ts";
import { type Dim, dimOf, formatDim, mulDims, ONE, ZERO } from "../ir/dims.ts";
import type { Arguments } from "./apply.ts";
import { type Entity, float, type InitialEntity, int, type TensorEntity } from "./entity.ts";
import type { CallSite, Frame } from "./frame.ts";
import { ceilDiv } from "./numbers.ts";
import { emitConstant, emitValue, fail } from "./operands.ts";
import type { Place } from "./places.ts";
import { Failure } from "./report.ts";

const UNIT = 2 ** -24;

/** One random node in the making: its stream, and primitives on its values. */
class Sketch {
  readonly frame: Frame;
  readonly site: CallSite;
  readonly #place: Place;

  constructor(frame: Frame, site: CallSite, place: Place) {
    this.frame = frame;
    this.site = site;
    this.#place = place;
  }

  bits(shape: readonly Dim[]): TensorEntity {
    const { frame, site } = this;
    const key = emitValue(frame, "random_key", [], { path: "" }, { dtype: "u32", shape: [dimOf(4)] }, site.span);
    frame.builder.placeKey(key.value, this.#place);
    const iteration = frame.loop?.iteration() ?? emitConstant(frame, "i32", [], [0], site.span);
    return this.apply("random_bits", [key, iteration], { shape });
  }

  all(name: string, operands: readonly Entity[], args: Arguments = {}): readonly TensorEntity[] {
    const { frame, site } = this;
    const primitive = frame.check.primitive(name);
    if (!primitive) throw new Error(`the table has no ${name}`);
    const given = operands.map((entity) => ({ entity, span: site.span }));
    const result = frame.check.apply(frame, primitive, given, args, site);
    if (result.kind === "tensor") return [result];
    if (result.kind === "list") return result.items.filter((item) => item.kind === "tensor");
    throw new Failure();
  }

  apply(name: string, operands: readonly Entity[], args: Arguments = {}): TensorEntity {
    const [only] = this.all(name, operands, args);
    if (!only) throw new Error(`\`${name}\` has no result`);
    return only;
  }

  /** `from + x * by`, without what changes nothing; the product is rounded, so that every target has the same sum. */
  scaled(x: TensorEntity, by: number, from: number): TensorEntity {
    const times = by === 1 ? x : this.apply("round_f32", [this.apply("mul", [x, float(by)])]);
    return from === 0 ? times : this.apply("add", [times, float(from)]);
  }

  /** The upper 24 bits of each word, times 2^-24: exact in f32. With `plus` 1 in (0, 1], else in [0, 1). */
  unit(words: TensorEntity, plus: 0 | 1 = 0): TensorEntity {
    const upper = this.apply("div", [words, int(256)]);
    const counted = plus === 0 ? upper : this.apply("add", [upper, int(plus)]);
    return this.apply("mul", [this.apply("cast", [counted], { to: "f32" }), float(UNIT)]);
  }
}

/** `random_bits(shape)`: the words themselves. */
export function randomBits(frame: Frame, shape: readonly Dim[], site: CallSite): TensorEntity {
  const order = frame.builder.textOrder();
  return inRegion({ frame, name: "random_bits", order, site }, shape, (sketch) => sketch.bits(shape));
}

/** The node of a call in which no variable starts; one for each evaluation of the call. */
export function randomTensor(entity: InitialEntity, span: Span): TensorEntity {
  const { node, init, shape } = entity;
  const { frame, name } = node;
  node.tensor ??= inRegion(node, shape, (sketch) => {
    switch (init.fn) {
      case "random_uniform":
        return sketch.scaled(sketch.unit(sketch.bits(shape)), init.max - init.min, init.min);
      case "random_normal":
        return sketch.scaled(normals(sketch, shape), init.stddev, init.mean);
      case "truncated_normal":
        return sketch.scaled(truncated(sketch, shape), init.stddev, init.mean);
      default:
        return fail(frame, {
          code: "TFG0210",
          message: `\`${name}\` starts variables only`,
          primary: { span: entity.origin.file === span.file ? entity.origin : span, text: "a tensor is expected" },
          helps: [{ text: `\`param w: … = ${name}\`` }],
        });
    }
  });
  return node.tensor;
}

/** A call of the graph around what `make` makes, which has a stream of its own. */
function inRegion(
  { frame, name, order, site }: Omit<InitialEntity["node"], "tensor">,
  shape: readonly Dim[],
  make: (sketch: Sketch) => TensorEntity,
): TensorEntity {
  for (const dim of shape)
    if (!frame.builder.oblige(dim, 0, site.span, frame.facts))
      fail(frame, {
        code: "TFG0315",
        message: "a dimension cannot be negative",
        primary: { span: site.span, text: `this is ${formatDim(dim)}` },
      });
  const { comprehension: _comprehension, ...outside } = frame;
  const { builder } = frame;
  const region = builder.openCall(name, site.span, frame.call, undefined, []);
  const inner: Frame = { ...outside, call: region };
  const result = make(new Sketch(inner, site, frame.place.call(name, order)));
  builder.closeCall(region, [result.value]);
  return { ...result, origin: site.span };
}

/** Standard normals by Box and Muller: words 2j and 2j + 1 make the elements 2j and 2j + 1. */
function normals(sketch: Sketch, shape: readonly Dim[]): TensorEntity {
  const { frame, site } = sketch;
  const count = mulDims(ONE, ...shape);
  const pairs = ceilDiv(count, dimOf(2), frame.facts);
  const [first, second] = sketch.all("split", [sketch.bits([pairs, dimOf(2)])], { n: 2, axis: 1 });
  if (!first || !second) throw new Failure();
  const radius = sketch.apply("sqrt", [sketch.apply("mul", [sketch.apply("log", [sketch.unit(first, 1)]), float(-2)])]);
  // cos(2 pi v) of v turns, for the odd element a quarter before: v is brought to half a turn and the cosine to a sine
  // around 0, both exactly, so that f32 loses nothing before it multiplies.
  const quarter = emitConstant(frame, "f32", [1, 2], [0, 0.25], site.span);
  const turn = sketch.apply("sub", [sketch.unit(second), quarter]);
  const half = sketch.apply("abs", [sketch.apply("sub", [turn, sketch.apply("round", [turn])])]);
  const angle = sketch.apply("mul", [sketch.apply("sub", [float(0.25), half]), float(2 * Math.PI)]);
  const both = sketch.apply("mul", [radius, sketch.apply("sin", [angle])]);
  const flat = sketch.apply("reshape", [both], { shape: [mulDims(pairs, dimOf(2))] });
  const whole = frame.facts.equal(mulDims(pairs, dimOf(2)), count)
    ? flat
    : sketch.apply("slice", [flat], { axis: 0, at: ZERO, size: count });
  return sketch.apply("reshape", [whole], { shape });
}

/** Coefficients of Giles, "Approximating the erfinv function", 2010, for the middle; the tails are cut off here. */
const ERFINV = [
  2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503, -0.00417768164,
  0.246640727, 1.50140941,
] as const;
/** The probability of less than two deviations. */
const WITHIN_TWO = 0.9544997361036416;

/** Normals of less than two deviations: sqrt(2) erfinv(x) of x uniform in what erf leaves of them. */
function truncated(sketch: Sketch, shape: readonly Dim[]): TensorEntity {
  const x = sketch.scaled(sketch.scaled(sketch.unit(sketch.bits(shape)), 2, -1), WITHIN_TWO, 0);
  const rest = sketch.apply("mul", [sketch.apply("sub", [float(1), x]), sketch.apply("add", [float(1), x])]);
  const w = sketch.apply("sub", [float(-2.5), sketch.apply("log", [rest])]);
  const [first, ...others] = ERFINV;
  const series = others.reduce<Entity>(
    (sum, coefficient) => sketch.apply("add", [sketch.apply("mul", [w, sum]), float(coefficient)]),
    float(first),
  );
  const normal = sketch.apply("mul", [sketch.apply("mul", [x, series]), float(Math.SQRT2)]);
  return sketch.apply("clamp", [normal, float(-2), float(2)]);
}
