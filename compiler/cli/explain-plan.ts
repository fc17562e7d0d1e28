/** `tfgc explain FILE.tfg --fetch a,b`: the plan of a run, for people and as JSON. */
import { gzipSync } from "node:zlib";
import picocolors from "picocolors";
import { TfgError } from "../../runtime/errors.ts";
import { compileGraph, type Graph } from "../index.ts";
import { refusal } from "../ir/checks.ts";
import { type Dim, DimOverflow, dimSymbols, evaluateDim, formatShape, literalOf } from "../ir/dims.ts";
import { fetchNames } from "../ir/needs.ts";
import {
  type BufferReport,
  type FusedPart,
  type MemoryReport,
  type PlanReport,
  reportPlan,
  type SlotReport,
  type StepReport,
} from "../report/plan.ts";
import { amountText, bytesText, columns, countText, grouped, polynomialExpression, polynomialText } from "./columns.ts";
import { checkSource, chooseGraph, fetching } from "./engine.ts";
import type { Terminal } from "./terminal.ts";
import { Progress } from "./terminal.ts";
import { didYouMean, type Options, UsageError } from "./usage.ts";

/** Bytes of the kernels' WebAssembly in the profile with fused multiply-add. */
interface ModuleSize {
  readonly wasm: number;
  readonly gzip: number;
}

export async function explainPlan(path: string, options: Options, terminal: Terminal): Promise<number> {
  const fetches = [...new Set(options.list("fetch"))];
  if (options.text("fetch") !== undefined && fetches.length === 0) throw new UsageError("--fetch names no node");
  const given = options.sizes("dims");
  const checked = await checkSource(path, { set: options.settings("set"), nodes: fetches }, terminal);
  if (checked === undefined) return 1;
  const whole = chooseGraph(checked, options.text("graph"));
  const outputs = fetchNames(whole);
  const others = fetches.filter((name) => !outputs.includes(name));
  // The plan is that of the module, where all outputs are made; a node that is none becomes one more.
  const graph = others.length === 0 ? whole : fetching(whole, [...outputs, ...others]);
  checkDims(graph, given);

  const progress = new Progress(terminal);
  const { planned, program, code } = await compileGraph(graph, {
    targets: { wasm: true, js: false },
    after: (stage) => progress.show(`compiling: ${stage}`),
  });
  progress.end();
  const wasm = code.wasm?.fma ?? new Uint8Array();
  const size = { wasm: wasm.length, gzip: gzipSync(wasm, { level: 9 }).length };
  const report = planWithin({ ...planned, program }, fetches.length === 0 ? outputs : fetches, given);
  terminal.out(options.isSet("json") ? planAsJson(report, size) : planAsText(report, size));
  return 0;
}

function planWithin(...of: Parameters<typeof reportPlan>): PlanReport {
  try {
    return reportPlan(...of);
  } catch (error) {
    if (error instanceof DimOverflow) throw new UsageError("with these --dims the plan has sizes beyond 2^53");
    throw error;
  }
}

/** Throws for a dim that the graph does not have, and TFG0802 for what a run would refuse. */
function checkDims(graph: Graph, given: ReadonlyMap<string, number>): void {
  const names = graph.dims.map(({ name }) => name);
  for (const name of given.keys())
    if (!names.includes(name)) {
      const known = names.length === 0 ? `; \`${graph.name}\` has none` : `; the dims are ${names.join(", ")}`;
      throw new UsageError(`--dims: there is no dim ${name}${didYouMean(name, names) || known}`);
    }
  const valueOf = (name: string): number => given.get(name) ?? 1;
  for (const check of graph.checks) {
    const { difference, holds } = check;
    const symbols = dimSymbols(difference);
    if (typeof holds === "object") dimSymbols(holds.divisibleBy, symbols);
    if (![...symbols].every((name) => given.has(name))) continue;
    const value = evaluateDim(difference, valueOf);
    const isHeld =
      holds === "== 0"
        ? value === 0
        : holds === ">= 0"
          ? value >= 0
          : value % evaluateDim(holds.divisibleBy, valueOf) === 0;
    if (isHeld) continue;
    const values = Array.from(symbols, (name) => `${name} is ${given.get(name)}`).join(", ");
    throw new TfgError("TFG0802", refusal(graph, check, values), { graph: graph.name });
  }
}

