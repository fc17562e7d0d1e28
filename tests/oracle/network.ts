/** Random classifiers and fully convolutional networks, as data: a function of their seed. */
import { randomNumbers } from "../ops/cases.ts";

export type Pair = readonly [number, number];
export type Padding = "same" | "valid";
export type Activation = "relu" | "relu6" | "sigmoid" | "tanh" | "leaky_relu" | "silu" | "gelu";

interface Window {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly padding: Padding;
}

/** A layer that takes the value before it. `from` in `add` and `concat` is the position of another layer's result; -1 is the input. */
export type Layer =
  | (Window & { readonly kind: "conv"; readonly filters: number; readonly act?: Activation; readonly bias: boolean })
  | (Window & { readonly kind: "depthwise"; readonly act?: Activation; readonly bias: boolean })
  | (Window & { readonly kind: "max_pool" | "avg_pool" })
  | {
      readonly kind:
        | "batch_norm"
        | "layer_norm"
        | "global_avg_pool"
        | "global_max_pool"
        | "flatten"
        | "softmax"
        | "log_softmax";
    }
  | { readonly kind: "act"; readonly act: Activation }
  | { readonly kind: "dense"; readonly units: number; readonly act?: Activation; readonly bias: boolean }
  | { readonly kind: "add" | "concat"; readonly from: number };

export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface Network {
  readonly seed: number;
  /** Without the batch: [H, W, C] or [D]. */
  readonly input: readonly number[];
  /** Whether H and W are dims of the run in the source. */
  readonly isOpen: boolean;
  readonly layers: readonly Layer[];
  /** Result shape of each layer, without the batch. */
  readonly shapes: readonly (readonly number[])[];
  /** By the full name of the variable. The layer at i has the scope `l<i>`. */
  readonly weights: ReadonlyMap<string, Weight>;
}

export const outputExtent = (n: number, k: number, s: number, padding: Padding): number =>
  padding === "same" ? Math.ceil(n / s) : Math.floor((n - k) / s) + 1;

/** Padding before and after, as TensorFlow's "same" puts it: the odd position behind. */
export function padsFor(n: number, k: number, s: number, padding: Padding): Pair {
  const total = padding === "same" ? Math.max((Math.ceil(n / s) - 1) * s + k - n, 0) : 0;
  const before = Math.floor(total / 2);
  return [before, total - before];
}

const CHANNELS = [1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 16, 17, 19, 23, 24] as const;
const ACTIVATIONS: readonly Activation[] = ["relu", "relu", "relu6", "sigmoid", "tanh", "leaky_relu", "silu", "gelu"];
/** Multiply-adds for one example: what keeps a run of hundreds of networks short. */
const BUDGET = 60_000;

export function randomNetwork(seed: number): Network {
  const next = randomNumbers(seed);
  return new Generator(next).network(seed);
}

class Generator {
  private readonly next: () => number;
  private readonly layers: Layer[] = [];
  private readonly shapes: (readonly number[])[] = [];
  private readonly weights = new Map<string, Weight>();
  private shape: readonly number[] = [];
  private work = 0;

  constructor(next: () => number) {
    this.next = next;
  }

  network(seed: number): Network {
    const isDense = this.chance(0.2);
    const input = isDense ? [this.upTo(70)] : [this.upTo(15), this.upTo(15), this.pick([1, 2, 3, 4, 5, 8, 13])];
    this.shape = input;
    const isOpen = !isDense && this.chance(0.15);
    if (!isDense) this.convolutional(isOpen);
    if (!isOpen) this.head();
    return { seed, input, isOpen, layers: this.layers, shapes: this.shapes, weights: this.weights };
  }

  // ---- parts ---------------------------------------------------------------------------------------------

  private convolutional(isOpen: boolean): void {
    for (let i = 1 + this.below(4); i > 0; i--) {
      const pick = this.next();
      if (pick < 0.45) this.conv(isOpen);
      else if (pick < 0.6) this.depthwise(isOpen);
      else if (pick < 0.75) this.pool(isOpen);
      else if (pick < 0.9) this.residual();
      else this.branch();
      if (this.chance(0.25)) this.norm("batch_norm");
      if (this.chance(0.2)) this.push({ kind: "act", act: this.pick(ACTIVATIONS) }, this.shape);
    }
  }

  private head(): void {
    if (this.shape.length === 3) {
      const kind = this.pick(["flatten", "flatten", "global_avg_pool", "global_max_pool"] as const);
      const [h = 1, w = 1, c = 1] = this.shape;
      this.push({ kind }, kind === "flatten" ? [h * w * c] : [c]);
    }
    for (let i = this.below(3); i > 0; i--) {
      this.dense(this.pick(CHANNELS), this.maybe(this.pick(ACTIVATIONS)));
      if (this.chance(0.2)) this.norm(this.pick(["batch_norm", "layer_norm"] as const));
      const [units = 1] = this.shape;
      if (this.chance(0.2)) {
        const from = this.layers.length - 1;
        this.dense(units, this.pick(ACTIVATIONS));
        this.push({ kind: "add", from }, this.shape);
      }
    }
    this.dense(2 + this.below(12));
    const end = this.pick(["softmax", "log_softmax", "none"] as const);
    if (end !== "none") this.push({ kind: end }, this.shape);
  }

  private conv(isOpen: boolean): void {
    const window = this.window(isOpen);
    const [, , channels = 1] = this.shape;
    const [oh, ow] = this.extents(window);
    const cost = oh * ow * window.kernel[0] * window.kernel[1] * channels;
    const affordable = CHANNELS.filter((filters) => this.work + cost * filters <= BUDGET);
    this.convTo(this.pick(affordable.length > 0 ? affordable : [1]), window, this.maybe(this.pick(ACTIVATIONS)));
  }

