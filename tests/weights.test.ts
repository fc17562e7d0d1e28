import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Compiled, DType, VariableSpec } from "../runtime/abi.ts";
import { sliceKey } from "../runtime/checkpoint.ts";
import { openSession, readWeights, TfgError, type WeightsSource, writeSafetensors } from "../runtime/index.ts";
import { crc32c, unsnappy } from "../runtime/wire.ts";
import { echo, messageOf } from "./runtime-program.ts";
import {
  bytesOf,
  type CheckpointTensor,
  checkpoint,
  crc,
  fixed32,
  int,
  masked,
  message,
  safetensors,
  shapeMessage,
  snappy,
  table,
  text,
  u32,
  varint,
} from "./weights-files.ts";

const weights = suite("weights");
const f32 = (...values: number[]) => Float32Array.from(values);

type VariableText = readonly [name: string, dtype: DType, shape: readonly number[]];

/** A program that only has variables, all 0. */
function variables(...list: readonly VariableText[]): Compiled {
  let address = 256;
  const specs = list.map(([name, dtype, shape]): VariableSpec => {
    const spec: VariableSpec = { name, dtype, shape, trainable: true, init: ["fill", 0], address };
    address += 4 * shape.reduce((a, b) => a * b, 1);
    return spec;
  });
  return echo([], [], { name: "net", variables: specs, arenaAt: Math.ceil(address / 64) * 64 });
}

const codeOf = async (job: () => unknown) => (await messageOf(job)).slice(0, 7);

const readAll = async (from: WeightsSource) => {
  const { tensors } = await readWeights(from);
  const all = Array.from(
    tensors,
    async ([name, { dtype, shape, read }]) => [name, { dtype, shape, bytes: await read() }] as const,
  );
  return Object.fromEntries(await Promise.all(all));
};

const folder = mkdtempSync(join(tmpdir(), "tfgc-weights-"));
weights.after(() => rmSync(folder, { recursive: true }));
const place = (name: string, bytes: Uint8Array | string): string => {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, bytes);
  return path;
};

// ---- safetensors -------------------------------------------------------------------------------

weights("what is written as safetensors is read back, wide elements first and aligned", async () => {
  const file = writeSafetensors(
    [
      { name: "flags", dtype: "bool", shape: [3], data: Uint8Array.of(1, 0, 1) },
      { name: "half", dtype: "f16", shape: [1, 1], data: Uint16Array.of(0x3c00) },
      { name: "b/scalar", dtype: "f32", shape: [], data: f32(0.5) },
      { name: "a", dtype: "i32", shape: [2], data: Int32Array.of(-1, 2) },
      { name: "none", dtype: "u8", shape: [0, 4], data: new Uint8Array(0) },
    ],
    { by: "test" },
  );
  const bytes = new Uint8Array(await file.arrayBuffer());
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  assert.is(length % 8, 0);
  const header = JSON.parse(Buffer.from(bytes.subarray(8, 8 + length)).toString());
  assert.equal(Object.keys(header), ["__metadata__", "a", "b/scalar", "half", "flags", "none"]);
  assert.equal(header.a, { dtype: "I32", shape: [2], data_offsets: [0, 8] });
  assert.equal(await readAll(bytes), {
    a: { dtype: "i32", shape: [2], bytes: bytesOf(Int32Array.of(-1, 2)) },
    "b/scalar": { dtype: "f32", shape: [], bytes: bytesOf(f32(0.5)) },
    half: { dtype: "f16", shape: [1, 1], bytes: Uint8Array.of(0, 0x3c) },
    flags: { dtype: "bool", shape: [3], bytes: Uint8Array.of(1, 0, 1) },
    none: { dtype: "u8", shape: [0, 4], bytes: new Uint8Array(0) },
  });
});

