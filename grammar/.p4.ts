import { readFileSync } from "node:fs";
import { parse } from "./read.ts";
import { render } from "../compiler/diagnostics/render.ts";
import { sourceFile } from "./source.ts";
const doc = readFileSync("/work/shared/design/language.md", "utf8");
for (const c of ["0101", "0102", "0103", "0104", "0105"]) {
  const file = sourceFile("bad.tfg", readFileSync(`/work/shared/design/language/bad/TFG${c}.tfg`, "utf8"));
  const out = parse(file)
    .diagnostics.map((d) => render(d))
    .join("\n");
  console.log(c, doc.includes("```\n" + out + "\n```"));
}
