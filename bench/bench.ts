/**
 * `npm run bench [-- --repeat N] [--milliseconds N] [--only NAME,…]`: our modules beside the JavaScript peers, in one
 * run on this machine, each measurement in a process of its own. Prints medians and ratios, writes
 * `results/<time>.json`, and fails if an output disagrees. Other load on the machine falsifies all of it.
 * With `--tool`: the speed of the command line instead.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { transformSync } from "esbuild";
import { writeSafetensors } from "../runtime/index.ts";
import { generated, models, referenceFile } from "./files.ts";
import type { Measured } from "./measure.ts";
import { onnxModel } from "./onnx.ts";
import { keep, machineText, median, root, say } from "./record.ts";
import { benchTool } from "./tool.ts";
import { inputOf, valuesOf, type Workload, workloads } from "./workloads.ts";

const peers = ["tfgc", "ort-web", "tfjs-wasm"] as const;
type PeerName = (typeof peers)[number];
const tolerance = 1e-4;

const { values: options } = parseArgs({
  options: {
    repeat: { type: "string", default: "5" },
    milliseconds: { type: "string", default: "1000" },
    only: { type: "string" },
    tool: { type: "boolean", default: false },
  },
});
const repeat = Number(options.repeat);
const chosen = workloads.filter(({ name }) => options.only === undefined || options.only.split(",").includes(name));

const tfgc = (...args: string[]): void => {
  execFileSync(process.execPath, [`${root}/bin/tfgc.mjs`, ...args], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
};

/** Compiles the models, and writes weights and expected outputs. */
async function prepare(families: readonly string[]): Promise<void> {
  mkdirSync(generated, { recursive: true });
  for (const family of families) {
    const workload = workloads.find((other) => other.family === family);
    if (!workload) continue;
    tfgc(`${models}/${family}.tfg`, "-o", generated, "--js", "--standalone");
    const tensors = workload.params.map((param, i) => ({
      name: workload.variables[i] ?? "",
      dtype: "f32" as const,
      shape: param.shape,
      data: valuesOf(workload, param),
    }));
    writeFileSync(`${generated}/${family}.safetensors`, new Uint8Array(await writeSafetensors(tensors).arrayBuffer()));
  }
  const { InferenceSession, Tensor } = await import("onnxruntime-node");
  const { imageShape } = await import("./onnx.ts");
  for (const workload of chosen) {
    const { bytes, output } = onnxModel(workload);
    writeFileSync(`${generated}/${workload.name}.onnx`, bytes);
    const session = await InferenceSession.create(bytes);
    const { [output]: y } = await session.run({
      x: new Tensor("float32", inputOf(workload), imageShape(workload.input)),
    });
    if (!(y?.data instanceof Float32Array)) throw new Error(`no reference for ${workload.name}`);
    writeFileSync(referenceFile(workload), new Uint8Array(y.data.buffer, y.data.byteOffset, y.data.byteLength));
  }
}

function measure(peer: PeerName, workload: Workload): Measured {
  const args = [`${root}/bench/measure.ts`, peer, workload.name, options.milliseconds];
  const output = execFileSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  return JSON.parse(output.trim().split("\n").at(-1) ?? "");
}

/** Milliseconds from the start of a process to the first line of its output. */
function firstResult(script: string): Promise<number> {
  return new Promise((done, fail) => {
    const started = performance.now();
    const child = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
    let seen = "";
    let first = Number.NaN;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      seen += text;
      if (Number.isNaN(first) && /^\[.*\]$/m.test(seen)) first = performance.now() - started;
    });
    child.on("close", (code) =>
      code === 0 && !Number.isNaN(first) ? done(first) : fail(new Error(`${script} ended with ${code}`)),
    );
  });
}

