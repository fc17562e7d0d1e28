// From the start of a process to its first result: cnn-b1 with onnxruntime-web.
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";
const bytes = readFileSync(new URL("../generated/cnn-b1.onnx", import.meta.url));
const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
const results = await session.run({ x: new ort.Tensor("float32", new Float32Array(784).fill(0.5), [1, 1, 28, 28]) });
console.log(JSON.stringify([...results[session.outputNames[0]].data]));
process.exit(0);
