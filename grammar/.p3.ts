import { readFileSync, readdirSync } from "node:fs";
import { parse } from "./read.ts";
import { sourceFile, positionAt } from "./source.ts";
const root = "/work/shared/design/language/";
let t0 = performance.now();
for (const f of [
  ...readdirSync(root).filter((x) => x.endsWith(".tfg")),
  "std/nn.tfg",
  "std/optim.tfg",
  ...readdirSync(root + "bad").map((x) => "bad/" + x),
]) {
  const file = sourceFile(f, readFileSync(root + f, "utf8"));
  const t1 = performance.now();
  const { tree, diagnostics } = parse(file);
  const ms = performance.now() - t1;
  if (diagnostics.length || !f.startsWith("bad"))
    console.log(
      f,
      ms.toFixed(1),
      tree.declarations
        .map((d) => d.kind)
        .join(" ")
        .slice(0, 60),
    );
  for (const d of diagnostics) {
    const p = positionAt(file, d.primary.span.start);
    console.log(
      "   ",
      d.code,
      d.message,
      p.line + ":" + p.column,
      "|",
      d.primary.text,
      "|",
      d.helps.map((h) => h.text + JSON.stringify(h.edits?.map((e) => [e.span.start, e.span.end, e.text]))),
    );
  }
}
