/** The session: owns the variables and the memory; checks a run before its first kernel, runs it, copies the results. */
import { ABI_VERSION, type Compiled, type Expr, type VariableSpec } from "./abi.ts";
import { alsoNames, arrayTypes, load, loadNumber, store, storeNumber, storeNumbers, toNumbers } from "./dtype.ts";
import { TfgError } from "./errors.ts";
import { feedBinder, keepFeeds } from "./feeds.ts";
import { arrangePanels } from "./panels.ts";
import { checkAssertions, evaluate, type FetchSet, fetchSetOf, type Plan, planOf } from "./plan.ts";
import { keyOf, type randomValues } from "./random.ts";
import type { WeightsSource } from "./files.ts";
import { fitWeights, readNumbers, type RestoreReport, type Weights } from "./restore.ts";
import { writeSafetensors } from "./safetensors.ts";
import type {
  AnyFeeds,
  AnyResults,
  AnySession,
  Param,
  RestoreOptions,
  RunOptions,
  SessionOptions,
} from "./signature.ts";
import { Tensor } from "./tensor.ts";
import { fromBase64, startMachine } from "./wasm.ts";

/** What a small module may go without. */
export interface Parts {
  /** Reads weights; without it `restore` fails. */
  readonly read?: ((from: WeightsSource) => Promise<Weights>) | undefined;
  /** Draws initial values; without it only those variables start that are filled. */
  readonly random?: typeof randomValues | undefined;
}

const wordsFrom64 = (text: string): Int32Array => new Int32Array(fromBase64(text).buffer);
/** What a saved file says beside the variables, so that random nodes go on where they were. */
const runKey = "tfgc.run";
const seedKey = "tfgc.seed";

const countOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Opens a session of a compiled program whose types are known at run time only. */
export async function openSessionWith(compiled: Compiled, options: SessionOptions, parts: Parts): Promise<AnySession> {
  const { program, kernels } = compiled;
  const { signal, onProgress } = options;
  const { name, variables } = program;
  const graph = { graph: name };
  if (program.abi !== ABI_VERSION)
    throw new TfgError(
      "TFG0811",
      `${program.source} was compiled for runtime ${program.abi}, this is ${ABI_VERSION}`,
      graph,
    );
  signal?.throwIfAborted();
  onProgress?.({ phase: "compile", done: 0, total: 1, what: name });
  const machine = await startMachine(kernels, options, program.arenaAt + 64);
  machine.i32.set(wordsFrom64(program.constants), program.constantsAt / 4);
  onProgress?.({ phase: "compile", done: 1, total: 1, what: name });

  /** Variables changed since `derive`; before the first one everything is. */
  const changed = new Set<VariableSpec>();
  let hasDerived = false;
  let current: Plan | undefined;
  let runs = 0;
  /** Seed of the random nodes, and how many runs have drawn from it. */
  let seed = options.seed ?? 0;
  let drawn = 0;
  let isClosed = false;
  let isClosing = false;
  /** The job that the next one waits for; undefined when there is none. */
  let tail: Promise<unknown> | undefined;
  const fetchSets = new Map<string, FetchSet>();
  const binder = feedBinder(program);

  const refuseIf = (closed: boolean): void => {
    if (closed) throw new TfgError("TFG0810", "the session is closed", graph);
  };

  /** Starts `job` when those before it are done, whether they failed or not; at once if there are none. */
  const inOrder = async <T>(job: () => T | Promise<T>): Promise<T> => {
    refuseIf(isClosing);
    const before = tail;
    let isDone = false;
    let mine: Promise<T> | undefined;
    mine = (async () => {
      try {
        if (before) await before.catch(() => {});
        refuseIf(isClosed);
        const result = job();
        return result instanceof Promise ? await result : result;
      } finally {
        isDone = true;
        if (tail === mine) tail = undefined;
      }
    })();
    if (!isDone) tail = mine;
    return mine;
  };

  const derive = (): void => {
    if (program.derive.length) {
      let at = program.deriveBlock / 4;
      for (const step of program.derive) {
        machine.i32[at++] = !hasDerived || step.for.some((i) => changed.has(variables[i] as VariableSpec)) ? 1 : 0;
        for (const arg of step.args) machine.i32[at++] = evaluate(arg as Expr, [], []);
      }
      machine.entry.derive(program.deriveBlock);
    }
    hasDerived = true;
    changed.clear();
  };

  const runNow = (
    fetches: string | readonly string[],
    feeds: AnyFeeds,
    options: RunOptions<Record<string, number>>,
  ): AnyResults => {
    options.signal?.throwIfAborted();
    if (options.seed !== undefined) checkSeed(options.seed);
    const key = Array.isArray(fetches) ? fetches.join("\0") : String(fetches);
    let set = fetchSets.get(key);
    if (!set) {
      set = fetchSetOf(program, fetches);
      fetchSets.set(key, set);
    }
    binder.bind(set, feeds, options.dims);
    const plan = planOf(program, set, binder.dims);
    // Everything that can fail has been checked when the first kernel starts: a run is whole, or it has not been.
    checkAssertions(program, set, binder.dims, (at) => numberOf(variables[at] as VariableSpec));
    if (plan !== current) {
      machine.reserve(plan.bytes);
      machine.i32.set(plan.block, program.stepsBlock / 4);
      current = plan;
    }
    if (!hasDerived || changed.size) derive();
    for (const [i, position] of set.inputs.entries()) {
      const input = program.inputs[position];
      const fed = binder.fed[position];
      const at = plan.inputs[i];
      if (!input || !fed || at === undefined) continue;
      if (typeof fed.data === "number")
        for (let e = countOf(input.shape.map((size) => evaluate(size, binder.dims, []))); e-- > 0; )
          storeNumber(machine, at + e, input.dtype, fed.data);
      else store(machine, at, input.dtype, fed.data);
      fed.data = 0;
    }
    for (const [i, { path }] of program.random.entries()) {
      const [low, high] = keyOf(path, options.seed ?? seed);
      machine.i32.set([low, high, drawn | 0, Math.floor(drawn / 2 ** 32)], plan.random[i] as number);
    }
    machine.entry.run(program.stepsBlock);
    runs++;
    drawn++;
    for (const at of set.updated) changed.add(variables[at] as VariableSpec);
    // Not by assignment, which takes `__proto__` for something else.
    return Object.fromEntries(
      plan.outputs.map(({ name, dtype, at, count, shape }) => [
        name,
        shape.length ? new Tensor(dtype, shape, load(machine, at, count, dtype)) : loadNumber(machine, at, dtype),
      ]),
    );
  };

  const write = (variable: VariableSpec, values: ArrayLike<number>): void => {
    const { address, dtype, panels } = variable;
    storeNumbers(machine, address / 4, dtype, panels ? arrangePanels(panels, values, false) : values);
    changed.add(variable);
  };

  const numberOf = ({ address, dtype }: VariableSpec): number => loadNumber(machine, address / 4, dtype);

  const valueOf = ({ address, shape, dtype, panels }: VariableSpec) =>
    panels
      ? arrangePanels(panels, machine.f32.subarray(address / 4), true)
      : load(machine, address / 4, countOf(shape), dtype);

  const checkSeed = (given: number): void => {
    if (!Number.isSafeInteger(given)) throw new TfgError("TFG0808", `seed ${given} is not an integer`, graph);
  };

  const initialize = (given: number): void => {
    checkSeed(given);
    seed = given;
    drawn = 0;
    for (const variable of variables) {
      const { init, shape, name: full } = variable;
      if (init[0] === "fill") write(variable, new Float64Array(countOf(shape)).fill(init[1]));
      else if (init[0] === "data") {
        const words = wordsFrom64(init[1]);
        write(
          variable,
          variable.dtype[0] === "f" || variable.dtype === "bf16" ? new Float32Array(words.buffer) : words,
        );
      } else if (parts.random) write(variable, parts.random(init, full, shape, given));
      else throw new TfgError("TFG0811", `this module has no ${init[0]} to initialise "${full}" with`, graph);
    }
  };

  const restore = async (from: WeightsSource, { map, strict = true }: RestoreOptions): Promise<RestoreReport> => {
    if (!parts.read) throw new TfgError("TFG0811", "this module has no reader of weights", graph);
    const weights = await parts.read(from);
    const { found, report } = fitWeights(program, weights, map, strict);
    const values: ArrayLike<number>[] = [];
    for (const [variable, tensor] of found) {
      onProgress?.({ phase: "download", done: values.length, total: found.length, what: variable.name });
      values.push(readNumbers(await tensor.read(), tensor, variable, weights.name));
    }
    // Nothing fails from here on: all variables take their values, or none did.
    refuseIf(isClosed);
    const run = Number(weights.metadata?.[runKey]);
    const saved = Number(weights.metadata?.[seedKey]);
    if (Number.isSafeInteger(run) && run >= 0) drawn = run;
    if (Number.isSafeInteger(saved) && options.seed === undefined) seed = saved;
    for (const [i, [variable]] of found.entries()) {
      write(variable, values[i] ?? []);
      onProgress?.({ phase: "upload", done: i + 1, total: found.length, what: variable.name });
    }
    return report;
  };

  const params = variables.map((variable): [string, Param] => {
    const { name: full, dtype, shape } = variable;
    const get = () => inOrder(() => valueOf(variable));
    const set: Param["set"] = (value) =>
      inOrder(() => {
        const count = countOf(shape);
        const kinds = [arrayTypes[dtype].name, alsoNames[dtype]];
        if (!kinds.includes(Object(value)[Symbol.toStringTag]) || value.length !== count)
          throw new TfgError("TFG0808", `"${full}" takes a ${kinds[0]} of ${count} elements`, graph);
        write(variable, toNumbers(dtype, value));
      });
    return [full, { dtype, shape, get, set }];
  });

  // Engines without explicit resource management lack the symbols; compilers of `using` then look for these.
  const dispose: typeof Symbol.dispose = (Symbol.dispose ?? Symbol.for("Symbol.dispose")) as typeof Symbol.dispose;
  const asyncDispose: typeof Symbol.asyncDispose = (Symbol.asyncDispose ??
    Symbol.for("Symbol.asyncDispose")) as typeof Symbol.asyncDispose;
  const session: AnySession = {
    name,
    params: Object.fromEntries(params),
    get stats() {
      return { device: machine.device, memory: machine.i32.byteLength, runs };
    },
    async run(fetches, feeds, runOptions = {}) {
      // Alone, a run is over before this call returns. In a queue it keeps its feeds as they are now.
      if (!tail && !isClosing) return runNow(fetches, feeds ?? {}, runOptions);
      const kept = keepFeeds(feeds ?? {});
      return inOrder(() => runNow(fetches, kept, runOptions));
    },
    initialize: (seed = options.seed ?? 0) => inOrder(() => initialize(seed)),
    restore: (from, restoreOptions = {}) => inOrder(() => restore(from, restoreOptions)),
    save: () =>
      inOrder(() =>
        writeSafetensors(
          variables.map((variable) => ({ ...variable, data: valueOf(variable) })),
          program.random.length ? { [runKey]: String(drawn), [seedKey]: String(seed) } : undefined,
        ),
      ),
    [dispose]() {
      isClosing = true;
      isClosed = true;
    },
    async [asyncDispose]() {
      isClosing = true;
      await tail?.catch(() => {});
      isClosed = true;
    },
  };
  if (options.weights === undefined) initialize(options.seed ?? 0);
  else await restore(options.weights, options);
  signal?.throwIfAborted();
  return session;
}
