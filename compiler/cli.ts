/**
 * The command line. Exit codes: 0 done, 1 the input is wrong (messages on stderr), 2 the command line is wrong.
 *
 * Results go to stdout, everything said about them to stderr.
 */
import { existsSync } from "node:fs";
import { type CAC, cac, type Command } from "cac";
import { TfgError } from "../runtime/errors.ts";
import { reasonOf } from "./cli/files.ts";
import { packageVersion } from "./cli/package.ts";
import { type Terminal, terminal as standard } from "./cli/terminal.ts";
import { didYouMean, Options, UsageError } from "./cli/usage.ts";

/**
 * Marks words that look like numbers, as an empty one does, so that the parser leaves them alone: `00000123` is a folder.
 * So it does with `-`, which is standard input.
 */
const guard = "\u0000";
const isNumeric = (word: string): boolean => Number.isFinite(Number(word));
const guarded = (word: string): string =>
  isNumeric(word) || word === "-"
    ? guard + word
    : word.startsWith("-")
      ? word.replace(/(?<==)(.*)$/, (value) => (isNumeric(value) ? guard + value : value))
      : word;
const unguarded = (value: unknown): string => String(value).replaceAll(guard, "");

/** An option without its value is `true`. */
const valueOf = (value: unknown): string | true => (value === true ? true : unguarded(value));

const text = { type: [valueOf] };

const counting = [
  "FLOPs: each function of an element counts 1, and a reduction 1 for each element that it takes in; a product that",
  "is summed counts 2. Bytes: the elements of each buffer that a kernel reads or writes, each of them once.",
]
  .map((line) => `  ${line}`)
  .join("\n");

/** A command's code is loaded when it is called: `--help` needs no compiler. */
function defineCommands(terminal: Terminal): CAC {
  const cli = cac("tfgc");
  const setting = (command: Command): Command =>
    command.option("--set <NAME=VALUE>", "Give a config of the source another value; may be repeated", text);
  setting(
    cli
      .command("[file]", "Compile a program to a module")
      .usage("FILE.tfg -o DIR [options]")
      .option("-o, --out <dir>", "Folder to write NAME.ts and NAME.wat to", text)
      .option("--weights <path>", "Weights to write beside the module, as NAME.safetensors", text)
      .option("--js", "Write NAME.js and NAME.d.ts instead of NAME.ts")
      .option("--standalone", "Put the runtime into the module, which then imports nothing")
      .option("--checkpoints", "With --standalone: include the reader of TensorFlow checkpoints too")
      .option("--target <list>", "Kernels to embed: wasm,js (both unless given)", text)
      .option(
        "--emit <stage>",
        "Print syntax, graph, kernels, wat, js, ts, or a picture for Graphviz: dot, dot-kernels",
        text,
      )
      .option("--print-after <pass>", "Print what a pass of the compiler made", text),
  )
    .example("  $ tfgc mnist.tfg -o generated")
    .action(async (file: string | undefined, options: Record<string, unknown>) => {
      if (file === undefined) throw new UsageError("say which file to compile");
      const { compileCommand } = await import("./cli/compile.ts");
      return compileCommand(unguarded(file), new Options(options), terminal);
    });
  setting(
    cli
      .command("check <...files>", "Report what is wrong with programs")
      .usage("check FILE.tfg… [options]")
      .option("--fix", "Apply what messages offer as [fix], as long as the number of errors goes down")
      .option("--bounds", "Warn of run dims without an upper bound, too")
      .option("--json", "Print the messages as a JSON array on stdout; with --fix as {fixed, diagnostics}"),
  ).action(async (files: readonly string[], options: Record<string, unknown>) => {
    const { checkCommand } = await import("./cli/check.ts");
    return checkCommand(files.map(unguarded), new Options(options), terminal);
  });
  cli
    .command("fmt <...files>", "Bring sources, or all beneath a folder, into their canonical form")
    .usage("fmt FILE.tfg… | FOLDER… | - [options]")
    .option("--check", "Write nothing; list the files that would change, with exit code 1 if there are any")
    .example("  $ tfgc fmt - < model.tfg")
    .action(async (files: readonly string[], options: Record<string, unknown>) => {
      const { fmtCommand } = await import("./cli/fmt.ts");
      return fmtCommand(files.map(unguarded), new Options(options), terminal);
    });
  setting(
    cli
      .command("run <file>", "Run a graph once")
      .usage("run FILE.tfg --fetch a,b [options]")
      .option("--graph <name>", "The graph to run, if the file has several", text)
      .option("--fetch <names>", "Nodes to compute, separated by commas", text)
      .option("--feeds <file>", "Safetensors file with one tensor per input", text)
      .option(
        "--weights <path>",
        "Safetensors file, TensorFlow checkpoint or SavedModel folder; without it variables are initialised",
        text,
      )
      .option("--seed <n>", "Seed of the initial values, 0 unless given", text)
      .option("--target <name>", "wasm (unless given), js or interpret", text)
      .option("-o, --out <file>", "Write the results as a safetensors file instead of printing them", text)
      .option("--json", "Print the results as JSON: {name: {dtype, shape, data}}"),
  ).action(async (file: string, options: Record<string, unknown>) => {
    const { runCommand } = await import("./cli/run.ts");
    return runCommand(unguarded(file), new Options(options), terminal);
  });
  setting(
    cli
      .command("explain <what>", "Say what a message means (TFG0311), or show the plan of a program's runs (FILE.tfg)")
      .usage("explain TFG0311 | FILE.tfg [--fetch a,b] [options]")
      .option("--graph <name>", "The graph, if the file has several", text)
      .option("--fetch <names>", "Nodes to compute, separated by commas; all outputs unless given", text)
      .option("--dims <N=SIZE,…>", "Known sizes; without them the plan is in terms of the dims", text)
      .option("--json", "Print it as JSON")
      .example("  $ tfgc explain TFG0311"),
  ).action(async (subject: string, options: Record<string, unknown>) => {
    const { explainCommand } = await import("./cli/explain.ts");
    return explainCommand(unguarded(subject), new Options(options), terminal);
  });
  setting(
    cli
      .command("names <file>", "List the variables of a checkpoint, a safetensors file or a program")
      .usage("names FILE [--diff OTHER] [options]")
      .option(
        "--diff <other>",
        "What restoring FILE's variables from OTHER does: same, shape, dtype, missing, unused",
        text,
      )
      .option("--json", "Print the list as JSON"),
  ).action(async (file: string, options: Record<string, unknown>) => {
    const { namesCommand } = await import("./cli/names.ts");
    return namesCommand(unguarded(file), new Options(options), terminal);
  });
  setting(
    cli
      .command("test <...files>", "Run the test blocks of programs, on every target")
      .usage("test FILE.tfg… | std | std/NAME [options]")
      .option("--target <list>", "Of wasm,js,interpret; all of them unless given", text)
      .option("--filter <text>", "Only tests with this in their name", text)
      .option("--seed <n>", "Seed of initial values and random nodes, 0 unless given", text)
      .option("--json", "Print the outcomes as JSON"),
  ).action(async (files: readonly string[], options: Record<string, unknown>) => {
    const { testCommand } = await import("./cli/test.ts");
    return testCommand(files.map(unguarded), new Options(options), terminal);
  });
  cli.option("-v, --version", "Print the version");
  cli.help((sections) => [
    ...sections.slice(1),
    ...(cli.matchedCommand?.name === "explain" ? [{ title: "How it counts", body: counting }] : []),
  ]);
  return cli;
}

