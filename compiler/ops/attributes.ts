/** Typed reading of a value's attributes. A record declares which it has; a missing one is a fault of the compiler. */
import type { Dim } from "../ir/dims.ts";
import type { Attribute, Comprehension, ConstantData, Value } from "../ir/graph.ts";
import type { Argument, PrimitiveCall } from "./primitive.ts";

type Content = Attribute | Argument | undefined;

const isDim = (content: Content): content is Dim => typeof content === "object" && "terms" in content;
const isList = (content: Content): content is readonly Attribute[] => Array.isArray(content);
const isNumber = (content: Content): content is number => typeof content === "number";

function fault(value: Value, name: string, kind: string): never {
  throw new Error(`\`${value.op}\` needs the attribute \`${name}\` as ${kind}`);
}

export function numberOf(value: Value, name: string): number {
  const content = value.attributes[name];
  return isNumber(content) ? content : fault(value, name, "a number");
}

export function booleanOf(value: Value, name: string): boolean {
  const content = value.attributes[name];
  return typeof content === "boolean" ? content : fault(value, name, "a bool");
}

export function textOf(value: Value, name: string): string {
  const content = value.attributes[name];
  return typeof content === "string" ? content : fault(value, name, "a string");
}

export function dimOfAttribute(value: Value, name: string): Dim {
  const content = value.attributes[name];
  return isDim(content) ? content : fault(value, name, "a dim");
}

export function numbersOf(value: Value, name: string): readonly number[] {
  const content = value.attributes[name];
  return isList(content) && content.every(isNumber) ? content : fault(value, name, "a list of numbers");
}

export function dimsOf(value: Value, name: string): readonly Dim[] {
  const content = value.attributes[name];
  return isList(content) && content.every(isDim) ? content : fault(value, name, "a list of dims");
}

export function comprehensionOf(value: Value): Comprehension {
  const content = value.attributes.body;
  return typeof content === "object" && "body" in content ? content : fault(value, "body", "a comprehension");
}

export function constantDataOf(value: Value): ConstantData {
  const content = value.attributes.data;
  return typeof content === "object" && "data" in content ? content : fault(value, "data", "data");
}

// ---- arguments of a call: bound by the checker by the record's signature --------------------------------

function unbound(call: PrimitiveCall, name: string): never {
  throw new Error(`\`${call.spelling}\` was called without \`${name}\` bound by its signature`);
}

export function argNumber(call: PrimitiveCall, name: string): number {
  const content = call.args[name];
  return isNumber(content) ? content : unbound(call, name);
}

export function argBoolean(call: PrimitiveCall, name: string): boolean {
  const content = call.args[name];
  return typeof content === "boolean" ? content : unbound(call, name);
}

export function argDim(call: PrimitiveCall, name: string): Dim {
  const content = call.args[name];
  return isDim(content) ? content : unbound(call, name);
}

export function argNumbers(call: PrimitiveCall, name: string): readonly number[] {
  const content = call.args[name];
  return isList(content) && content.every(isNumber) ? content : unbound(call, name);
}

export function argDims(call: PrimitiveCall, name: string): readonly Dim[] {
  const content = call.args[name];
  return isList(content) && content.every(isDim) ? content : unbound(call, name);
}

export function argComprehension(call: PrimitiveCall, name: string): Comprehension {
  const content = call.args[name];
  return typeof content === "object" && "body" in content ? content : unbound(call, name);
}

export function argText(call: PrimitiveCall, name: string): string {
  const content = call.args[name];
  return typeof content === "string" ? content : unbound(call, name);
}
