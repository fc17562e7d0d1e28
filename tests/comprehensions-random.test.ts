/**
 * Random comprehensions on every target, against the interpreter: nested reductions, conditions, reads that are
 * guarded, clamped, wrapped or chosen by data, integers, and elements of storage types.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkProgram } from "../compiler/check/index.ts";
import { interpret } from "../compiler/interpret.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { library } from "../compiler/std/sources.ts";
import { TfgError } from "../runtime/index.ts";
import { randomNumbers } from "./ops/cases.ts";
import { openTargets } from "./oracle/targets.ts";

const test = suite("random comprehensions");

/** Programs in one run; `TFGC_COMPREHENSIONS` asks for more, `TFGC_FIRST_SEED` for others. */
const PROGRAMS = Number(process.env.TFGC_COMPREHENSIONS ?? 60);
const FIRST = Number(process.env.TFGC_FIRST_SEED ?? 1);

class Writer {
  readonly #random: () => number;
  #indices = ["i", "j"];
  #fresh = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  one<T>(of: readonly T[]): T {
    return of[Math.floor(this.#random() * of.length)] as T;
  }

  /** An i32. */
  index(depth: number): string {
    if (depth === 0) return this.one([...this.#indices, ...this.#indices, "0", "1", "2", "N - 1", "c[i]"]);
    const part = (): string => this.index(depth - 1);
    return this.one([
      () => this.index(0),
      () => `(${part()} + ${part()})`,
      () => `(${part()} - ${part()})`,
      () => `(${part()} / ${this.one(["2", "3", "-2"])})`,
      () => `(${part()} % ${this.one(["3", "N"])})`,
      () => `max(${part()}, ${part()})`,
      () => `min(${part()}, N - 1)`,
      () => `clamp(${part()}, 0, N - 1)`,
      () => `abs(${part()})`,
      () => `(${part()} * ${this.one(["2", "3"])})`,
    ])();
  }

  condition(depth: number): string {
    const relation = this.one(["<", "<=", ">", ">=", "==", "!="]);
    if (depth === 0) return `${this.index(0)} ${relation} ${this.index(0)}`;
    return this.one([
      () => `${this.index(1)} ${relation} ${this.index(1)}`,
      () => `(${this.condition(depth - 1)} && ${this.condition(depth - 1)})`,
      () => `(${this.condition(depth - 1)} || ${this.condition(depth - 1)})`,
      () => `!(${this.condition(depth - 1)})`,
      () => `x[${this.one(this.#indices)}] > 0.5`,
      () => this.reduced(this.one(["any", "all"]), () => this.condition(depth - 1)),
    ])();
  }

  /** A reduction over a new index, which its body must use. */
  reduced(reducer: string, body: () => string): string {
    const index = `k${this.#fresh++}`;
    this.#indices.push(index);
    const text = body();
    this.#indices = this.#indices.filter((other) => other !== index);
    const used = new RegExp(`\\b${index}\\b`).test(text);
    return `${reducer}(${used ? "" : "_"}${index} in ${this.one(["N", "3"])}: ${text})`;
  }

  /** An f32. */
  value(depth: number): string {
    if (depth === 0) {
      const at = this.one(this.#indices);
      return this.one([
        "x[i]",
        "x[j]",
        `x[${at}]`,
        "w[i, j]",
        "h[i] as f32",
        "b[j] as f32",
        "u[i] as f32",
        `(${at} as f32)`,
        "1.5",
        "s",
      ]);
    }
    const part = (): string => this.value(depth - 1);
    return this.one([
      part,
      () => `(${part()} + ${part()})`,
      () => `(${part()} * ${part()})`,
      () => `(x[${this.index(2)}] ?? ${part()})`,
      () => `(w[${this.index(1)}, ${this.index(1)}] ?? ${this.value(0)})`,
      () => `(if ${this.condition(1)} then x[${this.index(2)}] else ${part()})`,
      () => `select(${this.condition(1)}, x[${this.index(1)}], ${part()})`,
      () => `((${part()}) as ${this.one(["f16", "bf16", "i8", "u8", "i32", "u32"])} as f32)`,
      () => `(${this.index(2)} as f32)`,
      () => this.reduced(this.one(["sum", "max", "min", "mean", "prod"]), part),
      () => `(${this.reduced(this.one(["argmax", "argmin"]), part)} as f32)`,
      () => `(${this.reduced("sum", () => this.index(1))} as f32)`,
    ])();
  }
}

const array = (dtype: NdArray["dtype"], shape: readonly number[], element: () => number): NdArray => ({
  dtype,
  shape,
  data: Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, element),
});

/** Sums in another order differ in the last bits, and casts and comparisons may make more of that. */
const agrees = (x: number, y: number): boolean =>
  x === y || (Number.isNaN(x) && Number.isNaN(y)) || Math.abs(x - y) <= 2e-4 * Math.max(1, Math.abs(x));

test("agree with the interpreter on every target", async () => {
  let [ran, refused] = [0, 0];
  for (let seed = FIRST; ran < PROGRAMS && seed < FIRST + 10 * PROGRAMS; seed++) {
    const random = randomNumbers(seed);
    const body = new Writer(random).value(3);
    const text = `graph g[N] where N >= 3 {
      input x: f32[N] input w: f32[N, N] input s: f32 input h: f16[N] input b: bf16[N] input u: u8[N] input c: i32[N]
      output y = tensor(i in N, j in N: ${body} + 0.0 * w[i, j])
      output used = sum(x) + sum(w) + s + sum(h as f32) + sum(b as f32) + sum(u as f32) + sum(c) as f32
    }`;
    const { graphs, diagnostics } = checkProgram({ path: "g.tfg", read: () => text, library });
    const [graph] = graphs;
    // A read that is not proved, or a body that wraps where it is folded.
    const codes = diagnostics.filter(({ severity }) => severity === "error").map(({ code }) => code);
    assert.ok(
      codes.every((code) => ["TFG0315", "TFG0301", "TFG0210"].includes(code)),
      `seed ${seed}: ${codes} in ${body}`,
    );
    if (codes.length > 0 || !graph) {
      refused++;
      continue;
    }
    const n = 3 + Math.floor(random() * 4);
    // Quarters are exact in every type, and their sums in f32.
    const quarter = (): number => Math.round(random() * 16 - 8) / 4;
    const feeds = new Map<string, NdArray>([
      ["x", array("f32", [n], quarter)],
      ["w", array("f32", [n, n], quarter)],
      ["s", array("f32", [], quarter)],
      ["h", array("f16", [n], quarter)],
      ["b", array("bf16", [n], quarter)],
      ["u", array("u8", [n], () => Math.floor(random() * 256))],
      ["c", array("i32", [n], () => Math.floor(random() * 12) - 4)],
    ]);
    const fetches = ["y", "used"];
    let want: NdArray | undefined;
    try {
      want = interpret(graph, { feeds, variables: new Map(), fetches, rounding: "dtype" }).get("y");
    } catch (error) {
      // A size that must not be negative became a check of the feeds.
      if (!(error instanceof TfgError) || error.code !== "TFG0802") throw error;
      refused++;
      continue;
    }
    ran++;
    const targets = await openTargets(graph, new Map()).catch((error: unknown) => {
      throw new Error(`seed ${seed}: ${body}`, { cause: error });
    });
    for (const [target, opened] of targets) {
      const got = (await opened.run(feeds, fetches)).get("y");
      want?.data.forEach((x, e) => {
        const y = got?.data[e] ?? Number.NaN;
        assert.ok(agrees(x, y), `seed ${seed}, ${target}: element ${e} is ${y}, not ${x}, of ${body}`);
      });
    }
  }
  console.log(`  ${ran} random comprehensions, ${refused} refused`);
  assert.ok(ran >= PROGRAMS, `${ran} of ${PROGRAMS}`);
});

test.run();
