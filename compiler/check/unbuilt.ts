/** Names of the language that this compiler does not build yet: they are TFG0106, never "unknown". */

interface Unbuilt {
  readonly text: string;
  readonly helps: readonly { readonly text: string }[];
}

const later = (text: string, ...helps: readonly string[]): Unbuilt => ({
  text,
  helps: helps.map((help) => ({ text: help })),
});

const UNBUILT: ReadonlyMap<string, Unbuilt> = new Map([["minimize", later("training is not built yet")]]);

export const unbuiltFunction = (name: string): Unbuilt | undefined => UNBUILT.get(name);
