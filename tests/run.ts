/**
 * Runs every `tests/**\/*.test.ts`, each in a process of its own: `node tests/run.ts [--all] [--data] [PART OF A NAME…]`.
 *
 * `--all` first runs the npm scripts that build and check the sources; each counts as one test.
 * The files under `tests/data/` need the shared data beside the clone and run only with `--data`. A file fails if a
 * test in it fails, is skipped or takes too long, and also if it ran no test: a suite without `.run()` would
 * otherwise pass in silence. The last line is `N passed, N failed`.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import color from "picocolors";

const root = resolve(import.meta.dirname, "..");
const secondsPerFile = 600;
/** What `--all` runs first: later ones read what earlier ones write. */
const scripts = ["build", "samples", "lint", "format:check", "types"];

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** Why the file fails although no test of it did. */
  readonly problem?: string;
  readonly output: string;
}

/** Suites that are declared and never run, by the names of their variables. */
export function suitesWithoutRun(source: string): string[] {
  const declared = [...source.matchAll(/^\s*(?:export )?(?:const|let)\s+(\w+)\s*=\s*suite\b/gm)].map(
    ([, name]) => name ?? "",
  );
  return declared.filter((name) => !new RegExp(`\\b${name}\\.run\\(\\)`).test(source));
}

/** Reads uvu's summary: `Total: 3`, `Passed: 3`, `Skipped: 0`. */
export function judge(output: string, code: number | null, source: string): Omit<Outcome, "output"> {
  const count = (name: string): number | undefined => {
    const found = output.match(new RegExp(`^ {2}${name}: +(\\d+)$`, "m"))?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const total = count("Total");
  const passed = count("Passed") ?? 0;
  const skipped = count("Skipped") ?? 0;
  const silent = suitesWithoutRun(source);
  if (total === undefined) return { passed: 0, failed: 1, problem: `ended with code ${code} and no summary` };
  const failed = total - passed - skipped;
  if (total === 0) return { passed, failed: 1, problem: "registered no test" };
  if (silent.length > 0) return { passed, failed: failed + 1, problem: `never runs the suite ${silent.join(", ")}` };
  if (skipped > 0) return { passed, failed: failed + skipped, problem: `skips ${skipped}` };
  if (failed === 0 && code !== 0) return { passed, failed: 1, problem: `ended with code ${code}` };
  return { passed, failed };
}

function runFile(file: string): Promise<Outcome> {
  const path = join(root, file);
  return new Promise((done) => {
    const child = spawn(process.execPath, [path], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const parts: string[] = [];
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill("SIGKILL");
    }, secondsPerFile * 1000);
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => parts.push(text));
    child.on("close", (code) => {
      clearTimeout(timer);
      const output = parts.join("");
      if (isLate) done({ passed: 0, failed: 1, problem: `took more than ${secondsPerFile} s`, output });
      else done({ ...judge(output, code, readFileSync(path, "utf8")), output });
    });
  });
}

const sign = (isGood: boolean): string => (isGood ? color.green("ok  ") : color.red("FAIL"));

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { all: { type: "boolean", default: false }, data: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  if (values.data) {
    const shared = resolve(process.env.TFGC_SHARED ?? join(root, "..", "shared"));
    if (!existsSync(join(shared, "data"))) {
      process.stderr.write(
        `these tests read ${join(shared, "data")}, which is not there; TFGC_SHARED=DIR names another place\n`,
      );
      process.stdout.write("0 passed, 1 failed\n");
      return 1;
    }
  }
  const files = globSync("tests/**/*.test.ts", { cwd: root })
    .filter(
      (file) => file.startsWith(join("tests", "data") + (process.platform === "win32" ? "\\" : "/")) === values.data,
    )
    .filter((file) => positionals.length === 0 || positionals.some((part) => file.includes(part)))
    .sort();
  let passed = 0;
  let failed = 0;
  for (const script of values.all ? scripts : []) {
    const { status, stdout, stderr } = spawnSync("npm", ["run", "--silent", script], { cwd: root, encoding: "utf8" });
    if (status === 0) passed++;
    else failed++;
    process.stdout.write(`${sign(status === 0)} npm run ${script}\n`);
    if (status !== 0) process.stdout.write(`${stdout}${stderr}`);
  }
  const queue = [...files];
  const worker = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const started = performance.now();
      const outcome = await runFile(file);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      passed += outcome.passed;
      failed += outcome.failed;
      process.stdout.write(`${sign(outcome.failed === 0)} ${file} ${color.dim(`${outcome.passed} in ${seconds} s`)}\n`);
      // Tests of random programs say which seeds they ran.
      if (outcome.failed === 0)
        for (const [said] of outcome.output.matchAll(/\d+ .*\bseeds? \d.*/g)) process.stdout.write(`  ${said}\n`);
      if (outcome.failed > 0)
        process.stdout.write(`${outcome.output.trimEnd()}\n${outcome.problem ? `${file} ${outcome.problem}\n` : ""}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker));
  if (files.length === 0) {
    process.stdout.write("no test file was found\n");
    failed++;
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main();
