/**
 * Functions that no graph calls, checked with symbols for their generics. What is wrong for every choice of them is
 * reported; what a caller's sizes may make right (a proof that needs a `where`, a size that must be known) is not.
 */
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import type { FunctionDeclaration, FunctionParam } from "../../grammar/syntax.ts";
import { type Dim, DimOverflow, dimOf, dimSymbol } from "../ir/dims.ts";
import type { DType } from "../ir/types.ts";
import { GraphBuilder, TooLarge } from "./builder.ts";
import { type DimLabel, type Entity, int, list } from "./entity.ts";
import { type Fact, factsOf } from "./facts.ts";
import { type Check, type Frame, type Module, Names } from "./frame.ts";
import { checkResult, suppliedEntity } from "./functions.ts";
import { NoValue } from "./numbers.ts";
import { conjuncts, factsOfCondition, sizeCondition } from "./obligations.ts";
import { emitValue } from "./operands.ts";
import { Failure, Reporter, Undecided } from "./report.ts";
import { ScopeNode } from "./scopes.ts";
import { runBlock } from "./statements.ts";
import { isDType, writtenType } from "./types.ts";

/** What is wrong whatever the sizes of a caller are. */
const CERTAIN: ReadonlySet<string> = new Set(
  ["0301", "0302", "0303", "0304", "0305", "0306", "0307", "0308", "0309", "0314", "0315"].map((code) => `TFG${code}`),
);

/** Sizes that differ and have many divisors, so that what callers with other sizes get right is right for them. */
const NUMBERS = [5, 7, 11, 13, 17, 19, 23, 29].map((prime) => 48 * prime);
/** An int of a parameter: a kernel's size, a stride, a number of units. */
const NUMBER = 3;

/** What ends an attempt without a verdict: a choice that depends on the generics, or sizes beyond all bounds. */
const UNJUDGED = [Undecided, TooLarge, DimOverflow, NoValue, RangeError];

type SizeOf = (name: string, kind: "dim" | "int") => Dim;
const asSymbols: SizeOf = (name) => dimSymbol(name);
function asNumbers(): SizeOf {
  const known = new Map<string, Dim>();
  return (name, kind) => {
    const size = known.get(name) ?? dimOf(kind === "int" ? NUMBER : (NUMBERS[known.size % NUMBERS.length] ?? NUMBER));
    known.set(name, size);
    return size;
  };
}

/** How long the packs are, the plainest choice first. */
const PACKS = [1, 2, 0];
const DTYPES: Readonly<Record<"num" | "float" | "int" | "any", readonly DType[]>> = {
  num: ["f32", "i32"],
  float: ["f32"],
  int: ["i32", "u32"],
  any: ["f32", "i32", "bool"],
};

export function checkGenerically(check: Check, modules: readonly Module[]): void {
  for (const module of modules)
    for (const declaration of module.tree.declarations) {
      if (declaration.kind !== "function" || check.elaborated.has(declaration) || check.unusable.has(declaration))
        continue;
      if (check.reporter.hasErrorIn(declaration.span)) continue;
      for (const diagnostic of faultsOf(check, module, declaration)) check.reporter.add(diagnostic);
    }
}

/** What every choice of the generics gets wrong, as the first of them says it. */
function faultsOf(check: Check, module: Module, declaration: FunctionDeclaration): readonly Diagnostic[] {
  let first: readonly Diagnostic[] | undefined;
  const hasPacks = declaration.generics.some(({ kind }) => kind === "pack");
  const dtypes = Math.max(
    1,
    ...declaration.generics.map((one) => (one.kind === "dtype" ? DTYPES[one.class].length : 1)),
  );
  for (const length of hasPacks ? PACKS : [0])
    for (let choice = 0; choice < dtypes; choice++) {
      const faults = (sizeOf: SizeOf): readonly Diagnostic[] => {
        const reporter = new Reporter(check.reporter.isLibrary);
        try {
          elaborate({ ...check, reporter }, module, declaration, { length, choice, sizeOf });
        } catch (error) {
          if (UNJUDGED.some((kind) => error instanceof kind)) return [];
          if (!(error instanceof Failure)) throw error;
        }
        return reporter.sorted([module.file]).filter(({ code }) => CERTAIN.has(code));
      };
      const found = faults(asSymbols);
      if (found.length === 0 || faults(asNumbers()).length === 0) return [];
      first ??= found;
    }
  return first ?? [];
}

function elaborate(
  check: Check,
  module: Module,
  declaration: FunctionDeclaration,
  { length, choice, sizeOf }: { readonly length: number; readonly choice: number; readonly sizeOf: SizeOf },
): void {
  const names = new Names();
  for (const generic of declaration.generics) {
    const { text: name, span } = generic.name;
    if (generic.kind === "dim") names.bind(name, span, int(sizeOf(name, "dim")), { label: { name } });
    else if (generic.kind === "dtype") {
      const dtypes = DTYPES[generic.class];
      const dtype = dtypes[choice % dtypes.length] ?? "f32";
      names.bind(name, span, { kind: "str", value: dtype }, { dtype });
    } else {
      const dims = packOf(name, length, sizeOf);
      const label = dims.map((dim): DimLabel => ({ name: dim.key }));
      names.bind(name, span, list(dims.map((dim) => int(dim))), { label });
    }
  }
  const facts: Fact[] = [];
  const builder = new GraphBuilder(undefined, true);
  const scope = new ScopeNode(undefined, "", true, [0, 0]);
  const outer: Frame = {
    check,
    module,
    names,
    builder,
    facts: factsOf([]),
    scope,
    place: builder.placeOf(scope),
    form: declaration.form,
    depth: 0,
  };
  for (const param of declaration.params)
    names.bind(param.name.text, param.name.span, argumentFor(outer, param, sizeOf));
  for (const clause of declaration.where.flatMap(conjuncts)) {
    const condition = sizeCondition(outer, clause);
    if (condition) facts.push(...factsOfCondition(condition));
  }
  const frame: Frame = { ...outer, facts: factsOf(facts), names: new Names(names) };
  const { body } = declaration;
  const returned = body.kind === "block" ? runBlock(frame, body) : check.evaluate(frame, body);
  if (returned.kind !== "bottom") checkResult(frame, declaration, returned);
}

/** A pack of one is called as it is written. */
const packOf = (name: string, length: number, sizeOf: SizeOf): readonly Dim[] =>
  Array.from({ length }, (_, i) => sizeOf(length === 1 ? `..${name}` : `${name}[${i}]`, "dim"));

/** A tensor of the declared type, a symbol for an int, the default for what else exists while compiling. */
function argumentFor(frame: Frame, param: FunctionParam, sizeOf: SizeOf): Entity {
  const { type, name } = param;
  const isTensor = type !== "fn" && (isDType(type.name.text) || frame.names.find(type.name.text)?.dtype !== undefined);
  if (isTensor && (type.dims !== undefined || param.default === undefined)) {
    const written = writtenType(frame, type);
    const tensor = emitValue(frame, "input", [], { name: name.text }, written, name.span);
    return { ...tensor, labels: written.labels };
  }
  if (param.default)
    return suppliedEntity({ expression: param.default, frame, span: param.default.span }, type === "fn");
  if (type !== "fn" && type.name.text === "int" && !type.dims) return int(sizeOf(name.text, "int"));
  throw new Undecided();
}
