/**
 * `tfgc names A`: the variables of a program, or the tensors of a checkpoint or safetensors file.
 * `tfgc names A --diff B`: what `restore` would make of B's tensors for A's variables.
 */
import { readWeights } from "../../runtime/index.ts";
import type { Initializer } from "../ir/graph.ts";
import {
  compareVariables,
  type Difference,
  reportTensors,
  reportVariables,
  type VariableReport,
} from "../report/variables.ts";
import { bytesText, columns, grouped } from "./columns.ts";
import { checkSource } from "./engine.ts";
import type { Terminal } from "./terminal.ts";
import type { Options } from "./usage.ts";

interface Listed {
  readonly entries: readonly VariableReport[];
  readonly aliases?: ReadonlyMap<string, string>;
}

export async function namesCommand(path: string, options: Options, terminal: Terminal): Promise<number> {
  const other = options.text("diff");
  const set = options.settings("set");
  const listed = await list(path, set, terminal);
  if (listed === undefined) return 1;
  if (other === undefined) {
    terminal.out(options.isSet("json") ? entriesAsJson(listed.entries) : entriesAsText(listed.entries));
    return 0;
  }
  // The settings are those of the first program; a second one may have other configs.
  const available = await list(other, /\.tfg$/.test(path) ? new Map() : set, terminal);
  if (available === undefined) return 1;
  const differences = compareVariables(listed.entries, available.entries, available.aliases);
  const fits = differences.every(({ status }) => status === "same" || status === "unused");
  if (options.isSet("json")) terminal.out(`${JSON.stringify({ fits, entries: differences }, null, 2)}\n`);
  else terminal.out(differencesAsText(differences));
  return fits ? 0 : 1;
}

async function list(path: string, set: ReadonlyMap<string, string>, terminal: Terminal): Promise<Listed | undefined> {
  if (/\.tfg$/.test(path)) {
    const graphs = await checkSource(path, { set }, terminal);
    return graphs && { entries: reportVariables(graphs) };
  }
  const { tensors, aliases } = await readWeights(path);
  return { entries: reportTensors(tensors), ...(aliases ? { aliases } : {}) };
}

const typeText = ({ dtype, shape }: Pick<VariableReport, "dtype" | "shape">): string =>
  shape.length === 0 ? dtype : `${dtype}[${shape.join(", ")}]`;

// ---- one list ------------------------------------------------------------------------------------------------

function entriesAsText(entries: readonly VariableReport[]): string {
  if (entries.length === 0) return "";
  const isProgram = entries.some(({ init }) => init !== undefined);
  const total = totals(entries);
  const row = (entry: VariableReport): string[] => [
    entry.name,
    typeText(entry),
    ...(isProgram ? [entry.trainable ? "param" : "state", initText(entry.init)] : []),
    grouped(entry.count),
    entry.bytes === undefined ? "" : bytesText(entry.bytes),
  ];
  const last = ["", "", ...(isProgram ? ["", ""] : []), grouped(total.count), bytesText(total.bytes)];
  const lines = columns(
    [...entries.map(row), last],
    ["left", "left", ...(isProgram ? (["left", "left"] as const) : []), "right", "right"],
  );
  const text: string[] = [];
  let graph: string | undefined;
  for (const [i, entry] of entries.entries()) {
    if (entry.graph !== graph) text.push(`graph ${entry.graph}`);
    graph = entry.graph;
    text.push(lines[i] ?? "");
  }
  return `${[...text, lines.at(-1) ?? ""].join("\n")}\n`;
}

function totals(entries: readonly VariableReport[]): { count: number; bytes: number } {
  let count = 0;
  let bytes = 0;
  for (const entry of entries) {
    count += entry.count;
    bytes += entry.bytes ?? 0;
  }
  return { count, bytes };
}

/** As the source says it: `zeros`, `random_normal(0, 0.05)`. */
function initText(init: Initializer | undefined): string {
  if (init === undefined) return "";
  const round = (value: number): string => String(Number(value.toPrecision(4)));
  if (init.fn === "fill") return init.value === 0 ? "zeros" : init.value === 1 ? "ones" : round(init.value);
  if (init.fn === "data") return "values";
  if (init.fn === "random_uniform") return `${init.fn}(${round(init.min)}, ${round(init.max)})`;
  if (init.fn === "orthogonal") return `${init.fn}(${round(init.gain)})`;
  return `${init.fn}(${round(init.mean)}, ${round(init.stddev)})`;
}

function entriesAsJson(entries: readonly VariableReport[]): string {
  // Values that stand in the source are not repeated.
  const plain = entries.map(({ init, ...entry }) => ({
    ...entry,
    ...(init === undefined ? {} : { init: init.fn === "data" ? { fn: init.fn } : init }),
  }));
  return `${JSON.stringify(plain, null, 2)}\n`;
}

// ---- two lists -----------------------------------------------------------------------------------------------

function differencesAsText(differences: readonly Difference[]): string {
  const counts = new Map<string, number>();
  for (const { status } of differences) counts.set(status, (counts.get(status) ?? 0) + 1);
  const rows = differences.map(({ status, wanted, found, nearest }) => {
    const shown = wanted ?? found;
    return [status, shown?.name ?? "", shown ? typeText(shown) : "", remark({ status, wanted, found, nearest })];
  });
  const summary = Array.from(counts, ([status, count]) => `${count} ${status}`).join(", ");
  return [...columns(rows, ["left", "left", "left", "left"]), ...(summary === "" ? [] : [summary]), ""].join("\n");
}

function remark({ status, wanted, found, nearest }: { [K in keyof Difference]: Difference[K] | undefined }): string {
  if (nearest) return `nearest: ${nearest.name} ${typeText(nearest)}`;
  if (!wanted || !found) return "";
  const name = found.name === wanted.name ? "" : `${found.name} `;
  if (status !== "same") return `found: ${name}${typeText(found)}`;
  if (found.dtype !== wanted.dtype) return `from ${name}${found.dtype}`;
  return name === "" ? "" : `from ${name.trimEnd()}`;
}
