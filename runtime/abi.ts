/**
 * The types of a compiled program: what a generated module hands to the runtime. Plain data, so that a program
 * made in memory by the compiler and one written to a file are the same thing.
 *
 * Memory is one linear block: `[unused 64 bytes | blocks | constants, variables, derived | arena | 64 readable bytes]`.
 * Everything before the arena has literal offsets; the arena's slots get theirs once per tuple of run dims.
 * Every element takes 4 bytes there, whatever its dtype (bool is 0 or 1).
 */

export const ABI_VERSION = 1;

export type DType = "f32" | "f16" | "bf16" | "i32" | "u32" | "i8" | "u8" | "bool";

/**
 * Integer arithmetic over run dims: a literal, a dim `["d", i]`, a slot's byte address `["s", i]`, in assertions the value
 * of a variable `["v", i]`, or an operation (`/` floors). What compares gives 0 or 1.
 */
export type Expr =
  | number
  | readonly ["d" | "s" | "v", number]
  | readonly ["+" | "*" | "/" | "max" | "min" | "==" | "<" | "<=", Expr, Expr];

/** `difference` must be 0, at least 0, or divisible by `by`. */
export interface CheckSpec {
  readonly kind: "equal" | "atLeast" | "divisible";
  readonly difference: Expr;
  readonly by?: Expr;
  /** As written: `N <= 1024`. */
  readonly text: string;
  /** What an `assert` says about it. */
  readonly message?: string;
  /** `model.tfg:2:20` */
  readonly at: string;
}

/** `assert` on what is known before a run. */
export interface AssertionSpec {
  /** Not 0 where it holds. */
  readonly condition: Expr;
  readonly message: string;
  /** As written: `position + T <= CONTEXT`. */
  readonly text: string;
  readonly at: string;
  /** Positions of the fetches that it belongs to. */
  readonly for: readonly number[];
}

export interface InputSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Expr[];
  /** As the user wrote it, for messages: `f32[N, 28, 28, 1]`. */
  readonly type: string;
  readonly address: Expr;
  /** What is fed where the caller feeds nothing: a number fills the input, several are its elements, row-major. */
  readonly default?: number | readonly number[];
  readonly accepts?: "i64" | "f64";
  /** Line in the source, for messages. */
  readonly line: number;
}

export interface OutputSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Expr[];
  readonly type: string;
  readonly address: Expr;
  /** Positions of the inputs it needs. */
  readonly inputs: readonly number[];
  /** Positions of the variables it reads. */
  readonly variables: readonly number[];
}

export type InitSpec =
  | readonly ["fill", number]
  /** base64 of little-endian words */
  | readonly ["data", string]
  | readonly ["random_uniform", number, number]
  | readonly ["random_normal" | "truncated_normal", number, number]
  | readonly ["orthogonal", number];

/**
 * A variable stored as panels of 8 columns, `[ceil(columns / 8)][depth][8]`, with zeros behind the last column. Element
 * (k1, …, km, n) of the host's row-major array is at `k1*step1 + … + n*step`; it lies in memory at
 * `floor(n / 8) * depth * 8 + k * 8 + n % 8`, where k counts (k1, …, km) row-major. Reading it back inverts this.
 */
export interface PanelSpec {
  readonly columns: number;
  readonly step: number;
  readonly depth: readonly (readonly [extent: number, step: number])[];
}

export interface VariableSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly trainable: boolean;
  readonly init: InitSpec;
  /** Byte offset. */
  readonly address: number;
  /** Absent: stored row-major. */
  readonly panels?: PanelSpec;
}

/** A `step` of the source: fetched for the updates that belong to it, it has no result. */
export interface ActionSpec {
  readonly name: string;
  /** Positions of the inputs it needs. */
  readonly inputs: readonly number[];
  /** Positions of the variables it reads or writes. */
  readonly variables: readonly number[];
}

export interface UpdateSpec {
  /** Position of the variable. */
  readonly variable: number;
  /** Positions of the fetches in whose runs the variable gets a new value. */
  readonly for: readonly number[];
}

/** Where the session writes the words of a random node before each run: its key, low word first, then the run's number. */
export interface RandomSpec {
  /** Scope path, binding and function: mixed with the seed, it is the key. */
  readonly path: string;
  readonly address: Expr;
}

interface StepBase {
  /** In `steps`: positions of the fetches that need it. In `derive`: positions of the variables it is made from. */
  readonly for: readonly number[];
}

/** One call of a kernel. Its words are a flag and its arguments: pointers first, then run dims. */
export interface CallSpec extends StepBase {
  /** Name of the kernel, for profiles and messages. */
  readonly kernel: string;
  /** `["t", i]` is the counter of the loop around it at depth i: no word of the block. */
  readonly args: readonly (Expr | readonly ["t", number])[];
}

/** Its words are a flag, how often it runs and, if it has one, the address of its condition; then those of `test` and `body`. */
export interface LoopSpec extends StepBase {
  readonly times: Expr;
  /** Address of a bool: where it is 0 after `test`, the loop ends. */
  readonly condition?: Expr;
  readonly test: readonly StepSpec[];
  readonly body: readonly StepSpec[];
}

/** Its words are a flag and the address of a bool; then those of `body`, which runs if that bool is `isTaken`. */
export interface BranchSpec extends StepBase {
  readonly branch: Expr;
  readonly isTaken: boolean;
  readonly body: readonly StepSpec[];
}

export type StepSpec = CallSpec | LoopSpec | BranchSpec;

export interface Program {
  readonly abi: typeof ABI_VERSION;
  readonly name: string;
  /** `03_lenet.tfg:2` */
  readonly source: string;
  readonly dims: readonly string[];
  readonly checks: readonly CheckSpec[];
  readonly assertions: readonly AssertionSpec[];
  readonly inputs: readonly InputSpec[];
  readonly outputs: readonly OutputSpec[];
  /** Fetches count outputs first, then these. */
  readonly actions: readonly ActionSpec[];
  readonly variables: readonly VariableSpec[];
  readonly updates: readonly UpdateSpec[];
  readonly random: readonly RandomSpec[];
  /** base64 of the constants' words, loaded at `constantsAt`. */
  readonly constants: string;
  readonly constantsAt: number;
  /** Byte offset where the arena begins; a multiple of 64. */
  readonly arenaAt: number;
  /** Byte sizes of the arena's slots; slot i begins at the sum of the earlier ones, each rounded up to 64. */
  readonly slots: readonly Expr[];
  /** Byte offsets of the two blocks. A block holds the words of each step in order, all i32; the flag says whether it runs. */
  readonly deriveBlock: number;
  readonly stepsBlock: number;
  /** Rerun for what a changed variable is derived into (packed weights). */
  readonly derive: readonly CallSpec[];
  readonly steps: readonly StepSpec[];
}

/** The kernels: both functions take the byte offset of their block. */
export interface Entry {
  derive(block: number): void;
  run(block: number): void;
}

export interface Kernels {
  /**
   * base64 of deflate-raw of two WebAssembly modules, one after the other: first the profile `fma` (relaxed SIMD),
   * `split` bytes long, then `base`. Both import one memory as `m.m` and export `run` and `derive`.
   */
  readonly wasm?: { readonly code: string; readonly split: number };
  /** The JavaScript kernels, bound to a memory; called again when the memory has grown. */
  readonly js?: (memory: ArrayBuffer) => Entry;
}

/** What a generated module passes to `openSession`. */
export interface Compiled {
  readonly program: Program;
  readonly kernels: Kernels;
}
