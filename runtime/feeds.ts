/** Feeds: which there must be, of what type, and the run dims that their lengths and shapes tell. */
import type { Expr, InputSpec, Program } from "./abi.ts";
import { alsoNames, arrayOf, arrayTypes, type HostArray, rounders } from "./dtype.ts";
import { didYouMean, TfgError } from "./errors.ts";
import { eachDim, evaluate, type FetchSet } from "./plan.ts";
import type { AnyFeed, AnyFeeds } from "./signature.ts";

/** The product of `exprs` is to be `target`. */
interface Equation {
  readonly exprs: readonly Expr[];
  target: number;
}

/** A feed as it was given. One object serves all runs of a session, so that a run allocates nothing here. */
export interface Fed {
  readonly input: InputSpec;
  /** Names of the array types that it takes. */
  readonly kinds: readonly string[];
  data: HostArray | number;
  /** What it holds where nothing is given. */
  readonly standard: HostArray | number | undefined;
  shape: readonly number[] | undefined;
  /** What its length says of the dims, or each of its sizes. */
  equations: readonly Equation[];
  readonly ofLength: readonly [Equation];
  readonly ofSizes: readonly Equation[];
}

export interface FeedBinder {
  /** Run dims; 0 for one that nothing of this run depends on. */
  readonly dims: readonly number[];
  /** By position of the input. */
  readonly fed: readonly Fed[];
  /** Checks the feeds of a run and finds its dims. Throws TFG0801, 0802, 0803, 0804 or 0808. */
  bind(fetches: FetchSet, feeds: AnyFeeds, given?: Readonly<Record<string, number | undefined>>): void;
}

/** The only unknown dim of an expression; -1 if there is none, -2 if there are several. */
function unknownIn(expr: Expr, dims: readonly number[]): number {
  if (typeof expr === "number") return -1;
  if (expr.length === 2) return expr[0] === "s" || dims[expr[1]] ? -1 : expr[1];
  return either(unknownIn(expr[1], dims), unknownIn(expr[2], dims));
}

const either = (a: number, b: number): number => (a === -1 || a === b ? b : b === -1 ? a : -2);

function unknownOf({ exprs }: Equation, dims: readonly number[]): number {
  let unknown = -1;
  for (const expr of exprs) unknown = either(unknown, unknownIn(expr, dims));
  return unknown;
}

function holds({ exprs, target }: Equation, dims: readonly number[]): boolean {
  let product = 1;
  for (const expr of exprs) product *= evaluate(expr, dims, dims);
  return product === target;
}

/** The size of `dim` that solves an equation; -1 if there is none. The product grows with the size. */
function solve({ exprs, target }: Equation, dims: number[], dim: number): number {
  const before = dims[dim] as number;
  const at = (size: number): number => {
    dims[dim] = size;
    return exprs.reduce<number>((product, expr) => product * evaluate(expr, dims, dims), 1);
  };
  const first = at(1);
  // Almost always it is linear, and this guess is right.
  let size = 1 + (target - first) / (at(2) - first);
  if (!Number.isInteger(size) || at(size) !== target) {
    size = 0;
    for (let step = 2 ** 31; step >= 1; step /= 2) if (at(size + step) <= target) size += step;
  }
  if (size < 0 || at(size) !== target) size = -1;
  dims[dim] = before;
  return size;
}

/** The wide arrays that `@accepts` allows. */
const wideName = { i64: "BigInt64Array", f64: "Float64Array" };
const isFloat = (dtype: string): boolean => dtype[0] === "f" || dtype === "bf16";

