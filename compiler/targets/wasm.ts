/** WebAssembly text to bytes, by wabt. */
export interface Assembler {
  /** Throws with wabt's message where the text is no valid module. */
  assemble(name: string, text: string): Uint8Array;
}

let loading: Promise<Assembler> | undefined;

/** The assembler is compiled WebAssembly itself: it loads once, and only where it is used. */
export function loadAssembler(): Promise<Assembler> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Assembler> {
  const { default: createWabt } = await import("wabt");
  const wabt = await createWabt();
  return {
    assemble(name, text) {
      const module = wabt.parseWat(name, text, { simd: true, relaxed_simd: true });
      try {
        module.resolveNames();
        module.validate();
        return module.toBinary({ write_debug_names: false }).buffer;
      } finally {
        module.destroy();
      }
    },
  };
}