weights("a session saves its variables under their names and restores them from any kind of source", async () => {
  const net = variables(["conv/kernel", "f32", [2, 2]], ["steps", "i32", []], ["mask", "bool", [3]]);
  const session = await openSession(net);
  await session.params["conv/kernel"]?.set(f32(1, 2, 3, 4));
  await session.params.steps?.set(Int32Array.of(7));
  await session.params.mask?.set(Uint8Array.of(1, 0, 1));
  const blob = await session.save();
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const path = place("net.safetensors", bytes);
  const padded = new Uint8Array(bytes.length + 3);
  padded.set(bytes, 3);
  for (const from of [
    path,
    place("net.weights", bytes),
    pathToFileURL(path),
    pathToFileURL(path).href,
    `data:application/octet-stream;base64,${Buffer.from(bytes).toString("base64")}`,
    blob,
    blob.stream(),
    bytes.buffer,
    padded.subarray(3),
    new Map([["some.safetensors", blob]]),
    { "some.safetensors": bytes.buffer },
  ]) {
    const other = await openSession(net, { weights: from });
    assert.equal(await Promise.all(Object.values(other.params).map((param) => param.get())), [
      f32(1, 2, 3, 4),
      Int32Array.of(7),
      Uint8Array.of(1, 0, 1),
    ]);
  }
});

const one = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
const eight = new Uint8Array(8);

weights("a header that lies is refused before anything is allocated for it", async () => {
  const hostile: readonly (readonly [what: RegExp, file: Uint8Array])[] = [
    [/claims to be 18446744073709552000 bytes long/, safetensors("{}", eight, 2n ** 64n - 1n)],
    [/claims to be 100000001 bytes long/, safetensors("{}", eight, 100000001n)],
    [/claims to be 1000 bytes long/, safetensors("[]", eight, 1000n)],
    [/not JSON/, safetensors("{", eight)],
    [/not JSON/, safetensors(`{"a": ${JSON.stringify(one)},}`, eight)],
    [/not JSON/, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0xff)],
    [/not an object/, safetensors("[1]", eight)],
    [/not an object/, safetensors("null", eight)],
    [/"a" has the unknown dtype undefined/, safetensors({ a: 1 })],
    [/metadata are not strings/, safetensors({ __metadata__: { a: 1 } })],
    [/metadata are not strings/, safetensors({ __metadata__: 1 })],
    [/unknown dtype "F33"/, safetensors({ a: { ...one, dtype: "F33" } }, eight)],
    [/unknown dtype "toString"/, safetensors({ a: { ...one, dtype: "toString" } }, eight)],
    [/"a" is F32\[-2\] at \[0,8\]/, safetensors({ a: { ...one, shape: [-2] } }, eight)],
    [/"a" is F32\[2.5\] at/, safetensors({ a: { ...one, shape: [2.5] } }, eight)],
    [/"a" is F32"2" at/, safetensors({ a: { ...one, shape: "2" } }, eight)],
    [/"a" is F32\[2\] at \[0\]/, safetensors({ a: { ...one, data_offsets: [0] } }, eight)],
    [/"a" is F32\[2\] at \[-4,4\]/, safetensors({ a: { ...one, data_offsets: [-4, 4] } }, eight)],
    [/"a" is F32\[2\] at \[0,4\]/, safetensors({ a: { ...one, data_offsets: [0, 4] } }, eight)],
    [/"a" is F32\[2\] at \[8,0\]/, safetensors({ a: { ...one, data_offsets: [8, 0] } }, eight)],
    [/"a" is F32\[2000000000000000,2000000000000000\]/, safetensors({ a: { ...one, shape: [2e15, 2e15] } }, eight)],
    [
      /"b" begins at byte 4 of the data, not at 8/,
      safetensors({ a: one, b: { ...one, data_offsets: [4, 12] } }, new Uint8Array(12)),
    ],
    [/"b" begins at byte 0 of the data, not at 8/, safetensors({ a: one, b: one }, eight)],
    [
      /"b" begins at byte 12 of the data, not at 8/,
      safetensors({ a: one, b: { ...one, data_offsets: [12, 20] } }, new Uint8Array(20)),
    ],
    [
      /"a" begins at byte 8 of the data, not at 0/,
      safetensors({ a: { ...one, data_offsets: [8, 16] } }, new Uint8Array(16)),
    ],
    [/4 bytes behind the last tensor/, safetensors({ a: one }, new Uint8Array(12))],
    [/names "a" twice/, safetensors(`{"a": ${JSON.stringify(one)}, "\\u0061": ${JSON.stringify(one)}}`, eight)],
    [
      /names "dtype" twice/,
      safetensors('{"a": {"dtype": "F64", "dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', eight),
    ],
  ];
  for (const [what, file] of hostile) {
    const text = await messageOf(() => readWeights(file));
    assert.match(text, /^TFG0703 "weights" has a header that cannot be trusted: /, String(what));
    assert.match(text, what);
  }
});

