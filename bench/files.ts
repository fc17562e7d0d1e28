/** Where the benchmarks keep what they make. */
import { fileURLToPath } from "node:url";
import type { Workload } from "./workloads.ts";

export const generated = fileURLToPath(new URL("generated", import.meta.url));
export const models = fileURLToPath(new URL("models", import.meta.url));
export const results = fileURLToPath(new URL("results", import.meta.url));

/** The expected output, as little-endian f32. */
export const referenceFile = (workload: Workload): string => `${generated}/${workload.name}.expected`;
