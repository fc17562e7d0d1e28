// From the start of a process to its first result: cnn-b1 with TensorFlow.js.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as wasm from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";

tf.enableProdMode();
wasm.setWasmPaths(fileURLToPath(new URL("../../node_modules/@tensorflow/tfjs-backend-wasm/dist/", import.meta.url)));
await tf.setBackend("wasm");
const file = readFileSync(new URL("../generated/cnn.safetensors", import.meta.url));
const begin = 8 + Number(file.readBigUInt64LE(0));
const header = JSON.parse(file.toString("utf8", 8, begin));
const weight = (name) => {
  const { shape, data_offsets } = header[name];
  const [from, to] = data_offsets.map((offset) => file.byteOffset + begin + offset);
  return tf.tensor(new Float32Array(file.buffer.slice(from, to)), shape);
};
const h = tf.fused.conv2d({
  x: tf.tensor(new Float32Array(784).fill(0.5), [1, 28, 28, 1]),
  filter: weight("conv2d/kernel"),
  bias: weight("conv2d/bias"),
  strides: 1,
  pad: "valid",
  activation: "relu",
});
const logits = tf.fused.matMul({ a: tf.reshape(h, [1, -1]), b: weight("dense/kernel"), bias: weight("dense/bias") });
console.log(JSON.stringify([...tf.softmax(logits).dataSync()]));
process.exit(0);
