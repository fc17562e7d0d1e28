import type { Dim } from "./dims.ts";

/** Element types of tensors. u8, i8, f16 and bf16 are storage only: `as` converts them. */
export type DType = "f32" | "f16" | "bf16" | "i32" | "u32" | "i8" | "u8" | "bool";

export interface TensorType {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

export const isFloat = (dtype: DType): boolean => dtype === "f32" || dtype === "f16" || dtype === "bf16";
export const isInteger = (dtype: DType): boolean => dtype === "i32" || dtype === "u32" || dtype === "i8" || dtype === "u8";

/** Bytes of one element as it is stored in files and host arrays (in the arena every element takes 4). */
export const storageBytes: Readonly<Record<DType, number>> = { f32: 4, f16: 2, bf16: 2, i32: 4, u32: 4, i8: 1, u8: 1, bool: 1 };
