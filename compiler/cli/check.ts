/** `tfgc check FILE.tfg…`: all messages about the sources, and nothing else. */
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import { diagnose, render } from "./engine.ts";
import { diagnosticsAsJson } from "./messages.ts";
import type { Terminal } from "./terminal.ts";
import { type Options, UsageError } from "./usage.ts";

/** Exit code 1 only with errors; warnings are shown and leave it 0. */
export async function checkCommand(paths: readonly string[], options: Options, terminal: Terminal): Promise<number> {
  if (paths.length === 0) throw new UsageError("say which file to check");
  const set = options.settings("set");
  const diagnostics: Diagnostic[] = [];
  for (const path of paths) diagnostics.push(...(await diagnose(path, { set })).diagnostics);
  if (options.isSet("json")) terminal.out(diagnosticsAsJson(diagnostics));
  else for (const diagnostic of diagnostics) terminal.error(`${render(diagnostic)}\n`);
  return diagnostics.some(({ severity }) => severity === "error") ? 1 : 0;
}
