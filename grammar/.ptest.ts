import { defaultParserErrorProvider } from "chevrotain";
import { readFileSync, readdirSync } from "node:fs";
import { Grammar } from "./parser.ts";
import { readWords } from "./tokens.ts";
import { sourceFile } from "./source.ts";
let t0 = performance.now();
const v = new Grammar(defaultParserErrorProvider, false);
console.log("validated", performance.now() - t0);
t0 = performance.now();
const g = new Grammar(defaultParserErrorProvider, true);
console.log("fast", performance.now() - t0);
const root = "/work/shared/design/language/";
for (const f of [
  ...readdirSync(root).filter((x) => x.endsWith(".tfg")),
  "std/nn.tfg",
  "std/optim.tfg",
  ...readdirSync(root + "bad").map((x) => "bad/" + x),
]) {
  const file = sourceFile(f, readFileSync(root + f, "utf8"));
  t0 = performance.now();
  const w = readWords(file);
  const t1 = performance.now();
  g.begin(file.text, w.tokens);
  g.file();
  console.log(
    f,
    w.tokens.length,
    (t1 - t0).toFixed(2),
    (performance.now() - t1).toFixed(2),
    w.unknown.map((e) => e.message),
    g.errors.map((e) => e.message.slice(0, 80)),
  );
}
