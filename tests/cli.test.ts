import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readWeights, type WritableTensor, writeSafetensors } from "../runtime/index.ts";
import { tfgc, tfgcOn } from "./command-line.ts";

const root = resolve(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "tfgc-cli-"));
const at = (name: string): string => join(folder, name);

const two = `graph first[N] {
  input x: f32[N, 2]
  input scale: f32 = 2.0
  input _spare: f32[3]
  param w: f32[2] = random_normal(stddev=1.0)
  hidden = x * w
  output y = scale * hidden
  output total = sum(x)
  output isLarge = x > 2.5
  output count = argmax(x, axis=-1)
}
graph second {
  output seven = 7.0
}
`;
const one = `config SIZE: int = 2
/// Adds up.
graph only[N] {
  /// The numbers.
  input x: f32[N, SIZE]
  output y = sum(x, axis=-1)
  output ratio = x / x
}
`;
const variables = `graph g[N] {
  input x: f32[N, 4]
  output y = x |> dense(3, relu) |> dense(2)
}
`;
const wrong = `graph g[N] {
  input x: f32[N, 784]
  param w: f32[728, 10] = zeros
  output y = x @ w
}
`;

const cli = suite("command line");

async function feed(name: string, ...tensors: WritableTensor[]): Promise<string> {
  writeFileSync(at(name), new Uint8Array(await writeSafetensors(tensors).arrayBuffer()));
  return at(name);
}

const x = { name: "x", dtype: "f32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) } as const;

cli.before(async () => {
  for (const [name, text] of Object.entries({ two, one, variables, wrong, empty: "" }))
    writeFileSync(at(`${name}.tfg`), text);
  await feed("x.safetensors", x);
});
cli.after(() => rmSync(folder, { recursive: true }));

// ---- the command line itself -----------------------------------------------------------------------------

cli("--version prints the version", async () => {
  const { version }: { version: string } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  assert.equal(await tfgc("--version"), { code: 0, out: `tfgc ${version}\n`, error: "" });
});

for (const args of [["--help"], ["help"], ["run", "--help"], ["help", "check"]])
  cli(`${args.join(" ")} prints help on stdout and is no error`, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "bin/tfgc.mjs"), ...args], {
      encoding: "utf8",
    });
    assert.is(status, 0);
    assert.match(stdout, "Usage:");
    assert.match(stdout, args.includes("run") ? "--fetch" : args.includes("check") ? "--json" : "--standalone");
    assert.is(stderr, "");
  });

const usage: readonly (readonly [args: string[], says: string | RegExp])[] = [
  [["one.tfg", "-o", "d", "--standalnoe"], "unknown option --standalnoe; did you mean --standalone?"],
  [["run", "one.tfg", "--fetches", "y"], "did you mean --fetch?"],
  [["chekc", "one.tfg"], "unknown command chekc; did you mean check?"],
  [["one.tfg"], "-o DIR"],
  [["-o", "d"], "say which file"],
  [["one.tfg", "-o"], "lacks its value"],
  [["one.tfg", "--emit", "wta"], "did you mean wat?"],
  [["one.tfg", "--print-after", "fuze"], "did you mean fuse?"],
  [["one.tfg", "-o", "d", "--set", "SIZE"], "NAME=VALUE"],
  [["one.tfg", "-o", "d", "--target", "gpu"], "not gpu"],
  [["run", "two.tfg", "--fetch", "y"], "first, second"],
  [["run", "two.tfg", "--graph", "frist", "--fetch", "y"], "did you mean first?"],
  [["run", "one.tfg"], "--fetch"],
  [["run", "one.tfg", "--fetch", "y", "--target", "gpu"], "wasm, js, interpret"],
  [["run", "one.tfg", "--fetch", "y", "--seed", "x"], "integer"],
  [["run", "one.tfg", "--fetch", "y", "--seed", "1", "--seed", "2"], "given twice"],
  [["run", "one.tfg", "--fetch", "y", "--seed", "-1"], "not negative, not -1"],
  [["run", "one.tfg", "--fetch", "y", "-o", ""], "lacks its value"],
  [["run", "one.tfg", "two.tfg", "--fetch", "y"], "run takes one file"],
  [["check"], "say which file: tfgc check"],
  [["run"], "say which file: tfgc run"],
  [["frobnicate"], "frobnicate is neither a command nor a .tfg file"],
  [["frobnicate", "-o", "d"], "frobnicate is neither a command nor a .tfg file"],
];
for (const [args, says] of usage)
  cli(`wrong use is said on stderr with exit code 2: ${args.join(" ")}`, async () => {
    const { code, out, error } = await tfgc(...args.map((arg) => (arg.endsWith(".tfg") ? at(arg) : arg)));
    assert.is(code, 2);
    assert.is(out, "");
    assert.match(error, says);
  });

