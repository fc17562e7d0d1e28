/** Kernels that are no nests: their code is in the record of the primitive. */
import type { Routine } from "../ir/nest.ts";
import type { Expr } from "../ir/stmt.ts";
import { primitiveOf } from "../ops/table.ts";
import { dimValue, type KernelFrame } from "./emit.ts";

export function emitRoutine(frame: KernelFrame, { value, operands, scratch }: Routine): void {
  const record = primitiveOf(value.op);
  if (!record.routine) throw new Error(`\`${value.op}\` has no routine`);
  const pointer = (i: number): Expr => {
    const found = frame.pointers[i];
    if (!found) throw new Error(`\`${value.op}\` has no buffer ${i}`);
    return found;
  };
  record.routine(
    {
      code: frame.code,
      word: frame.target.word,
      lanes: frame.target.lanes,
      typeOf: (k) => {
        const type = operands[k];
        if (!type) throw new Error(`\`${value.op}\` has no operand ${k}`);
        return type;
      },
      operand: pointer,
      result: (k) => pointer(operands.length + k),
      scratch: (k) => pointer(frame.pointers.length - scratch.length + k),
      size: (dim) => dimValue(frame, dim),
    },
    value,
  );
}