// ---- JSON ----------------------------------------------------------------------------------------------------

/** Sizes are numbers where they are known, else polynomials as text: `"15680*N + 4"`, divisions as `floor(H / 2)`. */
function planAsJson(report: PlanReport, module: ModuleSize): string {
  const isDim = (value: unknown): value is Dim =>
    typeof value === "object" && value !== null && "terms" in value && "key" in value;
  const plain = (_: string, value: unknown): unknown =>
    isDim(value) ? (literalOf(value) ?? polynomialExpression(value)) : value;
  return `${JSON.stringify({ ...report, module }, plain, 2)}\n`;
}

// ---- text ----------------------------------------------------------------------------------------------------

/** Polynomials in columns are cut here. */
const WIDTH = 28;
const LONG = 60;
const LINE = 80;

function planAsText(report: PlanReport, module: ModuleSize): string {
  const { bold, dim } = picocolors.createColors(process.stdout.isTTY === true && picocolors.isColorSupported);
  const dims = report.dims.map(({ name, value, most }) =>
    value !== undefined ? `${name} = ${value}` : most !== undefined ? `${name} <= ${most}` : name,
  );
  const lines = [
    `${bold(`graph ${report.graph}`)}${dims.length === 0 ? "" : `[${dims.join(", ")}]`}  ${dim(`${report.file}:${report.line}`)}`,
    `fetch ${report.fetches.join(", ")}`,
    "",
  ];
  const all = [...report.steps, ...report.derive];
  const table = columns(
    [
      ["", "kernel", "template", "FLOPs", "bytes read", "bytes written", "result"],
      ...all.map((step, i) => stepRow(step, i < report.steps.length ? `${i + 1}` : "")),
      [
        "",
        "total",
        "",
        amountText(report.totals.flops, countText, WIDTH),
        amountText(report.totals.read, bytesText, WIDTH),
        amountText(report.totals.written, bytesText, WIDTH),
      ],
    ],
    ["right", "left", "left", "right", "right", "right", "left"],
  );
  const rows = table.slice(1, -1);
  const block = (steps: readonly StepReport[], from: number): void => {
    let open: StepReport["within"] = [];
    steps.forEach((step, i) => {
      // What the step stands in and the one before did not.
      const common = step.within.findIndex((around, k) => open[k]?.id !== around.id);
      const opened = common < 0 ? [] : step.within.slice(common);
      opened.forEach((around, k) => {
        lines.push(`${" ".repeat(4 + 2 * (common + k))}${enclosingText(around)}`);
      });
      open = step.within;
      const indent = "  ".repeat(step.within.length);
      lines.push(`${indent}${rows[from + i] ?? ""}`);
      for (const line of fusedLines(step.fused)) lines.push(dim(`${indent}      ${line}`));
    });
  };
  lines.push(bold(table[0] ?? ""));
  block(report.steps, 0);
  lines.push(bold(table.at(-1) ?? ""));
  if (report.derive.length > 0) {
    lines.push("", "when a variable changes");
    block(report.derive, report.steps.length);
  }
  if (report.updates.length > 0) lines.push("", `updates   ${report.updates.join(", ")}`);
  lines.push("", ...memoryLines(report.memory, report.dims, bold), "");
  lines.push(`kernels   ${bytesText(module.wasm)} of WebAssembly, ${bytesText(module.gzip)} gzip`);
  if (lines.some((line) => line.includes("…")))
    lines.push("", "… stands for terms that are too long here: --dims makes them numbers, --json has them all");
  return `${lines.join("\n")}\n`;
}