weights("a file cut off anywhere is refused", async () => {
  const file = safetensors({ a: one, b: { dtype: "U8", shape: [], data_offsets: [8, 9] } }, new Uint8Array(9));
  assert.equal(Object.keys(await readAll(file)), ["a", "b"]);
  for (let size = 0; size < file.length; size++)
    assert.match(
      await messageOf(() => readWeights(file.slice(0, size))),
      /^TFG0702 "weights" is truncated or altered/,
      `${size}`,
    );
});

weights("stored elements become the variable's: floating ones are rounded, others must fit exactly", async () => {
  const restored = async (stored: string, data: ArrayBufferView, dtype: DType) => {
    const session = await openSession(variables(["v", dtype, [2]]));
    const bytes = bytesOf(data);
    await session.restore(safetensors({ v: { dtype: stored, shape: [2], data_offsets: [0, bytes.length] } }, bytes));
    return session.params.v?.get();
  };
  assert.equal(await restored("F64", Float64Array.of(0.1, 1e300), "f32"), f32(0.1, Number.POSITIVE_INFINITY));
  assert.equal(await restored("F16", Uint16Array.of(0x3c00, 0x8001), "f32"), f32(1, -(2 ** -24)));
  assert.equal(await restored("BF16", Uint16Array.of(0x3f80, 0xc000), "f32"), f32(1, -2));
  assert.equal(await restored("F32", f32(1 + 2 ** -11, 65520), "f16"), Uint16Array.of(0x3c00, 0x7c00));
  assert.equal(await restored("F32", f32(1 + 2 ** -8, 1 + 3 * 2 ** -8), "bf16"), Uint16Array.of(0x3f80, 0x3f82));
  assert.equal(await restored("I64", BigInt64Array.of(-5n, 2n ** 31n - 1n), "i32"), Int32Array.of(-5, 2 ** 31 - 1));
  assert.equal(await restored("U8", Uint8Array.of(0, 255), "f32"), f32(0, 255));
  const refused = (stored: string, data: ArrayBufferView, dtype: DType) =>
    messageOf(() => restored(stored, data, dtype));
  assert.is(
    await refused("I64", BigInt64Array.of(1n, 2n ** 31n), "i32"),
    'TFG0701 restore: "weights" has 2147483648 in v, which is no i32',
  );
  assert.is(
    await refused("I64", BigInt64Array.of(2n ** 60n + 1n, 0n), "f32"),
    'TFG0701 restore: "weights" has 1152921504606846977 in v, which is no f32',
  );
  assert.is(await refused("F32", f32(1, 2.5), "i32"), 'TFG0701 restore: "weights" has 2.5 in v, which is no i32');
  assert.match(await refused("U8", Uint8Array.of(0, 1), "bool"), /dtype +v bool\[2\] +the file has u8\[2\]/);
});

// ---- what fits ---------------------------------------------------------------------------------

const lenet = variables(
  ["conv2d/kernel", "f32", [3, 3, 1, 2]],
  ["conv2d/bias", "f32", [2]],
  ["dense/kernel", "f32", [8, 10]],
  ["dense/bias", "f32", [10]],
);
const stored = (entries: Record<string, readonly number[]>) =>
  writeSafetensors(
    Object.entries(entries).map(([name, shape]) => ({
      name,
      shape,
      dtype: "f32" as const,
      data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1),
    })),
  );

weights(
  "weights that do not fit are one report: what is missing, what differs, what is left, and the way out",
  async () => {
    const path = place(
      "other.safetensors",
      new Uint8Array(
        await stored({
          "conv2d/kernel": [5, 5, 1, 2],
          "conv2d/bias": [2],
          "dense_1/kernel": [8, 10],
          "dense_1/bias": [10],
          global_step: [],
        }).arrayBuffer(),
      ),
    );
    const session = await openSession(lenet);
    assert.is(
      await messageOf(() => session.restore(path)),
      `TFG0701 restore: "${path}" does not fit \`net\`
  missing    dense/kernel  f32[8, 10]        nearest in the file: dense_1/kernel f32[8, 10]
  missing    dense/bias    f32[10]           nearest in the file: dense_1/bias f32[10]
  shape      conv2d/kernel f32[3, 3, 1, 2]   the file has f32[5, 5, 1, 2]
  unused     global_step
  help: restore(file, { map: { "dense/": "dense_1/" } })`,
    );
    assert.equal(await session.params["conv2d/bias"]?.get(), f32(0, 0), "none is restored");
  },
);