/** Takes a feed over into `fed`; says what is wrong with it, if anything. */
function takeFeed(feed: AnyFeed, fed: Fed): string | undefined {
  const { dtype, accepts, type, shape } = fed.input;
  const round = rounders[dtype];
  fed.equations = fed.ofLength;
  fed.shape = undefined;
  fed.ofLength[0].target = 1;
  const isNumber = typeof feed === "number" || (typeof feed === "boolean" && dtype === "bool");
  if (typeof feed !== "object" || feed === null) {
    if (shape.length || !isNumber) return `${feed === null ? "null" : `a ${typeof feed}`} for ${type}`;
    fed.data = Number(feed);
    return isFloat(dtype) || round(fed.data) === fed.data ? undefined : `${feed} is no ${dtype}`;
  }
  const isBare = ArrayBuffer.isView(feed);
  const data = isBare ? feed : feed.data;
  // By name: an array of another realm, as an iframe or a test runner makes it, is no instance.
  const kind: unknown = data?.[Symbol.toStringTag];
  const wide = accepts && wideName[accepts];
  if (!fed.kinds.includes(String(kind))) {
    const found = Object.prototype.toString.call(data ?? feed).slice(8, -1);
    return `${found} for ${type}, which takes ${fed.kinds.join(" or ")}`;
  }
  fed.data = data;
  fed.ofLength[0].target = data.length;
  if (!isBare) {
    if (!Array.isArray(feed.shape)) return `data without the array of its sizes as \`shape\` for ${type}`;
    const sizes: readonly number[] = [...feed.shape];
    const count = sizes.reduce((a, b) => a * b, 1);
    if (sizes.length !== shape.length) return `shape [${sizes.join(", ")}] for ${type}`;
    if (count !== data.length) return `shape [${sizes.join(", ")}] takes ${count} values, the data has ${data.length}`;
    fed.shape = sizes;
    fed.equations = fed.ofSizes;
    for (const [i, equation] of fed.ofSizes.entries()) equation.target = sizes[i] as number;
  }
  if (kind === wide)
    for (let i = 0; i < data.length; i++) {
      const value = Number(data[i]);
      const fits = isFloat(dtype) ? Number.isFinite(round(value)) === Number.isFinite(value) : round(value) === value;
      if (!fits) return `element ${i} is ${data[i]}, outside of ${dtype}`;
    }
  return undefined;
}

/** What is fed as it is now, for a run that has to wait. */
export function keepFeeds(feeds: AnyFeeds): AnyFeeds {
  const keep = (data: HostArray): HostArray => (ArrayBuffer.isView(data) ? (data.slice?.() ?? data) : data);
  return Object.fromEntries(
    Object.entries(feeds).map(([name, feed]) => {
      if (typeof feed !== "object" || feed === null || Array.isArray(feed)) return [name, feed];
      return [name, ArrayBuffer.isView(feed) ? keep(feed) : { ...feed, data: keep(feed.data) }];
    }),
  );
}