function enclosingText(around: StepReport["within"][number]): string {
  if (around.kind === "branch") return `if ${around.isTaken ? "" : "not "}${around.condition}`;
  const times = amountText(around.times, countText, WIDTH);
  return around.condition === undefined ? `${times} times` : `at most ${times} times, while ${around.condition}`;
}

const stepRow = (step: StepReport, position: string): string[] => [
  position,
  step.kernel,
  step.template,
  amountText(step.flops, countText, WIDTH),
  amountText(step.read, bytesText, WIDTH),
  amountText(step.written, bytesText, WIDTH),
  step.writes.map(typed).join(", "),
];

const typed = ({ name, dtype, shape }: BufferReport): string => `${name}: ${dtype}${formatShape(shape)}`;

/** `conv2d "conv2d_1" (conv2d_op, add, relu)  lenet.tfg:5`, one line for what stands on one line of the source. */
function fusedLines(parts: readonly FusedPart[]): string[] {
  const lines: { at: string; texts: string[] }[] = [];
  for (const part of parts) {
    const at = `${part.file.replace(/^.*[\\/]/, "")}:${part.line}`;
    const scope = part.scope === undefined ? "" : ` "${part.scope}"`;
    const inner = part.calls.length === 0 ? "" : ` (${part.calls.join(", ")})`;
    const text = `${part.name}${scope}${inner}`;
    const last = lines.at(-1);
    if (last?.at === at) last.texts.push(text);
    else lines.push({ at, texts: [text] });
  }
  return columns(
    lines.map(({ at, texts }) => [texts.join(", "), at]),
    ["left", "left"],
  );
}

function memoryLines(memory: MemoryReport, dims: PlanReport["dims"], bold: (text: string) => string): string[] {
  const bytes = (dim: Dim): string => {
    const value = literalOf(dim);
    return value === undefined ? `${polynomialText(dim, LONG)} B` : bytesText(value);
  };
  const end = 1 + memory.steps;
  const rows = [
    ["variables", bytesText(memory.variables)],
    ["constants", bytesText(memory.constants)],
    ["derived", bytesText(memory.derived)],
    ...memory.slots.flatMap((slot, i) =>
      wrapped(slot.buffers.map((buffer) => held(buffer, end))).map((line, k) =>
        k === 0 ? [`slot ${i + 1}`, bytes(slot.size), line] : ["", "", line],
      ),
    ),
    ["arena", bytes(memory.arena)],
    ["a run", bytes(memory.total)],
  ];
  const lines = [bold("memory"), ...columns(rows, ["left", "right", "left"]).map((row) => `  ${row}`)];
  if (literalOf(memory.total) !== undefined) return lines;
  const { maximum, unbounded } = memory;
  if (maximum !== undefined) {
    const bounds = dims.flatMap(({ name, most }) => (most === undefined ? [] : [`${name} <= ${most}`]));
    return [...lines, `  at most ${bytesText(maximum)} (${grouped(maximum)} bytes) with ${bounds.join(", ")}`];
  }
  const names = unbounded.join(", ");
  return [
    ...lines,
    `  nothing bounds ${names}: memory follows the feeds; \`where ${unbounded[0]} <= 1024\` would bound it (TFG0902)`,
  ];
}

/** A list in lines of about `LINE` characters. */
function wrapped(words: readonly string[]): string[] {
  const lines: string[] = [];
  for (const [i, word] of words.entries()) {
    const part = i < words.length - 1 ? `${word},` : word;
    const last = lines.at(-1);
    if (last !== undefined && last.length + part.length < LINE) lines[lines.length - 1] = `${last} ${part}`;
    else lines.push(part);
  }
  return lines;
}

/** The steps of the whole plan in which a buffer lives: `h1 1–2`; 0 is before the first step. */
const held = ({ name, from, to }: SlotReport["buffers"][number], end: number): string =>
  `${name} ${from}${from === to ? "" : `–${to < end ? to : "end"}`}`;
