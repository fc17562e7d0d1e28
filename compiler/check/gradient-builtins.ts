/** The functions of `gradients.ts`, for those who only need their names. */
export const GRADIENT_BUILTINS: readonly (readonly [name: string, signature: string])[] = [
  ["stop_gradient", "stop_gradient(x)"],
  ["grad", "grad(y, x)"],
  ["adjoint", "adjoint(f, x, shape = […])"],
];
