/** Pictures of random codes: `npm run sample vae`. */
import { pixels, readDigits, shuffle } from "../mnist/digits.ts";
import { beside, shades } from "../pictures.ts";
import { createSession } from "./generated/vae.ts";

await using session = await createSession({ seed: 11 });

// Three codes far apart. Nobody has trained this network, so what it decodes are blots, the same ones on every machine.
const latent = Float32Array.from({ length: 60 }, (_, i) => 6 * Math.sin(1 + i * i));
const { decoded } = await session.run("decoded", { latent });
console.log(beside([0, 1, 2].map((i) => shades(decoded.data.subarray(i * pixels, (i + 1) * pixels), 28))));

// The code of a digit is drawn anew in every run: the loss differs a little.
const { images } = shuffle(readDigits(), 1);
const image = images.subarray(0, 16 * pixels);
for (let i = 0; i < 3; i++) console.log(`loss ${(await session.run("loss", { image })).loss.toFixed(2)}`);
console.log(`grey everywhere would have ${(pixels * Math.LN2).toFixed(2)}`);
