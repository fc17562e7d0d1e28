/** Random `einsum`, `rearrange` and slices, against loops over every index written here. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkProgram } from "../compiler/check/index.ts";
import { interpret } from "../compiler/interpret.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { library } from "../compiler/std/sources.ts";
import { randomNumbers } from "./ops/cases.ts";
import { openTargets } from "./oracle/targets.ts";

const test = suite("patterns");

interface Claim {
  readonly expression: string;
  readonly shape: readonly number[];
  /** The element at an index of the result. */
  at(index: readonly number[]): number;
}

const elements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The index of element `e` in row-major order. */
function indexOf(e: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  for (const size of shape.toReversed()) {
    index.unshift(e % size);
    e = Math.floor(e / size);
  }
  return index;
}

const positionOf = (index: readonly number[], shape: readonly number[]): number =>
  index.reduce((at, i, axis) => at * (shape[axis] ?? 1) + i, 0);

function array(shape: readonly number[], random: () => number): NdArray {
  return {
    dtype: "f32",
    shape,
    data: Float64Array.from({ length: elements(shape) }, () => Math.floor(random() * 9) - 4),
  };
}
const read = ({ data, shape }: NdArray, index: readonly number[]): number =>
  data[positionOf(index, shape)] ?? Number.NaN;

/** Compares the expressions, each an output of one graph with these inputs, with the interpreter and WebAssembly. */
async function hold(inputs: ReadonlyMap<string, NdArray>, claims: readonly Claim[]): Promise<void> {
  // The first axis of each input is a run dim, so that sizes are symbols.
  const names = [...inputs.keys()];
  const types = names.map((name, k) => {
    const shape = inputs.get(name)?.shape ?? [];
    return `input ${name}: f32[${shape.map((size, axis) => (axis === 0 ? `D${k}` : size)).join(", ")}]`;
  });
  const known = names.map((name, k) => `D${k} == ${inputs.get(name)?.shape[0]}`);
  const text = `graph g[${names.map((_, k) => `D${k}`).join(", ")}] where ${known.join(", ")} {
    ${types.join("\n")}
    ${claims.map(({ expression }, i) => `output o${i} = ${expression}`).join("\n")}
    output used = ${names.map((name) => `sum(${name})`).join(" + ")}
  }`;
  const { graphs, diagnostics } = checkProgram({ path: "g.tfg", read: () => text, library });
  assert.equal(
    diagnostics.map(({ code, message }) => `${code} ${message}`),
    [],
    text,
  );
  const [graph] = graphs;
  if (!graph) throw new Error("no graph");
  const targets = await openTargets(graph, new Map(), ["wasm base"]);
  const fetches = [...claims.map((_, i) => `o${i}`), "used"];
  const feeds = new Map(inputs);
  const results = [interpret(graph, { feeds, variables: new Map(), fetches })];
  for (const target of targets.values()) results.push(await target.run(feeds, fetches));
  for (const [i, { expression, shape, at }] of claims.entries())
    for (const result of results) {
      const found = result.get(`o${i}`);
      assert.equal(found?.shape, shape, expression);
      for (let e = 0; e < elements(shape); e++)
        assert.is(
          (found?.data[e] ?? Number.NaN) + 0,
          at(indexOf(e, shape)) + 0,
          `${expression} at ${indexOf(e, shape)}`,
        );
    }
}

const pickFrom = (random: () => number) => ({
  one: <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T,
  shuffled: <T>(of: readonly T[]): T[] => {
    const rest = [...of];
    return of.map(() => rest.splice(Math.floor(random() * rest.length), 1)[0] as T);
  },
});