weights("the report says under which name a map made it look", async () => {
  const session = await openSession(lenet);
  const file = stored({
    "conv2d/kernel": [3, 3, 1, 2],
    "conv2d/bias": [2],
    "dense/kernel": [8, 10],
    "dense/bias": [10],
  });
  assert.is(
    await messageOf(() => session.restore(file, { map: { "conv2d/": "a/" } })),
    `TFG0701 restore: "weights" does not fit \`net\`
  missing    conv2d/kernel f32[3, 3, 1, 2]   sought as a/kernel, nearest in the file: conv2d/kernel f32[3, 3, 1, 2]
  missing    conv2d/bias   f32[2]            sought as a/bias, nearest in the file: conv2d/bias f32[2]
  help: restore(file, { map: { "conv2d/": "conv2d/" } })`,
  );
});

weights("the map of the report is one that works", async () => {
  const session = await openSession(lenet);
  const file = stored({
    "a/conv2d/kernel": [3, 3, 1, 2],
    "a/conv2d/bias": [2],
    "b_1/kernel": [8, 10],
    "b_1/bias": [10],
  });
  const text = await messageOf(() => session.restore(file));
  const map = JSON.parse(/map: (\{.*\}) \}\)$/.exec(text)?.[1]?.replace(/(\w+):/g, '"$1":') ?? "");
  assert.equal(map, { "conv2d/": "a/conv2d/", "dense/": "b_1/" });
  assert.equal((await session.restore(file, { map })).restored.length, 4);
  const renamed = (name: string) => name.replace("conv2d", "a/conv2d").replace("dense", "b_1");
  assert.equal((await session.restore(file, { map: renamed })).unused, []);
});

weights("without `strict` a variable that the file lacks keeps its value; a wrong shape stays an error", async () => {
  const session = await openSession(lenet);
  const report = await session.restore(stored({ "dense/bias": [10], extra: [1] }), { strict: false });
  assert.equal(report, {
    format: "safetensors",
    restored: ["dense/bias"],
    missing: ["conv2d/kernel", "conv2d/bias", "dense/kernel"],
    unused: ["extra"],
  });
  assert.is(await codeOf(() => session.restore(stored({ "dense/bias": [1, 10] }), { strict: false })), "TFG0701");
});

// ---- checkpoints -------------------------------------------------------------------------------

const kernel = Float32Array.from({ length: 60 }, (_, i) => i / 7);
const tensors: CheckpointTensor[] = [
  { name: "conv/bias", type: 1, shape: [3], data: bytesOf(f32(1, 2, 3)) },
  { name: "conv/kernel", type: 1, shape: [4, 5, 3], data: bytesOf(kernel), shard: 1 },
  { name: "dense/kernel/Adam", type: 2, shape: [], data: bytesOf(Float64Array.of(0.5)) },
  { name: "flags", type: 10, shape: [2], data: Uint8Array.of(1, 0) },
  { name: "global_step", type: 9, shape: [], data: bytesOf(BigInt64Array.of(-3n)), shard: 1 },
  { name: "half", type: 19, shape: [1], data: Uint8Array.of(0, 0x3c) },
  { name: "saver", type: 7, shape: [1], data: Uint8Array.of(3, 1, 2, 3, 4, 97, 98, 99) },
];
const expected = Object.fromEntries(
  tensors.map(({ name, type, shape, data }) => [
    name,
    {
      dtype: { 1: "f32", 2: "f64", 7: "string", 9: "i64", 10: "bool", 19: "f16" }[type],
      shape,
      bytes: Uint8Array.from(data),
    },
  ]),
);

