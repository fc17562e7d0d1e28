// From the start of a process to its first result: cnn-b1 with tfgc.
import { createSession } from "../generated/cnn.js";

const weights = new URL("../generated/cnn.safetensors", import.meta.url);
const session = await createSession({ weights });
const { y } = await session.run("y", { x: new Float32Array(784).fill(0.5) });
console.log(JSON.stringify([...y.data]));
process.exit(0);
