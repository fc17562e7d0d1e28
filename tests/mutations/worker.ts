/** Judges mutants in a thread of its own, which the campaign can end. */
import { parentPort, workerData } from "node:worker_threads";
import { randomNumbers } from "../ops/cases.ts";
import { judge } from "./judge.ts";
import { mutate } from "./mutate.ts";

/** What the thread is given. */
export interface Work {
  readonly programs: readonly (readonly [path: string, text: string])[];
  readonly first: number;
  readonly end: number;
  /** The seed at hand, for whoever watches. */
  readonly at: SharedArrayBuffer;
}

/** What it tells of each mutant. */
export interface Told {
  readonly seed: number;
  readonly outcome: "refused" | "correct" | "failed";
  readonly codes: readonly string[];
  readonly isLarge: boolean;
  readonly milliseconds: number;
  readonly problem?: string;
}

/** The mutant of a seed; short programs, which take little time, are mutated more often. */
export function mutantOf(programs: Work["programs"], seed: number) {
  const next = randomNumbers(seed);
  const weightOf = (text: string): number => 1 / (text.length + 500);
  let at = next() * programs.reduce((sum, [, text]) => sum + weightOf(text), 0);
  const [path, text] = programs.find(([, own]) => {
    at -= weightOf(own);
    return at < 0;
  }) ?? ["empty.tfg", ""];
  return { path, ...mutate(text, next) };
}

async function work({ programs, first, end, at }: Work): Promise<void> {
  const place = new Int32Array(at);
  for (let seed = first; seed < end; seed++) {
    Atomics.store(place, 0, seed);
    const { path, text, how } = mutantOf(programs, seed);
    const before = process.threadCpuUsage();
    let told: Omit<Told, "milliseconds">;
    try {
      told = { seed, ...(await judge(path, text, { fixes: seed % 3 === 0, kernels: seed % 5 === 0 })) };
    } catch (error) {
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
      const problem = `seed ${seed}, ${path}, ${how}: ${why}\n---- the program\n${text}\n----`;
      told = { seed, outcome: "failed", codes: [], isLarge: false, problem };
    }
    const { user, system } = process.threadCpuUsage(before);
    parentPort?.postMessage({ ...told, milliseconds: (user + system) / 1000 });
  }
}

if (parentPort) await work(workerData as Work);