cli("without arguments the help is shown, and the exit code is 2", () => {
  const { status, stdout } = spawnSync(process.execPath, [join(root, "bin/tfgc.mjs")], { encoding: "utf8" });
  assert.is(status, 2);
  assert.match(stdout, "Usage:");
});

cli("the bin runs under the Node that runs npm, from any folder, with the caller's paths", () => {
  const node = process.env.npm_node_execpath ?? process.execPath;
  const bin = join(root, "bin/tfgc.mjs");
  const good = spawnSync(node, [bin, "check", "one.tfg", "--json"], { cwd: folder, encoding: "utf8" });
  assert.equal([good.status, good.stdout, good.stderr], [0, "[]\n", ""]);
  const bad = spawnSync(node, [bin, "check", "wrong.tfg"], { cwd: folder, encoding: "utf8" });
  assert.is(bad.status, 1);
  assert.match(bad.stderr, / --> wrong\.tfg:4:14/);
});

// ---- check -----------------------------------------------------------------------------------------------

cli("check says what is wrong on stderr and exits with 1", async () => {
  const { code, out, error } = await tfgc("check", at("wrong.tfg"));
  assert.equal([code, out], [1, ""]);
  assert.match(error, /^error\[TFG0301\]: /);
  assert.match(error, ` --> ${at("wrong.tfg")}:4:14`);
});

cli("check --json prints places in UTF-16 units from 1, ends exclusive", async () => {
  const { code, out, error } = await tfgc("check", at("wrong.tfg"), "--json");
  assert.equal([code, error], [1, ""]);
  const [item, ...rest] = JSON.parse(out);
  assert.equal(rest, []);
  assert.equal(
    [item.code, item.severity, item.file, item.line, item.column, item.endLine, item.endColumn],
    ["TFG0301", "error", at("wrong.tfg"), 4, 14, 4, 19],
  );
  assert.type(item.message, "string");
  assert.ok(item.labels.some((label: { primary: boolean }) => label.primary));
  assert.ok(item.labels.some((label: { primary: boolean; line: number }) => !label.primary && label.line === 3));
  for (const label of item.labels)
    assert.equal(Object.keys(label), ["file", "line", "column", "endLine", "endColumn", "text", "primary"]);
  assert.ok(item.help.every((help: { text: string }) => typeof help.text === "string"));
});

cli("check of clean files prints [] or nothing", async () => {
  assert.equal(await tfgc("check", at("one.tfg"), at("variables.tfg"), "--json"), { code: 0, out: "[]\n", error: "" });
  assert.equal(await tfgc("check", at("one.tfg")), { code: 0, out: "", error: "" });
});

cli("check goes on after a file that cannot be read", async () => {
  const { code, out } = await tfgc("check", at("none.tfg"), at("wrong.tfg"), at("empty.tfg"), "--json");
  assert.is(code, 1);
  assert.equal(
    JSON.parse(out).map((item: { code: string }) => item.code),
    ["TFG0601", "TFG0301", "TFG0603"],
  );
});

// ---- compile ---------------------------------------------------------------------------------------------

cli("compiling writes NAME.ts and NAME.wat, and nothing else", async () => {
  const { code, out, error } = await tfgc(at("one.tfg"), "-o", at("a/b"));
  assert.equal([code, out, error], [0, "", ""]);
  assert.ok(existsSync(at("a/b/one.ts")));
  assert.match(readFileSync(at("a/b/one.wat"), "utf8"), "(module");
  const text = readFileSync(at("a/b/one.ts"), "utf8");
  assert.match(text, "* The numbers.");
  assert.match(text, "Adds up.");
});

