/** Feeds: which there must be, of what type, and the run dims that their lengths and shapes tell. */
import type { Expr, InputSpec, Program } from "./abi.ts";
import { arrayTypes, type HostArray } from "./dtype.ts";
import { didYouMean, TfgError } from "./errors.ts";
import { eachDim, evaluate, type FetchSet } from "./plan.ts";
import type { AnyFeed, AnyFeeds } from "./signature.ts";

/** A feed as it was given: its elements, and its shape unless it is a bare array or a number. */
interface Fed {
  data: HostArray | number;
  shape: readonly number[] | undefined;
}

/** The feeds of the run at hand. One object serves all runs of a session, so that a run allocates nothing here. */
export interface FeedBinder {
  /** Run dims; 0 for one that nothing of this run depends on. */
  readonly dims: readonly number[];
  /** By position of the input. */
  readonly fed: readonly Fed[];
  /** Checks the feeds of a run and finds its dims. Throws TFG0801, 0802, 0803, 0804 or 0808. */
  bind(fetches: FetchSet, feeds: AnyFeeds, given?: Readonly<Record<string, number | undefined>>): void;
}

const wide = { i64: BigInt64Array, f64: Float64Array };

const lengthOf = ({ data }: Fed): number => (typeof data === "number" ? 1 : data.length);

/** The only unknown dim of an expression; -1 if there is none, -2 if there are several. */
function unknownIn(expr: Expr, dims: readonly number[]): number {
  if (typeof expr === "number") return -1;
  if (expr.length === 2) return expr[0] === "s" || dims[expr[1]] ? -1 : expr[1];
  return eitherUnknown(unknownIn(expr[1], dims), unknownIn(expr[2], dims));
}

const eitherUnknown = (a: number, b: number): number => (a === -1 || a === b ? b : b === -1 ? a : -2);

function productOf(exprs: readonly Expr[], dims: readonly number[]): number {
  let product = 1;
  for (const expr of exprs) product *= evaluate(expr, dims, []);
  return product;
}

/** The size of `dim` for which the product of `exprs` is `target`; -1 if there is none. The product grows with the size. */
function solve(exprs: readonly Expr[], dims: number[], dim: number, target: number): number {
  const before = Number(dims[dim]);
  const at = (size: number): number => {
    dims[dim] = size;
    return productOf(exprs, dims);
  };
  const first = at(1);
  // Almost always it is linear, and this guess is right.
  let size = 1 + (target - first) / (at(2) - first);
  if (!Number.isInteger(size) || at(size) !== target) {
    size = 0;
    for (let step = 2 ** 31; step >= 1; step /= 2) if (at(size + step) <= target) size += step;
  }
  const found = size >= 0 && at(size) === target;
  dims[dim] = before;
  return found ? size : -1;
}

/** The position of the first wide element that `dtype` cannot hold; -1 if there is none. */
function firstOutside(dtype: InputSpec["dtype"], data: HostArray): number {
  const signed = dtype[0] === "i" ? 1 : 0;
  const limit = 2 ** (arrayTypes[dtype].BYTES_PER_ELEMENT * 8 - signed);
  const isInside = (value: number): boolean =>
    dtype[0] === "f"
      ? Number.isFinite(Math.fround(value)) || !Number.isFinite(value)
      : value < limit && value >= -limit * signed;
  for (let i = 0; i < data.length; i++) if (!isInside(Number(data[i]))) return i;
  return -1;
}

