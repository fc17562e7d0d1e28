/** `tfgc test FILE…`: every `test` block of the files, on every target. */
import { existsSync } from "node:fs";
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import { positionAt } from "../../grammar/source.ts";
import type { TestGraph } from "../check/tests.ts";
import { library } from "../std/sources.ts";
import { diagnose, render } from "./engine.ts";
import { jsonOf } from "./messages.ts";
import { runTest, type TestTarget } from "./run-test.ts";
import { Progress, type Terminal } from "./terminal.ts";
import { didYouMean, type Options, UsageError } from "./usage.ts";

const TARGETS: readonly TestTarget[] = ["wasm", "js", "interpret"];

interface Outcome {
  readonly file: string;
  readonly test: TestGraph;
  readonly failures: readonly Diagnostic[];
}

/** Exit code 1 if a test fails, or if a file has an error. */
export async function testCommand(paths: readonly string[], options: Options, terminal: Terminal): Promise<number> {
  const targets = chosenTargets(options.list("target"));
  const seed = options.integer("seed", 0);
  const filter = options.text("filter") ?? "";
  const set = options.settings("set");
  const wrong: Diagnostic[] = [];
  const chosen: { readonly file: string; readonly test: TestGraph }[] = [];
  let found = 0;
  for (const file of paths.flatMap(withLibrary)) {
    const { tests, diagnostics } = await diagnose(file, { set, tests: true });
    wrong.push(...diagnostics);
    if (diagnostics.some(({ severity }) => severity === "error")) continue;
    found += tests.length;
    for (const test of tests) if (test.name.includes(filter)) chosen.push({ file, test });
  }
  const isJson = options.isSet("json");
  if (!isJson) for (const diagnostic of wrong) terminal.error(`${render(diagnostic)}\n`);
  const hasErrors = wrong.some(({ severity }) => severity === "error");
  if (!hasErrors && found === 0)
    throw new UsageError(`${paths.join(", ")} has no test: test "WHAT HOLDS" { assert … }`);
  if (!hasErrors && chosen.length === 0) throw new UsageError(`no test has ${filter} in its name`);

  const progress = new Progress(terminal);
  const outcomes: Outcome[] = [];
  for (const { file, test } of chosen) {
    progress.show(test.name, outcomes.length, chosen.length);
    const failures = await runTest(test, targets, seed);
    progress.end();
    outcomes.push({ file, test, failures });
    if (isJson) continue;
    terminal.out(`${failures.length === 0 ? "ok  " : "FAIL"} ${file}: ${test.name}\n`);
    for (const failure of failures) terminal.error(`${render(failure)}\n`);
  }
  const failed = outcomes.filter(({ failures }) => failures.length > 0).length;
  if (isJson) terminal.out(outcomesAsJson(outcomes, wrong));
  else terminal.out(`${outcomes.length - failed} passed, ${failed} failed\n`);
  return failed > 0 || hasErrors ? 1 : 0;
}

function chosenTargets(given: readonly string[]): readonly TestTarget[] {
  for (const name of given)
    if (!TARGETS.some((target) => target === name))
      throw new UsageError(`--target takes ${TARGETS.join(", ")}, not ${name}${didYouMean(name, TARGETS)}`);
  return given.length === 0 ? TARGETS : TARGETS.filter((target) => given.includes(target));
}

/** A file; or, where there is none of that name, a module of the standard library, or `std` for all of them. */
function withLibrary(path: string): readonly string[] {
  if (existsSync(path) && path.endsWith(".tfg")) return [path];
  if (path === "std") return [...library].filter(([, text]) => /^test\b/m.test(text)).map(([name]) => `${name}.tfg`);
  const name = path.replace(/\.tfg$/, "");
  if (library.has(name)) return [`${name}.tfg`];
  if (!path.startsWith("std/")) return [path];
  throw new UsageError(`the standard library has no ${name}${didYouMean(name, library.keys())}`);
}

function outcomesAsJson(outcomes: readonly Outcome[], wrong: readonly Diagnostic[]): string {
  const tests = outcomes.map(({ file, test: { name, span }, failures }) => ({
    file,
    name,
    line: positionAt(span.file, span.start).line,
    passed: failures.length === 0,
    failures: failures.map(jsonOf),
  }));
  return `${JSON.stringify({ tests, messages: wrong.map(jsonOf) }, null, 2)}\n`;
}