cli("--js writes NAME.js and NAME.d.ts", async () => {
  assert.is((await tfgc(at("one.tfg"), "-o", at("js"), "--js")).code, 0);
  assert.equal(
    [existsSync(at("js/one.js")), existsSync(at("js/one.d.ts")), existsSync(at("js/one.ts"))],
    [true, true, false],
  );
});

cli("compiling twice writes the same bytes", async () => {
  for (const name of ["once", "twice"])
    assert.is((await tfgc(at("variables.tfg"), "-o", at(name), "--standalone")).code, 0);
  assert.is(readFileSync(at("once/variables.ts"), "utf8"), readFileSync(at("twice/variables.ts"), "utf8"));
});

cli("--weights writes NAME.safetensors with what the program needs", async () => {
  const checkpoint = join(root, "samples/mnist/checkpoint/variables");
  assert.is((await tfgc(join(root, "samples/mnist/mnist.tfg"), "-o", at("w"), "--weights", checkpoint)).code, 0);
  const { tensors } = await readWeights(at("w/mnist.safetensors"));
  assert.equal([...tensors.keys()].sort(), ["Variable", ...Array.from({ length: 9 }, (_, i) => `Variable_${i + 1}`)]);
});

for (const stage of ["syntax", "graph", "kernels", "wat", "js", "ts"])
  cli(`--emit=${stage} prints it, the same each time`, async () => {
    const first = await tfgc(at("variables.tfg"), `--emit=${stage}`);
    assert.is(first.code, 0);
    assert.is(first.error, "");
    assert.ok(first.out.length > 100);
    assert.equal(await tfgc(at("variables.tfg"), `--emit=${stage}`), first);
  });

cli("--print-after prints what a pass made", async () => {
  const { code, out } = await tfgc(at("variables.tfg"), "--print-after=fuse");
  assert.is(code, 0);
  assert.ok(out.length > 50);
});

cli("a program with errors writes nothing", async () => {
  const { code, error } = await tfgc(at("wrong.tfg"), "-o", at("nothing"));
  assert.is(code, 1);
  assert.match(error, "error[TFG0301]");
  assert.not.ok(existsSync(at("nothing")));
});

// ---- run -------------------------------------------------------------------------------------------------

for (const target of ["wasm", "js", "interpret"]) {
  cli(`run --json gives dtype, shape and flat data: ${target}`, async () => {
    const args = [
      "run",
      at("two.tfg"),
      "--graph",
      "first",
      "--feeds",
      at("x.safetensors"),
      "--target",
      target,
      "--json",
    ];
    const { code, out, error } = await tfgc(...args, "--fetch", "total,isLarge,count");
    assert.equal([code, error], [0, ""]);
    assert.equal(JSON.parse(out), {
      total: { dtype: "f32", shape: [], data: [10] },
      isLarge: { dtype: "bool", shape: [2, 2], data: [false, false, true, true] },
      count: { dtype: "i32", shape: [2], data: [1, 1] },
    });
  });

  cli(`run -o writes one tensor per fetch, of its dtype: ${target}`, async () => {
    const args = ["run", at("two.tfg"), "--graph", "first", "--feeds", at("x.safetensors"), "--target", target];
    const { code, out } = await tfgc(
      ...args,
      "--fetch",
      "total,isLarge,count,y,hidden",
      "-o",
      at(`${target}.safetensors`),
    );
    assert.equal([code, out], [0, ""]);
    const { tensors } = await readWeights(at(`${target}.safetensors`));
    const types = Object.fromEntries(
      Array.from(tensors, ([name, { dtype, shape }]) => [name, `${dtype}[${shape.join()}]`]),
    );
    assert.equal(types, { total: "f32[]", isLarge: "bool[2,2]", count: "i32[2]", y: "f32[2,2]", hidden: "f32[2,2]" });
  });

  cli(`what JSON has no number for is a string: ${target}`, async () => {
    const feeds = await feed("zero.safetensors", { ...x, data: Float32Array.of(0, 1, -1, Number.POSITIVE_INFINITY) });
    const { out } = await tfgc(
      "run",
      at("one.tfg"),
      "--feeds",
      feeds,
      "--fetch",
      "y,ratio",
      "--json",
      "--target",
      target,
    );
    assert.equal(JSON.parse(out).ratio.data, ["NaN", 1, 1, "NaN"]);
    assert.equal(JSON.parse(out).y.data, [1, "Infinity"]);
  });
}

