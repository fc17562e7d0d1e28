/**
 * `tfgc check --fix`: applies what messages offer as `[fix]`, checks again, and goes on until nothing is left to apply.
 * A file is written only if it has fewer errors then, or as few errors and fewer warnings.
 */
import { randomBytes } from "node:crypto";
import { readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import { TfgError } from "../../runtime/index.ts";
import { applyEdits, compatible, type Fix, fixesIn } from "../diagnostics/edits.ts";
import { reasonOf } from "./files.ts";

/** A fix may show what the next one is needed for; what needs more rounds than this goes in circles. */
const mostRounds = 10;
/** How many fixes are tried one by one where all of them together do not help. */
const mostAlone = 40;

/** A text of the file at hand and what there is to say about the program with it. */
interface State {
  readonly text: string;
  readonly diagnostics: readonly Diagnostic[];
  /** What was done to come here. */
  readonly fixes: readonly Fix[];
}

export interface Fixed {
  readonly fixes: readonly Fix[];
  /** What is left. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Fixes the file at `path`; `check` says what is wrong with a program in which it has the given text. */
export async function fixFile(
  path: string,
  check: (text: string) => Promise<readonly Diagnostic[]>,
): Promise<Fixed | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) return undefined;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
  const best = await fixText(text, path, check);
  if (best.text !== text) await replaceFile(path, bytes, best.text);
  return best;
}

/** The text with as few errors and warnings as fixes lead to; `text` itself if they do not help. */
export async function fixText(
  text: string,
  path: string,
  check: (text: string) => Promise<readonly Diagnostic[]>,
): Promise<Fixed & { readonly text: string }> {
  const start: State = { text, diagnostics: await check(text), fixes: [] };
  const after = async (state: State, fixes: readonly Fix[]): Promise<State> => {
    const edits = fixes.flatMap((fix) => fix.edits);
    const changed = applyEdits(state.text, edits);
    return { text: changed, diagnostics: await check(changed), fixes: [...state.fixes, ...fixes] };
  };
  const offered = ({ diagnostics }: State): Fix[] => {
    const file = diagnostics.map(({ primary }) => primary.span.file).find((other) => other.path === path);
    return file === undefined ? [] : fixesIn(file, diagnostics);
  };

  let best = start;
  const seen = new Set([start.text]);
  for (let state = start, round = 0; round < mostRounds; round++) {
    const fixes = compatible(offered(state));
    if (fixes.length === 0) break;
    state = await after(state, fixes);
    if (seen.has(state.text)) break;
    seen.add(state.text);
    if (isBetter(state, best)) best = state;
  }
  if (best !== start) return best;
  // One wrong guess among them may hide what the others are good for.
  for (const fix of offered(start).slice(0, mostAlone)) {
    const again = offered(best).find((other) => other.edits.every((edit, i) => isSameEdit(edit, fix.edits[i])));
    const state = again && (await after(best, [again]));
    if (state && isBetter(state, best)) best = state;
  }
  return best;
}

/** The same message in a text that may have moved since: by what it replaces and by what. */
function isSameEdit(a: Fix["edits"][number], b: Fix["edits"][number] | undefined): boolean {
  const replaced = ({ span }: Fix["edits"][number]): string => span.file.text.slice(span.start, span.end);
  return b !== undefined && a.text === b.text && replaced(a) === replaced(b);
}

function isBetter(a: State, b: State): boolean {
  const count = ({ diagnostics }: State, severity: Diagnostic["severity"]): number =>
    diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
  const errors = count(a, "error") - count(b, "error");
  return errors < 0 || (errors === 0 && count(a, "warning") < count(b, "warning"));
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/** Puts `text` in the place of `before`, all or nothing: a new file beside the old one takes its name. */
async function replaceFile(path: string, before: Buffer, text: string): Promise<void> {
  const hasMark = before.subarray(0, 3).equals(byteOrderMark);
  const content = Buffer.concat([hasMark ? byteOrderMark : Buffer.of(), Buffer.from(text)]);
  // A link stays one: what it points at is replaced.
  const target = await realpath(path);
  const beside = `${target}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const { mode } = await stat(target);
    await writeFile(beside, content, { mode, flag: "wx" });
    if (!(await readFile(target)).equals(before)) throw new Error("it changed while it was being fixed");
    await rename(beside, target);
  } catch (error) {
    await rm(beside, { force: true });
    throw new TfgError("TFG0601", `cannot write "${path}": ${reasonOf(error)}`, { cause: error });
  }
}
