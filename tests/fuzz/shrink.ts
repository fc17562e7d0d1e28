/** A smaller program that fails alike: statements are left out, and with them what they alone were needed for. */
import { checkProgram } from "../../compiler/check/index.ts";
import { library } from "../../compiler/std/sources.ts";
import { positionAt } from "../../grammar/source.ts";
import { judge, type Verdict } from "./judge.ts";
import type { Written } from "./program.ts";

/** Programs that are tried for one that fails. */
const MOST_TRIALS = 400;

type Unit = readonly string[];

/** Statements with all their lines; functions as wholes. */
function unitsOf(text: string): Unit[] {
  const units: string[][] = [];
  let isGraph = false;
  for (const line of text.split("\n")) {
    const isPart = isGraph ? /^ {3,}|^ {2}[}\])]/.test(line) : /^\s|^[}\])]/.test(line);
    if (line === "}" && isGraph) isGraph = false;
    if (isPart && units.length > 0) units.at(-1)?.push(line);
    else units.push([line]);
    if (line.startsWith("graph ")) isGraph = true;
  }
  return units;
}

const linesOf = (text: string): Unit[] => text.split("\n").map((line) => [line]);
const textOf = (units: readonly Unit[]): string => units.map((unit) => unit.join("\n")).join("\n");

/** Without the units that have errors after others went: they read what is gone, or are read no more. */
function mended(units: readonly Unit[], source: Written): readonly Unit[] | undefined {
  let left = units;
  for (let rounds = 0; rounds < 12; rounds++) {
    const text = textOf(left);
    const read = (path: string): string | undefined =>
      path === "program.tfg" ? text : path === "second.tfg" ? source.second : undefined;
    const { diagnostics } = checkProgram({ path: "program.tfg", read, library, set: source.settings });
    const errors = diagnostics.filter(({ severity }) => severity === "error");
    if (errors.length === 0) return left;
    const wrong = new Set<number>();
    for (const { code, primary } of errors) {
      if (code.startsWith("TFG01") || primary.span.file.path !== "program.tfg") return undefined;
      wrong.add(positionAt(primary.span.file, primary.span.start).line);
    }
    let line = 1;
    const kept = left.filter((unit) => {
      const [first, end] = [line, line + unit.length];
      line = end;
      return ![...wrong].some((at) => first <= at && at < end);
    });
    if (kept.length === left.length) return undefined;
    left = kept;
  }
  return undefined;
}

export async function shrink(
  source: Written,
  verdict: Verdict,
): Promise<{ readonly source: Written; readonly verdict: Verdict }> {
  let best = { source, verdict };
  let trials = 0;
  const fails = async (candidate: Written): Promise<boolean> => {
    if (trials++ > MOST_TRIALS) return false;
    const tried = await judge(candidate);
    if (tried.kind !== verdict.kind || tried.sign !== verdict.sign) return false;
    best = { source: candidate, verdict: tried };
    return true;
  };
  for (const one of source.sizes) if (await fails({ ...best.source, sizes: [one] })) break;
  for (const cut of [unitsOf, linesOf]) {
    let units: readonly Unit[] = cut(best.source.text);
    for (let size = Math.ceil(units.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = units.length - size; at > -size; ) {
        const from = Math.max(at, 0);
        const without = mended([...units.slice(0, from), ...units.slice(from + size)], source);
        if (without && without.length < units.length && (await fails({ ...best.source, text: textOf(without) }))) {
          units = without;
          at = Math.min(at, units.length) - 1;
        } else at -= size;
      }
    }
  }
  return best;
}
