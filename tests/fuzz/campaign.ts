/** Programs from consecutive seeds, judged one after another, with what came of them. */
import { judge, type Verdict } from "./judge.ts";
import { write, type Written } from "./program.ts";
import { shrink } from "./shrink.ts";

export interface Campaign {
  readonly first: number;
  /** Seeds that were tried. */
  count: number;
  readonly kinds: Map<Verdict["kind"], number>;
  readonly features: Map<string, number>;
  elements: number;
  runs: number;
  refused: number;
  large: number;
  /** What feeds that move by an ulp move too, by the seed of its program. */
  readonly undecided: string[];
  readonly failures: string[];
}

export interface Limits {
  readonly count?: number;
  readonly until?: number;
  readonly isShrunk: boolean;
  readonly told?: (text: string) => void;
  /** Called after every hundredth program. */
  readonly progress?: (text: string) => void;
}

export async function run(first: number, limits: Limits): Promise<Campaign> {
  const campaign: Campaign = {
    first,
    count: 0,
    kinds: new Map(),
    features: new Map(),
    elements: 0,
    runs: 0,
    refused: 0,
    large: 0,
    undecided: [],
    failures: [],
  };
  const { count = Number.POSITIVE_INFINITY, until = Number.POSITIVE_INFINITY } = limits;
  for (let seed = first; seed < first + count && performance.now() < until; seed++) {
    const source = write(seed);
    const verdict = await judge(source);
    campaign.count++;
    campaign.kinds.set(verdict.kind, (campaign.kinds.get(verdict.kind) ?? 0) + 1);
    campaign.elements += verdict.elements;
    campaign.runs += verdict.runs;
    campaign.refused += verdict.refused;
    campaign.large += verdict.large;
    if (campaign.count % 100 === 0) limits.progress?.(summary(campaign));
    for (const [feature, times] of source.features)
      campaign.features.set(feature, (campaign.features.get(feature) ?? 0) + times);
    campaign.undecided.push(...verdict.undecided.map((text) => `seed ${seed}: ${text}`));
    if (verdict.kind === "agrees" || verdict.kind === "not built") continue;
    const small = limits.isShrunk ? await shrink(source, verdict) : { source, verdict };
    const text = `${verdict.kind}, seed ${seed}\n${small.verdict.why}\n${shown(small.source)}`;
    campaign.failures.push(text);
    limits.told?.(text);
  }
  return campaign;
}

const shown = ({ text, second, sizes, settings }: Written): string => {
  const set = [...settings].map(([name, value]) => `--set ${name}=${value}`).join(" ");
  return `---- sizes ${JSON.stringify(sizes)} ${set}\n${text}${second ? `---- second.tfg\n${second}\n` : ""}----`;
};

export function summary(campaign: Campaign): string {
  const { first, count, kinds, elements, runs, refused, large, undecided, features } = campaign;
  const of = (kind: Verdict["kind"]): number => kinds.get(kind) ?? 0;
  return (
    `${count} programs, seeds ${first} to ${first + count - 1}: ${of("agrees")} agree, ${of("failed")} fail, ` +
    `${of("rejected")} are rejected, ${of("not built")} need what is not built; ${runs} runs (${refused} refused alike), ${large} left out as too large, ` +
    `${elements} elements compared, ${undecided.length} left undecided by an ulp of the feeds, ${features.size} constructs`
  );
}

export function featureTable({ features }: Campaign): string {
  const sorted = [...features].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, times]) => `${name} ${times}`);
  const width = Math.max(...sorted.map((text) => text.length)) + 2;
  const columns = Math.max(1, Math.floor(120 / width));
  const rows = Math.ceil(sorted.length / columns);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => (sorted[column * rows + row] ?? "").padEnd(width))
      .join("")
      .trimEnd(),
  ).join("\n");
}
