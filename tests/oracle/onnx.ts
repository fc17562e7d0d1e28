/**
 * Writes ONNX models for the oracle: nodes, float32 and int64 initializers, one input, one output. The field numbers
 * are those of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).
 */

/** Protocol-buffer fields in the order of writing. */
class Message {
  private readonly parts: Uint8Array[] = [];

  varint(field: number, value: number): this {
    this.push(unsigned(field * 8), unsigned(value));
    return this;
  }
  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.push(unsigned(field * 8 + 5), bytes);
    return this;
  }
  bytes(field: number, value: Uint8Array): this {
    this.push(unsigned(field * 8 + 2), unsigned(value.length), value);
    return this;
  }
  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }
  message(field: number, value: Message): this {
    return this.bytes(field, value.done());
  }
  done(): Uint8Array {
    const all = new Uint8Array(this.parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
  private push(...parts: readonly Uint8Array[]): void {
    this.parts.push(...parts);
  }
}

/** A varint of 64 bits; a negative number in two's complement. */
function unsigned(value: number): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

const FLOAT = 1;
const INT64 = 7;

/** An attribute: whole numbers are ints, `{ float }` is a float, lists are ints. */
export type OnnxAttribute = number | string | { readonly float: number } | readonly number[];

export class OnnxModel {
  private readonly nodes: Message[] = [];
  private readonly initializers: Message[] = [];
  private readonly input: Message;
  private readonly opset: number;
  private names = 0;

  /** The input is `x`; a string stands for a dim that the feed binds. */
  constructor(shape: readonly (number | string)[], opset = 17) {
    this.input = valueInfo("x", shape);
    this.opset = opset;
  }

  /** A weight; gives its name. */
  weight(shape: readonly number[], data: Float32Array): string {
    return this.initializer(FLOAT, shape, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  number(value: number): string {
    return this.weight([], Float32Array.of(value));
  }
  ints(...values: readonly number[]): string {
    return this.initializer(INT64, [values.length], new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer));
  }

  /** An int64 of rank 0. */
  integer(value: number): string {
    return this.initializer(INT64, [], new Uint8Array(BigInt64Array.of(BigInt(value)).buffer));
  }

  /** A node; gives the name of one of its results. */
  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    results = 1,
    result = 0,
  ): string {
    const outputs = Array.from({ length: results }, () => this.name());
    const output = outputs[result] ?? "";
    const node = new Message();
    for (const input of inputs) node.text(1, input);
    for (const name of outputs) node.text(2, name);
    node.text(3, output).text(4, op);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    this.nodes.push(node);
    return output;
  }

  /** The file, with the value named `result` as its only output. */
  bytes(result: string, rank: number): Uint8Array {
    const graph = new Message();
    for (const node of this.nodes) graph.message(1, node);
    graph.text(2, "network");
    for (const initializer of this.initializers) graph.message(5, initializer);
    graph.message(11, this.input);
    graph.message(
      12,
      valueInfo(
        result,
        Array.from({ length: rank }, (_, i) => `d${i}`),
      ),
    );
    const opset = new Message().text(1, "").varint(2, this.opset);
    // The version of the format that came with the operators.
    return new Message()
      .varint(1, this.opset > 17 ? 10 : 8)
      .message(8, opset)
      .message(7, graph)
      .done();
  }

  private name(): string {
    return `v${this.names++}`;
  }
  private initializer(type: number, shape: readonly number[], data: Uint8Array): string {
    const name = this.name();
    const tensor = new Message();
    for (const size of shape) tensor.varint(1, size);
    this.initializers.push(tensor.varint(2, type).text(8, name).bytes(9, data));
    return name;
  }
}

function attribute(name: string, value: OnnxAttribute): Message {
  const message = new Message().text(1, name);
  if (typeof value === "string") return message.text(4, value).varint(20, 3);
  if (typeof value === "number") return message.varint(3, value).varint(20, 2);
  if ("float" in value) return message.float(2, value.float).varint(20, 1);
  for (const item of value) message.varint(8, item);
  return message.varint(20, 7);
}

function valueInfo(name: string, shape: readonly (number | string)[]): Message {
  const dims = new Message();
  for (const size of shape)
    dims.message(1, typeof size === "number" ? new Message().varint(1, size) : new Message().text(2, size));
  const tensor = new Message().varint(1, FLOAT).message(2, dims);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}
