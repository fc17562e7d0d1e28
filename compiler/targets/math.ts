/**
 * Transcendental functions in f32x4 arithmetic, for targets that lack them. A scalar is computed as lane 0 of the
 * vector form, so both give the same bits. Every intermediate is a local, every constant is set before the loops.
 *
 * Errors are against the exact value, in units of the last place of the result, with and without fused multiply-add;
 * `tests/targets-math.test.ts` holds them.
 */
import { type CodeBuilder, compare, convert, type Expr, isVector, op, select } from "../ir/stmt.ts";

class Lanes {
  readonly #code: CodeBuilder;
  constructor(code: CodeBuilder) {
    this.#code = code;
  }

  keep = (e: Expr): Expr => this.#code.let(e, "t");
  f = (value: number): Expr => this.#code.constant("f32x4", value);
  i = (value: number): Expr => this.#code.constant("i32x4", value);
  d = (value: number): Expr => this.#code.constant("f64x2", value);
  count = (value: number): Expr => this.#code.constant("i32", value);
  asInt = (e: Expr): Expr => convert("bits", "i32x4", [e]);
  asFloat = (e: Expr): Expr => convert("bits", "f32x4", [e]);
  madd = (a: Expr, b: Expr, c: Expr): Expr => this.keep(op("madd", a, b, c));

  /**
   * The polynomial with these coefficients, the highest power first: linear parts, then Horner's rule in the square,
   * which halves the chain of operations that wait for each other.
   */
  polynomial(x: Expr, coefficients: readonly number[]): Expr {
    const square = this.keep(op("mul", x, x));
    const isOdd = coefficients.length % 2 === 1;
    let sum = isOdd ? this.f(coefficients[0] ?? 0) : undefined;
    for (let i = isOdd ? 1 : 0; i < coefficients.length; i += 2) {
      const linear = this.madd(this.f(coefficients[i] ?? 0), x, this.f(coefficients[i + 1] ?? 0));
      sum = sum ? this.madd(sum, square, linear) : linear;
    }
    return sum ?? this.f(0);
  }

  /** 2 to the power of an i32x4 within -126 .. 127. */
  power2 = (n: Expr): Expr => this.asFloat(op("shl", op("add", n, this.i(127)), this.count(23)));

  /**
   * `y` near 1 times 2 to the power `n`, for n from -240 to 240: half of it added to the exponent, the rest multiplied,
   * so that subnormals and overflow come out right.
   */
  scaled(y: Expr, n: Expr): Expr {
    const half = this.keep(op("shr", n, this.count(1)));
    const part = this.asFloat(op("add", this.asInt(y), op("shl", half, this.count(23))));
    return this.keep(op("mul", part, this.power2(op("sub", n, half))));
  }

  /** e to the power r for |r| <= 0.35 (Cephes, expf). */
  expReduced(r: Expr): Expr {
    const p = this.polynomial(
      r,
      [1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1],
    );
    return this.keep(op("add", this.madd(p, this.keep(op("mul", r, r)), r), this.f(1)));
  }

  /** At most 1 ulp. Clamped where the result is 0 or infinite anyway; NaN passes through pmin and pmax. */
  exp(x: Expr): Expr {
    const inside = this.keep(op("pmax", op("pmin", x, this.f(89)), this.f(-104)));
    // Added to 1.5 * 2^23, a number is rounded to an integer, which then stands in the low bits.
    const shifted = this.madd(inside, this.f(Math.LOG2E), this.f(12582912));
    const n = this.keep(op("sub", shifted, this.f(12582912)));
    const r = this.madd(n, this.f(2.1219444e-4), this.madd(n, this.f(-0.693359375), inside));
    const result = this.scaled(this.expReduced(r), this.keep(op("sub", this.asInt(shifted), this.i(0x4b400000))));
    // What a NaN has in its low bits would be taken for a power of two, and make a number of it.
    return this.keep(this.asFloat(op("or", this.asInt(result), compare("ne", x, x))));
  }

