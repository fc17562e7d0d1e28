/** Seeded values, equal in any language: FNV-1a of a key seeds mulberry32; uniform in [-limit, limit), rounded to f32. */

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function uniform(key: string, count: number, limit: number, center = 0): Float32Array<ArrayBuffer> {
  const random = mulberry32(fnv1a(key));
  return Float32Array.from({ length: count }, () => (random() * 2 - 1) * limit + center);
}
