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
  ...["minimize"].map((name) => [name, later("differentiation and training are not built yet")] as const),
  ...["scan", "while"].map(
    (name) =>
      [
        name,
        later("loops at run time are not built yet", "a fixed number of steps can be unrolled with `repeat`"),
      ] as const,
  ),
  ...["random_bits", "categorical", "shuffle"].map(
    (name) => [name, later("random nodes are not built yet", "feed the random numbers as an `input`")] as const,
  ),
]);

export const unbuiltFunction = (name: string): Unbuilt | undefined => UNBUILT.get(name);
