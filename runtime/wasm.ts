/** The CPU device: one memory, and the kernels that work in it. */
import type { Entry, Kernels } from "./abi.ts";
import type { Words } from "./dtype.ts";
import { TfgError } from "./errors.ts";
import { nodeModule } from "./files.ts";
import type { SessionOptions } from "./signature.ts";

const page = 65536;

/** The memory as it is now, with the kernels bound to it. `reserve` replaces the views. */
export interface Machine extends Words {
  readonly device: string;
  readonly entry: Entry;
  /** Makes room for `bytes`. What lies below the arena stays; throws TFG0806 where there is not enough. */
  reserve(bytes: number): void;
}

/** The bytes that a base64 text stands for. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  // Node's own function starts at once; loading its streams takes longer than compiling a small model.
  const zlib = nodeModule("node:zlib");
  if (zlib) return zlib.inflateRawSync(bytes);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function outOfMemory(bytes: number, cause: unknown): TfgError {
  return new TfgError("TFG0806", `${bytes} bytes of memory are needed, more than there is to be had`, { cause });
}

async function startWasm(wasm: NonNullable<Kernels["wasm"]>, options: SessionOptions, bytes: number): Promise<Machine> {
  const code = await inflate(fromBase64(wasm.code));
  const fma = code.subarray(0, wasm.split);
  const isFma = options.profile !== "base" && wasm.split > 0 && WebAssembly.validate(fma);
  let memory: WebAssembly.Memory;
  try {
    memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / page) });
  } catch (cause) {
    throw outOfMemory(bytes, cause);
  }
  const { instance } = await WebAssembly.instantiate(isFma ? fma : code.subarray(wasm.split), { m: { m: memory } });
  const machine = {
    device: isFma ? "wasm fma" : "wasm base",
    entry: instance.exports as WebAssembly.Exports & Entry,
    f32: new Float32Array(memory.buffer),
    i32: new Int32Array(memory.buffer),
    reserve(needed: number): void {
      const missing = Math.ceil((needed - memory.buffer.byteLength) / page);
      if (missing <= 0) return;
      try {
        memory.grow(missing);
      } catch (cause) {
        throw outOfMemory(needed, cause);
      }
      machine.f32 = new Float32Array(memory.buffer);
      machine.i32 = new Int32Array(memory.buffer);
    },
  };
  return machine;
}

function startJs(js: NonNullable<Kernels["js"]>, bytes: number): Machine {
  const allocate = (size: number): ArrayBuffer => {
    try {
      return new ArrayBuffer(Math.ceil(size / page) * page);
    } catch (cause) {
      throw outOfMemory(size, cause);
    }
  };
  const bind = (memory: ArrayBuffer) => ({
    entry: js(memory),
    f32: new Float32Array(memory),
    i32: new Int32Array(memory),
  });
  const machine = {
    device: "js",
    ...bind(allocate(bytes)),
    reserve(needed: number): void {
      if (needed <= machine.i32.byteLength) return;
      const memory = allocate(needed);
      // The arena begins at `bytes` at the earliest; what it held is not needed any more.
      new Int32Array(memory).set(machine.i32.subarray(0, bytes >> 2));
      Object.assign(machine, bind(memory));
    },
  };
  return machine;
}

/** Starts the kernels over a memory of at least `bytes`, which a later growth keeps. */
export async function startMachine(kernels: Kernels, options: SessionOptions, bytes: number): Promise<Machine> {
  const { wasm, js } = kernels;
  const { device = "auto" } = options;
  const isOpen = device === "auto";
  if (wasm && (isOpen || device === "wasm") && typeof WebAssembly === "object") {
    try {
      return await startWasm(wasm, options, bytes);
    } catch (error) {
      // A page's policy can forbid WebAssembly; the JavaScript kernels are for those.
      if (!isOpen || !js || error instanceof TfgError) throw error;
    }
  }
  if (js && (isOpen || device === "js")) return startJs(js, bytes);
  throw new TfgError("TFG0811", `this module has no kernels for device "${device}" here`);
}
