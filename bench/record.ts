/** What the benchmarks print and keep. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { results } from "./files.ts";

export const root = fileURLToPath(new URL("..", import.meta.url));

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

export const say = (text: string): void => void process.stdout.write(`${text}\n`);

export const machineText = (): string =>
  `${cpus()[0]?.model ?? "unknown CPU"}, ${cpus().length} cores, Node ${process.version}`;

/** The commit, with `-dirty` where files differ from it. */
function currentCommit(): string {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty"], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return "unknown";
  }
}

/** Writes `results/<time>.json`, with `kind` behind the time where there is one. */
export function keep(measured: Readonly<Record<string, unknown>>, kind?: string): void {
  const commit = currentCommit();
  const time = new Date().toISOString();
  mkdirSync(results, { recursive: true });
  const file = `${results}/${time.replace(/[:.]/g, "-")}${kind === undefined ? "" : `.${kind}`}.json`;
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, platform: process.platform };
  writeFileSync(file, `${JSON.stringify({ time, commit, node: process.version, machine, ...measured }, null, 2)}\n`);
  say(`\n${file}`);
}
