/** `tfgc names`: lists of variables, and of two lists what `restore` would make of them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareVariables } from "../compiler/report/variables.ts";
import { TfgError, type WritableTensor, writeSafetensors } from "../runtime/index.ts";
import { type Fit, fitWeights, type NamedType, type Weights } from "../runtime/restore.ts";
import { program as toy } from "./runtime-program.ts";
import { tfgc } from "./command-line.ts";

const test = suite("names");
const folder = mkdtempSync(join(tmpdir(), "tfgc-names-"));

function program(name: string, source: string): string {
  const path = join(folder, name);
  writeFileSync(path, source);
  return path;
}

async function weights(name: string, ...tensors: WritableTensor[]): Promise<string> {
  const path = join(folder, name);
  writeFileSync(path, new Uint8Array(await writeSafetensors(tensors).arrayBuffer()));
  return path;
}

const f32 = (name: string, ...shape: number[]): WritableTensor => ({
  name,
  dtype: "f32",
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});

const model = `graph g[N] {
  input x: f32[N, 4]
  param scale: f32 = 2.5
  param table: f32[3] = ones
  h = x |> dense(3) |> batch_norm
  output y = h * scale + table
}
`;

test("a program's variables stand in its order, with what they start as", async () => {
  const path = program("model.tfg", model);
  assert.is(
    (await tfgc("names", path)).out,
    `scale                       f32        param  2.5                               1    4 B
table                       f32[3]     param  ones                              3   12 B
dense/kernel                f32[4, 3]  param  random_uniform(-0.9258, 0.9258)  12   48 B
dense/bias                  f32[3]     param  zeros                             3   12 B
batch_norm/gamma            f32[3]     param  ones                              3   12 B
batch_norm/beta             f32[3]     param  zeros                             3   12 B
batch_norm/moving_mean      f32[3]     state  zeros                             3   12 B
batch_norm/moving_variance  f32[3]     state  ones                              3   12 B
                                                                               31  124 B
`,
  );
  const entries = JSON.parse((await tfgc("names", path, "--json")).out);
  assert.equal(entries[0], {
    name: "scale",
    dtype: "f32",
    shape: [],
    count: 1,
    bytes: 4,
    trainable: true,
    init: { fn: "fill", value: 2.5 },
  });
  assert.equal(
    entries.filter(({ trainable }: { trainable: boolean }) => !trainable).map(({ name }: { name: string }) => name),
    ["batch_norm/moving_mean", "batch_norm/moving_variance"],
  );
});

test("several graphs are told apart, and a program without variables has nothing to list", async () => {
  const path = program(
    "two.tfg",
    "graph a {\n  param w: f32[2] = zeros\n  output y = w\n}\ngraph b {\n  param v: f32[2] = zeros\n  output y = v\n}\n",
  );
  assert.is(
    (await tfgc("names", path)).out,
    "graph a\nw  f32[2]  param  zeros  2   8 B\ngraph b\nv  f32[2]  param  zeros  2   8 B\n                         4  16 B\n",
  );
  const entries = JSON.parse((await tfgc("names", path, "--json")).out);
  assert.equal(
    entries.map(({ graph, name }: { graph: string; name: string }) => [graph, name]),
    [
      ["a", "w"],
      ["b", "v"],
    ],
  );
  const none = program("none.tfg", "graph a {\n  output y = 1.0\n}\n");
  assert.is((await tfgc("names", none)).out, "");
  assert.is((await tfgc("names", none, "--json")).out, "[]\n");
});

test("--diff says for every entry what restoring does, and exits with 1 where it would fail", async () => {
  const path = program("diff.tfg", "graph g[N] {\n  input x: f32[N, 4]\n  output y = x |> dense(3) |> dense(2)\n}\n");
  const file = await weights(
    "diff.safetensors",
    f32("dense/kernel", 4, 3),
    { name: "dense/bias", dtype: "bool", shape: [3], data: new Uint8Array(3) },
    f32("dense_1/kernel", 3, 5),
    f32("dense_1/biases", 2),
    f32("global_step"),
  );
  const { code, out } = await tfgc("names", path, "--diff", file);
  assert.is(
    out,
    `same     dense/kernel    f32[4, 3]
dtype    dense/bias      f32[3]     found: bool[3]
shape    dense_1/kernel  f32[3, 2]  found: f32[3, 5]
missing  dense_1/bias    f32[2]     nearest: dense_1/biases f32[2]
unused   dense_1/biases  f32[2]
unused   global_step     f32
1 same, 1 dtype, 1 shape, 1 missing, 2 unused
`,
  );
  assert.is(code, 1);
  const report = JSON.parse((await tfgc("names", path, "--diff", file, "--json")).out);
  assert.is(report.fits, false);
  assert.equal(report.entries[2], {
    status: "shape",
    wanted: { name: "dense_1/kernel", dtype: "f32", shape: [3, 2] },
    found: { name: "dense_1/kernel", dtype: "f32", shape: [3, 5] },
  });
});

test("what fits, converted or left over, exits with 0; programs compare with programs", async () => {
  const path = program("fits.tfg", "graph g {\n  param w: f32[2] = zeros\n  output y = w\n}\n");
  const file = await weights(
    "fits.safetensors",
    { name: "w", dtype: "f16", shape: [2], data: new Uint16Array(2) },
    f32("v"),
  );
  assert.equal(await tfgc("names", path, "--diff", file), {
    code: 0,
    out: "same    w  f32[2]  from f16\nunused  v  f32\n1 same, 1 unused\n",
    error: "",
  });
  assert.is((await tfgc("names", path, "--diff", path)).out, "same  w  f32[2]\n1 same\n");
  assert.is((await tfgc("names", file, "--diff", path)).code, 1);
  const wrong = program("wrong.tfg", "graph g {\n  output y = z\n}\n");
  assert.is((await tfgc("names", path, "--diff", wrong)).code, 1);
});

test("the comparison agrees with restore, aliases included", () => {
  const dtypes = ["f32", "f16", "i32", "bool", "f64", "string"];
  let seed = 1;
  const random = (below: number): number => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  const seen = new Set<string>();
  for (let round = 0; round < 300; round++) {
    const list = (): NamedType[] =>
      ["a", "b", "c", "d"]
        .filter(() => random(4) > 0)
        .map((name) => ({ name, dtype: dtypes[random(dtypes.length)] ?? "f32", shape: random(4) > 0 ? [2, 3] : [6] }));
    const wanted = list().map(({ name, shape }) => ({ name, shape, dtype: random(3) === 0 ? "bool" : "f32" }) as const);
    const available = list();
    const aliases = random(2) === 0 ? new Map([["d", "a"]]) : undefined;
    const read = async () => new Uint8Array();
    const file: Weights = {
      name: "w",
      format: "safetensors",
      tensors: new Map(available.map(({ name, dtype, shape }) => [name, { dtype, shape, read }])),
      ...(aliases ? { aliases } : {}),
    };
    const variables = wanted.map(({ name, dtype, shape }, i) => ({
      name,
      dtype,
      shape,
      trainable: true,
      init: ["fill", 0] as const,
      address: 64 * (i + 1),
    }));
    const differences = compareVariables(wanted, available, aliases);
    for (const { status } of differences) seen.add(status);
    let fit: Fit | undefined;
    try {
      fit = fitWeights({ ...toy, variables }, file, undefined, true);
    } catch (error) {
      if (!(error instanceof TfgError)) throw error;
    }
    const names = (status: string): (string | undefined)[] =>
      differences.filter((d) => d.status === status).map((d) => (d.wanted ?? d.found)?.name);
    assert.is(
      fit !== undefined,
      differences.every(({ status }) => status === "same" || status === "unused"),
    );
    if (!fit) continue;
    assert.equal(fit.report.restored, names("same"));
    assert.equal([...fit.report.unused].sort(), names("unused").sort());
  }
  assert.equal([...seen].sort(), ["dtype", "missing", "same", "shape", "unused"]);
});

test.after(() => rmSync(folder, { recursive: true }));
test.run();
