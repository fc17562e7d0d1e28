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
      /** Pointers, then run dims: each a word, or the counter of the loop around it at this depth. */
      readonly args: readonly ("pointer" | "dim" | { readonly counter: number })[];
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
        counters.includes(name) ? { counter: counters.indexOf(name) } : ("dim" as const),
      );
      return { do: "call", kernel, args: [...operands.map(() => "pointer" as const), ...args] };
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

/** How one language says what a block makes happen. Words are counted from the start of the block. */
interface Walk {
  word(at: number): string;
  pointer(word: string): string;
  counter(depth: number): string;
  call(flag: string, name: string, args: readonly string[], indent: string): string;
  branch(flag: string, condition: string, isTaken: boolean, body: string, indent: string): string;
  loop(flag: string, loop: PrintedLoop, indent: string): string;
  /** What a level indents. */
  readonly levels: { readonly branch: string; readonly loop: string };
}

interface PrintedLoop {
  readonly depth: number;
  readonly times: string;
  readonly condition?: string;
  readonly test: string;
  readonly body: string;
}

/** The statements that walk a block, whose words come in the order of `runtime/abi.ts`. */
function walkBlock(
  steps: readonly Step[],
  functions: readonly FunctionCode[],
  { word, pointer, counter, call, branch, loop, levels }: Walk,
  outermost: string,
): string {
  let at = 0;
  const next = (): string => word(at++);
  const walk = (list: readonly Step[], depth: number, indent: string): string =>
    list
      .map((step) => {
        const flag = next();
        if (step.do === "call") {
          const args = step.args.map((arg) =>
            arg === "pointer" ? pointer(next()) : arg === "dim" ? next() : counter(arg.counter),
          );
          return call(flag, functions[step.kernel]?.name ?? "", args, indent);
        }
        if (step.do === "branch")
          return branch(flag, next(), step.isTaken, walk(step.body, depth, indent + levels.branch), indent);
        const times = next();
        const condition = step.hasCondition ? { condition: next() } : {};
        const test = walk(step.test, depth + 1, indent + levels.loop);
        const body = walk(step.body, depth + 1, indent + levels.loop);
        return loop(flag, { depth, times, ...condition, test, body }, indent);
      })
      .join("");
  return walk(steps, 0, outermost);
}

const watWords: Walk = {
  word: (at) => `(i32.load${at === 0 ? "" : ` offset=${4 * at}`} (local.get $block))`,
  pointer: (word) => word,
  counter: (depth) => `(local.get $t${depth})`,
  call: (flag, name, args, indent) => `${indent}(if ${flag} (then (call $${name} ${args.join(" ")})))\n`,
  branch(flag, condition, isTaken, body, indent) {
    const bool = `(i32.load ${condition})`;
    return `${indent}(if ${flag} (then (if ${isTaken ? bool : `(i32.eqz ${bool})`} (then\n${body}${indent}))))\n`;
  },
  loop(flag, { depth, times, condition, test, body }, indent) {
    const inner = `${indent}  `;
    const [counter, end, again] = [`$t${depth}`, `$end${depth}`, `$again${depth}`];
    const leave = condition === undefined ? "" : `${inner}(br_if ${end} (i32.eqz (i32.load ${condition})))\n`;
    return `${indent}(if ${flag} (then
${indent}  (local.set ${counter} (i32.const 0))
${indent}  (block ${end} (loop ${again}
${inner}(br_if ${end} (i32.ge_s (local.get ${counter}) ${times}))
${test}${leave}${body}${inner}(local.set ${counter} (i32.add (local.get ${counter}) (i32.const 1)))
${inner}(br ${again})))))\n`;
  },
  levels: { branch: "  ", loop: "  " },
};

/** A function that walks its block. */
function watWalk(name: string, steps: readonly Step[], functions: readonly FunctionCode[]): string {
  const lines = walkBlock(steps, functions, watWords, "    ");
  const counters = Array.from({ length: depthOf(steps) }, (_, i) => ` (local $t${i} i32)`).join("");
  return `  (func (export "${name}") (param $block i32)${counters}\n${lines}  )\n`;
}

function watModule(functions: readonly FunctionCode[], calls: CallLists, fused: boolean): string {
  const printed = functions.map((code) => watFunction(code, fused));
  const walks = [watWalk("run", calls.steps, functions), watWalk("derive", calls.derive, functions)];
  return `(module\n  (import "m" "m" (memory 1))\n${printed.join("")}${walks.join("")})\n`;
}

const jsWords: Walk = {
  word: (at) => (at === 0 ? "I[at]" : `I[at + ${at}]`),
  pointer: (word) => `${word} >> 2`,
  counter: (depth) => `t${depth}`,
  call: (flag, name, args, indent) => `${indent}if (${flag}) ${name}(${args.join(", ")});\n`,
  branch: (flag, condition, isTaken, body, indent) =>
    `${indent}if (${flag} && ${isTaken ? "" : "!"}I[${condition} >> 2]) {\n${body}${indent}}\n`,
  loop(flag, { depth, times, condition, test, body }, indent) {
    const leave = condition === undefined ? "" : `${indent}    if (!I[${condition} >> 2]) break;\n`;
    return `${indent}if (${flag})
${indent}  for (let t${depth} = 0; t${depth} < ${times}; t${depth}++) {
${test}${leave}${body}${indent}  }\n`;
  },
  levels: { branch: "  ", loop: "    " },
};

function jsWalk(name: string, steps: readonly Step[], functions: readonly FunctionCode[]): string {
  const lines = walkBlock(steps, functions, jsWords, "      ");
  // Nothing is declared that is not used: strict projects refuse that.
  if (lines === "") return `    ${name}() {},\n`;
  return `    ${name}(block) {\n      const at = block >> 2;\n${lines}    },\n`;
}

function jsModule(calls: CallLists, functions: readonly FunctionCode[], isTyped: boolean): string {
  const printed = functions.map((code) => jsFunction(code, isTyped)).join("\n");
  // Where an index is not known to be in range, a strict project gives `F[i]` the type `number | undefined`.
  const view = isTyped ? ": any" : "";
  const needed = Object.entries(jsDefinitions).filter(([name]) => printed.includes(`${name}(`));
  const walks = jsWalk("run", calls.steps, functions) + jsWalk("derive", calls.derive, functions);
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
    code.js = jsModule(program, functions, false);
    code.ts = jsModule(program, functions, true);
  }
  return code;
}
