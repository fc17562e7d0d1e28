/** The canonical form of the programs of the language's design, which lie beside the clone. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkFormatted, isRight, sprinkle, stretch } from "../formatting.ts";
import { randomNumbers } from "../grammar-mutations.ts";

const shared = process.env.TFGC_SHARED ?? fileURLToPath(new URL("../../../shared", import.meta.url));
const language = join(shared, "design/language");
const read = (pattern: string): string[] =>
  globSync(pattern, { cwd: language }).map((name) => readFileSync(join(language, name), "utf8"));

const design = suite("canonical form of the design's programs");

design("words, comments and meaning stay", () => {
  const right = [...read("*.tfg"), ...read("std/*.tfg"), ...read("bad/*.tfg")].filter(isRight);
  assert.is(right.length, 12 + 2 + 31);
  const random = randomNumbers(12);
  for (const text of right) {
    checkFormatted(text);
    checkFormatted(sprinkle(text, random, 0.1));
    checkFormatted(stretch(text, random));
  }
});

design("the twelve examples are close to it as they are written", () => {
  const examples = read("*.tfg");
  assert.is(examples.length, 12);
  const lines = (text: string): string[] => text.split("\n").map((line) => line.trim().replace(/\s+/g, " "));
  const kept = examples.map((text) => {
    const formed = new Set(lines(checkFormatted(text)));
    const written = lines(text).filter((line) => line !== "");
    return [written.filter((line) => formed.has(line)).length, written.length] as const;
  });
  const [same, all] = kept.reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0]);
  assert.ok(same / all > 0.85, `${same} of ${all} lines are lines of the canonical form`);
});

design.run();
