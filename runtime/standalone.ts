/**
 * What `tfgc --standalone` includes in a module that imports nothing: the session, safetensors and initialisers, but
 * no reader of TensorFlow checkpoints.
 */
import type { Compiled } from "./abi.ts";
import { randomValues } from "./random.ts";
import { readSafetensorsFrom } from "./safetensors.ts";
import { openSessionWith } from "./session.ts";
import type { AnySession, GraphTypes, SessionOf, SessionOptions } from "./signature.ts";

export type { Compiled } from "./abi.ts";
export { TfgError } from "./errors.ts";
export type { FeedValue, SessionOf, SessionOptions } from "./signature.ts";

/** As `openSession` of `tfgc/runtime`; `restore` takes safetensors only. */
export function openSession(compiled: Compiled, options?: SessionOptions): Promise<AnySession>;
export function openSession<G extends GraphTypes>(compiled: Compiled, options?: SessionOptions): Promise<SessionOf<G>>;
export function openSession(compiled: Compiled, options: SessionOptions = {}): Promise<AnySession> {
  return openSessionWith(compiled, options, { read: readSafetensorsFrom, random: randomValues });
}
