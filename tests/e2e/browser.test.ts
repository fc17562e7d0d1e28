import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { launchChromium } from "./chromium.ts";

const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(root, "out-browser-"));
const browsers = suite("a generated module in Chromium");

/** What the page does with the module, and the test does with it in Node. */
const app = `
import { createSession } from "./mnist.ts";
export async function classify(weights, image) {
  await using session = await createSession({ weights });
  const { logits, digit } = await session.run(["logits", "digit"], { image });
  return { device: session.stats.device, logits: [...logits.data], digit: [...digit.data] };
}
`;
const page = `
import { classify } from "./app.js";
const count = 3;
const image = Float32Array.from({ length: count * 784 }, (_, i) => ((i * 37) % 256) / 255);
const weights = new URL("/weights.safetensors", location.href);
classify(weights, image).then((answer) => { window.answer = answer; }, (error) => { window.answer = String(error.stack); });
`;

let browser: Browser | undefined;
let server: Server | undefined;
let origin = "";
const files = new Map<string, { readonly type: string; readonly body: string | Buffer }>();

browsers.before(async () => {
  const weights = join(root, "samples/mnist/checkpoint/variables");
  const args = [join(root, "bin/tfgc.mjs"), "samples/mnist/mnist.tfg", "-o", folder, "--weights", weights];
  execFileSync(process.execPath, args, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  const options = { bundle: true, write: false, format: "esm", target: "es2022", minify: true } as const;
  const bundled = await build({ ...options, stdin: { contents: app, resolveDir: folder } });
  const started = await build({ ...options, stdin: { contents: page }, external: ["./app.js"] });
  files.set("/app.js", { type: "text/javascript", body: bundled.outputFiles[0]?.text ?? "" });
  files.set("/page.js", { type: "text/javascript", body: started.outputFiles[0]?.text ?? "" });
  files.set("/weights.safetensors", {
    type: "application/octet-stream",
    body: readFileSync(join(folder, "mnist.safetensors")),
  });
  const html = "<!doctype html><title>tfgc</title><script type=module src=/page.js></script>";
  for (const path of ["/", "/strict"]) files.set(path, { type: "text/html", body: html });

  server = createServer((request, response) => {
    const path = new URL(request.url ?? "", "http://localhost").pathname;
    const file = files.get(path);
    response.statusCode = file ? 200 : 404;
    response.setHeader("content-type", file?.type ?? "text/plain");
    // A policy without `wasm-unsafe-eval` forbids WebAssembly.
    if (path === "/strict") response.setHeader("content-security-policy", "default-src 'self'; script-src 'self'");
    response.end(file?.body);
  });
  await new Promise<void>((done) => server?.listen(0, "127.0.0.1", done));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await launchChromium();
});

browsers.after(async () => {
  await browser?.close();
  server?.close();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly device: string;
  readonly logits: readonly number[];
  readonly digit: readonly number[];
}

async function answerOf(path: string): Promise<Answer> {
  assert.ok(browser);
  const tab = await browser.newPage();
  try {
    const problems: string[] = [];
    tab.on("pageerror", (error) => problems.push(String(error)));
    await tab.goto(origin + path);
    await tab.waitForFunction("window.answer !== undefined", undefined, { timeout: 30_000 });
    const answer: Answer = await tab.evaluate("window.answer");
    assert.type(answer, "object", String(answer));
    assert.equal(problems, []);
    return answer;
  } finally {
    await tab.close();
  }
}

let inNode: Answer | undefined;

async function answerInNode(): Promise<Answer> {
  if (inNode) return inNode;
  const module: {
    createSession(options: object): Promise<
      AsyncDisposable & {
        run(fetches: string[], feeds: object): Promise<Record<string, { data: Float32Array }>>;
        stats: { device: string };
      }
    >;
  } = await import(join(folder, "mnist.ts"));
  await using session = await module.createSession({ weights: join(folder, "mnist.safetensors") });
  const image = Float32Array.from({ length: 3 * 784 }, (_, i) => ((i * 37) % 256) / 255);
  const { logits, digit } = await session.run(["logits", "digit"], { image });
  inNode = { device: session.stats.device, logits: [...(logits?.data ?? [])], digit: [...(digit?.data ?? [])] };
  return inNode;
}

browsers("computes what it computes in Node, bit for bit", async () => {
  assert.equal(await answerOf("/"), await answerInNode());
});

browsers("runs its JavaScript kernels where a page's policy forbids WebAssembly", async () => {
  const answer = await answerOf("/strict");
  const expected = await answerInNode();
  assert.is(answer.device, "js");
  assert.equal(answer.digit, expected.digit);
  const largest = Math.max(...expected.logits.map(Math.abs));
  for (const [i, value] of answer.logits.entries())
    assert.ok(
      Math.abs(value - (expected.logits[i] ?? 0)) <= 1e-5 * largest,
      `logit ${i} is ${value}, not ${expected.logits[i]}`,
    );
});

browsers.run();