cli("results go into folders that are made, and what cannot be written is an error that names it", async () => {
  const args = ["run", at("two.tfg"), "--graph", "second", "--fetch", "seven", "-o"];
  assert.is((await tfgc(...args, at("new/folder/seven.safetensors"))).code, 0);
  assert.equal([...(await readWeights(at("new/folder/seven.safetensors"))).tensors.keys()], ["seven"]);
  const unwritable = [
    [folder, "it is a folder"],
    [join(at("one.tfg"), "x.safetensors"), "a part of the path is not a folder"],
    ...(existsSync("/proc/self") ? [["/proc/none/x.safetensors", "nothing can be written there"]] : []),
  ];
  for (const [path = "", reason] of unwritable)
    assert.equal(await tfgc(...args, path), {
      code: 1,
      out: "",
      error: `error[TFG0601]: cannot write "${path}": ${reason}\n`,
    });
});

cli("the same seed gives the same variables on every target, another one others", async () => {
  const args = ["run", at("two.tfg"), "--graph", "first", "--fetch", "w", "--json"];
  const outs = await Promise.all(["wasm", "js", "interpret"].map((target) => tfgc(...args, "--target", target)));
  assert.is(outs[1]?.out, outs[0]?.out);
  assert.is(outs[2]?.out, outs[0]?.out);
  assert.is((await tfgc(...args, "--seed", "0")).out, outs[0]?.out);
  assert.is.not((await tfgc(...args, "--seed", "1")).out, outs[0]?.out);
});

cli("a fetched step has no result, and only its feeds are asked for", async () => {
  const path = at("steps.tfg");
  writeFileSync(
    path,
    `graph g[N] {
  input x: f32[N]
  state total: f32 = 1.0
  assert N < 5
  output y = 2 * x
  step add { total := total + sum(x) }
  step clear { total := 0.0 }
}
`,
  );
  const feeds = ["--feeds", await feed("steps.safetensors", { ...x, shape: [4] })];
  for (const target of ["interpret", "wasm", "js"]) {
    const run = (fetch: string, ...rest: readonly string[]) =>
      tfgc("run", path, "--target", target, "--fetch", fetch, ...rest);
    assert.equal(JSON.parse((await run("y,add", "--json", ...feeds)).out), {
      y: { dtype: "f32", shape: [4], data: [2, 4, 6, 8] },
    });
    assert.equal(await run("clear", "--json"), { code: 0, out: "{}\n", error: "" });
    assert.equal(await run("clear"), { code: 0, out: "", error: "" });
    assert.match((await run("add")).error, "TFG0803");
    assert.match((await run("clear", ...feeds)).error, "TFG0804");
    assert.match((await run("add,clear", ...feeds)).error, "error[TFG0807]");
  }
});

cli("results are printed readably", async () => {
  const { out } = await tfgc(
    "run",
    at("two.tfg"),
    "--graph",
    "first",
    "--feeds",
    at("x.safetensors"),
    "--fetch",
    "total,count",
  );
  assert.is(out, "total f32\n10\n\ncount i32[2]\n[1 1]\n");
});

cli("on a terminal a run says what it does and wipes the line; elsewhere it says nothing", async () => {
  const args = ["run", at("two.tfg"), "--graph", "second", "--fetch", "seven", "--target"];
  assert.is((await tfgcOn(true, [...args, "wasm"])).error, "\r\u001b[Krunning …\r\u001b[K");
  assert.is((await tfgcOn(true, [...args, "interpret"])).error, "\r\u001b[Kinterpreting …\r\u001b[K");
  assert.is((await tfgc(...args, "interpret")).error, "");
  const failing = ["run", at("one.tfg"), "--fetch", "y", "--target", "interpret"];
  assert.match((await tfgcOn(true, failing)).error, "\r\u001b[Kinterpreting …\r\u001b[Kerror[TFG0803]");
});

