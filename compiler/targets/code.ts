/** All kernels of a program as code: WebAssembly in two profiles, and JavaScript. */
import type { Kernel } from "../ir/nest.ts";
import { type FunctionCode, verifyFunction } from "../ir/stmt.ts";
import type { Target } from "../tile/target.ts";
import { tile } from "../tile/tile.ts";
import { jsDefinitions, jsFunction } from "./js.ts";
import { base, fma, js } from "./target.ts";
import { loadAssembler } from "./wasm.ts";
import { watFunction } from "./wat.ts";

/** A step of the program: which kernel, and how many arguments its record in the block holds. */
export interface Call {
  /** Position in the list of kernels. */
  readonly kernel: number;
  /** Pointers and run dims together. */
  readonly argCount: number;
}

export interface CallLists {
  readonly derive: readonly Call[];
  readonly steps: readonly Call[];
}

export interface GeneratedCode {
  readonly wat: { readonly fma: string; readonly base: string };
  readonly wasm?: { readonly fma: Uint8Array; readonly base: Uint8Array };
  /** An expression: `(memory) => ({ run(block), derive(block) })`. */
  readonly js?: string;
  /** The same with types, fit for any strictness of TypeScript. */
  readonly ts?: string;
}

/** Names of functions: readable, unique, no word of either language. */
function functionNames(kernels: readonly Kernel[]): readonly string[] {
  const taken = new Set(["run", "derive", "nearest", "mulHigh"]);
  return kernels.map((kernel) => {
    const wanted = `k_${kernel.name.replace(/[^A-Za-z0-9_]+/g, "_")}`;
    let name = wanted;
    for (let i = 1; taken.has(name); i++) name = `${wanted}_${i}`;
    taken.add(name);
    return name;
  });
}

export function tileAll(kernels: readonly Kernel[], target: Target): readonly FunctionCode[] {
  const names = functionNames(kernels);
  return kernels.map((kernel, i) => {
    const code = { ...tile(kernel, target), name: names[i] ?? kernel.name };
    verifyFunction(code);
    return code;
  });
}

/** A function that walks its block: for each call a flag, then its arguments, all i32. */
function watWalk(name: string, calls: readonly Call[], functions: readonly FunctionCode[]): string {
  let at = 0;
  const word = (): string => `(i32.load${at ? ` offset=${at}` : ""} (local.get $block))`;
  const lines = calls.map(({ kernel, argCount }) => {
    const flag = word();
    const args: string[] = [];
    for (let i = 0; i < argCount; i++) {
      at += 4;
      args.push(word());
    }
    at += 4;
    return `    (if ${flag} (then (call $${functions[kernel]?.name} ${args.join(" ")})))\n`;
  });
  return `  (func (export "${name}") (param $block i32)\n${lines.join("")}  )\n`;
}

function watModule(functions: readonly FunctionCode[], calls: CallLists, fused: boolean): string {
  const printed = functions.map((code) => watFunction(code, fused));
  const walks = [watWalk("run", calls.steps, functions), watWalk("derive", calls.derive, functions)];
  return `(module\n  (import "m" "m" (memory 1))\n${printed.join("")}${walks.join("")})\n`;
}

function jsWalk(
  name: string,
  calls: readonly Call[],
  functions: readonly FunctionCode[],
  kernels: readonly Kernel[],
): string {
  let at = 0;
  const word = (): string => (at === 0 ? "I[at]" : `I[at + ${at}]`);
  const lines = calls.map(({ kernel, argCount }) => {
    const flag = word();
    const pointers = kernels[kernel]?.operands.length ?? 0;
    const args: string[] = [];
    for (let i = 0; i < argCount; i++) {
      at++;
      args.push(i < pointers ? `${word()} >> 2` : word());
    }
    at++;
    return `      if (${flag}) ${functions[kernel]?.name}(${args.join(", ")});\n`;
  });
  // Nothing is declared that is not used: strict projects refuse that.
  if (lines.length === 0) return `    ${name}() {},\n`;
  return `    ${name}(block) {\n      const at = block >> 2;\n${lines.join("")}    },\n`;
}

function jsModule(
  kernels: readonly Kernel[],
  calls: CallLists,
  functions: readonly FunctionCode[],
  isTyped: boolean,
): string {
  const printed = functions.map((code) => jsFunction(code, isTyped)).join("\n");
  // Where an index is not known to be in range, a strict project gives `F[i]` the type `number | undefined`.
  const view = isTyped ? ": any" : "";
  const needed = Object.entries(jsDefinitions).filter(([name]) => printed.includes(`${name}(`));
  const walks = jsWalk("run", calls.steps, functions, kernels) + jsWalk("derive", calls.derive, functions, kernels);
  const views = [
    ["F", "Float32Array"],
    ["I", "Int32Array"],
  ].map(([name, type]) =>
    (printed + walks).includes(`${name}[`) ? `const ${name}${view} = new ${type}(memory);\n` : "",
  );
  const body = `${views.join("")}${needed.map(([, text]) => text).join("")}
${printed}`;
  const indented = body.trim().replace(/^(?=.)/gm, "  ");
  return `(${body.includes("memory") ? "memory" : ""}) => {
${indented && `${indented}\n`}  return {
${walks}  };
}`;
}

/**
 * The text is always printed; `targets` says what else is made of it. Vectors may read up to 64 bytes past the end of
 * an operand, and never write there.
 */
export async function generate(
  kernels: readonly Kernel[],
  program: CallLists,
  targets: { readonly wasm: boolean; readonly js: boolean },
): Promise<GeneratedCode> {
  const wat = {
    fma: watModule(tileAll(kernels, fma), program, true),
    base: watModule(tileAll(kernels, base), program, false),
  };
  const code: { -readonly [K in keyof GeneratedCode]: GeneratedCode[K] } = { wat };
  if (targets.wasm) {
    const assembler = await loadAssembler();
    code.wasm = { fma: assembler.assemble("fma.wat", wat.fma), base: assembler.assemble("base.wat", wat.base) };
  }
  if (targets.js) {
    const functions = tileAll(kernels, js);
    code.js = jsModule(kernels, program, functions, false);
    code.ts = jsModule(kernels, program, functions, true);
  }
  return code;
}
