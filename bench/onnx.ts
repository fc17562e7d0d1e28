/** The workloads as ONNX models: an encoder of the few protobuf messages they need, and the builder (NCHW). */
import { type Activation, type Builder, type Param, valuesOf, type Workload } from "./workloads.ts";

/** A protobuf message while it is written. */
class Message {
  readonly #parts: Uint8Array[] = [];

  #varint(value: number): this {
    const bytes: number[] = [];
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
    bytes.push(rest);
    this.#parts.push(Uint8Array.from(bytes));
    return this;
  }

  int(field: number, value: number): this {
    return this.#varint(field * 8).#varint(value);
  }

  bytes(field: number, bytes: Uint8Array): this {
    this.#varint(field * 8 + 2)
      .#varint(bytes.length)
      .#parts.push(bytes);
    return this;
  }

  text(field: number, text: string): this {
    return this.bytes(field, new TextEncoder().encode(text));
  }

  message(field: number, message: Message): this {
    return this.bytes(field, message.done());
  }

  done(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts));
  }
}

const attributeType = { int: 2, ints: 7 };

class OnnxBuilder implements Builder<string> {
  readonly graph = new Message();
  #names = 0;

  initializer(name: string, shape: readonly number[], data: Float32Array): void {
    const tensor = new Message();
    for (const size of shape) tensor.int(1, size);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.graph.message(5, tensor.int(2, 1).text(8, name).bytes(9, bytes));
  }

  #node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, number | readonly number[]>> = {},
  ): string {
    const output = `t${this.#names++}`;
    const node = new Message();
    for (const input of inputs) node.text(1, input);
    node.text(2, output).text(3, `${op}_${output}`).text(4, op);
    for (const [name, value] of Object.entries(attributes)) {
      const attribute = new Message().text(1, name);
      if (typeof value === "number") attribute.int(3, value).int(20, attributeType.int);
      else {
        for (const item of value) attribute.int(8, item);
        attribute.int(20, attributeType.ints);
      }
      node.message(5, attribute);
    }
    this.graph.message(1, node);
    return output;
  }

  #activate(x: string, act: Activation | undefined): string {
    return act === "relu" ? this.#node("Relu", [x]) : x;
  }

  matmul(x: string, w: string): string {
    return this.#node("MatMul", [x, w]);
  }

  dense(x: string, w: string, b: string, act?: Activation): string {
    return this.#activate(this.#node("Gemm", [x, w, b]), act);
  }

  conv(x: string, w: string, b: string, pad: number, act?: Activation): string {
    return this.#activate(this.#node("Conv", [x, w, b], { pads: [pad, pad, pad, pad] }), act);
  }

  maxPool(x: string): string {
    return this.#node("MaxPool", [x], { kernel_shape: [2, 2], strides: [2, 2] });
  }

  flatten(x: string): string {
    return this.#node("Flatten", [x], { axis: 1 });
  }

  softmax(x: string): string {
    // The last axis of a matrix; -1, the default, needs no attribute.
    return this.#node("Softmax", [x]);
  }
}

const valueInfo = (name: string, shape: readonly number[]): Message => {
  const dims = new Message();
  for (const size of shape) dims.message(1, new Message().int(1, size));
  return new Message().text(1, name).message(2, new Message().message(1, new Message().int(1, 1).message(2, dims)));
};

/** NHWC -> NCHW; only images have four axes here. */
export const imageShape = (shape: readonly number[]): readonly number[] => {
  const [n, h, w, c] = shape;
  return n !== undefined && h !== undefined && w !== undefined && c !== undefined ? [n, c, h, w] : shape;
};

/** Elements of `data`, of the shape `shape`, in the order of `axes`. */
function transposed(data: Float32Array, shape: readonly number[], axes: readonly number[]): Float32Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const result = new Float32Array(data.length);
  let to = 0;
  const walk = (depth: number, from: number): void => {
    const axis = axes[depth];
    if (axis === undefined) result[to++] = data[from] ?? 0;
    else for (let i = 0; i < (shape[axis] ?? 0); i++) walk(depth + 1, from + i * (strides[axis] ?? 0));
  };
  walk(0, 0);
  return result;
}

function converted(param: Param, data: Float32Array): { shape: readonly number[]; data: Float32Array } {
  const { shape, layout, image } = param;
  if (layout === "conv")
    return { shape: [3, 2, 0, 1].map((axis) => shape[axis] ?? 0), data: transposed(data, shape, [3, 2, 0, 1]) };
  if (layout === "rows" && image) return { shape, data: transposed(data, [...image, shape[1] ?? 0], [2, 0, 1, 3]) };
  return { shape, data };
}

/** The model's bytes and the name of its output; its input is `x`. */
export function onnxModel(workload: Workload): { readonly bytes: Uint8Array; readonly output: string } {
  const builder = new OnnxBuilder();
  for (const param of workload.params) {
    const { shape, data } = converted(param, valuesOf(workload, param));
    builder.initializer(param.name, shape, data);
  }
  const output = workload.forward(builder, "x", (name) => name);
  builder.graph.text(2, workload.name);
  builder.graph.message(11, valueInfo("x", imageShape(workload.input)));
  builder.graph.message(12, valueInfo(output, workload.output));
  const opset = new Message().text(1, "").int(2, 17);
  return { bytes: new Message().int(1, 9).text(2, "bench").message(7, builder.graph).message(8, opset).done(), output };
}