  /** `x = m 2^e` with m within sqrt(1/2) .. sqrt(2); x is positive and finite, subnormals included. */
  split(x: Expr): { m: Expr; e: Expr } {
    const isTiny = this.keep(compare("lt", x, this.f(1.1754943508222875e-38)));
    const normal = this.asInt(select(isTiny, op("mul", x, this.f(8388608)), x));
    const shifted = this.keep(op("add", normal, this.i(0x3f800000 - 0x3f3504f3)));
    const m = this.keep(this.asFloat(op("add", op("and", shifted, this.i(0x7fffff)), this.i(0x3f3504f3))));
    const exponent = op("sub", op("shr", shifted, this.count(23)), this.i(127));
    const e = this.keep(convert("float", "f32x4", [op("sub", exponent, op("and", isTiny, this.i(23)))]));
    return { m, e };
  }

  /** At most 1 ulp (Cephes, logf). */
  log(x: Expr): Expr {
    const { m, e } = this.split(x);
    const f = this.keep(op("sub", m, this.f(1)));
    const z = this.keep(op("mul", f, f));
    const p = this.polynomial(
      f,
      [
        7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
        2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
      ],
    );
    const low = this.madd(e, this.f(-2.1219444e-4), this.keep(op("mul", this.keep(op("mul", p, f)), z)));
    const sum = this.keep(op("add", f, this.madd(z, this.f(-0.5), low)));
    const finite = this.madd(e, this.f(0.693359375), sum);
    const positive = select(compare("lt", x, this.f(Number.POSITIVE_INFINITY)), finite, x);
    const other = select(compare("eq", x, this.f(0)), this.f(Number.NEGATIVE_INFINITY), this.f(Number.NaN));
    return this.keep(select(compare("gt", x, this.f(0)), positive, other));
  }

  withSignOf(x: Expr, magnitude: Expr): Expr {
    const sign = op("and", this.asInt(x), this.i(-0x80000000));
    return this.keep(this.asFloat(op("or", this.asInt(magnitude), sign)));
  }

  /** At most 3 ulp: a polynomial below 5/8, `1 - 2 / (exp(2x) + 1)` above (Cephes, tanhf). */
  tanh(x: Expr): Expr {
    const size = this.keep(op("abs", x));
    const z = this.keep(op("mul", x, x));
    const p = this.polynomial(
      z,
      [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1],
    );
    const small = this.madd(this.keep(op("mul", p, z)), x, x);
    const e = this.exp(this.keep(op("add", size, size)));
    const large = this.keep(op("sub", this.f(1), op("div", this.f(2), op("add", e, this.f(1)))));
    return this.keep(select(compare("lt", size, this.f(0.625)), small, this.withSignOf(x, large)));
  }

  /** At most 2 ulp: an odd polynomial below 475/512, `1 - exp(polynomial)` above. */
  erf(x: Expr): Expr {
    const t = this.keep(op("pmin", op("abs", x), this.f(4)));
    const s = this.keep(op("mul", x, x));
    const tail = this.polynomial(
      t,
      [-1.7285347e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -1.06777877e-1, -6.34846687e-1, -1.28717512e-1],
    );
    const exponent = this.keep(op("sub", op("mul", tail, t), t));
    const large = this.keep(op("sub", this.f(1), this.exp(exponent)));
    const p = this.polynomial(
      s,
      [-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1],
    );
    return this.keep(select(compare("gt", t, this.f(0.927734375)), this.withSignOf(x, large), this.madd(p, x, x)));
  }

  /**
   * The multiple of pi/2 next to x, but for multiples of 4, as an i32x4, and what is left. The reduction in f64 is exact
   * for |x| up to 1.6e6, and off by |x| / 2^52 beyond.
   */
  reduceAngle(x: Expr): { quadrant: Expr; r: Expr } {
    const halves = (["promote_low", "promote_high"] as const).map((name) => {
      const wide = this.keep(convert(name, "f64x2", [x]));
      const n = this.keep(op("nearest", op("mul", wide, this.d(2 / Math.PI))));
      const first = op("sub", wide, op("mul", n, this.d(1.5707963267341256)));
      // Turns do not count, and without them f32 holds what is left of n.
      const turns = op("nearest", op("mul", n, this.d(0.25)));
      const quadrant = this.keep(op("sub", n, op("mul", turns, this.d(4))));
      return { quadrant, r: this.keep(op("sub", first, op("mul", n, this.d(6.077100506506192e-11)))) };
    });
    const [low, high] = halves;
    if (!low || !high) throw new Error("unreachable");
    const quadrant = convert("demote_pair", "f32x4", [low.quadrant, high.quadrant]);
    const r = this.keep(convert("demote_pair", "f32x4", [low.r, high.r]));
    // Beyond the exact range the rest may be anything: keep the result a sine of something.
    const bounded = this.keep(op("pmax", op("pmin", r, this.f(Math.PI / 4)), this.f(-Math.PI / 4)));
    return { quadrant: this.keep(convert("int", "i32x4", [quadrant])), r: bounded };
  }