  private convTo(filters: number, window: Window, act: Activation | undefined): void {
    const [, , channels = 1] = this.shape;
    const [kh, kw] = window.kernel;
    const [oh, ow] = this.extents(window);
    this.work += oh * ow * kh * kw * channels * filters;
    const bias = this.chance(0.8);
    const scope = `l${this.layers.length}`;
    this.random(`${scope}/kernel`, [kh, kw, channels, filters], Math.sqrt(2 / (kh * kw * channels)));
    if (bias) this.random(`${scope}/bias`, [filters], 0.2);
    this.push({ kind: "conv", filters, bias, ...window, ...(act ? { act } : {}) }, [oh, ow, filters]);
  }

  private depthwise(isOpen: boolean): void {
    const window = this.window(isOpen);
    const [, , channels = 1] = this.shape;
    const [kh, kw] = window.kernel;
    const bias = this.chance(0.8);
    const scope = `l${this.layers.length}`;
    this.random(`${scope}/depthwise_kernel`, [kh, kw, channels, 1], Math.sqrt(2 / (kh * kw)));
    if (bias) this.random(`${scope}/bias`, [channels], 0.2);
    const act = this.maybe(this.pick(ACTIVATIONS));
    this.push({ kind: "depthwise", bias, ...window, ...(act ? { act } : {}) }, [...this.extents(window), channels]);
  }

  private pool(isOpen: boolean): void {
    const window = this.window(isOpen);
    const [, , channels = 1] = this.shape;
    this.push({ kind: this.pick(["max_pool", "avg_pool"] as const), ...window }, [...this.extents(window), channels]);
  }

  /** y = x + conv(x), sometimes with an activation behind. */
  private residual(): void {
    const from = this.layers.length - 1;
    const [, , channels = 1] = this.shape;
    const kernel = [this.pick([1, 2, 3]), this.pick([1, 2, 3])] as const;
    this.convTo(channels, { kernel, strides: [1, 1], padding: "same" }, this.maybe(this.pick(ACTIVATIONS)));
    this.push({ kind: "add", from }, this.shape);
    if (this.chance(0.5)) this.push({ kind: "act", act: "relu" }, this.shape);
  }

  /** Two values of one size side by side in the channels: the value is then read with two paddings. */
  private branch(): void {
    const from = this.layers.length - 1;
    const [h = 1, w = 1, channels = 1] = this.shape;
    const kernel = [this.pick([1, 3, 5]), this.pick([1, 3, 5])] as const;
    this.convTo(this.pick([1, 2, 3, 5, 8]), { kernel, strides: [1, 1], padding: "same" }, "relu");
    this.push({ kind: "concat", from }, [h, w, (this.shape[2] ?? 1) + channels]);
  }

  private norm(kind: "batch_norm" | "layer_norm"): void {
    const channels = this.shape[this.shape.length - 1] ?? 1;
    const scope = `l${this.layers.length}`;
    this.random(`${scope}/gamma`, [channels], 0.2, 1);
    this.random(`${scope}/beta`, [channels], 0.2);
    if (kind === "batch_norm") {
      this.random(`${scope}/moving_mean`, [channels], 0.3);
      this.weights.set(`${scope}/moving_variance`, {
        shape: [channels],
        data: Float32Array.from({ length: channels }, () => 0.5 + this.next()),
      });
    }
    this.push({ kind }, this.shape);
  }

  private dense(units: number, act?: Activation): void {
    const [inputs = 1] = this.shape;
    const bias = this.chance(0.85);
    const scope = `l${this.layers.length}`;
    this.random(`${scope}/kernel`, [inputs, units], Math.sqrt(2 / inputs));
    if (bias) this.random(`${scope}/bias`, [units], 0.2);
    this.push({ kind: "dense", units, bias, ...(act ? { act } : {}) }, [units]);
  }

  // ---- choices ---------------------------------------------------------------------------------------------

  /** A window that fits; where H and W belong to the run, "same", which fits always. */
  private window(isOpen: boolean): Window {
    const [h = 1, w = 1] = this.shape;
    const padding: Padding = isOpen || this.chance(0.5) ? "same" : "valid";
    const side = (n: number) => Math.min(this.pick([1, 2, 3, 3, 4, 5]), padding === "valid" ? n : 5);
    const kernel: Pair = this.chance(0.6) ? square(Math.min(side(h), side(w))) : [side(h), side(w)];
    const stride = () => this.pick([1, 1, 1, 2, 2, 3]);
    const strides: Pair = this.chance(0.7) ? square(stride()) : [stride(), stride()];
    return { kernel, strides, padding };
  }

  private extents({ kernel, strides, padding }: Window): Pair {
    const [h = 1, w = 1] = this.shape;
    return [outputExtent(h, kernel[0], strides[0], padding), outputExtent(w, kernel[1], strides[1], padding)];
  }

  private push(layer: Layer, shape: readonly number[]): void {
    this.layers.push(layer);
    this.shapes.push(shape);
    this.shape = shape;
  }

  private random(name: string, shape: readonly number[], scale: number, around = 0): void {
    const data = Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      () => around + scale * normal(this.next),
    );
    this.weights.set(name, { shape, data });
  }

  private below(n: number): number {
    return Math.floor(this.next() * n);
  }
  private upTo(n: number): number {
    return 1 + this.below(n);
  }
  private chance(p: number): boolean {
    return this.next() < p;
  }
  private pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
  private maybe<T>(value: T): T | undefined {
    return this.chance(0.6) ? value : undefined;
  }
}

const square = (side: number): Pair => [side, side];

/** Box and Muller. */
export const normal = (next: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
