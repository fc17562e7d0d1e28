/**
 * The types of a session, as functions of the types that a generated module declares. They make these mistakes
 * errors of TypeScript: a fetch whose feed is missing, a feed that no fetch uses, a misspelt name, a wrong array.
 */
import type { DType } from "./abi.ts";
import type { AlsoArrayOf, ArrayOf, HostArray } from "./dtype.ts";
import type { WeightsSource } from "./files.ts";
import type { RestoreReport, WeightsMap } from "./restore.ts";
import type { Tensor } from "./tensor.ts";

/** Data together with its shape; a `Tensor` of an earlier run is one. */
export interface Feed<D extends DType, S extends readonly number[], Also = never> {
  readonly data: ArrayOf[D] | AlsoArrayOf[D] | Also;
  readonly shape: S;
}

/**
 * What a run takes for an input: an array, whose length tells the one dim that is not known yet, or data with
 * its shape; for rank 0 a number. For f16 an array is a `Uint16Array` of bits or a `Float16Array`, for bf16 a
 * `Uint16Array` of bits, for u8 a `Uint8Array` or a `Uint8ClampedArray`. `Also` is the wide array that `@accepts` allows.
 */
export type FeedValue<D extends DType, S extends readonly number[], Also = never> =
  | ArrayOf[D]
  | AlsoArrayOf[D]
  | Also
  | Feed<D, S, Also>
  | (S extends readonly [] ? (D extends "bool" ? number | boolean : number) : never);

/** The types that a generated module declares for its graph. */
export interface GraphTypes {
  /** Run dims: name to `number`. */
  dims: object;
  /** Inputs: name to `FeedValue`. */
  feeds: object;
  /** Names of the inputs that have a default. */
  optional: PropertyKey;
  /** Outputs: name to `[dtype, shape]`. */
  shapes: object;
  /** Outputs and steps: name to the names of the inputs that they need. */
  needs: object;
  /** Variables: name to `[dtype, shape]`. */
  params: object;
}

export type FetchOf<G extends GraphTypes> = keyof G["needs"] & string;
type NeededBy<G extends GraphTypes, F extends FetchOf<G>> = G["needs"][F & keyof G["needs"]] & keyof G["feeds"];

/** The feeds of a run: those its fetches need, those with a default optionally, no others. */
export type FeedsOf<G extends GraphTypes, F extends FetchOf<G>> = {
  readonly [K in Exclude<NeededBy<G, F>, G["optional"]>]: G["feeds"][K];
} & {
  readonly [K in NeededBy<G, F> & G["optional"]]?: G["feeds"][K];
} & {
  readonly [K in Exclude<keyof G["feeds"], NeededBy<G, F>>]?: never;
};

type ValueOf<T> = T extends readonly [infer D extends DType, infer S extends readonly number[]]
  ? S extends readonly []
    ? number
    : Tensor<D, S>
  : never;

/** The results of a run, by fetch: a number for rank 0, else a tensor. A step has none. */
export type ResultsOf<G extends GraphTypes, F extends FetchOf<G>> = {
  readonly [K in F & keyof G["shapes"]]: ValueOf<G["shapes"][K]>;
};

/** A variable of the session. */
export interface Param<D extends DType = DType, S extends readonly number[] = readonly number[]> {
  readonly dtype: D;
  readonly shape: S;
  /** A copy of its value. */
  get(): Promise<ArrayOf<ArrayBuffer>[D]>;
  /** Copies `value` into it; TFG0808 where dtype or length differ. */
  set(value: ArrayOf[D] | AlsoArrayOf[D]): Promise<void>;
}

export interface Progress {
  readonly phase: "compile" | "download" | "upload";
  readonly done: number;
  readonly total: number;
  readonly what: string;
}

export interface SessionOptions {
  /** `auto`, the default: WebAssembly, or JavaScript where it is missing or forbidden. */
  readonly device?: "auto" | "wasm" | "js" | undefined;
  /** `base` keeps to the WebAssembly profile without relaxed SIMD, whose results are the same on every machine. */
  readonly profile?: "auto" | "base" | undefined;
  /** Seed of the initial values where no weights are given; 0 by default. */
  readonly seed?: number | undefined;
  /** Restored before the session opens. */
  readonly weights?: WeightsSource | undefined;
  /** How names of variables become names of the file, see `RestoreOptions`. */
  readonly map?: WeightsMap | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface RunOptions<Dims extends object = object> {
  /** Honoured until the run starts. */
  readonly signal?: AbortSignal | undefined;
  /** For this run's random nodes, in place of the session's seed. */
  readonly seed?: number | undefined;
  /** Dims that the feeds leave open. */
  readonly dims?: { readonly [K in keyof Dims]?: number | undefined } | undefined;
}

export interface RestoreOptions {
  /** Prefixes of the graph's names to prefixes of the file's names, or a function of the graph's name. */
  readonly map?: WeightsMap | undefined;
  /** `false` keeps the value of a variable that the file lacks; `true` by default: TFG0701. */
  readonly strict?: boolean | undefined;
}

export interface Stats {
  /** `wasm fma`, `wasm base` or `js`. */
  readonly device: string;
  /** Bytes of the one memory: weights, arena, and what rounds it up. */
  readonly memory: number;
  readonly runs: number;
}

interface SessionBase extends AsyncDisposable, Disposable {
  readonly name: string;
  readonly stats: Stats;
  /** Gives every variable its initial value; equal seeds give equal values, bit for bit, everywhere. */
  initialize(seed?: number): Promise<void>;
  /** Takes the variables' values from a safetensors file or a TensorFlow checkpoint, all of them or none. */
  restore(from: WeightsSource, options?: RestoreOptions): Promise<RestoreReport>;
  /** The variables as a safetensors file. */
  save(): Promise<Blob>;
}

/** A session of the graph `G`. Runs happen in the order of their calls. */
export interface SessionOf<G extends GraphTypes> extends SessionBase {
  /**
   * Computes the fetched outputs and steps. Results are copies: the caller's to keep. Variables are read as they were
   * before the run, and get their new values when it has succeeded: an abort, an assertion or a wrong feed changes none.
   */
  run<const F extends FetchOf<G>>(
    fetches: F | readonly F[],
    ...feeds: object extends FeedsOf<G, F>
      ? [feeds?: FeedsOf<G, F>, options?: RunOptions<G["dims"]>]
      : [feeds: FeedsOf<G, F>, options?: RunOptions<G["dims"]>]
  ): Promise<ResultsOf<G, F>>;
  readonly params: {
    readonly [K in keyof G["params"]]: G["params"][K] extends readonly [
      infer D extends DType,
      infer S extends readonly number[],
    ]
      ? Param<D, S>
      : never;
  };
}

export type AnyFeed = HostArray | number | boolean | { readonly data: HostArray; readonly shape: readonly number[] };
export type AnyFeeds = Readonly<Record<string, AnyFeed | undefined>>;
export type AnyResults = Record<string, number | Tensor>;

/** A session of a graph that is known at run time only. */
export interface AnySession extends SessionBase {
  run(
    fetches: string | readonly string[],
    feeds?: AnyFeeds,
    options?: RunOptions<Record<string, number>>,
  ): Promise<AnyResults>;
  readonly params: Readonly<Record<string, Param>>;
}
