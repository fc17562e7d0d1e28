/** The programs and messages of the language's design, which lie beside the clone; without them these tests fail. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { render } from "../../compiler/diagnostics/render.ts";
import { parse } from "../../grammar/read.ts";
import { sourceFile } from "../../grammar/source.ts";

const shared = process.env.TFGC_SHARED ?? fileURLToPath(new URL("../../../shared", import.meta.url));
const design = join(shared, "design");

const language = suite("the design's programs");

/** What is told of the syntax of a file, as text. */
function told(path: string): string {
  const file = sourceFile("bad.tfg", readFileSync(join(design, "language", path), "utf8"));
  return parse(file)
    .diagnostics.map((diagnostic) => render(diagnostic))
    .join("\n");
}

language("all twelve, and the library, are read without a message", () => {
  const files = globSync(["*.tfg", "std/*.tfg"], { cwd: join(design, "language") });
  assert.is(files.length, 14);
  for (const file of files) assert.is(told(file), "", file);
});

language("of the wrong ones five have a syntax error, and it is told as the design has it", () => {
  const text = readFileSync(join(design, "language.md"), "utf8");
  const files = globSync("bad/*.tfg", { cwd: join(design, "language") }).sort();
  assert.is(files.length, 36);
  const wrong = files.filter((file) => told(file) !== "");
  assert.equal(
    wrong,
    [1, 2, 3, 4, 5].map((number) => join("bad", `TFG010${number}.tfg`)),
  );
  for (const file of wrong) assert.ok(text.includes(`\`\`\`\n${told(file)}\n\`\`\``), file);
});

language.run();
