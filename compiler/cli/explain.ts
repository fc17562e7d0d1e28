/** `tfgc explain`: the long form of a code, `TFG0311`, or what a compiled program does, `FILE.tfg`. */
import { catalogue, explain } from "../diagnostics/catalogue.ts";
import type { Terminal } from "./terminal.ts";
import { type Options, UsageError } from "./usage.ts";

export async function explainCommand(word: string, options: Options, terminal: Terminal): Promise<number> {
  if (/^(?:TFG)?\d{3,5}$/i.test(word)) return explainCode(word, options, terminal);
  const { explainPlan } = await import("./explain-plan.ts");
  return explainPlan(word, options, terminal);
}

function explainCode(word: string, options: Options, terminal: Terminal): number {
  const code = /^TFG/i.test(word) ? word.toUpperCase() : `TFG${word.padStart(4, "0")}`;
  const entry = catalogue.get(code);
  const text = explain(code);
  if (entry === undefined || text === undefined)
    throw new UsageError(`no message has the code ${word}; did you mean ${nearestCode(code)}?`);
  if (!options.isSet("json")) terminal.out(text);
  else {
    const { title, text: long, wrong, right } = entry;
    terminal.out(`${JSON.stringify({ code, severity: severityOf(code), title, text: long, wrong, right }, null, 2)}\n`);
  }
  return 0;
}

/** The code with the nearest number, first of all in the same range: of names, of types and so on. */
function nearestCode(code: string): string {
  const number = Number(code.slice(3));
  const apart = (other: string): number => Math.abs(Number(other.slice(3)) - number);
  const isAlike = (other: string): boolean => other.slice(0, 5) === code.slice(0, 5);
  const [nearest = ""] = [...catalogue.keys()].sort(
    (a, b) => Number(isAlike(b)) - Number(isAlike(a)) || apart(a) - apart(b),
  );
  return nearest;
}

const severityOf = (code: string): "error" | "warning" => (code.startsWith("TFG09") ? "warning" : "error");
