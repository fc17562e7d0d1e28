/** Writes token after token with a cache: `npm run sample gpt2`. */
import { createSession } from "./generated/gpt2.ts";

const prompt = [71, 80, 84, 45, 50, 58, 32];
const count = 24;

/** A run with all tokens from the first one: what the cache saves. */
async function wholePrefix(session: Awaited<ReturnType<typeof createSession>>, tokens: readonly number[]) {
  await session.run("reset");
  return (await session.run("greedy", { tokens: Int32Array.from(tokens) })).greedy.data[0] ?? 0;
}

await using session = await createSession({ seed: 7 });
console.log(`prompt   ${prompt.join(" ")}`);

// The prompt in one run; then each run takes the one token that is new and adds it to the cache.
const greedy: number[] = [];
for (let fed = prompt; greedy.length < count; fed = greedy.slice(-1))
  greedy.push((await session.run(["greedy", "advance"], { tokens: Int32Array.from(fed) })).greedy.data[0] ?? 0);
console.log(`greedy   ${greedy.join(" ")}`);

await using other = await createSession({ seed: 7 });
const again: number[] = [];
while (again.length < count) again.push(await wholePrefix(other, [...prompt, ...again]));
console.log(`without the cache: ${again.join() === greedy.join() ? "the same" : again.join(" ")}`);

/** Drawn from the probabilities instead. The weights are those of seed 7; `seed` is that of the draws. */
async function sample(seed: number, temperature: number): Promise<string> {
  await using drawing = await createSession({ seed: 7 });
  const drawn: number[] = [];
  for (let fed = prompt; drawn.length < count; fed = drawn.slice(-1)) {
    const feeds = { tokens: Int32Array.from(fed), temperature };
    drawn.push((await drawing.run(["next", "advance"], feeds, { seed })).next.data[0] ?? 0);
  }
  return drawn.join(" ");
}
const first = await sample(1, 0.1);
console.log(`seed 1   ${first}`);
console.log(`seed 2   ${await sample(2, 0.1)}`);
console.log(`seed 1 once more: ${(await sample(1, 0.1)) === first ? "the same" : "another"}`);

// 64 tokens are what this configuration looks back on; more are refused before anything is computed.
try {
  await session.run(["greedy", "advance"], { tokens: new Int32Array(40) });
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
}