weights("crc32c and snappy are those of their publications", () => {
  // RFC 3720, B.4.
  assert.is(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.is(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  assert.is(crc(Buffer.from("123456789")), 0xe3069283);
  assert.equal(
    Buffer.from(unsnappy(Uint8Array.of(11, 2 << 2, 97, 98, 99, (7 << 2) | 2, 3, 0))).toString(),
    "abcabcabcab",
  );
  const data = Array.from({ length: 5000 }, (_, i) => (i % 97 < 60 ? i % 11 : (i * i) >> 3) & 255);
  assert.equal(Array.from(unsnappy(Uint8Array.from(snappy(data)))), data);
});

for (const isSnappy of [false, true])
  weights(`a V2 checkpoint of two shards is read, ${isSnappy ? "with snappy" : "plain"} blocks`, async () => {
    const files = checkpoint("model.ckpt", tensors, { shards: 2, isSnappy });
    assert.equal(await readAll(files), expected);
    assert.is((await readWeights(files)).format, "tensorflow-v2");
  });

weights(
  "a checkpoint is found by its prefix, its index, a SavedModel folder, and TensorFlow's `checkpoint` file",
  async () => {
    const put = (prefix: string) => {
      for (const [name, bytes] of checkpoint(prefix, tensors, { shards: 2 })) place(name, bytes);
    };
    put("train/model.ckpt-7");
    put("saved/variables/variables");
    put("moved/model.ckpt-7");
    place("train/checkpoint", 'model_checkpoint_path: "model.ckpt-7"\nall_model_checkpoint_paths: "model.ckpt-7"\n');
    place("moved/checkpoint", 'model_checkpoint_path: "/gone/with/the/machine/model.ckpt-7"\n');
    const net = variables(["conv/bias", "f32", [3]]);
    const paths = [
      "train/model.ckpt-7",
      "train/model.ckpt-7.index",
      "train",
      "train/checkpoint",
      "saved",
      "saved/",
      "saved/variables",
      "moved",
    ];
    for (const path of paths) {
      for (const from of [join(folder, path), pathToFileURL(join(folder, path))]) {
        const session = await openSession(net, { weights: from });
        assert.equal(await session.params["conv/bias"]?.get(), f32(1, 2, 3), path);
      }
    }
    assert.match(
      await messageOf(() => readWeights(join(folder, "train/none"))),
      /^TFG0601 cannot read ".*none": there is no such file, no ".*none.index"/,
    );
    place("bare/model.txt", "");
    assert.match(
      await messageOf(() => readWeights(join(folder, "bare"))),
      /^TFG0601 cannot read ".*bare": it is a folder without "variables\/variables.index"/,
    );
    place("stale/checkpoint", 'model_checkpoint_path: "model.ckpt-8"');
    assert.match(
      await messageOf(() => readWeights(join(folder, "stale"))),
      /^TFG0601 ".*checkpoint" names the checkpoint "model.ckpt-8"/,
    );
    place("odd/checkpoint", "hello");
    assert.match(await messageOf(() => readWeights(join(folder, "odd"))), /^TFG0702 ".*" names no checkpoint/);
    assert.match(
      await messageOf(() => readWeights(place("odd/text.txt", "hello, this is text"))),
      /^TFG0702 .* neither a safetensors file nor/,
    );
  },
);

weights("files are fetched over HTTP, a prefix too", async () => {
  const files = new Map(checkpoint("/model.ckpt", tensors, { shards: 2 }));
  files.set("/net.safetensors", safetensors({ a: one }, eight));
  const server = createServer((request, response) => {
    const file = files.get(request.url ?? "");
    response.statusCode = file ? 200 : 404;
    response.end(file);
  });
  const port = await new Promise<number>((done) =>
    server.listen(0, "127.0.0.1", () => done(Number(Object(server.address()).port))),
  );
  try {
    const base = `http://127.0.0.1:${port}`;
    assert.equal(await readAll(`${base}/model.ckpt`), expected);
    assert.equal(await readAll(new URL(`${base}/model.ckpt.index`)), expected);
    assert.equal(Object.keys(await readAll(`${base}/net.safetensors`)), ["a"]);
    assert.match(await messageOf(() => readWeights(`${base}/none`)), /^TFG0601/);
    files.delete("/model.ckpt.data-00001-of-00002");
    assert.is(
      await messageOf(() => readWeights(`${base}/model.ckpt`)),
      `TFG0704 the data file "${base}/model.ckpt.data-00001-of-00002" of the checkpoint is missing`,
    );
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

weights("partitioned variables are put together", async () => {
  const whole = Float32Array.from({ length: 6 * 70 }, (_, i) => i);
  const extent = (start: number, length: number) =>
    message(1, [...(start ? int(1, start) : []), ...(length < 0 ? [] : int(2, length))]);
  // Rows 0 to 3 and 4 to 5; the second axis is whole in the first part, and cut at 64 in the rows below.
  const parts = [
    { starts: [0, 0], lengths: [4, -1], rows: [0, 4], columns: [0, 70] },
    { starts: [4, 0], lengths: [2, 64], rows: [4, 6], columns: [0, 64] },
    { starts: [4, 64], lengths: [2, 6], rows: [4, 6], columns: [64, 70] },
  ] as const;
  const pieces = parts.map(({ starts, lengths, rows, columns }): CheckpointTensor => {
    const data: number[] = [];
    for (let row = rows[0]; row < rows[1]; row++)
      data.push(...whole.subarray(row * 70 + columns[0], row * 70 + columns[1]));
    const shape = [rows[1] - rows[0], columns[1] - columns[0]];
    return { name: sliceKey("table", { starts, lengths }), type: 1, shape, data: bytesOf(Float32Array.from(data)) };
  });
  // As TensorFlow's OrderedCode writes them: 0, the name, its end, the rank; 64 takes two bytes, the whole axis is -1.
  assert.equal(
    pieces.map(({ name }) => Buffer.from(name, "latin1").toString("hex")),
    [
      "00" + "7461626c65" + "0001" + "0102" + "80" + "84" + "80" + "7f",
      "00" + "7461626c65" + "0001" + "0102" + "84" + "82" + "80" + "c040",
      "00" + "7461626c65" + "0001" + "0102" + "84" + "82" + "c040" + "86",
    ],
  );
  const slices = parts.flatMap(({ starts, lengths }) =>
    message(7, [...extent(starts[0], lengths[0]), ...extent(starts[1], lengths[1])]),
  );
  const full: [string, number[]] = ["table", [...int(1, 1), ...message(2, shapeMessage([6, 70])), ...slices]];
  assert.equal(await readAll(checkpoint("p", pieces, { extra: [full] })), {
    table: { dtype: "f32", shape: [6, 70], bytes: bytesOf(whole) },
  });
  const lacking = checkpoint("p", pieces.slice(1), { extra: [full] });
  assert.is(
    await messageOf(() => readAll(lacking)),
    'TFG0703 "p.index" cannot be trusted: "table" lacks its part at [0,0]',
  );
});

weights("TF 2 object graphs are matched by their readable names and by those that the variables had", async () => {
  const attribute = (full: string, key: string) =>
    message(2, [...text(1, "VARIABLE_VALUE"), ...text(2, full), ...text(3, key)]);
  const key = (path: string) => `${path}/.ATTRIBUTES/VARIABLE_VALUE`;
  const graph = [
    ...message(1, attribute("dense/kernel", key("layer-0/kernel"))),
    ...message(1, attribute("twice", key("layer-0/kernel"))),
    ...message(1, attribute("twice", key("my.Sname..d"))),
  ];
  const text_ = [...varint(graph.length), ...u32(0), ...graph];
  const files = checkpoint("tf2", [
    { name: "_CHECKPOINTABLE_OBJECT_GRAPH", type: 7, shape: [], data: Uint8Array.from(text_) },
    { name: key("layer-0/kernel"), type: 1, shape: [2], data: bytesOf(f32(1, 2)) },
    { name: key("my.Sname..d"), type: 1, shape: [2], data: bytesOf(f32(3, 4)) },
  ]);
  const { tensors, aliases } = await readWeights(files);
  assert.equal([...tensors.keys()], ["_CHECKPOINTABLE_OBJECT_GRAPH", "layer-0/kernel", "my/name.d"]);
  assert.equal([...(aliases ?? [])], [["dense/kernel", "layer-0/kernel"]]);
  const session = await openSession(variables(["dense/kernel", "f32", [2]], ["my/name.d", "f32", [2]]));
  assert.equal((await session.restore(files)).unused, ["_CHECKPOINTABLE_OBJECT_GRAPH"]);
  assert.equal(await session.params["dense/kernel"]?.get(), f32(1, 2));
});

weights("a checkpoint altered or cut off at any byte is refused", async () => {
  const files = checkpoint(
    "m",
    tensors.filter(({ type }) => type !== 7),
    { isSnappy: true },
  );
  const single = new Map([...files].map(([name, bytes]) => [name, bytes] as const));
  for (const [name, bytes] of single) {
    for (let at = 0; at < bytes.length; at++) {
      const altered = bytes.slice();
      altered[at] = Number(altered[at]) ^ 0x10;
      const text = await messageOf(() => readAll(new Map([...single, [name, altered]])));
      // Only the padding of the footer, the handle of the unused block and that block mean nothing.
      const isUnused = name.endsWith(".index") && text === "";
      if (!isUnused) assert.match(text, /^TFG070[234] /, `${name} at ${at}`);
      else
        assert.equal(await readAll(new Map([...single, [name, altered]])), await readAll(single), `${name} at ${at}`);
      assert.match(
        await messageOf(() => readAll(new Map([...single, [name, bytes.slice(0, at)]]))),
        /^TFG070[23] /,
        `${name} cut at ${at}`,
      );
    }
  }
});

weights("an index that lies is refused", async () => {
  const entry = (...fields: number[][]) => fields.flat();
  const with_ = (fields: number[], header?: number[]) =>
    checkpoint("m", [], { extra: [["v", fields]], ...(header ? { header } : {}) });
  const data = (files: Map<string, Uint8Array<ArrayBuffer>>) => files.set("m.data-00000-of-00001", new Uint8Array(16));
  const good = entry(int(1, 1), message(2, shapeMessage([4])), int(5, 16), fixed32(6, masked(new Uint8Array(16))));
  assert.equal(Object.keys(await readAll(data(with_(good)))), ["v"]);
  for (const [what, files] of [
    [/TFG0703 .*"v" lies in file 3 of 1/, with_(entry(good, int(3, 3)))],
    [/TFG0703 .*"v" lies in file -1 of 1/, with_(entry(good, int(3, -1)))],
    [/TFG0702 .*"v" ends at byte 1000016, the file at 16/, with_(entry(good, int(4, 1000000)))],
    [/TFG0702 .*"v" ends at byte 1?\d* ?/, with_(entry(good, int(4, -8)))],
    [
      /TFG0703 .*"v" is f32\[1073741824\] in 16 bytes/,
      with_(entry(int(1, 1), message(2, shapeMessage([2 ** 30])), int(5, 16))),
    ],
    [/TFG0702 .*the shape \[-1\]/, with_(entry(int(1, 1), message(2, shapeMessage([-1])), int(5, 16)))],
    [
      /TFG0702 .*the shape \[\d+, \d+\]/,
      with_(entry(int(1, 1), message(2, shapeMessage([2 ** 50, 2 ** 50])), int(5, 16))),
    ],
    [/TFG0702 .*the crc of "v" does not agree/, with_(entry(good, fixed32(6, 1)))],
    [/TFG0702 .*big-endian/, with_(good, [...int(1, 1), ...int(2, 1)])],
    [/TFG0702 .*no header/, new Map([["m.index", table([["v", good]])]])],
    [/TFG0702 .*V1 \(TensorSlice\)/, new Map([["m.index", table([["", message(1, message(1, text(1, "v")))]])]])],
    [/TFG0702 .*wire type 7/, with_([7])],
    [/TFG0702 .*does not end as a table does/, new Map([["m.index", new Uint8Array(100)]])],
  ] as const)
    assert.match(await messageOf(() => readAll(data(files))), what);
  assert.match(await messageOf(() => unsnappy(Uint8Array.of(...varint(2 ** 40), 0))), /said to unpack/);
});

weights("an index without its data file names the file that is missing", async () => {
  const files = checkpoint("dir/m", tensors, { shards: 2 });
  files.delete("dir/m.data-00001-of-00002");
  assert.is(
    await messageOf(() => readWeights(files)),
    'TFG0704 the data file "dir/m.data-00001-of-00002" of the checkpoint is missing',
  );
  const [index] = files.values();
  assert.is(await codeOf(() => readWeights(index as Uint8Array)), "TFG0704");
  assert.instance(await readWeights(files).catch((error: unknown) => error), TfgError);
});

weights.run();