test("einsum sums over what the result does not have", async () => {
  const random = randomNumbers(41);
  const { shuffled } = pickFrom(random);
  for (let round = 0; round < 25; round++) {
    const sizes = new Map(["a", "b", "c", "d"].map((name) => [name, 1 + Math.floor(random() * 4)]));
    const inputs = new Map<string, NdArray>();
    const claims: Claim[] = [];
    for (let i = 0; i < 3; i++) {
      // Batch axes that have no name, the same for all operands that have them.
      const rest = random() < 0.4 ? [2, 3].slice(0, 1 + Math.floor(random() * 2)) : [];
      const operands = Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
        shuffled([...sizes.keys()]).slice(0, Math.floor(random() * 4)),
      );
      if (operands.every((names) => names.length === 0) && rest.length === 0) operands[0] = ["a"];
      const all = [...new Set(operands.flat())];
      const counts = (name: string): number => operands.filter((names) => names.includes(name)).length;
      // What one operand alone has must be in the result.
      const result = shuffled(all.filter((name) => counts(name) === 1 || random() < 0.5));
      const arrays = operands.map((names, k) => {
        const shape = [...rest, ...names.map((name) => sizes.get(name) ?? 1)];
        const own = array(shape.length > 0 ? shape : [1], random);
        inputs.set(`x${i}${"abc"[k]}`, own);
        return own;
      });
      const dots = rest.length > 0 ? "... " : "";
      const pattern = `${operands.map((names) => (dots + (names.join(" ") || (dots ? "" : "1"))).trim()).join(", ")} -> ${(dots + result.join(" ")).trim()}`;
      const reduced = all.filter((name) => !result.includes(name));
      claims.push({
        expression: `einsum("${pattern}", ${arrays.map((_, k) => `x${i}${"abc"[k]}`).join(", ")})`,
        shape: [...rest, ...result.map((name) => sizes.get(name) ?? 1)],
        at(index) {
          const batch = index.slice(0, rest.length);
          const extents = reduced.map((name) => sizes.get(name) ?? 1);
          let sum = 0;
          for (let e = 0; e < elements(extents); e++) {
            const over = indexOf(e, extents);
            const valueOf = (name: string): number =>
              (result.includes(name) ? index[rest.length + result.indexOf(name)] : over[reduced.indexOf(name)]) ?? 0;
            let product = 1;
            for (const [k, names] of operands.entries()) {
              const own = arrays[k];
              const place = [...batch, ...names.map(valueOf)];
              if (own) product *= read(own, place.length > 0 ? place : [0]);
            }
            sum += product;
          }
          return sum;
        },
      });
    }
    await hold(inputs, claims);
  }
});

test("rearrange moves, splits and joins axes", async () => {
  const random = randomNumbers(43);
  const { shuffled } = pickFrom(random);
  for (let round = 0; round < 25; round++) {
    const inputs = new Map<string, NdArray>();
    const claims: Claim[] = [];
    for (let i = 0; i < 3; i++) {
      const names = ["a", "b", "c", "d"].slice(0, 1 + Math.floor(random() * 4));
      const sizes = new Map(names.map((name) => [name, 1 + Math.floor(random() * 3)]));
      const rest = random() < 0.4 ? [2, 3].slice(0, 1 + Math.floor(random() * 2)) : [];
      const grouped = (words: readonly string[]): string[][] => {
        const groups: string[][] = [];
        for (const word of words)
          if (groups.length > 0 && random() < 0.35) groups.at(-1)?.push(word);
          else groups.push([word]);
        return groups;
      };
      const [left, right] = [grouped(shuffled(names)), grouped(shuffled(names))];
      const side = (groups: readonly string[][]): string =>
        groups.map((group) => (group.length === 1 && random() < 0.9 ? group[0] : `(${group.join(" ")})`)).join(" ");
      const size = (group: readonly string[]): number => elements(group.map((name) => sizes.get(name) ?? 1));
      const x = array([...rest, ...left.map(size)], random);
      inputs.set(`x${i}`, x);
      const given = left.flatMap((group) => group.slice(1).map((name) => `, ${name}=${sizes.get(name)}`));
      const dots = rest.length > 0 ? "... " : "";
      // Axes without names go in front or behind.
      const isLast = dots !== "" && random() < 0.5;
      const target = isLast ? `${side(right)} ...` : dots + side(right);
      claims.push({
        expression: `rearrange(x${i}, "${dots}${side(left)} -> ${target}"${given.join("")})`,
        shape: isLast ? [...right.map(size), ...rest] : [...rest, ...right.map(size)],
        at(index) {
          const batch = isLast ? index.slice(right.length) : index.slice(0, rest.length);
          const own = isLast ? index.slice(0, right.length) : index.slice(rest.length);
          const values = new Map<string, number>();
          for (const [g, group] of right.entries()) {
            const parts = indexOf(
              own[g] ?? 0,
              group.map((name) => sizes.get(name) ?? 1),
            );
            for (const [k, name] of group.entries()) values.set(name, parts[k] ?? 0);
          }
          const place = left.map((group) =>
            positionOf(
              group.map((name) => values.get(name) ?? 0),
              group.map((name) => sizes.get(name) ?? 1),
            ),
          );
          return read(x, [...batch, ...place]);
        },
      });
    }
    await hold(inputs, claims);
  }
});

