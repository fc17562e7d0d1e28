import { readFileSync, readdirSync } from "node:fs";
import { mutate, randomNumbers, read, strayingSpans } from "../tests/grammar-mutations.ts";
import { render } from "../compiler/diagnostics/render.ts";
const root="/work/shared/design/language/";
const texts = [...readdirSync(root).filter(x=>x.endsWith(".tfg")), "std/nn.tfg","std/optim.tfg"].map(f=>readFileSync(root+f,"utf8"));
const [count, seed0] = [Number(process.argv[2]), Number(process.argv[3] ?? 1)];
let worst = 0, clean = 0, max=0, tot=0; const hist: Record<number, number> = {};
for (let i = 0; i < count; i++) {
  const seed = seed0 + i;
  const random = randomNumbers(seed);
  const text = mutate(texts[Math.floor(random()*texts.length)]!, random);
  try {
    const r = read(text);
    const s = strayingSpans(r);
    if (s.length) { console.log(seed, "spans", s.slice(0,3)); }
    for (const d of r.diagnostics) render(d);
    if (r.diagnostics.length === 0) clean++;
    hist[r.diagnostics.length] = (hist[r.diagnostics.length] ?? 0) + 1;
    tot += r.milliseconds;
    if (r.milliseconds > worst) { worst = r.milliseconds; console.log("worst", seed, worst.toFixed(0), text.length, r.diagnostics.length); }
  } catch (e) { console.log(seed, e instanceof Error ? e.stack?.split("\n").slice(0,5).join("\n") : e); }
}
console.log({ worst, clean, mean: tot/count, hist });
