import * as ort from "onnxruntime-web";
import { imageShape, onnxModel } from "../onnx.ts";
import type { Peer } from "./peer.ts";

export const peer: Peer = {
  version: `onnxruntime-web ${ort.env.versions.web ?? ort.env.versions.common}`,
  async load(workload) {
    ort.env.wasm.numThreads = 1;
    ort.env.logLevel = "error";
    const { bytes, output } = onnxModel(workload);
    const session = await ort.InferenceSession.create(bytes, {
      executionProviders: ["wasm"],
      graphOptimizationLevel: "all",
    });
    // One channel: NHWC and NCHW hold the same numbers in the same order.
    const shape = imageShape(workload.input);
    return async (x) => {
      const results = await session.run({ x: new ort.Tensor("float32", x, shape) });
      const data = results[output]?.data;
      if (!(data instanceof Float32Array)) throw new Error("no tensor");
      return data;
    };
  },
};
