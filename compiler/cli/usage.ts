/** Wrong use of the command line: said on stderr, exit code 2. */
import { distance } from "fastest-levenshtein";

export class UsageError extends Error {}

/** ` (did you mean x?)` for the candidate that is few edits away, else nothing. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  let best = "";
  let least = (name.length <= 2 ? 1 : Math.max(2, Math.floor(name.length / 3))) + 1;
  for (const candidate of candidates) {
    const edits = distance(name, candidate);
    if (edits < least) {
      least = edits;
      best = candidate;
    }
  }
  return best === "" ? "" : `; did you mean ${best}?`;
}

/** The options of one command line, as `cac` gives them, read by type. */
export class Options {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  isSet(name: string): boolean {
    return this.#values[name] === true;
  }

  /** Throws if the option is given twice. */
  text(name: string): string | undefined {
    const all = this.texts(name);
    if (all.length > 1) throw new UsageError(`--${name} is given twice`);
    return all[0];
  }

  texts(name: string): readonly string[] {
    const value = this.#values[name];
    if (value === undefined) return [];
    return Array.isArray(value) ? value.map(String) : [String(value)];
  }

  required(name: string, what: string): string {
    const value = this.text(name);
    if (value === undefined || value === "") throw new UsageError(`say ${what}: --${name}`);
    return value;
  }

  /** One of `choices`; the first if the option is not given. */
  choice<T extends string>(name: string, choices: readonly [T, ...T[]]): T {
    const value = this.text(name);
    if (value === undefined) return choices[0];
    const found = choices.find((choice) => choice === value);
    if (found === undefined)
      throw new UsageError(`--${name} takes ${choices.join(", ")}, not ${value}${didYouMean(value, choices)}`);
    return found;
  }

  list(name: string): readonly string[] {
    return this.texts(name)
      .flatMap((text) => text.split(","))
      .map((part) => part.trim())
      .filter((part) => part !== "");
  }

  integer(name: string, otherwise: number): number {
    const value = this.text(name);
    if (value === undefined) return otherwise;
    const number = Number(value);
    if (!/^\d+$/.test(value) || !Number.isSafeInteger(number))
      throw new UsageError(`--${name} takes an integer that is not negative, not ${value}`);
    return number;
  }

  /** `--dims N=32,T=8`, several times. */
  sizes(name: string): ReadonlyMap<string, number> {
    const sizes = new Map<string, number>();
    for (const text of this.list(name)) {
      const [, key, digits] = /^([A-Za-z_]\w*)=(\d+)$/.exec(text) ?? [];
      const value = Number(digits);
      if (key === undefined || value < 1 || value >= 2 ** 31)
        throw new UsageError(`--${name} takes NAME=SIZE,… with sizes from 1, not ${text}`);
      if (sizes.has(key)) throw new UsageError(`--${name} gives ${key} twice`);
      sizes.set(key, value);
    }
    return sizes;
  }

  /** `--set NAME=VALUE`, several times. */
  settings(name: string): ReadonlyMap<string, string> {
    const settings = new Map<string, string>();
    for (const text of this.texts(name)) {
      const [, key, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
      if (key === undefined || value === undefined) throw new UsageError(`--${name} takes NAME=VALUE, not ${text}`);
      if (settings.has(key)) throw new UsageError(`--${name} gives ${key} twice`);
      settings.set(key, value);
    }
    return settings;
  }
}