  /** At most 2 ulp for |x| up to 1e5, within 1e-6 up to 2^31. `turn` quarter turns are added: 0 for the sine, 1 for the cosine. */
  sine(x: Expr, turn: 0 | 1): Expr {
    const { quadrant, r } = this.reduceAngle(x);
    const z = this.keep(op("mul", r, r));
    const s = this.polynomial(z, [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1]);
    const sine = this.madd(this.keep(op("mul", s, z)), r, r);
    const c = this.polynomial(z, [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2]);
    const cosine = this.madd(this.keep(op("mul", c, z)), z, this.madd(z, this.f(-0.5), this.f(1)));
    const q = turn === 0 ? quadrant : this.keep(op("add", quadrant, this.i(1)));
    const isOdd = compare("ne", op("and", q, this.i(1)), this.i(0));
    const sign = op("shl", op("and", q, this.i(2)), this.count(30));
    return this.keep(this.asFloat(op("xor", this.asInt(select(isOdd, cosine, sine)), sign)));
  }

  /** The bits of `x`, without the last `drop` of its fraction, to the nearest, ties to even; what overflows is infinite. */
  withoutBits(x: Expr, drop: number): Expr {
    const bits = this.asInt(x);
    const last = op("and", op("shr_u", bits, this.count(drop)), this.i(1));
    const half = op("add", last, this.i(2 ** (drop - 1) - 1));
    const rounded = this.asFloat(op("and", op("add", bits, half), this.i(-(2 ** drop))));
    return this.keep(select(compare("eq", x, x), rounded, x));
  }

  /** Below 2^-14 an f16 is a multiple of 2^-24, as the sums with 1/2 are. */
  roundF16(x: Expr): Expr {
    const size = this.keep(op("abs", x));
    const small = op("sub", op("add", size, this.f(0.5)), this.f(0.5));
    const rounded = this.keep(select(compare("lt", size, this.f(2 ** -14)), small, this.withoutBits(size, 13)));
    const tooLarge = compare("gt", rounded, this.f(65504));
    return this.withSignOf(x, this.keep(select(tooLarge, this.f(Number.POSITIVE_INFINITY), rounded)));
  }

  /** At most 2 ulp: the logarithm and its product with b in f64. Special values as JavaScript's `**` has them. */
  pow(a: Expr, b: Expr): Expr {
    const size = this.keep(op("abs", a));
    const { m, e } = this.split(size);
    const parts = (["promote_low", "promote_high"] as const).map((name) => {
      const wide = (v: Expr): Expr => this.keep(convert(name, "f64x2", [v]));
      const mantissa = wide(m);
      const s = this.keep(op("div", op("sub", mantissa, this.d(1)), op("add", mantissa, this.d(1))));
      const z = this.keep(op("mul", s, s));
      let series = this.d(1 / 17);
      for (let k = 15; k >= 1; k -= 2) series = this.keep(op("add", op("mul", series, z), this.d(1 / k)));
      const log2 = op("add", wide(e), op("mul", op("mul", s, this.d(2 * Math.LOG2E)), series));
      const y = this.keep(op("max", op("min", op("mul", wide(b), log2), this.d(200)), this.d(-200)));
      const n = this.keep(op("nearest", y));
      return { n, f: this.keep(op("sub", y, n)) };
    });
    const [low, high] = parts;
    if (!low || !high) throw new Error("unreachable");
    const n = this.keep(convert("int", "i32x4", [convert("demote_pair", "f32x4", [low.n, high.n])]));
    const f = op("mul", convert("demote_pair", "f32x4", [low.f, high.f]), this.f(Math.LN2));
    const finite = this.scaled(this.expReduced(this.keep(f)), n);
    const infinity = this.f(Number.POSITIVE_INFINITY);
    const zero = this.f(0);
    const isZero = this.keep(compare("eq", size, zero));
    const isInfinite = this.keep(compare("eq", size, infinity));
    // 0 or infinity, as base and exponent pull the same way or not.
    const isLarge = op("xor", isZero, compare("gt", b, zero));
    const extreme = select(compare("eq", b, b), select(isLarge, infinity, zero), b);
    const magnitude = this.keep(select(op("or", isZero, isInfinite), extreme, finite));
    const isWhole = this.keep(compare("eq", op("trunc", b), b));
    const half = this.keep(op("mul", b, this.f(0.5)));
    const isOdd = op("and", isWhole, compare("ne", op("trunc", half), half));
    const sign = op("and", op("and", this.asInt(a), this.i(-0x80000000)), isOdd);
    const signed = this.asFloat(op("or", this.asInt(magnitude), sign));
    const isInvalid = op("and", op("and", compare("lt", a, zero), op("not", isInfinite)), op("not", isWhole));
    const checked = select(isInvalid, this.f(Number.NaN), signed);
    const orNaN = select(compare("eq", a, a), checked, a);
    return this.keep(select(compare("eq", b, zero), this.f(1), orNaN));
  }
}

