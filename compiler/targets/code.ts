/** All kernels of a program as code: WebAssembly in two profiles, and JavaScript. */
import type { KernelProgram } from "../ir/loops.ts";
import type { Kernel } from "../ir/nest.ts";
import { type StepNode, stepTree } from "../ir/step-tree.ts";
import { type FunctionCode, verifyFunction } from "../ir/stmt.ts";
import type { Target } from "../tile/target.ts";
import { tile } from "../tile/tile.ts";
import { jsDefinitions, jsFunction } from "./js.ts";
import { base, fma, js } from "./target.ts";
import { loadAssembler } from "./wasm.ts";
import { watFunction } from "./wat.ts";

/** What a block holds words for, in their order (`runtime/abi.ts`): a flag, then the words that each form names. */
export type Step =
  | {
      readonly do: "call";
      /** Position in the list of kernels. */
      readonly kernel: number;
      /** Pointers and run dims: each a word, or the counter of the loop around it at this depth. */
      readonly args: readonly ("word" | { readonly counter: number })[];
    }
  /** Words: how often, and the address of the condition if there is one. */
  | {
      readonly do: "loop";
      readonly hasCondition: boolean;
      readonly test: readonly Step[];
      readonly body: readonly Step[];
    }
  /** Word: the address of the condition. */
  | { readonly do: "branch"; readonly isTaken: boolean; readonly body: readonly Step[] };

export interface CallLists {
  readonly derive: readonly Step[];
  readonly steps: readonly Step[];
}

/** The steps of a program in the form that the targets print. */
export function stepsOf(program: Pick<KernelProgram, "steps" | "regions" | "kernels">): readonly Step[] {
  const convert = (nodes: readonly StepNode[], counters: readonly string[]): Step[] =>
    nodes.map((node): Step => {
      if (node.do === "branch")
        return { do: "branch", isTaken: node.region.isTaken, body: convert(node.body, counters) };
      if (node.do === "loop") {
        const inner = [...counters, node.region.counter];
        const { condition } = node.region;
        const [test, body] = [convert(node.test, inner), convert(node.body, inner)];
        return { do: "loop", hasCondition: condition !== undefined, test, body };
      }
      const { kernel, operands } = node.call;
      const args = (program.kernels[kernel]?.dims ?? []).map((name) =>
        counters.includes(name) ? { counter: counters.indexOf(name) } : ("word" as const),
      );
      return { do: "call", kernel, args: [...operands.map(() => "word" as const), ...args] };
    });
  return convert(stepTree(program), []);
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

/** The deepest loop, which needs that many counters. */
const depthOf = (steps: readonly Step[]): number =>
  Math.max(
    0,
    ...steps.map((step) => (step.do === "call" ? 0 : depthOf(step.body) + (step.do === "loop" ? 1 : 0))),
    ...steps.map((step) => (step.do === "loop" ? depthOf(step.test) + 1 : 0)),
  );

/** A function that walks its block. */
function watWalk(name: string, steps: readonly Step[], functions: readonly FunctionCode[]): string {
  let at = 0;
  let labels = 0;
  const word = (): string => {
    const text = `(i32.load${at ? ` offset=${at}` : ""} (local.get $block))`;
    at += 4;
    return text;
  };
  const walk = (list: readonly Step[], depth: number, indent: string): string =>
    list
      .map((step) => {
        const flag = word();
        if (step.do === "call") {
          const args = step.args.map((arg) => (arg === "word" ? word() : `(local.get $t${arg.counter})`));
          return `${indent}(if ${flag} (then (call $${functions[step.kernel]?.name} ${args.join(" ")})))\n`;
        }
        if (step.do === "branch") {
          const bool = `(i32.load ${word()})`;
          const condition = step.isTaken ? bool : `(i32.eqz ${bool})`;
          const body = walk(step.body, depth, `${indent}  `);
          return `${indent}(if ${flag} (then (if ${condition} (then\n${body}${indent}))))\n`;
        }
        const counter = `$t${depth}`;
        const label = labels++;
        const times = word();
        const condition = step.hasCondition ? word() : "";
        const inner = `${indent}  `;
        const test = walk(step.test, depth + 1, inner);
        const leave = condition && `${inner}(br_if $end${label} (i32.eqz (i32.load ${condition})))\n`;
        const body = walk(step.body, depth + 1, inner);
        return `${indent}(if ${flag} (then
${indent}  (local.set ${counter} (i32.const 0))
${indent}  (block $end${label} (loop $again${label}
${inner}(br_if $end${label} (i32.ge_s (local.get ${counter}) ${times}))
${test}${leave}${body}${inner}(local.set ${counter} (i32.add (local.get ${counter}) (i32.const 1)))
${inner}(br $again${label})))))\n`;
      })
      .join("");
  const lines = walk(steps, 0, "    ");
  const counters = Array.from({ length: depthOf(steps) }, (_, i) => ` (local $t${i} i32)`).join("");
  return `  (func (export "${name}") (param $block i32)${counters}\n${lines}  )\n`;
}

function watModule(functions: readonly FunctionCode[], calls: CallLists, fused: boolean): string {
  const printed = functions.map((code) => watFunction(code, fused));
  const walks = [watWalk("run", calls.steps, functions), watWalk("derive", calls.derive, functions)];
  return `(module\n  (import "m" "m" (memory 1))\n${printed.join("")}${walks.join("")})\n`;
}

function jsWalk(
  name: string,
  steps: readonly Step[],
  functions: readonly FunctionCode[],
  kernels: readonly Kernel[],
): string {
  let at = 0;
  const word = (): string => {
    const text = at === 0 ? "I[at]" : `I[at + ${at}]`;
    at++;
    return text;
  };
  const walk = (list: readonly Step[], depth: number, indent: string): string =>
    list
      .map((step) => {
        const flag = word();
        if (step.do === "call") {
          const pointers = kernels[step.kernel]?.operands.length ?? 0;
          const args = step.args.map((arg, i) =>
            arg === "word" ? (i < pointers ? `${word()} >> 2` : word()) : `t${arg.counter}`,
          );
          return `${indent}if (${flag}) ${functions[step.kernel]?.name}(${args.join(", ")});\n`;
        }
        if (step.do === "branch") {
          const condition = `${step.isTaken ? "" : "!"}I[${word()} >> 2]`;
          return `${indent}if (${flag} && ${condition}) {\n${walk(step.body, depth, `${indent}  `)}${indent}}\n`;
        }
        const times = word();
        const condition = step.hasCondition ? word() : "";
        const inner = `${indent}    `;
        const test = walk(step.test, depth + 1, inner);
        const leave = condition && `${inner}if (!I[${condition} >> 2]) break;\n`;
        const body = walk(step.body, depth + 1, inner);
        return `${indent}if (${flag})
${indent}  for (let t${depth} = 0; t${depth} < ${times}; t${depth}++) {
${test}${leave}${body}${indent}  }\n`;
      })
      .join("");
  const lines = walk(steps, 0, "      ");
  // Nothing is declared that is not used: strict projects refuse that.
  if (lines === "") return `    ${name}() {},\n`;
  return `    ${name}(block) {\n      const at = block >> 2;\n${lines}    },\n`;
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