test("slices start, stop, step, drop and insert axes as in numpy", async () => {
  const random = randomNumbers(47);
  const { one } = pickFrom(random);
  for (let round = 0; round < 20; round++) {
    const shape = Array.from({ length: 1 + Math.floor(random() * 3) }, () => 2 + Math.floor(random() * 4));
    const x = array(shape, random);
    const claims: Claim[] = [];
    for (let i = 0; i < 8; i++) {
      const parts: string[] = [];
      /** For each axis of the result the axis that it reads, with start and step; none for a new one. */
      const axes: { readonly axis?: number; readonly start: number; readonly step: number; readonly size: number }[] =
        [];
      const fixed = new Map<number, number>();
      const whole = random() < 0.4 ? Math.floor(random() * (shape.length + 1)) : shape.length;
      for (const [axis, size] of shape.entries()) {
        if (axis < whole && random() < 0.15) {
          parts.push("new");
          axes.push({ start: 0, step: 0, size: 1 });
        }
        if (axis >= whole) {
          if (axis === whole && random() < 0.5) parts.push("...");
          axes.push({ axis, start: 0, step: 1, size });
          continue;
        }
        const spelled = (at: number): string => (random() < 0.5 && at > 0 ? `${at - size}` : `${at}`);
        if (random() < 0.3) {
          const at = Math.floor(random() * size);
          parts.push(spelled(at));
          fixed.set(axis, at);
          continue;
        }
        const step = one([1, 1, 2, 3, -1, -2]);
        const [low, high] = [Math.floor(random() * size), Math.floor(random() * size)].sort((a, b) => a - b) as [
          number,
          number,
        ];
        // From low up to, but without, high + 1; or from high down to low.
        const [from, to] = step > 0 ? [low, high + 1] : [high, low - 1];
        const hasFrom = from !== (step > 0 ? 0 : size - 1) || random() < 0.5;
        const hasTo = to !== (step > 0 ? size : -1);
        const end = hasTo ? (to > 0 && to < size ? spelled(to) : `${to}`) : "";
        parts.push(`${hasFrom ? spelled(from) : ""}:${end}${step === 1 ? "" : `:${step}`}`);
        axes.push({ axis, start: from, step, size: Math.ceil((to - from) / step) });
      }
      if (parts.length === 0) parts.push("...");
      claims.push({
        expression: `x[${parts.join(", ")}]`,
        shape: axes.map(({ size }) => size),
        at(index) {
          const place = shape.map((_, axis) => fixed.get(axis) ?? 0);
          for (const [k, { axis, start, step }] of axes.entries())
            if (axis !== undefined) place[axis] = start + step * (index[k] ?? 0);
          return read(x, place);
        },
      });
    }
    await hold(new Map([["x", x]]), claims);
  }
});

test.run();
