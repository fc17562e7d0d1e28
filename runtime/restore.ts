/** Weights and the variables they are for: which tensor of a file belongs to which variable, and whether it fits. */
import type { Program, VariableSpec } from "./abi.ts";
import { rounders, toNumbers } from "./dtype.ts";
import { editDistance, TfgError } from "./errors.ts";

/** Prefixes of the graph's names to prefixes of the file's names, or a function of the graph's name. */
export type WeightsMap = Readonly<Record<string, string>> | ((name: string) => string);

export interface RestoreReport {
  readonly format: string;
  /** Variables that took a value from the file. */
  readonly restored: readonly string[];
  /** Variables that kept theirs (only without `strict`). */
  readonly missing: readonly string[];
  /** Tensors of the file that no variable asked for. */
  readonly unused: readonly string[];
}

/** A tensor of a file. */
export interface StoredTensor {
  /** As the language writes it, where it has a word: `f32 f64 f16 bf16 i8 … i64 u8 … u64 bool string`. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Its elements, little-endian, row-major; checked if the format can. */
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

export interface Weights {
  readonly name: string;
  readonly format: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** What a safetensors file says beside its tensors. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Further names by which a tensor is known: TF 2 saves by the path of objects, programs know names of variables. */
  readonly aliases?: ReadonlyMap<string, string>;
}

const readers: Readonly<Record<string, (bytes: ArrayBuffer) => ArrayLike<number | bigint>>> = {
  f64: (bytes) => new Float64Array(bytes),
  f32: (bytes) => new Float32Array(bytes),
  f16: (bytes) => toNumbers("f16", new Uint16Array(bytes)),
  bf16: (bytes) => toNumbers("bf16", new Uint16Array(bytes)),
  i64: (bytes) => new BigInt64Array(bytes),
  u64: (bytes) => new BigUint64Array(bytes),
  i32: (bytes) => new Int32Array(bytes),
  u32: (bytes) => new Uint32Array(bytes),
  i16: (bytes) => new Int16Array(bytes),
  u16: (bytes) => new Uint16Array(bytes),
  i8: (bytes) => new Int8Array(bytes),
  u8: (bytes) => new Uint8Array(bytes),
  bool: (bytes) => new Uint8Array(bytes),
};

const isFloating = (dtype: string): boolean => /^b?f\d/.test(dtype);
const isConvertible = (stored: string, dtype: string): boolean =>
  stored === dtype || (stored in readers && dtype in readers && (stored === "bool") === (dtype === "bool"));

/**
 * Stored elements as numbers for a variable. Between floating types they will be rounded; any other change must
 * be exact: TFG0701 names the first element that it would change.
 */
export function readNumbers(
  bytes: Uint8Array<ArrayBuffer>,
  { dtype: stored }: StoredTensor,
  { name, dtype }: VariableSpec,
  file: string,
): ArrayLike<number> {
  const { buffer } = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
  const raw = readers[stored]?.(buffer) ?? [];
  const values = typeof raw[0] === "bigint" ? Float64Array.from(raw, Number) : (raw as ArrayLike<number>);
  if (stored === dtype || (isFloating(stored) && isFloating(dtype))) return values;
  const round = rounders[dtype];
  for (let i = 0; i < values.length; i++)
    // Beyond 2^53 a 64-bit integer may have lost bits on its way to a number.
    if (round(Number(values[i])) !== values[i] || Math.abs(Number(values[i])) > 2 ** 53)
      throw new TfgError("TFG0701", `restore: "${file}" has ${raw[i]} in ${name}, which is no ${dtype}`);
  return values;
}

const typeText = (dtype: string, shape: readonly number[]): string =>
  `${dtype}${shape.length ? `[${shape.join(", ")}]` : ""}`;

export interface Fit {
  readonly found: readonly (readonly [VariableSpec, StoredTensor])[];
  readonly report: RestoreReport;
}

function mapName(name: string, map: WeightsMap | undefined): string {
  if (typeof map === "function") return map(name);
  let longest = "";
  for (const prefix in map) if (name.startsWith(prefix) && prefix.length >= longest.length) longest = prefix;
  const to = map?.[longest];
  return to === undefined ? name : to + name.slice(longest.length);
}

/** What a variable asks for, or what a file has: the dtype is one of a `StoredTensor`. */
export interface NamedType {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** Variables by what became of them, and the tensors that none asked for. */
export interface Match<V, T> {
  readonly found: readonly (readonly [V, T])[];
  /** With the name that `map` made of theirs. */
  readonly missing: readonly (readonly [V, string])[];
  readonly wrong: readonly (readonly ["shape" | "dtype", V, T])[];
  readonly unused: ReadonlySet<string>;
}

/** Finds the tensor of each variable. */
export function matchTensors<V extends NamedType, T extends Omit<NamedType, "name">>(
  variables: readonly V[],
  { tensors, aliases }: { readonly tensors: ReadonlyMap<string, T>; readonly aliases?: Weights["aliases"] },
  map?: WeightsMap,
): Match<V, T> {
  const found: [V, T][] = [];
  const missing: [V, string][] = [];
  const wrong: ["shape" | "dtype", V, T][] = [];
  const unused = new Set(tensors.keys());
  for (const variable of variables) {
    const mapped = mapName(variable.name, map);
    const key = tensors.has(mapped) ? mapped : (aliases?.get(mapped) ?? mapped);
    const tensor = tensors.get(key);
    unused.delete(key);
    if (!tensor) missing.push([variable, mapped]);
    else if (tensor.shape.join() !== variable.shape.join()) wrong.push(["shape", variable, tensor]);
    else if (!isConvertible(tensor.dtype, variable.dtype)) wrong.push(["dtype", variable, tensor]);
    else found.push([variable, tensor]);
  }
  return { found, missing, wrong, unused };
}

/**
 * Finds the tensor of each variable. Throws TFG0701 with all that is wrong: missing names with the nearest of
 * the file, shapes and dtypes that differ, tensors left over, and a map where one would help.
 */
export function fitWeights(program: Program, weights: Weights, map: WeightsMap | undefined, strict: boolean): Fit {
  const { tensors, format } = weights;
  const { found, missing, wrong, unused: leftOver } = matchTensors(program.variables, weights, map);
  const unused = new Set(leftOver);
  if (wrong.length || (strict && missing.length)) {
    const renames = new Map<string, string>();
    const rows = missing.map(([{ name, dtype, shape }, sought]) => {
      const near = nearestTensor(name, shape, unused, tensors);
      const tensor = near === undefined ? undefined : tensors.get(near);
      const as = sought === name ? "" : `sought as ${sought}`;
      if (near === undefined || !tensor) return ["missing", name, typeText(dtype, shape), as];
      unused.delete(near);
      if (tensor.shape.join() === shape.join()) addRename(renames, name, near);
      return [
        "missing",
        name,
        typeText(dtype, shape),
        `${as && `${as}, `}nearest in the file: ${near} ${typeText(tensor.dtype, tensor.shape)}`,
      ];
    });
    for (const [what, { name, dtype, shape }, tensor] of wrong)
      rows.push([what, name, typeText(dtype, shape), `the file has ${typeText(tensor.dtype, tensor.shape)}`]);
    const widths = [10, 0, 2].map((least, column) =>
      Math.max(least, ...rows.map((row) => String(row[column]).length + (column === 2 ? 2 : 0))),
    );
    const lines = rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" ")}`.trimEnd());
    if (unused.size) lines.push(`  unused     ${[...unused].slice(0, 20).join(", ")}${unused.size > 20 ? ", …" : ""}`);
    if (renames.size) {
      const entries = Array.from(renames, ([from, to]) => `${JSON.stringify(from)}: ${JSON.stringify(to)}`);
      lines.push(`  help: restore(file, { map: { ${entries.join(", ")} } })`);
    }
    const text = `restore: "${weights.name}" does not fit \`${program.name}\`\n${lines.join("\n")}`;
    throw new TfgError("TFG0701", text, { graph: program.name });
  }
  const names = (entries: readonly (readonly [VariableSpec, unknown])[]): string[] => entries.map(([{ name }]) => name);
  return { found, report: { format, restored: names(found), missing: names(missing), unused: [...unused] } };
}

/** The tensor that no variable has taken and whose name is nearest, of those with the same shape if there are any. */
export function nearestTensor(
  name: string,
  shape: readonly number[],
  unused: Iterable<string>,
  tensors: ReadonlyMap<string, Omit<NamedType, "name">>,
): string | undefined {
  const ranked = Array.from(unused, (key) => {
    const differs = tensors.get(key)?.shape.join() !== shape.join();
    return { key, differs, distance: editDistance(name, key) };
  }).sort((a, b) => Number(a.differs) - Number(b.differs) || a.distance - b.distance);
  const [best] = ranked;
  return best && (!best.differs || best.distance <= name.length / 2) ? best.key : undefined;
}

/** What the map must say for `name` to become `near`: the prefixes in front of the longest path that both end in. */
function addRename(renames: Map<string, string>, name: string, near: string): void {
  let at = name.indexOf("/");
  while (at >= 0 && !near.endsWith(name.slice(at))) at = name.indexOf("/", at + 1);
  const kept = at < 0 ? 0 : name.length - at - 1;
  renames.set(name.slice(0, name.length - kept), near.slice(0, near.length - kept));
}
