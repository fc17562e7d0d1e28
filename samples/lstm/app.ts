/** The next character after a text: `npm run sample lstm`. */
import { createSession } from "./generated/lstm.ts";

/** The 96 characters of ASCII that print. */
const codes = (text: string): Int32Array => Int32Array.from(text, (character) => character.charCodeAt(0) - 32);

await using session = await createSession({ seed: 3 });

const text = "the quick brown fox jumps over the lazy do";
const { next } = await session.run("next", { text: { data: codes(text), shape: [1, text.length] } });
const ranked = Array.from(next.data, (probability, code) => ({
  character: String.fromCharCode(code + 32),
  probability,
}))
  .sort((a, b) => b.probability - a.probability)
  .slice(0, 5);
console.log(`after "${text}":`);
for (const { character, probability } of ranked) console.log(`  ${character}  ${(100 * probability).toFixed(3)} %`);

// A loss of ln 96 is that of guessing: nobody has trained this network.
const pairs = { text: codes(text.slice(0, -1)), target: codes(text.slice(1)) };
const shape = [1, text.length - 1] as const;
const { loss } = await session.run("loss", {
  text: { data: pairs.text, shape },
  target: { data: pairs.target, shape },
});
console.log(`loss ${loss.toFixed(4)}; guessing has ${Math.log(96).toFixed(4)}`);

// B and T are sizes of a run: three texts at once, and each has the answer that it has alone.
const three = ["one two", "a bc de", "x = y+z"];
const together = await session.run("next", { text: { data: codes(three.join("")), shape: [3, 7] } });
for (const [i, words] of three.entries()) {
  const alone = await session.run("next", { text: { data: codes(words), shape: [1, 7] } });
  const difference = alone.next.data.reduce(
    (most, x, k) => Math.max(most, Math.abs(x - (together.next.data[i * 96 + k] ?? 0))),
    0,
  );
  console.log(`"${words}" alone or among three: ${difference < 1e-7 ? "the same" : difference}`);
}
