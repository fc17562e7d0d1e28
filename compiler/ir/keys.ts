/** Texts that are equal iff what they stand for is: how equal scalars become one, and equal kernels. */
import { affineKey } from "./affine.ts";
import type { LoopScalar } from "./loops.ts";
import type { NestScalar } from "./nest.ts";

export function scalarKey(scalar: LoopScalar | NestScalar): string {
  switch (scalar.op) {
    case "constant":
      return `c ${scalar.dtype} ${Object.is(scalar.value, -0) ? "-0" : scalar.value}`;
    case "index":
      return `i ${affineKey(scalar.at)}`;
    case "dim":
      return `d ${scalar.dtype} ${scalar.dim.key}`;
    case "load":
      return `l ${scalar.buffer} ${scalar.at.map(affineKey).join(",")} ${scalar.outside ?? ""}`;
    case "read": {
      const { operand, address } = scalar.access;
      const guards = scalar.guards.map((guard) => `${affineKey(guard.index)}<${guard.extent.key}`);
      return `l ${scalar.dtype} ${operand} ${affineKey(address)} ${guards.join()} ${scalar.outside ?? ""}`;
    }
    case "apply":
      return `a ${scalar.fn} ${scalar.dtype} ${scalar.args.join(",")}`;
    case "reduced":
      return `r ${scalar.dtype} ${scalar.reduction}`;
  }
}
