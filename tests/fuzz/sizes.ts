/**
 * Sizes as the generator knows them: polynomials over dims, by arithmetic of their own, so that an equality which the
 * compiler's normal form misses (or makes up) shows.
 */

export type Numbers = Readonly<Record<string, number>>;

/** What a factor is worth; a quotient that does not come out even is a factor with its own text. */
interface Factor {
  readonly text: string;
  value(dims: Numbers): number;
  /** With other sizes in the place of dims. */
  put(sizes: ReadonlyMap<string, Size>): Size;
}

const factors = new Map<string, Factor>();

export class Size {
  /** Coefficient of each product of factors, `M*N`; "" is the constant. */
  readonly #terms: ReadonlyMap<string, number>;
  /** Equal sizes have equal keys. */
  readonly key: string;

  private constructor(terms: ReadonlyMap<string, number>) {
    this.#terms = new Map([...terms].filter(([, factor]) => factor !== 0).sort(([a], [b]) => (a < b ? 1 : -1)));
    this.key = [...this.#terms].map(([product, times]) => `${times}*${product}`).join("+") || "0";
  }

  static of(value: number | string): Size {
    if (typeof value === "number") return new Size(new Map([["", value]]));
    const size = new Size(new Map([[value, 1]]));
    factors.set(value, { text: value, value: (dims) => dims[value] ?? 1, put: (sizes) => sizes.get(value) ?? size });
    return size;
  }

  static sum(...sizes: readonly Size[]): Size {
    const terms = new Map<string, number>();
    for (const size of sizes)
      for (const [product, times] of size.#terms) terms.set(product, (terms.get(product) ?? 0) + times);
    return new Size(terms);
  }

  static product(...sizes: readonly Size[]): Size {
    return sizes.reduce((a, b) => {
      const terms = new Map<string, number>();
      for (const [p, x] of a.#terms)
        for (const [q, y] of b.#terms) {
          const product = [...p.split("*"), ...q.split("*")].filter(Boolean).sort().join("*");
          terms.set(product, (terms.get(product) ?? 0) + x * y);
        }
      return new Size(terms);
    }, Size.of(1));
  }

  plus(value: number): Size {
    return Size.sum(this, Size.of(value));
  }

  times(value: number): Size {
    return Size.product(this, Size.of(value));
  }

  minus(other: Size): Size {
    return Size.sum(this, other.times(-1));
  }

  /** floor(this / by) */
  over(by: number): Size {
    const whole = new Map<string, number>();
    const rest = new Map<string, number>();
    for (const [product, times] of this.#terms) {
      const quotient = Math.floor(times / by);
      whole.set(product, quotient);
      rest.set(product, times - quotient * by);
    }
    const left = new Size(rest);
    if (left.literal !== undefined) return new Size(whole);
    const text = `((${left.text}) / ${by})`;
    factors.set(text, {
      text,
      value: (dims) => Math.floor(left.at(dims) / by),
      put: (sizes) => left.put(sizes).over(by),
    });
    return Size.sum(new Size(whole), new Size(new Map([[text, 1]])));
  }

  /** The number, if it is one. */
  get literal(): number | undefined {
    if (this.#terms.size === 0) return 0;
    return this.#terms.size === 1 ? this.#terms.get("") : undefined;
  }

  /** A dim's own name. */
  get symbol(): string | undefined {
    const [[product, times] = ["", 0]] = this.#terms;
    return this.#terms.size === 1 && times === 1 && /^\w+$/.test(product) ? product : undefined;
  }

  get text(): string {
    if (this.#terms.size === 0) return "0";
    let out = "";
    for (const [product, times] of this.#terms) {
      const parts = product === "" ? [] : product.split("*").map((name) => factors.get(name)?.text ?? name);
      const size = Math.abs(times);
      const term = parts.length === 0 ? String(size) : [...(size === 1 ? [] : [String(size)]), ...parts].join(" * ");
      out += out === "" ? (times < 0 ? `-${term}` : term) : times < 0 ? ` - ${term}` : ` + ${term}`;
    }
    return out;
  }

  /** As an operand of an operator or in front of `:`. */
  get operand(): string {
    return /^[\w.]+$/.test(this.text) ? this.text : `(${this.text})`;
  }

  at(dims: Numbers): number {
    let total = 0;
    for (const [product, times] of this.#terms)
      total += product
        .split("*")
        .filter(Boolean)
        .reduce((value, name) => value * (factors.get(name)?.value(dims) ?? 1), times);
    return total;
  }

  /** With other sizes in the place of dims. */
  put(sizes: ReadonlyMap<string, Size>): Size {
    const terms = [...this.#terms].map(([product, times]) =>
      Size.product(
        Size.of(times),
        ...product
          .split("*")
          .filter(Boolean)
          .map((name) => factors.get(name)?.put(sizes) ?? Size.of(1)),
      ),
    );
    return Size.sum(...terms);
  }

  equals(other: Size): boolean {
    return this.key === other.key;
  }
}

export const productOf = (shape: readonly Size[]): Size => Size.product(...shape);
