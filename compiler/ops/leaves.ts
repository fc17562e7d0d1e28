/** Values without operands, and the further results of a primitive that has several. */
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

export const leaves: readonly Primitive[] = [
  leaf("input", "What a run is fed under the attribute `name`.", fromSession("input")),
  leaf("variable", "The variable whose full name is the attribute `name`.", fromSession("variable")),
  leaf("part", "A further result of its operand: the one at the attribute `index`, from 1.", fromSession("part")),
  leaf("constant", "The attribute `data`, row-major.", (_, value) => Float64Array.from(constantDataOf(value).data)),
  leaf("dim", "A size as a scalar, i32 or f32.", (_, value, { size }) =>
    Float64Array.of(size(dimOfAttribute(value, "dim"))),
  ),
];
