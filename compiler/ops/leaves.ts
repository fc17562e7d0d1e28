/** Values that no primitive computes: from the session, from a loop, from the source; and the further results of others. */
import { constantDataOf, dimOfAttribute } from "./attributes.ts";
import type { Primitive } from "./primitive.ts";

/** Leaves come from declarations and literals, which give their types; no call makes one. */
function leaf(name: string, doc: string, meaning: Primitive["meaning"]): Primitive {
  return {
    name,
    doc,
    signature: [],
    class: "leaf",
    infer() {
      throw new Error(`a value of \`${name}\` has the type of its declaration`);
    },
    meaning,
  };
}

/** What a session holds: the interpreter takes it from its own maps. */
const fromSession =
  (name: string): Primitive["meaning"] =>
  () => {
    throw new Error(`the value of \`${name}\` is the session's`);
  };

/** Belongs to iterations, which whoever runs the graph goes through. */
const fromLoop =
  (name: string): Primitive["meaning"] =>
  () => {
    throw new Error(`\`${name}\` has a value within a loop only`);
  };

export const leaves: readonly Primitive[] = [
  leaf("input", "What a run is fed under the attribute `name`.", fromSession("input")),
  leaf("variable", "The variable whose full name is the attribute `name`.", fromSession("variable")),
  leaf("part", "A further result of its operand: the one at the attribute `index`, from 1.", fromSession("part")),
  leaf("random_key", "The key of the random node at `path`, and the number of the run.", fromSession("random_key")),
  leaf(
    "carry",
    "What a loop carries, at the start of an iteration; before the first one its operand.",
    fromLoop("carry"),
  ),
  leaf("element", "The part of its operand that belongs to this iteration of a loop.", fromLoop("element")),
  leaf("counter", "How many iterations of a loop are done.", fromLoop("counter")),
  leaf("loop", "The carries after the last iteration, then what the iterations stacked.", fromLoop("loop")),
  leaf("constant", "The attribute `data`, row-major.", (_, value) => Float64Array.from(constantDataOf(value).data)),
  leaf("dim", "A size as a scalar, i32 or f32.", (_, value, { size }) =>
    Float64Array.of(size(dimOfAttribute(value, "dim"))),
  ),
];