/** Takes a feed over into `fed`; says what is wrong with it, if anything. */
function takeFeed({ dtype, accepts, type, shape }: InputSpec, feed: AnyFeed, fed: Fed): string | undefined {
  fed.shape = undefined;
  if (typeof feed === "number" || typeof feed === "boolean") {
    if (shape.length) return `a number for ${type}`;
    fed.data = Number(feed);
    const fits = dtype[0] === "f" || dtype === "bf16" || new arrayTypes[dtype]([fed.data])[0] === fed.data;
    return fits ? undefined : `${fed.data} is no ${dtype}`;
  }
  const data = ArrayBuffer.isView(feed) ? feed : feed?.data;
  const kind = Object.prototype.toString.call(data).slice(8, -1);
  const wanted = arrayTypes[dtype].name;
  const also = accepts && wide[accepts].name;
  if (kind !== wanted && kind !== also) return `${kind} for ${type}, which takes ${wanted}${also ? ` or ${also}` : ""}`;
  fed.data = data;
  if (!ArrayBuffer.isView(feed)) {
    fed.shape = feed.shape;
    if (!Array.isArray(fed.shape) || fed.shape.length !== shape.length) return `shape [${String(fed.shape).replaceAll(",", ", ")}] for ${type}`;
    const count = fed.shape.reduce((a, b) => a * b, 1);
    if (count !== data.length) return `shape [${fed.shape.join(", ")}] takes ${count} values, the data has ${data.length}`;
  }
  const outside = kind === also ? firstOutside(dtype, data) : -1;
  return outside < 0 ? undefined : `element ${outside} is ${data[outside]}, outside of ${dtype}`;
}

