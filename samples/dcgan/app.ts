/** Pictures that a generator makes of noise: `npm run sample dcgan`. */
import { pixels, readDigits, shuffle } from "../mnist/digits.ts";
import { beside, shades } from "../pictures.ts";
import { createSession } from "./generated/dcgan.ts";

await using session = await createSession({ seed: 5 });

// Nobody has trained the generator: it makes patterns of its random weights, the same ones on every machine.
const noise = Float32Array.from({ length: 300 }, (_, i) => 2 * Math.sin(1 + i * i));
const { sample } = await session.run("sample", { noise });
console.log(beside([0, 1, 2].map((i) => shades(sample.data.subarray(i * pixels, (i + 1) * pixels), 28))));

const { images } = shuffle(readDigits(), 1);
const real = images.subarray(0, 3 * pixels).map((x) => 2 * x - 1);
const { d_loss, g_loss } = await session.run(["d_loss", "g_loss"], { noise, real });
console.log(`discriminator ${d_loss.toFixed(3)}, generator ${g_loss.toFixed(3)}`);
console.log(`one that always says "perhaps": ${(2 * Math.LN2).toFixed(3)}, ${Math.LN2.toFixed(3)}`);
