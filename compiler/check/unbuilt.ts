/** Names of the language that this compiler does not build yet: they are TFG0106, never "unknown". */

interface Unbuilt {
  readonly text: string;
  readonly helps: readonly { readonly text: string }[];
}

const later = (text: string, ...helps: readonly string[]): Unbuilt => ({
  text,
  helps: helps.map((help) => ({ text: help })),
});

const UNBUILT: ReadonlyMap<string, Unbuilt> = new Map([
  ...["grad", "adjoint", "minimize"].map(
    (name) => [name, later("differentiation and training are not built yet")] as const,
  ),
  ...["sort", "topk", "nonzero", "solve", "cholesky", "scatter_add"].map(
    (name) => [name, later("this primitive is not built yet")] as const,
  ),
]);

export const unbuiltFunction = (name: string): Unbuilt | undefined => UNBUILT.get(name);
