/**
 * `npm run bench -- --tool [--repeat N]`: the speed of the command line, as it is packed: `tfgc check` of every example
 * program that compiles, and compiling MobileNetV2, from the start of the process to its end. Fails where a median
 * is over its limit.
 */
import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { generated } from "./files.ts";
import { keep, machineText, median, root, say } from "./record.ts";

/** Milliseconds. */
const limits = { check: 500, compile: 3000 };
const compiled = "05_mobilenet_v2";

interface Spent {
  readonly code: number;
  /** Milliseconds. */
  readonly wall: number;
  readonly cpu: number;
}

/** The examples beside the clone, or in `TFGC_SHARED`. */
const examples = join(process.env.TFGC_SHARED ?? resolve(root, "../shared"), "design/language");

/** The package as npm would install it, but for its dependencies, which are found in the clone around it. */
function install(): string {
  execFileSync(process.execPath, [join(root, "build/dist.ts")], { stdio: ["ignore", "ignore", "inherit"] });
  const folder = join(generated, "package");
  rmSync(folder, { recursive: true, force: true });
  for (const part of ["bin", "dist", "package.json"]) cpSync(join(root, part), join(folder, part), { recursive: true });
  return join(folder, "bin/tfgc.mjs");
}

/** Makes a process write its CPU time to a pipe as it ends. */
const reporter = `data:text/javascript,${encodeURIComponent(
  'import { writeSync } from "node:fs"; process.on("exit", () => { const { user, system } = process.cpuUsage(); writeSync(3, String(user + system)); });',
)}`;

function run(command: string, args: readonly string[], cache: string): Promise<Spent> {
  return new Promise((done, fail) => {
    const started = performance.now();
    const child = spawn(process.execPath, ["--import", reporter, command, ...args], {
      stdio: ["ignore", "ignore", "ignore", "pipe"],
      env: { ...process.env, NODE_COMPILE_CACHE: cache },
    });
    let microseconds = "";
    child.stdio[3]?.on("data", (chunk: Buffer) => {
      microseconds += chunk.toString();
    });
    child.on("error", fail);
    child.on("close", (code) => {
      done({ code: code ?? -1, wall: performance.now() - started, cpu: Number(microseconds) / 1000 });
    });
  });
}

interface Row {
  readonly name: string;
  readonly wall: readonly number[];
  readonly cpu: readonly number[];
  /** Of a run whose modules were not compiled before. */
  readonly first: readonly number[];
}

export async function benchTool(repeat: number): Promise<void> {
  const files = globSync("*.tfg", { cwd: examples }).sort();
  if (!files.includes(`${compiled}.tfg`)) throw new Error(`there are no examples in ${examples}`);
  const command = install();
  const folder = mkdtempSync(join(tmpdir(), "tfgc-bench-"));
  const warm = join(folder, "warm");
  let cold = 0;

  const measure = async (name: string, args: readonly string[]): Promise<Row> => {
    const times: { wall: number[]; cpu: number[]; first: number[] } = { wall: [], cpu: [], first: [] };
    for (let i = 0; i < repeat; i++) {
      const { wall, cpu } = await run(command, args, warm);
      const first = await run(command, args, join(folder, `cold${cold++}`));
      times.wall.push(wall);
      times.cpu.push(cpu);
      times.first.push(first.wall);
    }
    return { name, ...times };
  };
  const show = ({ name, wall, cpu, first }: Row): void => {
    const cells = [wall, cpu, first].map((values) => median(values).toFixed(0).padStart(8));
    say(`${name.padEnd(24)}${cells.join("")}`);
  };

  try {
    say(`${machineText()}; medians of ${repeat} processes, one after the other`);
    say(`\n${"ms".padEnd(24)}    wall     cpu   first`);
    const check: Row[] = [];
    const wrong: string[] = [];
    for (const file of files) {
      const path = join(examples, file);
      const name = basename(file, ".tfg");
      // This also fills the cache of compiled modules.
      const { code } = await run(command, ["check", path], warm);
      if (code !== 0) {
        wrong.push(name);
        continue;
      }
      const row = await measure(`check ${name}`, ["check", path]);
      check.push(row);
      show(row);
    }
    const out = join(folder, "out");
    const args = [join(examples, `${compiled}.tfg`), "-o", out];
    const { code } = await run(command, args, warm);
    if (code !== 0 || !existsSync(join(out, `${compiled}.ts`)))
      throw new Error(`compiling ${compiled} ended with ${code}`);
    const compile = await measure(`compile ${compiled}`, args);
    show(compile);
    if (wrong.length > 0) say(`\nnot measured, for they have errors today: ${wrong.join(", ")}`);

    const slowest = Math.max(...check.map(({ wall }) => median(wall)));
    const held = [
      { what: "check", median: slowest, limit: limits.check },
      { what: "compile", median: median(compile.wall), limit: limits.compile },
    ];
    say("");
    const [load = 0] = loadavg();
    if (load > cpus().length + 1)
      say(
        `${load.toFixed(1)} processes wait for ${cpus().length} cores: judge by the CPU time, wall time is theirs too`,
      );
    for (const { what, median: time, limit } of held) {
      const isHeld = time < limit;
      say(`${what}: ${time.toFixed(0)} ms of at most ${limit}${isHeld ? "" : ", TOO SLOW"}`);
      if (!isHeld) process.exitCode = 1;
    }
    keep({ repeat, limits, load, check, compile, wrong }, "tool");
  } finally {
    rmSync(folder, { recursive: true });
  }
}