/** `fn` by f32x4 arithmetic. */
export function expandLanes(fn: string, args: readonly Expr[], code: CodeBuilder): Expr {
  const [only] = args;
  // Every f32 of WebAssembly is rounded already.
  if (fn === "round_f32" && only) return only;
  const lanes = new Lanes(code);
  const isScalar = args.every((arg) => !isVector(arg.kind));
  const wide = args.map((arg) => (isVector(arg.kind) ? arg : lanes.keep(convert("splat", "f32x4", [arg]))));
  const [a, b] = wide;
  if (!a) throw new Error(`${fn} needs an argument`);
  const result = (): Expr => {
    switch (fn) {
      case "exp":
        return lanes.exp(a);
      case "log":
        return lanes.log(a);
      case "tanh":
        return lanes.tanh(a);
      case "erf":
        return lanes.erf(a);
      case "sin":
        return lanes.sine(a, 0);
      case "cos":
        return lanes.sine(a, 1);
      case "pow":
        if (b) return lanes.pow(a, b);
        break;
      case "round_f16":
        return lanes.roundF16(a);
      case "round_bf16":
        return lanes.withoutBits(a, 16);
    }
    throw new Error(`no code for ${fn}`);
  };
  return isScalar ? convert("extract", "f32", [result()], 0) : result();
}

/** `fn` by the functions of JavaScript's Math; erf, which it lacks, by two approximations in double precision. */
export function expandDoubles(fn: string, args: readonly Expr[], code: CodeBuilder): Expr {
  const [x] = args;
  if (!x) throw new Error(`${fn} needs an argument`);
  switch (fn) {
    case "exp":
    case "log":
    case "sin":
    case "cos":
    case "tanh":
    case "pow":
    case "round_f32":
    case "round_f16":
    case "round_bf16":
      return op(fn, ...args);
    case "erf": {
      const keep = (e: Expr): Expr => code.let(e, "t");
      const f = (value: number): Expr => code.constant("f32", value);
      const polynomial = (at: Expr, [first = 0, ...rest]: readonly number[]): Expr =>
        rest.reduce((sum, c) => op("add", op("mul", sum, at), f(c)), f(first));
      const t = keep(op("min", op("abs", x), f(4)));
      const s = keep(op("mul", x, x));
      const tail = polynomial(
        t,
        [-1.7285347e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -1.06777877e-1, -6.34846687e-1, -1.28717512e-1],
      );
      // From 4 on f32 has nothing next to 1. In double precision a rest would stay, and grow with what it is multiplied by.
      const rest = keep(select(compare("lt", t, f(4)), op("exp", op("sub", op("mul", tail, t), t)), f(0)));
      const large = select(compare("lt", x, f(0)), op("sub", rest, f(1)), op("sub", f(1), rest));
      const p = polynomial(
        s,
        [-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1],
      );
      return select(compare("gt", t, f(0.927734375)), large, op("add", op("mul", p, x), x));
    }
    default:
      throw new Error(`no code for ${fn}`);
  }
}
