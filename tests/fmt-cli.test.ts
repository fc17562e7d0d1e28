/** `tfgc fmt` as a command: what it writes, what it says, its exit codes. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Ran, tfgc } from "./command-line.ts";

const root = resolve(import.meta.dirname, "..");
const loose = "const  a=1 // one\n";
const tight = "const a = 1  // one\n";
const wrong = "const a =\n";

let folder = "";
const at = (...names: string[]): string => join(folder, ...names);
const text = (...names: string[]): string => readFileSync(at(...names), "utf8");

const fmt = suite("tfgc fmt");

fmt.before.each(() => {
  folder = mkdtempSync(join(tmpdir(), "tfgc-fmt-"));
});
fmt.after.each(() => rmSync(folder, { recursive: true }));

const run = (...args: string[]): Promise<Ran> => tfgc("fmt", ...args);

/** As a process, since it reads standard input. */
function pipe(input: string | Uint8Array, ...args: string[]): { code: number | null; out: string; error: string } {
  const command = [join(root, "bin/tfgc.mjs"), "fmt", ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: "utf8", input });
  return { code: status, out: stdout, error: stderr };
}

fmt("rewrites what is not in canonical form, says so, and leaves the rest alone", async () => {
  writeFileSync(at("loose.tfg"), loose);
  writeFileSync(at("tight.tfg"), tight);
  const long = new Date(2001, 1, 1);
  for (const name of ["loose.tfg", "tight.tfg"]) utimesSync(at(name), long, long);
  assert.equal(await run(at("loose.tfg"), at("tight.tfg")), {
    code: 0,
    out: "",
    error: `formatted ${at("loose.tfg")}\n`,
  });
  assert.is(text("loose.tfg"), tight);
  assert.is(text("tight.tfg"), tight);
  assert.is(statSync(at("tight.tfg")).mtimeMs, long.getTime());
  assert.ok(statSync(at("loose.tfg")).mtimeMs > long.getTime());
  assert.equal(readdirSync(folder).sort(), ["loose.tfg", "tight.tfg"]);
  assert.equal(await run(at("loose.tfg"), at("tight.tfg")), { code: 0, out: "", error: "" });
});

fmt("--check writes nothing, and lists what it would write", async () => {
  writeFileSync(at("loose.tfg"), loose);
  writeFileSync(at("tight.tfg"), tight);
  assert.equal(await run("--check", at("loose.tfg"), at("tight.tfg")), {
    code: 1,
    out: `${at("loose.tfg")}\n`,
    error: "",
  });
  assert.is(text("loose.tfg"), loose);
  assert.equal(await run("--check", at("tight.tfg")), { code: 0, out: "", error: "" });
});

fmt("a file with errors is not touched, its messages are printed, and the other files are formatted", async () => {
  writeFileSync(at("wrong.tfg"), wrong);
  writeFileSync(at("loose.tfg"), loose);
  const { code, out, error } = await run(at("wrong.tfg"), at("gone.tfg"), at("loose.tfg"));
  assert.is(code, 1);
  assert.is(out, "");
  assert.match(
    error,
    `error[TFG0101]: expected an expression, found the end of the file\n --> ${at("wrong.tfg")}:1:10\n`,
  );
  assert.match(error, `error[TFG0601]: cannot read "${at("gone.tfg")}": there is no such file`);
  assert.ok(error.endsWith(`formatted ${at("loose.tfg")}\n`), error);
  assert.is(text("wrong.tfg"), wrong);
  assert.is(text("loose.tfg"), tight);
  assert.is((await run("--check", at("wrong.tfg"))).code, 1);
});

fmt("a folder stands for the sources beneath it, but for installed packages and hidden folders", async () => {
  for (const name of [".", "b", "b/c", "node_modules/p", ".hidden"]) {
    mkdirSync(at(name), { recursive: true });
    writeFileSync(at(name, "x.tfg"), loose);
    writeFileSync(at(name, "x.txt"), loose);
  }
  mkdirSync(at("folder.tfg"));
  writeFileSync(at("folder.tfg", "a.tfg"), loose);
  const { code, out, error } = await run("--check", folder, at("x.tfg"));
  assert.is(code, 1);
  assert.is(error, "");
  const expected = ["b/c/x.tfg", "b/x.tfg", "folder.tfg/a.tfg", "x.tfg"];
  assert.equal(out.split("\n"), [...expected.map((name) => at(name)), ""]);
  assert.is((await run(folder)).code, 0);
  for (const name of expected) assert.is(text(name), tight);
  for (const name of ["node_modules/p/x.tfg", ".hidden/x.tfg", "x.txt"]) assert.is(text(name), loose);
});

fmt("a link stays a link, and who may read a file stays the same", async () => {
  writeFileSync(at("target.tfg"), loose);
  chmodSync(at("target.tfg"), 0o666);
  symlinkSync("target.tfg", at("link.tfg"));
  assert.equal(await run(at("link.tfg")), { code: 0, out: "", error: `formatted ${at("link.tfg")}\n` });
  assert.ok(lstatSync(at("link.tfg")).isSymbolicLink());
  assert.is(text("target.tfg"), tight);
  assert.is(statSync(at("target.tfg")).mode & 0o777, 0o666);
});

fmt("- reads standard input and writes standard output", () => {
  assert.equal(pipe(loose, "-"), { code: 0, out: tight, error: "" });
  assert.equal(pipe(tight, "-"), { code: 0, out: tight, error: "" });
  assert.equal(pipe("", "-"), { code: 0, out: "", error: "" });
  assert.equal(pipe(loose, "-", "--check"), { code: 1, out: "<stdin>\n", error: "" });
  assert.equal(pipe(tight, "--check", "-"), { code: 0, out: "", error: "" });
  const { code, out, error } = pipe(wrong, "-");
  assert.equal([code, out], [1, ""]);
  assert.match(error, " --> <stdin>:1:10\n");
  assert.match(pipe(Uint8Array.of(0x61, 0xff), "-").error, 'cannot read "<stdin>": it is not UTF-8 text');
});

fmt("wrong uses are told", async () => {
  const told = async (...args: string[]): Promise<string> => {
    const { code, out, error } = await run(...args);
    assert.equal([code, out], [2, ""]);
    return error;
  };
  assert.match(await told(), "say which file");
  assert.match(await told("-", at("x.tfg")), "`-` stands for standard input");
  assert.match(await told(folder), `there is no .tfg file beneath ${folder}`);
  assert.match(await told("--chekc", folder), "did you mean --check?");
});

fmt.run();