export function feedBinder(program: Program): FeedBinder {
  const { inputs } = program;
  const names = program.dims;
  /** `where D == 8 * K` tells K where D is fed. */
  const equalities = program.checks.flatMap((check) =>
    check.kind === "equal" ? { ...check, exprs: [check.difference], target: 0 } : [],
  );
  const dims = names.map(() => 0);
  /** Who told each dim; undefined for the caller's `dims`. */
  const tellers: (Fed | undefined)[] = [];
  const fed = inputs.map((input): Fed => {
    const ofLength = [{ exprs: input.shape, target: 1 }] as const;
    const ofSizes = input.shape.map((expr) => ({ exprs: [expr], target: 1 }));
    const { default: standard, dtype } = input;
    return {
      input,
      standard: typeof standard === "object" ? arrayOf(dtype, standard) : standard,
      kinds: [arrayTypes[input.dtype].name, alsoNames[input.dtype], input.accepts && wideName[input.accepts]].filter(
        (name) => name !== undefined,
      ),
      data: 0,
      shape: undefined,
      equations: ofLength,
      ofLength,
      ofSizes,
    };
  });
  let fetches: FetchSet;

  const failure = (code: string, text: string, at?: string): TfgError =>
    new TfgError(code, text, { ...(at === undefined ? {} : { at }), graph: program.name, fetch: fetches.names });
  const ofFeed = ({ input }: Fed, code: string, text: string): TfgError =>
    failure(
      code,
      `feed "${input.name}"${text} (line ${input.line})`,
      `${program.source.replace(/:\d+$/, "")}:${input.line}`,
    );
  /** What was given, with a verb that agrees with it: `6 values fit f32[N, 3]`, `shape [2, 3] fits …`. */
  const given = ({ shape, ofLength, input }: Fed, verb: string, verbs: string): string =>
    `${shape ? `shape [${shape.join(", ")}] ${verbs}` : `${ofLength[0].target} values ${verb}`} ${input.type}`;
  /** ` with N = 2` for the known dims of a feed, without those that `except` told. */
  const told = ({ input }: Fed, except?: Fed): string => {
    const known = new Set<string>();
    for (const expr of input.shape)
      eachDim(expr, (dim) => {
        if (dims[dim] && !(except && tellers[dim] === except)) known.add(`${names[dim]} = ${dims[dim]}`);
      });
    return known.size ? ` with ${[...known].join(", ")}` : "";
  };

  /** An equation of `self` does not hold: either it disagrees with who told one of its dims, or it fits no dims. */
  const disagreement = (self: Fed, equation: Equation): TfgError => {
    for (const [dim, name] of names.entries()) {
      const teller = tellers[dim];
      if (!dims[dim] || teller === self || unknownOf(equation, dims.with(dim, 0)) !== dim) continue;
      const size = solve(equation, dims, dim);
      if (size < 1) continue;
      const but = `, but "${self.input.name}" has ${name} = ${size}`;
      return teller
        ? ofFeed(teller, "TFG0801", `: ${given(teller, "fit", "fits")}${told(teller)}${but}`)
        : ofFeed(self, "TFG0801", `: the dims of the run say ${name} = ${dims[dim]}${but}`);
    }
    const what = `: ${given(self, "do not fit", "does not fit")}${told(self, self)}`;
    return ofFeed(self, self.shape ? "TFG0808" : "TFG0801", what);
  };

  const setDim = (dim: number, size: number, teller?: Fed): void => {
    if (size < 1) throw failure("TFG0802", `where ${names[dim]} >= 1: ${names[dim]} is ${size}`);
    dims[dim] = size;
    tellers[dim] = teller;
  };

  const bind: FeedBinder["bind"] = (set, feeds, sizes) => {
    fetches = set;
    for (const name in feeds) {
      if (feeds[name] === undefined || set.inputNames.has(name)) continue;
      const isInput = inputs.some((input) => input.name === name);
      const hint =
        didYouMean(name, set.inputNames) || `; ${set.names} needs ${[...set.inputNames].join(", ") || "none"}`;
      const why = isInput ? ` is not needed by ${set.names}` : ` is no input${hint}`;
      throw failure("TFG0804", `feed "${name}"${why}`);
    }
    const needed = set.inputs;
    for (const i of needed) {
      const self = fed[i] as Fed;
      const { name } = self.input;
      // Its own: every object inherits a `constructor`.
      const feed = Object.hasOwn(feeds, name) ? feeds[name] : undefined;
      if (feed === undefined && self.standard !== undefined) {
        self.data = self.standard;
        // It tells no dims: a number fills what the other feeds say, several numbers have literal sizes.
        self.equations = [];
        continue;
      }
      if (feed === undefined) throw ofFeed(self, "TFG0803", ` is missing: ${set.names} needs ${self.input.type}`);
      const wrong = takeFeed(feed, self);
      if (wrong) throw ofFeed(self, "TFG0808", `: ${wrong}`);
    }
    dims.fill(0);
    for (const name in sizes) {
      const dim = names.indexOf(name);
      const size = sizes[name];
      if (dim < 0) throw failure("TFG0808", `unknown dim "${name}"; the dims are ${names.join(", ")}`);
      if (size === undefined) continue;
      if (!Number.isInteger(size)) throw failure("TFG0808", `dim ${name} is ${size}, not an integer`);
      setDim(dim, size);
    }
    // Each round tells at least one more dim.
    for (let again = true; again; ) {
      again = false;
      for (const i of needed) {
        const self = fed[i] as Fed;
        for (const equation of self.equations) {
          const dim = unknownOf(equation, dims);
          if (dim < 0) continue;
          const size = solve(equation, dims, dim);
          if (size < 0) throw disagreement(self, equation);
          setDim(dim, size, self);
          again = true;
        }
      }
      for (const equality of equalities) {
        const dim = unknownOf(equality, dims);
        // Only what the fetches need: what is said of other dims does not concern this run.
        if (!set.dims.includes(dim)) continue;
        const size = solve(equality, dims, dim);
        if (size < 1) throw failure("TFG0802", `where ${equality.text} (${equality.at}): no ${names[dim]} makes it so`);
        setDim(dim, size);
        again = true;
      }
    }
    for (const dim of set.dims)
      if (!dims[dim]) {
        const open = fed.find((one, i) => needed.includes(i) && unknownOf(one.ofLength[0], dims) !== -1);
        const who = open
          ? `feed "${open.input.name}": ${open.ofLength[0].target} values of ${open.input.type} leave ${names[dim]} open`
          : `no feed of ${set.names} tells ${names[dim]}`;
        throw failure("TFG0801", `${who}; feed { data, shape }, or give { dims: { ${names[dim]}: … } }`);
      }
    for (const i of needed) {
      const self = fed[i] as Fed;
      for (const equation of self.equations) if (!holds(equation, dims)) throw disagreement(self, equation);
    }
  };

  return { dims, fed, bind };
}
