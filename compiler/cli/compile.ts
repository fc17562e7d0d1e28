/** `tfgc FILE.tfg -o DIR`: writes the module, its kernels as text, and the weights; or prints a stage. */
import { join } from "node:path";
import { readWeights } from "../../runtime/index.ts";
import { importedTypes, printModule } from "../targets/module.ts";
import { includeRuntime } from "../targets/standalone.ts";
import { type Built, buildGraph, printedStages, stages } from "./build.ts";
import { bundleRuntime } from "./bundle.ts";
import { checkSource, printSyntax } from "./engine.ts";
import { stemOf, writeOutput } from "./files.ts";
import { packageVersion, runtimeDeclarations, runtimeSources } from "./package.ts";
import { Progress, type Terminal } from "./terminal.ts";
import { didYouMean, type Options, UsageError } from "./usage.ts";
import { weightsFor } from "./weights.ts";

const emitted = ["syntax", ...printedStages, "js", "ts"] as const;

export async function compileCommand(path: string, options: Options, terminal: Terminal): Promise<number> {
  const emit = options.text("emit") === undefined ? undefined : options.choice("emit", emitted);
  const after = options.text("printAfter");
  const folder = options.text("out");
  if (after !== undefined && !stages.some((stage) => stage === after))
    throw new UsageError(
      `there is no pass ${after}${didYouMean(after, stages) || `; the passes are ${stages.join(", ")}`}`,
    );
  if (folder === undefined && emit === undefined && after === undefined)
    throw new UsageError("say where to write with -o DIR, or what to print with --emit");
  const targets = options.text("target") === undefined ? ["wasm", "js"] : options.list("target");
  for (const target of targets)
    if (target !== "wasm" && target !== "js") throw new UsageError(`--target takes wasm, js or both, not ${target}`);
  const isStandalone = options.isSet("standalone");
  const checkpoints = options.isSet("checkpoints");
  if (checkpoints && !isStandalone) throw new UsageError("--checkpoints goes with --standalone");
  const form = options.isSet("js") || emit === "js" ? "js" : "ts";

  if (emit === "syntax") {
    const printed = await printSyntax(path, terminal);
    if (printed !== undefined) terminal.out(printed);
    return printed === undefined ? 1 : 0;
  }
  const checked = await checkSource(path, { set: options.settings("set") }, terminal);
  if (checked === undefined) return 1;

  const progress = new Progress(terminal);
  const built: Built[] = [];
  for (const [i, graph] of checked.entries()) {
    progress.show(`compiling ${graph.name}`, i, checked.length);
    const shown = (stage: string, text: () => string): void => {
      progress.show(`${graph.name}: ${stage}`, i, checked.length);
      if (stage === after) terminal.out(`${text()}\n`);
    };
    built.push(await buildGraph(graph, { targets, observe: shown }));
  }
  progress.end();

  const printed = printedStages.find((stage) => stage === emit);
  if (printed !== undefined) for (const item of built) terminal.out(`${item.print(printed).trimEnd()}\n`);
  if (folder === undefined && emit !== "js" && emit !== "ts") return 0;

  const runtime = isStandalone ? await runtimeText(form, checkpoints) : undefined;
  const module = await printModule(
    built.map((item) => ({ graph: item.graph, program: item.program, kernels: item.kernels(targets) })),
    { compiler: `tfgc ${await packageVersion()}`, source: path, form, ...(runtime === undefined ? {} : { runtime }) },
  );
  const code = isStandalone && form === "js" ? await bundleRuntime(module.code, checkpoints) : module.code;
  if (emit === "js" || emit === "ts") terminal.out(code);
  if (folder === undefined) return 0;

  const target = join(folder, stemOf(path));
  const weights = options.text("weights");
  const saved =
    weights === undefined
      ? undefined
      : await weightsFor(
          await readWeights(weights),
          built.map(({ program }) => program),
        );
  await writeOutput(`${target}.${form}`, code);
  if (module.declarations !== undefined) await writeOutput(`${target}.d.ts`, module.declarations);
  await writeOutput(`${target}.wat`, built.map((item) => item.print("wat")).join("\n"));
  if (saved !== undefined) await writeOutput(`${target}.safetensors`, saved);
  return 0;
}

/** The runtime to include: sources in TypeScript, declarations beside JavaScript. */
async function runtimeText(form: "ts" | "js", checkpoints: boolean): Promise<string> {
  const names = ["TfgError", ...importedTypes];
  if (form === "ts") return includeRuntime(await runtimeSources(checkpoints), ["openSession", ...names]);
  return includeRuntime(
    await runtimeDeclarations(checkpoints),
    names.filter((name) => name !== "Compiled"),
  );
}
