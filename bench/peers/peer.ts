import type { Workload } from "../workloads.ts";

/** A network that is ready to run: host array in, host array out. */
export type Run = (input: Float32Array<ArrayBuffer>) => Promise<Float32Array> | Float32Array;

/** One way to run the workloads, on one thread. */
export interface Peer {
  readonly version: string;
  /** Loads the library, makes the network and gives it its weights. */
  load(workload: Workload): Promise<Run>;
}
