/** Files that TensorFlow and others wrote. They lie beside the clone; without them these tests fail. */
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { VariableSpec } from "../../runtime/abi.ts";
import { openSession, readWeights, type WeightsSource } from "../../runtime/index.ts";
import { echo, messageOf } from "../runtime-program.ts";

const shared = process.env.TFGC_SHARED ?? fileURLToPath(new URL("../../../shared", import.meta.url));
const data = join(shared, "data");
const checkpoints = join(data, "checkpoints");
const microsoft = join(checkpoints, "machinelearning-testdata/Microsoft.ML.TensorFlow.TestModels");
const serving = join(checkpoints, "tensorflow-serving/tensorflow_serving/servables/tensorflow/testdata");
const dotnet = join(checkpoints, "tensorflow.net/test/TensorFlowNET.Keras.UnitTest/Assets");

const weights = suite("weights of others");

async function read(
  from: WeightsSource,
  name: string,
): Promise<{ dtype: string; shape: readonly number[]; values: number[] }> {
  const tensor = (await readWeights(from)).tensors.get(name);
  if (!tensor) throw new Error(`no ${name}`);
  const { buffer } = (await tensor.read()).slice();
  const arrays = { f32: Float32Array, i32: Int32Array } as const;
  const values =
    tensor.dtype === "i64"
      ? Array.from(new BigInt64Array(buffer), Number)
      : Array.from(new arrays[tensor.dtype as "f32"](buffer));
  return { dtype: tensor.dtype, shape: tensor.shape, values };
}

const shapes = async (from: WeightsSource) =>
  Object.fromEntries(
    Array.from((await readWeights(from)).tensors, ([name, { dtype, shape }]) => [name, `${dtype}[${shape}]`]),
  );

weights("every V2 checkpoint that has its data is read, and each crc agrees", async () => {
  const indices = globSync("**/*.index", { cwd: checkpoints }).sort();
  assert.is(indices.length, 33);
  const lacking: string[] = [];
  let tensors = 0;
  for (const index of indices) {
    const path = join(checkpoints, index);
    try {
      for (const tensor of (await readWeights(path)).tensors.values()) {
        const bytes = await tensor.read();
        if (tensor.dtype !== "string") assert.is(bytes.length % tensor.shape.reduce((a, b) => a * b, 1), 0);
        tensors++;
      }
    } catch (error) {
      assert.match(String(error), "TFG0704");
      lacking.push(index);
    }
  }
  assert.equal(
    lacking.map((index) => index.split("/").at(-3)),
    ["mnist_model", "sentiment_model"],
  );
  assert.ok(tensors > 150, `${tensors} tensors`);
});

weights("a checkpoint without its data file names that file", async () => {
  for (const model of ["mnist_model", "sentiment_model"])
    assert.is(
      await messageOf(() => readWeights(join(microsoft, model))),
      `TFG0704 the data file "${join(microsoft, model)}/variables/variables.data-00000-of-00001" of the checkpoint is missing`,
    );
});

weights("the trained digits network is there with all its variables and Momentum slots", async () => {
  const found = await shapes(join(microsoft, "mnist_conv_model"));
  const expected = ["6,6,1,6", "6", "5,5,6,12", "12", "4,4,12,24", "24", "1176,200", "200", "200,10", "10"];
  assert.is(Object.keys(found).length, 20);
  expected.forEach((shape, i) => {
    const name = `Variable${i ? `_${i}` : ""}`;
    assert.equal([found[name], found[`${name}/Momentum`]], [`f32[${shape}]`, `f32[${shape}]`]);
  });
  const variables = expected.map(
    (shape, i): VariableSpec => ({
      name: `Variable${i ? `_${i}` : ""}`,
      dtype: "f32",
      shape: shape.split(",").map(Number),
      trainable: true,
      init: ["fill", 0],
      address: 256 + 2 ** 20 * i,
    }),
  );
  const session = await openSession(echo([], [], { variables, arenaAt: 2 ** 24 }));
  const report = await session.restore(join(microsoft, "mnist_conv_model"));
  assert.equal([report.restored.length, report.unused.length], [10, 10]);
  const kernel = (await session.params.Variable?.get()) as Float32Array;
  const direct = (await read(join(microsoft, "mnist_conv_model"), "Variable")).values;
  assert.is(kernel.join(), direct.join());
  assert.ok(direct.every((value) => value !== 0 && Number.isFinite(value)));
});

weights(
  "cifar_model's checkpoint holds what its frozen graph holds, and its SavedModel the same variables",
  async () => {
    const model = join(microsoft, "cifar_model");
    const names = await shapes(model);
    assert.is(Object.keys(names).length, 14);
    // The SavedModel is of another training: only names and shapes agree.
    assert.equal(await shapes(join(microsoft, "cifar_saved_model")), names);
    const frozen = readFileSync(join(model, "frozen_model.pb"));
    for (const name of ["W1", "Wconv1", "bconv1"]) {
      const { values } = await read(model, name);
      assert.is((await read(join(model, "model.ckpt"), name)).values.join(), values.join());
      const bytes = Buffer.from(Float32Array.from(values).buffer);
      const at = frozen.indexOf(bytes.subarray(0, 64));
      assert.is(Buffer.compare(frozen.subarray(at, at + bytes.length), bytes), 0, `${name} in the frozen graph`);
    }
  },
);