cli("--set changes a config of run and check", async () => {
  const feeds = await feed("four.safetensors", { ...x, shape: [1, 4] });
  const { out } = await tfgc("run", at("one.tfg"), "--set", "SIZE=4", "--feeds", feeds, "--fetch", "y", "--json");
  assert.equal(JSON.parse(out).y, { dtype: "f32", shape: [1], data: [10] });
  assert.is((await tfgc("check", at("one.tfg"), "--set", "SIZE=4")).code, 0);
  assert.is((await tfgc("check", at("one.tfg"), "--set", "SIZ=4")).code, 1);
});

const failures: readonly (readonly [
  what: string,
  code: string,
  args: readonly string[],
  feeds: readonly WritableTensor[],
])[] = [
  ["a missing feed", "TFG0803", ["--fetch", "total"], []],
  ["a superfluous feed", "TFG0804", ["--fetch", "total"], [x, { ...x, name: "z" }]],
  ["a feed that the fetch does not need", "TFG0804", ["--fetch", "w"], [x]],
  [
    "a feed of another dtype",
    "TFG0808",
    ["--fetch", "total"],
    [{ ...x, dtype: "i32", data: Int32Array.of(1, 2, 3, 4) }],
  ],
  ["a feed of another shape", "TFG0808", ["--fetch", "total"], [{ ...x, shape: [4] }]],
  ["an unknown fetch", "TFG0809", ["--fetch", "totl"], [x]],
];
for (const [what, expected, args, tensors] of failures)
  for (const target of ["wasm", "interpret"])
    cli(`${what} is ${expected}: ${target}`, async () => {
      const feeds = tensors.length === 0 ? [] : ["--feeds", await feed(`${expected}.safetensors`, ...tensors)];
      const { code, out, error } = await tfgc(
        "run",
        at("two.tfg"),
        "--graph",
        "first",
        "--target",
        target,
        ...args,
        ...feeds,
      );
      assert.equal([code, out], [1, ""]);
      assert.match(error, `error[${expected}]: `);
    });

cli("a superfluous feed is told from one that only other fetches need", async () => {
  const args = ["run", at("two.tfg"), "--graph", "first", "--fetch", "w", "--feeds"];
  assert.match((await tfgc(...args, at("x.safetensors"))).error, 'feed "x" is not needed by w');
  const feeds = await feed("xx.safetensors", { ...x, name: "xx" });
  assert.match((await tfgc(...args, feeds)).error, 'feed "xx" is no input; w needs none');
});

cli("weights that lack a variable are TFG0701, with the nearest name", async () => {
  const weights = await feed("ww.safetensors", { name: "ww", dtype: "f32", shape: [2], data: Float32Array.of(1, 2) });
  const { code, error } = await tfgc("run", at("two.tfg"), "--graph", "first", "--fetch", "w", "--weights", weights);
  assert.is(code, 1);
  assert.match(error, "error[TFG0701]: ");
  assert.match(error, "ww");
});

// ---- names -----------------------------------------------------------------------------------------------

cli("names lists the variables of a program", async () => {
  assert.equal(await tfgc("names", at("variables.tfg")), {
    code: 0,
    out: `dense/kernel    f32[4, 3]  param  random_uniform(-0.9258, 0.9258)  12  48 B
dense/bias      f32[3]     param  zeros                             3  12 B
dense_1/kernel  f32[3, 2]  param  random_uniform(-1.095, 1.095)     6  24 B
dense_1/bias    f32[2]     param  zeros                             2   8 B
                                                                   23  92 B
`,
    error: "",
  });
});

cli("names lists the tensors of a safetensors file and of a checkpoint", async () => {
  assert.is((await tfgc("names", at("x.safetensors"))).out, "x  f32[2, 2]  4  16 B\n              4  16 B\n");
  const { out } = await tfgc("names", join(root, "samples/mnist/checkpoint/variables"));
  assert.match(out, /^Variable +f32\[6, 6, 1, 6\] +216 +864 B$/m);
  assert.match(out, /^Variable_9 +f32\[10\] +10 +40 B$/m);
});

