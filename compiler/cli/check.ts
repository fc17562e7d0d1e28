/** `tfgc check FILE.tfg…`: all messages about the sources, and nothing else; with `--fix` what can be mended is. */
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import { positionAt } from "../../grammar/source.ts";
import type { Fix } from "../diagnostics/edits.ts";
import { diagnose, printDiagnostics } from "./engine.ts";
import { fixFile } from "./fix.ts";
import { jsonOf } from "./messages.ts";
import type { Terminal } from "./terminal.ts";
import { type Options, UsageError } from "./usage.ts";

/** Exit code 1 only with errors; warnings are shown and leave it 0. */
export async function checkCommand(paths: readonly string[], options: Options, terminal: Terminal): Promise<number> {
  if (paths.length === 0) throw new UsageError("say which file to check");
  const settings = { set: options.settings("set"), bounds: options.isSet("bounds"), tests: true };
  const isFixing = options.isSet("fix");
  const diagnostics: Diagnostic[] = [];
  const fixes: Fix[] = [];
  for (const path of paths) {
    const check = async (text?: string) =>
      (await diagnose(path, { ...settings, ...(text === undefined ? {} : { text }) })).diagnostics;
    const fixed = isFixing ? await fixFile(path, check) : undefined;
    fixes.push(...(fixed?.fixes ?? []));
    // One by one: they can be more than a call takes arguments.
    for (const diagnostic of fixed?.diagnostics ?? (await check())) diagnostics.push(diagnostic);
  }
  if (options.isSet("json")) {
    const told = diagnostics.map(jsonOf);
    const report = isFixing ? { fixed: fixes.map(fixAsJson), diagnostics: told } : told;
    terminal.out(`${JSON.stringify(report, null, 2)}\n`);
  } else {
    for (const fix of fixes) terminal.error(`${describe(fix)}\n`);
    printDiagnostics(diagnostics, terminal);
  }
  return diagnostics.some(({ severity }) => severity === "error") ? 1 : 0;
}

/** `mnist.tfg:3:23: fixed TFG0201, unknown function `conv2D`: conv2d`; the place is that of the text before the fix. */
function describe({ diagnostic, text }: Fix): string {
  const { code, message, primary } = diagnostic;
  const { line, column } = positionAt(primary.span.file, primary.span.start);
  return `${primary.span.file.path}:${line}:${column}: fixed ${code}, ${message}: ${text}`;
}

function fixAsJson({ diagnostic, text, edits }: Fix) {
  const { code, message, severity, file, line, column, endLine, endColumn } = jsonOf(diagnostic);
  const { help } = jsonOf({ ...diagnostic, notes: [], helps: [{ text, edits }] });
  return { code, message, severity, file, line, column, endLine, endColumn, text, edits: help[0]?.edits ?? [] };
}
