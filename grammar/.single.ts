import { readFileSync, readdirSync } from "node:fs";
import { randomNumbers, read } from "../tests/grammar-mutations.ts";
import { render } from "../compiler/diagnostics/render.ts";
const root="/work/shared/design/language/";
const texts = [...readdirSync(root).filter(x=>x.endsWith(".tfg")), "std/nn.tfg","std/optim.tfg"].map(f=>readFileSync(root+f,"utf8"));
const words = /[A-Za-z_]\w*|\d[\w.]*|"[^"\n]*"|[^\s\w]|\n/g;
const hist: Record<number, number> = {};
const [count, seed0, show] = [Number(process.argv[2]), Number(process.argv[3] ?? 1), Number(process.argv[4] ?? 3)];
let shown = 0;
for (let i = 0; i < count; i++) {
  const random = randomNumbers(seed0+i);
  const src = texts[Math.floor(random()*texts.length)]!;
  const found = [...src.matchAll(words)].filter(w=>w[0]!=="\n");
  const w = found[Math.floor(random()*found.length)]!;
  const pre = src.slice(0,w.index); if (/\/\/[^\n]*$/.test(pre)) continue;
  const mode = Math.floor(random()*3);
  const o = found[Math.floor(random()*found.length)]![0];
  const put = mode===0 ? "" : mode===1 ? o : w[0]+" "+o;
  const text = src.slice(0,w.index)+put+src.slice(w.index+w[0].length);
  const r = read(text);
  const n = r.diagnostics.length;
  hist[n] = (hist[n]??0)+1;
  if (n>=show && shown++ < 12) { console.log("##", seed0+i, JSON.stringify(w[0]), "->", JSON.stringify(put)); for (const d of r.diagnostics) console.log(render(d)); }
}
console.log(hist);
