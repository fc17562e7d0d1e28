/** The wrong programs of the language's reference get the messages that stand there, word for word. */
import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkProgram } from "../../compiler/check/index.ts";
import { render } from "../../compiler/diagnostics/render.ts";
import { library } from "../../compiler/std/sources.ts";

const shared = process.env.TFGC_SHARED ?? resolve(import.meta.dirname, "../../../shared");
const folder = join(shared, "design/language/bad");
const reference = readFileSync(join(shared, "design/language.md"), "utf8");

const bad = suite("wrong programs of the reference");

/** By code, as the section on diagnostics prints it. */
const messages = new Map(
  [...reference.matchAll(/^```\n(error\[(TFG\d{4})\].*?)\n```$/gms)].map(([, text = "", code = ""]) => [code, text]),
);

/** The reference shows a line of the library by a number that moves with the library. */
const withLine = (text: string, line: number): string => text.replaceAll("141", String(line));

for (const name of globSync("TFG*.tfg", { cwd: folder }).sort()) {
  bad(`${name} is told as the reference tells it`, () => {
    const code = name.slice(0, 7);
    const text = readFileSync(join(folder, name), "utf8");
    const read = (path: string): string | undefined => (path === "bad.tfg" ? text : undefined);
    const told = checkProgram({ path: "bad.tfg", read, library }).diagnostics;
    const nn = (library.get("std/nn") ?? "").split("\n");
    const line = nn.indexOf("    where D % heads == 0 {") + 1;
    assert.is(told.map((item) => render(item)).join("\n"), withLine(messages.get(code) ?? "", line));
  });
}

bad("are 36", () => {
  assert.is(messages.size, 36);
  assert.equal(
    globSync("TFG*.tfg", { cwd: folder })
      .map((name) => name.slice(0, 7))
      .sort(),
    [...messages.keys()].sort(),
  );
});

bad.run();