weights("snappy blocks: half_plus_two holds a half and two", async () => {
  const cpu = join(serving, "saved_model_half_plus_two_cpu/00000123");
  assert.equal(await shapes(cpu), { a: "f32[]", a2: "f32[]", b: "f32[]", c: "f32[]", c2: "f32[]" });
  assert.equal(
    [(await read(cpu, "a")).values, (await read(cpu, "b")).values, (await read(cpu, "c")).values],
    [[0.5], [2], [3]],
  );
  assert.equal((await read(join(serving, "saved_model_half_plus_three/00000123"), "b")).values, [3]);
});

weights("TF 2 object graphs: names as they read, and the variables' own names", async () => {
  assert.equal((await read(join(serving, "saved_model_half_plus_two_tf2_cpu/00000123"), "a")).values, [0.5]);
  const keras = await readWeights(join(dotnet, "simple_model_from_auto_compile"));
  assert.is(keras.tensors.get("layer_with_weights-0/kernel")?.shape.join(), "784,100");
  assert.is(keras.aliases?.get("dense_1/kernel"), "layer_with_weights-1/kernel");
  const lstm = await readWeights(join(dotnet, "lstm_from_sequential"));
  assert.is(lstm.aliases?.get("lstm/lstm_cell/kernel"), "variables/0");
});

weights("kernels agree with the .npy files that were saved beside them", async () => {
  const npy = (name: string): number[] => {
    const file = readFileSync(join(dotnet, "simple_model_from_auto_compile", name));
    return Array.from(new Float32Array(new Uint8Array(file.subarray(10 + file.readUInt16LE(8))).buffer));
  };
  const model = join(dotnet, "simple_model_from_auto_compile");
  assert.is((await read(model, "layer_with_weights-1/kernel")).values.join(), npy("kernel1.npy").join());
  assert.equal((await read(model, "layer_with_weights-0/bias")).values, npy("bias0.npy"));
});

weights("integers of 32 and 64 bits are read", async () => {
  const node = join(checkpoints, "tfjs-node/tfjs-node/test_objects/saved_model");
  assert.equal(await read(join(node, "times_two_int"), "v"), { dtype: "i32", shape: [], values: [2] });
  const wide = await read(join(node, "int64_multiply"), "v1");
  assert.equal([wide.dtype, wide.shape], ["i64", []]);
});

weights("a V1 checkpoint and one without an index say what they are", async () => {
  const v1 = join(
    checkpoints,
    "tensorflow-serving/tensorflow_serving/session_bundle/testdata/half_plus_two/00000123/export-00000-of-00001",
  );
  assert.match(await messageOf(() => readWeights(v1)), /^TFG0702 .*V1 \(TensorSlice\)/);
  assert.match(
    await messageOf(() => readWeights(join(serving, "bad_half_plus_two/00000123"))),
    /^TFG0601 .* no \.index file here/,
  );
});

weights("safetensors of burn and candle are read", async () => {
  const burn = await shapes(join(data, "models/burn-mnist/examples/import-model-weights/weights/mnist.safetensors"));
  assert.equal(
    [burn["conv1.weight"], burn["norm1.num_batches_tracked"], Object.keys(burn).length],
    ["f32[8,1,3,3]", "i64[]", 20],
  );
  const codes = await read(join(data, "models/candle/candle-examples/examples/encodec/jfk-codes.safetensors"), "codes");
  assert.equal(codes.shape, [1, 2, 828]);
  assert.ok(codes.values.every((code) => code >= 0 && code < 1024));
});

weights("an altered byte of a real index or its data is noticed", async () => {
  const prefix = join(microsoft, "mnist_lr_model/variables/variables");
  const files = new Map(
    ["index", "data-00000-of-00001"].map((end) => [`v.${end}`, new Uint8Array(readFileSync(`${prefix}.${end}`))]),
  );
  assert.equal(await shapes(files), { W: "f32[784,10]", b: "f32[10]" });
  for (const [name, bytes] of files)
    for (let at = 0; at < bytes.length; at += name.endsWith("index") ? 1 : 997) {
      const altered = bytes.slice();
      altered[at] = Number(altered[at]) ^ 1;
      const text = await messageOf(async () => {
        for (const { read } of (await readWeights(new Map([...files, [name, altered]]))).tensors.values()) await read();
      });
      // The footer's handle of the empty meta index, that block, and the footer's padding say nothing.
      if (!(name.endsWith("index") && text === "")) assert.match(text, /^TFG070[234] /, `${name} at ${at}`);
      else assert.equal(await shapes(new Map([...files, [name, altered]])), { W: "f32[784,10]", b: "f32[10]" });
    }
});

weights.run();
