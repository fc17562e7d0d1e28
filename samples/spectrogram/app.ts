/** Draws how the frequencies of a sound change: `npm run sample spectrogram`. */
import { createSession } from "./generated/spectrogram.ts";

// One and a half seconds: a tone of 1200 Hz, and one that rises from 200 to 3000 Hz.
const rate = 16000;
const seconds = 1.5;
const audio = Float32Array.from({ length: rate * seconds }, (_, i) => {
  const t = i / rate;
  return 0.3 * Math.sin(2 * Math.PI * 1200 * t) + 0.6 * Math.sin(2 * Math.PI * (200 + (1400 * t) / seconds) * t);
});

await using session = await createSession();
const { decibels } = await session.run("decibels", { audio });
const [frames, bins] = decibels.shape;
const hertz = rate / 512;
console.log(`${frames} frames of ${bins} frequencies, ${hertz} Hz apart`);

// A character is the loudest of the frames and frequencies that it stands for.
const [columns, rows, perRow] = [72, 20, 5];
for (let row = rows - 1; row >= 0; row--) {
  let line = `${String(Math.round(row * perRow * hertz)).padStart(5)} Hz │`;
  for (let column = 0; column < columns; column++) {
    let loudest = -100;
    const [from, to] = [column, column + 1].map((x) => Math.floor((x * frames) / columns));
    for (let f = from ?? 0; f < (to ?? 0); f++)
      for (let b = row * perRow; b < (row + 1) * perRow; b++)
        loudest = Math.max(loudest, decibels.data[f * bins + b] ?? -100);
    line += " ░▒▓█"[Math.max(0, Math.min(4, Math.floor((loudest + 10) / 10)))];
  }
  console.log(line.trimEnd());
}

const loudestOf = (f: number): number => {
  const frame = decibels.data.subarray(f * bins, (f + 1) * bins);
  return frame.indexOf(Math.max(...frame)) * hertz;
};
console.log(`loudest: ${loudestOf(2)} Hz at the start, ${loudestOf(frames - 3)} Hz at the end`);
