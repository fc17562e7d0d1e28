/** What generated modules and applications import from `tfgc/runtime`. */
import type { Compiled } from "./abi.ts";
import { readWeights } from "./formats.ts";
import { randomValues } from "./random.ts";
import { openSessionWith } from "./session.ts";
import type { AnySession, GraphTypes, SessionOf, SessionOptions } from "./signature.ts";

export { ABI_VERSION, type Compiled, type DType, type Entry, type Kernels, type Program } from "./abi.ts";
export type { ArrayOf, HostArray } from "./dtype.ts";
export { type SourceSpan, TfgError } from "./errors.ts";
export type { FileSet, FileSource, WeightsSource } from "./files.ts";
export type { RestoreReport, StoredTensor, Weights, WeightsMap } from "./restore.ts";
export { readWeights } from "./formats.ts";
export { type WritableTensor, writeSafetensors } from "./safetensors.ts";
export type {
  AnyFeed,
  AnyFeeds,
  AnyResults,
  AnySession,
  Feed,
  FeedsOf,
  FeedValue,
  FetchOf,
  GraphTypes,
  Param,
  Progress,
  RestoreOptions,
  ResultsOf,
  RunOptions,
  SessionOf,
  SessionOptions,
  Stats,
} from "./signature.ts";
export { Tensor } from "./tensor.ts";

/**
 * Opens a session of a compiled program. The type argument says what its graph declares; generated modules pass
 * their own. Without it the session checks names at run time only.
 */
export function openSession(compiled: Compiled, options?: SessionOptions): Promise<AnySession>;
export function openSession<G extends GraphTypes>(compiled: Compiled, options?: SessionOptions): Promise<SessionOf<G>>;
export function openSession(compiled: Compiled, options: SessionOptions = {}): Promise<AnySession> {
  return openSessionWith(compiled, options, { read: readWeights, random: randomValues });
}
