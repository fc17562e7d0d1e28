/** `tfgc names FILE`: names, dtypes and shapes of the variables of a checkpoint, a safetensors file or a program. */
import { readWeights } from "../../runtime/index.ts";
import { checkSource } from "./engine.ts";
import type { Terminal } from "./terminal.ts";
import type { Options } from "./usage.ts";

interface Named {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

export async function namesCommand(path: string, options: Options, terminal: Terminal): Promise<number> {
  if (/\.tfg$/.test(path)) {
    const graphs = await checkSource(path, { set: options.settings("set") }, terminal);
    if (graphs === undefined) return 1;
    for (const graph of graphs) {
      if (graphs.length > 1) terminal.out(`graph ${graph.name}\n`);
      terminal.out(table(graph.variables));
    }
    return 0;
  }
  const { tensors } = await readWeights(path);
  terminal.out(table(Array.from(tensors, ([name, { dtype, shape }]) => ({ name, dtype, shape })).sort(byName)));
  return 0;
}

const byName = (a: Named, b: Named): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

function table(entries: readonly Named[]): string {
  const width = Math.max(0, ...entries.map(({ name }) => name.length));
  return entries.map((entry) => `${entry.name.padEnd(width)}  ${typeOf(entry)}\n`).join("");
}

const typeOf = ({ dtype, shape }: Named): string => (shape.length === 0 ? dtype : `${dtype}[${shape.join(", ")}]`);