/** Throws for an option that the command does not have, and for one that lacks its value. */
function checkOptions(cli: CAC, command: Command): void {
  const known = [...command.options, ...cli.globalCommand.options];
  for (const name of Object.keys(cli.options)) {
    if (name === "--" || known.some((option) => option.names.includes(name))) continue;
    const dashed = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const candidates = known.map((option) => option.name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
    const hint = didYouMean(dashed, candidates).replace("mean ", "mean --");
    throw new UsageError(`unknown option ${dashed.length > 1 ? "--" : "-"}${dashed}${hint}`);
  }
  for (const option of known) {
    const value: unknown = cli.options[option.name];
    if (option.required && Array.isArray(value) && (value.includes(true) || value.includes("")))
      throw new UsageError(`${option.rawName} lacks its value`);
  }
}

export async function main(args: readonly string[], terminal: Terminal = standard): Promise<number> {
  const cli = defineCommands(terminal);
  try {
    const [first, ...rest] = args;
    const words = first === "help" ? [...rest, "--help"] : args;
    cli.parse(["node", "tfgc", ...words.map(guarded)], { run: false });
    const command = cli.matchedCommand;
    if (cli.options.help === true) return 0;
    if (command === undefined) throw new UsageError("say what to do");
    if (cli.options.version === true) {
      terminal.out(`tfgc ${await packageVersion()}\n`);
      return 0;
    }
    if (args.length === 0) {
      cli.outputHelp();
      return 2;
    }
    checkOptions(cli, command);
    checkWords(cli, command);
    return Number(await cli.runMatchedCommand());
  } catch (error) {
    return report(error, terminal);
  }
}

/** Throws for a missing or superfluous word. A word that is no file is often a misspelt command. */
function checkWords(cli: CAC, command: Command): void {
  const [first, second] = cli.args;
  if (!command.isDefaultCommand) {
    if (first === undefined)
      throw new UsageError(
        `say which ${command.name === "explain" ? "code or file" : "file"}: tfgc ${command.rawName}`,
      );
    if (second !== undefined && !command.rawName.includes("..."))
      throw new UsageError(`${command.name} takes one file, and ${unguarded(second)} is another word`);
    return;
  }
  if (first === undefined || /\.tfg$/.test(first)) {
    if (second !== undefined) throw new UsageError(`one program at a time: ${unguarded(second)} is another word`);
    return;
  }
  const word = unguarded(first);
  const hint = didYouMean(
    word,
    cli.commands.map(({ name }) => name).filter((name) => name !== ""),
  );
  if (cli.args.length > 1 || hint !== "") throw new UsageError(`unknown command ${word}${hint}`);
  if (!existsSync(word)) throw new UsageError(`${word} is neither a command nor a .tfg file`);
}

function report(error: unknown, terminal: Terminal): number {
  if (error instanceof TfgError) {
    terminal.error(`error[${error.code}]: ${error.text}\n`);
    return 1;
  }
  const isUsage = error instanceof UsageError || (error instanceof Error && error.name === "CACError");
  if (isUsage) {
    terminal.error(`tfgc: ${error.message}\n\`tfgc --help\` lists commands and options\n`);
    return 2;
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (/^E[A-Z]+$/.test(code)) {
    terminal.error(`error[TFG0601]: ${reasonOf(error)}\n`);
    return 1;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.error(`tfgc: this is a mistake of the compiler, not of your program\n${stack}\n`);
  return 1;
}