const megabytes = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KB`;

/** Bytes of the module of a model, minified, raw and gzipped: with JavaScript kernels and without. */
function moduleSizes(family: string): Record<string, { readonly raw: number; readonly gzip: number }> {
  const sizes: Record<string, { raw: number; gzip: number }> = {};
  for (const target of ["wasm", "wasm,js"]) {
    const folder = `${generated}/size`;
    tfgc(`${models}/${family}.tfg`, "-o", folder, "--js", "--standalone", "--target", target);
    const { code } = transformSync(readFileSync(`${folder}/${family}.js`, "utf8"), {
      minify: true,
      format: "esm",
      target: "es2022",
    });
    sizes[target] = { raw: Buffer.byteLength(code), gzip: gzipSync(code, { level: 9 }).length };
  }
  return sizes;
}

/** The command, from start to written module, in milliseconds. */
function compileTime(family: string): number {
  const started = performance.now();
  tfgc(`${models}/${family}.tfg`, "-o", `${generated}/size`, "--js", "--standalone");
  return performance.now() - started;
}

if (options.tool) await benchTool(repeat);
else await benchModules();

async function benchModules(): Promise<void> {
  const families = [...new Set(chosen.map(({ family }) => family))];
  await prepare([...new Set([...families, "cnn"])]);
  let disagreements = 0;

  say(`${machineText()}; one thread; medians of ${repeat} processes`);
  say(`\n${"ms per run".padEnd(12)}${peers.map((peer) => peer.padStart(12)).join("")}   best peer ÷ tfgc`);
  const runs: Record<string, Record<string, { medians: number[]; error: number; version: string }>> = {};
  for (const workload of chosen) {
    const row: Record<string, { medians: number[]; error: number; version: string }> = {};
    // Peers take turns, so that a slow minute of the machine hits all of them.
    for (let i = 0; i < repeat; i++)
      for (const peer of peers) {
        const { median: time, error, version } = measure(peer, workload);
        const entry = row[peer] ?? { medians: [], error: 0, version };
        entry.medians.push(time);
        entry.error = Math.max(entry.error, error);
        row[peer] = entry;
      }
    runs[workload.name] = row;
    const times = peers.map((peer) => median(row[peer]?.medians ?? []));
    const [own = Number.NaN, ...others] = times;
    say(
      `${workload.name.padEnd(12)}${times.map((time) => time.toPrecision(3).padStart(12)).join("")}   ${(Math.min(...others) / own).toFixed(2)}`,
    );
    for (const peer of peers) {
      const error = row[peer]?.error ?? Number.NaN;
      if (!(error <= tolerance)) {
        disagreements++;
        say(`  ${peer} is off by ${error.toExponential(1)} of the largest output`);
      }
    }
  }

  say(
    `\n${"first result".padEnd(12)}${peers.map((peer) => peer.padStart(12)).join("")}   (cnn-b1, ms from the start of the process)`,
  );
  const cold: Record<string, number[]> = {};
  for (let i = 0; i <= repeat; i++)
    for (const peer of peers) {
      const time = await firstResult(`${root}/bench/cold/${peer}.mjs`);
      // The first round fills the page cache.
      if (i > 0) cold[peer] = [...(cold[peer] ?? []), time];
    }
  say(
    `${"".padEnd(12)}${peers
      .map((peer) =>
        median(cold[peer] ?? [])
          .toFixed(0)
          .padStart(12),
      )
      .join("")}`,
  );

  say("\nmodule, minified: raw / gzip (without JavaScript kernels), and compile time");
  const modules: Record<string, unknown> = {};
  for (const family of families) {
    const sizes = moduleSizes(family);
    const times = Array.from({ length: Math.min(repeat, 3) }, () => compileTime(family));
    modules[family] = { sizes, compile: times };
    const text = (size: { raw: number; gzip: number } | undefined): string =>
      size ? `${megabytes(size.raw)} / ${megabytes(size.gzip)}` : "";
    say(`${family.padEnd(12)}${text(sizes["wasm,js"])}  (${text(sizes.wasm)})  ${median(times).toFixed(0)} ms`);
  }

  keep({ repeat, runs, cold, modules });
  if (disagreements > 0) process.exitCode = 1;
}
