/** Checking: syntax trees to graphs of typed values, with all that is wrong with a program (language.md). */
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import type { SourceFile } from "../../grammar/source.ts";
import { outline, parse } from "../../grammar/read.ts";
import type { Graph } from "../ir/graph.ts";
import { primitives } from "../ops/table.ts";
import { applyPrimitive } from "./apply.ts";
import { GraphBuilder } from "./builder.ts";
import { callBuiltin } from "./builtin-calls.ts";
import type { Entity, FunctionEntity, Supplied } from "./entity.ts";
import { evaluate, evaluateCallee } from "./evaluate.ts";
import type { CallSite, Check, Frame } from "./frame.ts";
import { callDeclared, callLambda, partialArguments } from "./functions.ts";
import { checkGenerically } from "./generic.ts";
import { elaborateGraph } from "./graphs.ts";
import { lintProgram } from "./lints/index.ts";
import { ItemValues } from "./items.ts";
import { Modules } from "./modules.ts";
import { callPrimitive } from "./primitive-calls.ts";
import { checkRecursion } from "./recursion.ts";
import { Reporter } from "./report.ts";
import { checkDeclarations, checkSettings } from "./declarations.ts";
import { elaborateTests, type TestGraph } from "./tests.ts";
import { whyRank } from "./why.ts";

export interface CheckOptions {
  /** Of the root file, as the user wrote it. */
  readonly path: string;
  /** The text of a file by its path: `path`, or an import joined to the folder of the file that has it. */
  read(path: string): string | undefined;
  /**
   * The path of the file that a package offers for `specifier` (its `tfg` export condition), seen from the file
   * `from`; or why there is none. Without it packages cannot be imported.
   */
  resolve?(specifier: string, from: string): { readonly path: string } | { readonly problem: string };
  /** The standard library: `std/nn` -> text. */
  readonly library: ReadonlyMap<string, string>;
  /** Values of configs: `--set NAME=VALUE`. */
  readonly set?: ReadonlyMap<string, string>;
  /** Nodes at graph level to add to the outputs of every graph that has them, so that they can be fetched. */
  readonly nodes?: ReadonlySet<string>;
  /** Whether to warn of run dims without an upper bound (TFG0902): of interest to who asks for the memory of a run. */
  readonly bounds?: boolean;
  /** Whether the `test` blocks of the root file are wanted too. */
  readonly tests?: boolean;
}

export interface Checked {
  /** In the order of the root file; only those without errors are complete. */
  readonly graphs: readonly Graph[];
  /** In the order of the root file; none unless they were asked for. */
  readonly tests: readonly TestGraph[];
  /** Of all files, by position; empty or warnings only if the graphs may be compiled. */
  readonly diagnostics: readonly Diagnostic[];
  readonly files: readonly SourceFile[];
}

export function checkProgram(options: CheckOptions): Checked {
  const reporter = new Reporter(
    (file) => Modules.isLibraryPath(file.path) && options.library.has(file.path.replace(/\.tfg$/, "")),
  );
  const modules = new Modules(
    {
      read: (path) => options.read(path),
      resolve: (specifier, from) => options.resolve?.(specifier, from) ?? { problem: "" },
      library: options.library,
      parse,
      outline,
    },
    reporter,
  );
  const values = new ItemValues();
  const check: Check = {
    reporter,
    modules,
    settings: options.set ?? new Map(),
    unusable: new Set(),
    lints: [],
    elaborated: new Set(),
    evaluate,
    evaluateCallee,
    whyRank,
    invoke,
    primitive: (name) => primitives[name],
    apply: applyPrimitive,
    itemEntity: (frame, item, use) => values.entity(frame, item, use),
  };
  const nodes = options.nodes ?? new Set();
  const root = modules.entry(options.path);
  const graphs: Graph[] = [];
  const tests: TestGraph[] = [];
  if (root) {
    checkSettings(check, root);
    // One for all files, so that a const of one that another needs is tried once.
    const builder = new GraphBuilder();
    for (const module of modules.users()) checkDeclarations(check, module, builder);
    checkRecursion(check, modules.users());
    for (const declaration of root.tree.declarations)
      if (declaration.kind === "graph") graphs.push(elaborateGraph(check, root, declaration, nodes));
    if (options.tests) tests.push(...elaborateTests(check, root));
    checkGenerically(check, modules.users());
    lintProgram(check, root, graphs, { nodes, bounds: options.bounds ?? false });
  }
  return { graphs, tests, diagnostics: reporter.sorted(modules.files), files: modules.files };
}

function invoke(frame: Frame, fn: FunctionEntity, args: readonly Supplied[], site: CallSite): Entity {
  switch (fn.form) {
    case "declared":
      return callDeclared(frame, fn, args, site);
    case "lambda":
      return callLambda(frame, fn.lambda, fn.frame, args, site);
    case "primitive":
      return callPrimitive(frame, fn, args, site);
    case "builtin":
      return callBuiltin(frame, fn, args, site);
    case "partial":
      return invoke(frame, fn.of, partialArguments(fn, args), site);
  }
}
