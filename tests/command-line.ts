/** The command line in this process, with what it says kept. */
import { main } from "../compiler/cli.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

export const tfgc = (...args: string[]): Promise<Ran> => tfgcOn(false, args);

export async function tfgcOn(isInteractive: boolean, args: readonly string[]): Promise<Ran> {
  const [out, error]: [string[], string[]] = [[], []];
  const code = await main(args, {
    out: (text) => void out.push(text),
    error: (text) => void error.push(text),
    isInteractive,
  });
  return { code, out: out.join(""), error: error.join("") };
}
