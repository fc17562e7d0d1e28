import type { Dim } from "./dims.ts";

/** Element types of tensors. u8, i8, f16 and bf16 are storage only: `as` converts them. */
export type DType = "f32" | "f16" | "bf16" | "i32" | "u32" | "i8" | "u8" | "bool";

export interface TensorType {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

export const isFloat = (dtype: DType): boolean => dtype === "f32" || dtype === "f16" || dtype === "bf16";
export const isInteger = (dtype: DType): boolean =>
  dtype === "i32" || dtype === "u32" || dtype === "i8" || dtype === "u8";
/** Whether only `as`, `==`, `select` and what moves elements take it; operators need `x as f32`. */
export const isStorageOnly = (dtype: DType): boolean =>
  dtype === "f16" || dtype === "bf16" || dtype === "i8" || dtype === "u8";