export function feedBinder(program: Program): FeedBinder {
  const { inputs } = program;
  const dims = program.dims.map(() => 0);
  /** The input that told each dim; undefined for the caller's `dims`. */
  const tellers: (InputSpec | undefined)[] = [];
  const fed = inputs.map((): Fed => ({ data: 0, shape: undefined }));
  let fetches: FetchSet;

  const failure = (code: string, text: string): TfgError =>
    new TfgError(code, text, { graph: program.name, fetch: fetches.names });
  const fedOf = (input: InputSpec): Fed => fed[inputs.indexOf(input)] as Fed;
  /** ` with N = 2` for the known dims of a shape, without those that `except` told. */
  const told = (input: InputSpec, except?: InputSpec): string => {
    const known = new Set<string>();
    for (const expr of input.shape)
      eachDim(expr, (dim) => {
        if (dims[dim] && !(except && tellers[dim] === except)) known.add(`${program.dims[dim]} = ${dims[dim]}`);
      });
    return known.size ? ` with ${[...known].join(", ")}` : "";
  };
  const given = (input: InputSpec, verb: string): string => {
    const { shape } = fedOf(input);
    return shape ? `shape [${shape.join(", ")}] ${verb}s` : `${lengthOf(fedOf(input))} values ${verb}`;
  };

  /** Calls `visit` with each equation of a feed: the length of a bare array, or every size of a shape. */
  const equations = (input: InputSpec, visit: (exprs: readonly Expr[], target: number) => void): void => {
    const { shape } = fedOf(input);
    if (!shape) visit(input.shape, lengthOf(fedOf(input)));
    else input.shape.forEach((expr, i) => visit([expr], Number(shape[i])));
  };

  /** An equation of `input` does not hold: either it disagrees with who told one of its dims, or it fits no dims. */
  const disagreement = (input: InputSpec, exprs: readonly Expr[], target: number): TfgError => {
    for (const [dim, name] of program.dims.entries()) {
      const teller = tellers[dim];
      if (!dims[dim] || teller === input || exprs.every((expr) => unknownIn(expr, dims.with(dim, 0)) !== dim)) continue;
      const size = solve(exprs, dims, dim, target);
      if (size <= 0) continue;
      const but = `but "${input.name}" has ${name} = ${size}`;
      return teller
        ? failure("TFG0801", `feed "${teller.name}": ${given(teller, "fit")} ${teller.type}${told(teller)}, ${but} (line ${teller.line})`)
        : failure("TFG0801", `the dims of the run say ${name} = ${dims[dim]}, ${but} (line ${input.line})`);
    }
    const { shape } = fedOf(input);
    const what = `${given(input, "do").replace(/dos$/, "does")} not fit ${input.type}${told(input, input)}`;
    return failure(shape ? "TFG0808" : "TFG0801", `feed "${input.name}": ${what} (line ${input.line})`);
  };

  const tooSmall = (dim: number, size: number): TfgError =>
    failure("TFG0802", `where ${program.dims[dim]} >= 1: ${program.dims[dim]} is ${size}`);

  /** Finds a dim by one equation, if it is the only one unknown there. */
  const tell = (input: InputSpec, exprs: readonly Expr[], target: number): boolean => {
    let dim = -1;
    for (const expr of exprs) dim = eitherUnknown(dim, unknownIn(expr, dims));
    if (dim < 0) return false;
    const size = solve(exprs, dims, dim, target);
    if (size < 0) throw disagreement(input, exprs, target);
    if (size < 1) throw tooSmall(dim, size);
    dims[dim] = size;
    tellers[dim] = input;
    return true;
  };

  const takeDims = (sizes: Readonly<Record<string, number | undefined>>): void => {
    for (const name in sizes) {
      const size = sizes[name];
      const dim = program.dims.indexOf(name);
      if (dim < 0) throw failure("TFG0808", `unknown dim "${name}"${didYouMean(name, program.dims)}`);
      if (size === undefined) continue;
      if (!Number.isInteger(size)) throw failure("TFG0808", `dim ${name} is ${size}, not an integer`);
      if (size < 1) throw tooSmall(dim, size);
      dims[dim] = size;
      tellers[dim] = undefined;
    }
  };

  const bind: FeedBinder["bind"] = (set, feeds, sizes) => {
    fetches = set;
    for (const name in feeds) {
      if (feeds[name] === undefined || set.inputNames.has(name)) continue;
      const known = inputs.some((input) => input.name === name);
      const why = known ? `is not needed by ${set.names}` : `is no input${didYouMean(name, set.inputNames)}`;
      throw failure("TFG0804", `feed "${name}" ${why}`);
    }
    for (const i of set.inputs) {
      const input = inputs[i] as InputSpec;
      const feed = feeds[input.name] ?? input.default;
      if (feed === undefined)
        throw failure("TFG0803", `feed "${input.name}" is missing: ${set.names} needs ${input.type} (line ${input.line})`);
      const wrong = takeFeed(input, feed, fed[i] as Fed);
      if (wrong) throw failure("TFG0808", `feed "${input.name}": ${wrong} (line ${input.line})`);
    }
    dims.fill(0);
    if (sizes) takeDims(sizes);
    for (let again = true; again; ) {
      again = false;
      for (const i of set.inputs) {
        const { shape, data } = fed[i] as Fed;
        const input = inputs[i] as InputSpec;
        if (!shape) again = tell(input, input.shape, typeof data === "number" ? 1 : data.length) || again;
        else equations(input, (exprs, target) => (again = tell(input, exprs, target) || again));
      }
    }
    for (const dim of set.dims) {
      if (dims[dim]) continue;
      const name = program.dims[dim];
      const open = inputs.find(({ shape }, i) => set.inputs.includes(i) && shape.some((expr) => unknownIn(expr, dims) !== -1));
      const what = open ? `feed "${open.name}": ${given(open, "leave")} ${name} of ${open.type} open` : `no feed of ${set.names} tells ${name}`;
      throw failure("TFG0801", `${what}; feed { data, shape }, or give { dims: { ${name}: … } }`);
    }
    for (const i of set.inputs) {
      const input = inputs[i] as InputSpec;
      const { shape, data } = fed[i] as Fed;
      if (shape)
        equations(input, (exprs, target) => {
          if (productOf(exprs, dims) !== target) throw disagreement(input, exprs, target);
        });
      else {
        const count = typeof data === "number" ? 1 : data.length;
        if (productOf(input.shape, dims) !== count) throw disagreement(input, input.shape, count);
      }
    }
  };

  return { dims, fed, bind };
}
