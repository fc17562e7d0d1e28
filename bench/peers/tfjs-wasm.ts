/** Eager TensorFlow.js as a careful user writes it: fused layers, everything tidied up. */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import * as wasm from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { type Builder, valuesOf } from "../workloads.ts";
import type { Peer } from "./peer.ts";

// The ranks are known from the networks; a reshape where none is needed would cost the peer a dispatch.
const matrix = (x: tf.Tensor): tf.Tensor2D => x as tf.Tensor2D;
const image = (x: tf.Tensor): tf.Tensor4D => x as tf.Tensor4D;

const builder: Builder<tf.Tensor> = {
  matmul: (x, w) => tf.matMul(matrix(x), matrix(w)),
  dense: (a, b, bias, activation) =>
    tf.fused.matMul({ a: matrix(a), b: matrix(b), bias, activation: activation ?? "linear" }),
  conv: (x, filter, bias, pad, activation) =>
    tf.fused.conv2d({ x: image(x), filter: image(filter), strides: 1, pad, bias, activation: activation ?? "linear" }),
  maxPool: (x) => tf.maxPool(image(x), 2, 2, "valid"),
  flatten: (x) => tf.reshape(x, [x.shape[0] ?? 1, -1]),
  softmax: (x) => tf.softmax(x),
};

export const peer: Peer = {
  version: `tfjs ${tf.version_core} wasm`,
  async load(workload) {
    tf.enableProdMode();
    wasm.setWasmPaths(
      `${dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json"))}/dist/`,
    );
    await tf.setBackend("wasm");
    if (tf.getBackend() !== "wasm") throw new Error("no wasm backend");
    const weights = new Map(
      workload.params.map((param) => [param.name, tf.tensor(valuesOf(workload, param), [...param.shape])]),
    );
    const param = (name: string): tf.Tensor => {
      const found = weights.get(name);
      if (!found) throw new Error(`no weight ${name}`);
      return found;
    };
    return (data) => {
      const x = tf.tensor(data, [...workload.input]);
      const y = tf.tidy(() => workload.forward(builder, x, param));
      const result = y.dataSync<"float32">();
      x.dispose();
      y.dispose();
      return result;
    };
  },
};
