/** `tfgc explain FILE.tfg`: what the compiled program does. */
import { explainPlan } from "./explain-plan.ts";
import type { Terminal } from "./terminal.ts";
import type { Options } from "./usage.ts";

export async function explainCommand(subject: string, options: Options, terminal: Terminal): Promise<number> {
  return explainPlan(subject, options, terminal);
}