cli("what is no file of a program is refused, by every command, and never waited for", async () => {
  writeFileSync(at("long.tfg"), "x ".repeat(2 ** 21 + 1));
  const refused = [["/dev/null", "it is a pipe or a device, not a file"]];
  if (spawnSync("/usr/bin/env", ["mkfifo", at("pipe.tfg")]).status === 0)
    refused.push([at("pipe.tfg"), "it is a pipe or a device, not a file"]);
  refused.push([at("long.tfg"), "it has 4194306 bytes, and a source at most 4194304"]);
  for (const [path = "", reason] of refused)
    for (const command of ["check", "fmt", "explain", "test"]) {
      const { code, error } = await tfgc(command, path);
      assert.is(code, 1);
      assert.match(error, `error[TFG0601]: cannot read "${path}": ${reason}\n`);
    }
});

cli("a hundred thousand mistakes are counted, and twenty shown", async () => {
  writeFileSync(at("semicolons.tfg"), `graph g { output y = 1.0 }\n${";".repeat(120_000)}`);
  const { code, error } = await tfgc("check", at("semicolons.tfg"));
  assert.is(code, 1);
  assert.is(error.match(/^error/gm)?.length, 20);
  assert.match(error, / more errors\n$/);
});

cli("weights that are no file are refused by that", async () => {
  assert.equal(await tfgc("names", "/dev/zero"), {
    code: 1,
    out: "",
    error: 'error[TFG0601]: cannot read "/dev/zero": it is no file\n',
  });
  assert.match((await tfgc("names", folder)).error, "it is a folder without");
});

cli("a second program is a wrong command line", async () => {
  assert.equal(await tfgc(at("one.tfg"), at("two.tfg"), "-o", folder), {
    code: 2,
    out: "",
    error: `tfgc: one program at a time: ${at("two.tfg")} is another word\n\`tfgc --help\` lists commands and options\n`,
  });
});

cli("names of what cannot be read is an error", async () => {
  const { code, error } = await tfgc("names", at("none.safetensors"));
  assert.is(code, 1);
  assert.match(error, "error[TFG0601]: ");
});

cli("explain tells a code in text and as JSON", async () => {
  const { code, out } = await tfgc("explain", "tfg0302");
  assert.is(code, 0);
  assert.ok(out.startsWith("TFG0302: shapes that cannot be broadcast\n\n"));
  assert.match(out, "This is wrong:\n\n    graph g[N] {\n");
  assert.is((await tfgc("explain", "302")).out, out);
  const entry = JSON.parse((await tfgc("explain", "TFG0901", "--json")).out);
  assert.equal([entry.code, entry.severity], ["TFG0901", "warning"]);
  assert.match(entry.right, "(a + b) |> relu");
});

cli("explain proposes a code that there is", async () => {
  for (const [word, near] of [
    ["TFG0318", "TFG0317"],
    ["TFG0999", "TFG0909"],
    ["TFG1301", "TFG0909"],
  ] as const) {
    const { code, out, error } = await tfgc("explain", word);
    assert.equal([code, out], [2, ""], word);
    assert.match(error, `no message has the code ${word}; did you mean ${near}?`);
  }
});

cli("shows at most 20 messages of a file, and all of them as JSON", async () => {
  const text = Array.from({ length: 23 }, (_, i) => `const c${i} = unknown${i}\n`).join("");
  writeFileSync(at("long.tfg"), text);
  writeFileSync(at("short.tfg"), "const a = unknown\n");
  const { code, error } = await tfgc("check", at("long.tfg"), at("short.tfg"));
  assert.is(code, 1);
  assert.is(error.match(/^error\[TFG0201\]/gm)?.length, 21);
  assert.match(error, `${at("long.tfg")}: 3 more errors\n`);
  assert.is(JSON.parse((await tfgc("check", "--json", at("long.tfg"))).out).length, 23);
});

cli("warnings leave the exit code 0, and --bounds asks for one more", async () => {
  writeFileSync(at("warned.tfg"), "graph g[N] {\n  input x: f32[N]\n  output y = x + x |> relu\n}\n");
  const { code, error } = await tfgc("check", at("warned.tfg"));
  assert.is(code, 0);
  assert.equal(error.match(/^warning\[TFG\d+\]/gm), ["warning[TFG0901]"]);
  const more = await tfgc("check", "--bounds", at("warned.tfg"));
  assert.is(more.code, 0);
  assert.equal(more.error.match(/^warning\[TFG\d+\]/gm), ["warning[TFG0902]", "warning[TFG0901]"]);
});

cli.run();
