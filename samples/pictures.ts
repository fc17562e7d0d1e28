/** Grey pictures in a terminal. */

/** One line for two rows of pixels; darkest and lightest of the picture are ` ` and `█`. */
export function shades(pixels: Float32Array, width: number): string[] {
  const [least, most] = pixels.reduce(([a, b], x) => [Math.min(a, x), Math.max(b, x)], [Infinity, -Infinity]);
  const lines: string[] = [];
  for (let at = 0; at < pixels.length; at += 2 * width) {
    let line = "";
    for (let x = 0; x < width; x++) {
      const grey = ((pixels[at + x] ?? 0) + (pixels[at + width + x] ?? 0)) / 2;
      line += " ░▒▓█"[Math.min(4, Math.floor((5 * (grey - least)) / (most - least || 1)))];
    }
    lines.push(line);
  }
  return lines;
}

/** Pictures of equal height beside each other. */
export const beside = (pictures: readonly (readonly string[])[]): string =>
  (pictures[0] ?? [])
    .map((_, i) =>
      pictures
        .map((picture) => picture[i] ?? "")
        .join("   ")
        .trimEnd(),
    )
    .join("\n");
