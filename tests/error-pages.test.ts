/** The generated pages of `docs/errors/` are those of the catalogue: `npm run generate` writes them. */
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { errorPages } from "../build/error-pages.ts";
import { catalogue } from "../compiler/diagnostics/catalogue.ts";

const pages = suite("pages of errors");
const folder = resolve(import.meta.dirname, "../docs/errors");

pages("are current, byte for byte", () => {
  const written = errorPages();
  assert.equal(readdirSync(folder).sort(), [...written.keys()].sort());
  for (const [name, text] of written) assert.is(readFileSync(`${folder}/${name}`, "utf8"), text, name);
});

pages("hold every code once, with the message of its wrong program", () => {
  const written = errorPages();
  const index = written.get("README.md") ?? "";
  for (const { code, wrong } of catalogue.values()) {
    assert.is(index.split(`[${code}](${code}.md)`).length, 2, code);
    if (wrong !== undefined)
      assert.match(written.get(`${code}.md`) ?? "", new RegExp(`^(error|warning)\\[${code}\\]: `, "m"));
  }
});

pages.run();
