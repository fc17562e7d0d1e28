/** `tfgc explain FILE.tfg`: what the compiled program does. */
import type { Terminal } from "./terminal.ts";
import type { Options } from "./usage.ts";

export async function explainCommand(subject: string, options: Options, terminal: Terminal): Promise<number> {
  const { explainPlan } = await import("./explain-plan.ts");
  return explainPlan(subject, options, terminal);
}
