/** Thousands of mutants, with a watch over each: one that never ends, or takes all memory, is told like one that throws. */
import { Worker } from "node:worker_threads";
import { mutantOf, type Told, type Work } from "./worker.ts";

/** Of processor time, for one mutant with all that is tried on it. */
const MOST_MILLISECONDS = 8000;
/** Of the clock, which runs on while others have the machine. */
const HANGING_MILLISECONDS = 60_000;

export interface Result {
  readonly failures: readonly string[];
  readonly refused: number;
  readonly correct: number;
  readonly large: number;
  /** How often each code was the answer. */
  readonly codes: ReadonlyMap<string, number>;
  readonly slowest: { readonly seed: number; readonly milliseconds: number };
}

export async function tryMutants(programs: Work["programs"], first: number, count: number): Promise<Result> {
  const failures: string[] = [];
  const codes = new Map<string, number>();
  const counts = { refused: 0, correct: 0, failed: 0, large: 0 };
  let slowest = { seed: first, milliseconds: 0 };
  const end = first + count;
  const take = (mutant: Told): void => {
    const { seed, milliseconds } = mutant;
    counts[mutant.outcome]++;
    if (mutant.isLarge) counts.large++;
    for (const code of new Set(mutant.codes)) codes.set(code, (codes.get(code) ?? 0) + 1);
    if (milliseconds > slowest.milliseconds) slowest = { seed, milliseconds };
    if (mutant.problem) failures.push(mutant.problem);
    else if (milliseconds > MOST_MILLISECONDS) {
      const { path, text, how } = mutantOf(programs, seed);
      const took = `took ${Math.round(milliseconds)} ms`;
      failures.push(`seed ${seed}, ${path}, ${how}: ${took}\n---- the program\n${text}\n----`);
    }
  };
  for (let at = first; at < end; ) {
    const stopped = await runThread(programs, at, end, take);
    if (!stopped) break;
    const { path, text, how } = mutantOf(programs, stopped.seed);
    failures.push(`seed ${stopped.seed}, ${path}, ${how}: ${stopped.why}\n---- the program\n${text}\n----`);
    at = stopped.seed + 1;
  }
  return { failures, refused: counts.refused, correct: counts.correct, large: counts.large, codes, slowest };
}

/** Until the end, or until a mutant ends the thread; then which one, and why. */
function runThread(
  programs: Work["programs"],
  first: number,
  end: number,
  take: (mutant: Told) => void,
): Promise<{ readonly seed: number; readonly why: string } | undefined> {
  const at = new SharedArrayBuffer(4);
  const place = new Int32Array(at);
  place[0] = first;
  return new Promise((done) => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      workerData: { programs, first, end, at } satisfies Work,
      resourceLimits: { maxOldGenerationSizeMb: 1024 },
    });
    let seen = first;
    let since = performance.now();
    const watch = setInterval(() => {
      const seed = Atomics.load(place, 0);
      if (seed !== seen) [seen, since] = [seed, performance.now()];
      else if (performance.now() - since > HANGING_MILLISECONDS) {
        finish({ seed, why: `does not end within ${HANGING_MILLISECONDS / 1000} s` });
        void worker.terminate();
      }
    }, 250);
    const finish = (stopped?: { readonly seed: number; readonly why: string }): void => {
      clearInterval(watch);
      done(stopped);
    };
    worker.on("message", take);
    worker.on("error", (error) => finish({ seed: Atomics.load(place, 0), why: `ends the thread: ${error}` }));
    worker.on("exit", () => finish());
  });
}

/** What came of a campaign, in two lines. */
export function told(result: Result, programs: number, first: number, count: number): string {
  const { refused, correct, large, codes, slowest } = result;
  const common = [...codes].sort(([, a], [, b]) => b - a).map(([code, times]) => `${code} ${times}`);
  return (
    `${count} mutants of ${programs} programs, seeds ${first} to ${first + count - 1}: ${refused} refused, ${correct} correct ` +
    `(${large} too large to compile), slowest ${Math.round(slowest.milliseconds)} ms (seed ${slowest.seed})\n` +
    `${codes.size} codes: ${common.join(", ")}`
  );
}
