/** As `use.ts`, for `program.tfg`: steps, variables, defaults, and errors as the app catches them. Run, too. */
import { createSession, type Session } from "./program.js";

declare const TfgError: typeof import("tfgc/runtime").TfgError;
declare const console: { log(text: string): void };

const x = { data: Float32Array.of(1, 2, 3, 4), shape: [1, 4] as [number, number] };

async function uses(session: Session) {
  const nothing: object = await session.run("advance", { x });
  const { counted, past, chosen } = await session.run(["advance", "counted", "past", "chosen"], { x });
  const one: number = counted;
  const eight: 8 = past.shape[0];
  await session.run("reset");
  await session.run("chosen", { x, go: false });
  await session.run("noise", { x }, { seed: 3, signal: new AbortController().signal });
  await session.run("halves", { half: new Uint16Array(4) });
  await session.params.count.set(Int32Array.of(4));
  await session.run("advance", { x });
  const told: string[] = [];
  for (const feed of [x, { ...x, shape: [4, 1] as [number, number] }])
    try {
      await session.run("chosen", { x: feed });
    } catch (error) {
      if (!(error instanceof TfgError)) throw error;
      told.push(`${error.code} ${error.graph} ${error.fetch} ${error.span?.file}:${error.span?.line}: ${error.text}`);
    }
  return { nothing, one, eight, chosen, told };
}

export async function misuses(session: Session) {
  // @ts-expect-error a step needs its feeds
  await session.run("advance");
  // @ts-expect-error a feed that the step does not need
  await session.run("reset", { x });
  // @ts-expect-error a step has no result
  (await session.run("reset")).reset;
  // @ts-expect-error one of the fetches needs `ids`
  await session.run(["reset", "which"], {});
  // @ts-expect-error halves are bits
  await session.run("halves", { half: new Float32Array(4) });
  // @ts-expect-error a truth value is no text
  await session.run("chosen", { x, go: "yes" });
  // @ts-expect-error an option that runs do not have
  await session.run("spun", {}, { sed: 3 });
  // @ts-expect-error an array of another type
  await session.params.count.set(new Float32Array(1));
}

export const main = async (): Promise<void> => console.log(JSON.stringify(await uses(await createSession())));
