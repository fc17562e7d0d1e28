/**
 * Kernel code: typed expression trees and structured statements over locals, between nests and target text.
 *
 * Machine kinds are those of WebAssembly; `f32x4` and `i32x4` are both v128 there, `f64x2` serves a few reductions in
 * double precision. A boolean is an i32 of 0 or 1; a vector of booleans is an i32x4 mask whose lanes are 0 or -1.
 * A target without vectors receives code without vector kinds. Pointers count in the target's address unit: bytes for
 * WebAssembly, elements for JavaScript.
 */
import type { Span } from "../../grammar/source.ts";

export type Kind = "i32" | "f32" | "f64" | "f32x4" | "i32x4" | "f64x2";

export const isVector = (kind: Kind): boolean => kind === "f32x4" || kind === "i32x4" || kind === "f64x2";

export interface Local {
  /** Unique in its function. */
  readonly name: string;
  readonly kind: Kind;
}

/** Operators of one kind: operands and result agree. */
export type Arithmetic =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "min"
  | "max"
  | "min_u"
  | "max_u"
  /** The lesser and greater of floats, the first operand if they cannot be compared: one instruction, where `min` takes eight. */
  | "pmin"
  | "pmax"
  | "and"
  | "or"
  | "xor"
  | "shl"
  | "shr"
  | "shr_u"
  /** Truncating division of i32, signed and unsigned; the divisor is not 0 (and not -1 for signed ones). */
  | "quotient"
  | "quotient_u"
  | "remainder"
  | "remainder_u"
  /** The high word of the product of two i32 without sign. */
  | "mulhi_u"
  | "neg"
  | "abs"
  | "sqrt"
  | "floor"
  | "ceil"
  | "nearest"
  | "trunc"
  | "not"
  /** `a * b + c`, fused where the target can; the caller does not care. */
  | "madd"
  /** Sums and products of indices and addresses, which never overflow. */
  | "plus"
  | "times"
  /** Functions that a target may have natively. */
  | "exp"
  | "log"
  | "sin"
  | "cos"
  | "tanh"
  | "pow"
  | "round_f32"
  | "round_f16"
  | "round_bf16";

/** Comparisons give an i32 of 0 or 1, or a mask. */
export type Comparison = "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "lt_u" | "le_u" | "gt_u" | "ge_u";

export type Conversion =
  /** i32 to float, signed or unsigned; float to i32, truncating and saturating, NaN to 0. */
  | "float"
  | "float_u"
  | "int"
  | "int_u"
  | "promote"
  | "demote"
  /** The same bits as the other of f32 and i32, or of f32x4 and i32x4. */
  | "bits"
  | "splat"
  | "extract"
  /** The i32x4 of 0, 1, 2, 3. */
  | "lanes"
  /** Two lanes of an f32x4 as f64x2; two f64x2 as one f32x4. */
  | "promote_low"
  | "promote_high"
  | "demote_pair"
  /** Whether any lane of a mask holds. */
  | "any_true"
  /** Lane `lane` of an f32x4 in all lanes. */
  | "broadcast";

export type Operator = Arithmetic | Comparison | Conversion;

export type Expr = { readonly kind: Kind } /** Of a vector kind: the value in all lanes. */ & (
  | { readonly op: "const"; readonly value: number }
  | { readonly op: "local"; readonly local: Local }
  /** `offset` counts in the address unit and is not negative. `splat`: one element in all lanes. */
  | { readonly op: "load"; readonly base: Expr; readonly offset: number; readonly splat?: boolean }
  /** Evaluates both sides; of vectors lane by lane, by a mask. */
  | { readonly op: "select"; readonly args: readonly [condition: Expr, then: Expr, otherwise: Expr] }
  /** Evaluates one side only. */
  | { readonly op: "choose"; readonly args: readonly [condition: Expr, then: Expr, otherwise: Expr] }
  | { readonly op: Operator; readonly args: readonly Expr[]; readonly lane?: number }
);

export type Stmt =
  /** `declares` at the definition of a local; a local without a later `set` is a constant. */
  | { readonly do: "set"; readonly local: Local; readonly value: Expr; readonly declares: boolean }
  /** With `lane`, one element of the vector `value`. */
  | { readonly do: "store"; readonly base: Expr; readonly offset: number; readonly value: Expr; readonly lane?: number }
  /** `for (counter = from; counter < to; counter += step)`; `to` is a constant or a local that the body leaves alone. */
  | {
      readonly do: "loop";
      readonly counter: Local;
      readonly from: Expr;
      readonly to: Expr;
      readonly step: Expr;
      /** The body runs at least once, so no test stands before it. */
      readonly atLeastOnce: boolean;
      readonly body: readonly Stmt[];
    }
  | {
      readonly do: "if";
      readonly condition: Expr;
      readonly body: readonly Stmt[];
      readonly otherwise: readonly Stmt[];
    };

export interface FunctionCode {
  readonly name: string;
  readonly params: readonly Local[];
  /** All other locals. */
  readonly locals: readonly Local[];
  readonly body: readonly Stmt[];
  readonly spans: readonly Span[];
}

// ---- expressions ---------------------------------------------------------------------------------------

export const constant = (kind: Kind, value: number): Expr => ({ kind, op: "const", value });
export const use = (local: Local): Expr => ({ kind: local.kind, op: "local", local });
export const load = (kind: Kind, base: Expr, offset: number, splat = false): Expr =>
  splat ? { kind, op: "load", base, offset, splat } : { kind, op: "load", base, offset };
export const select = (condition: Expr, then: Expr, otherwise: Expr): Expr => ({
  kind: then.kind,
  op: "select",
  args: [condition, then, otherwise],
});
export const choose = (condition: Expr, then: Expr, otherwise: Expr): Expr => ({
  kind: then.kind,
  op: "choose",
  args: [condition, then, otherwise],
});
/** An operator whose result has the kind of its first operand. */
export const op = (name: Arithmetic, ...args: readonly Expr[]): Expr => ({
  kind: args[0]?.kind ?? "i32",
  op: name,
  args,
});
export const compare = (name: Comparison, a: Expr, b: Expr): Expr => ({
  kind: isVector(a.kind) ? "i32x4" : "i32",
  op: name,
  args: [a, b],
});
export const convert = (name: Conversion, kind: Kind, args: readonly Expr[], lane?: number): Expr =>
  lane === undefined ? { kind, op: name, args } : { kind, op: name, args, lane };

const isNumber = (e: Expr, value: number): boolean => e.op === "const" && e.value === value;
/** Index arithmetic, folded where operands are literals. */
export function plus(a: Expr, b: Expr): Expr {
  if (a.op === "const" && b.op === "const") return constant("i32", a.value + b.value);
  return isNumber(a, 0) ? b : isNumber(b, 0) ? a : op("plus", a, b);
}
export function times(a: Expr, b: Expr): Expr {
  if (a.op === "const" && b.op === "const") return constant("i32", a.value * b.value);
  if (isNumber(a, 0) || isNumber(b, 0)) return constant("i32", 0);
  return isNumber(a, 1) ? b : isNumber(b, 1) ? a : op("times", a, b);
}

// ---- building ------------------------------------------------------------------------------------------

/** Names that no local takes: words of JavaScript, and what printed kernels refer to. */
const reserved = (
  "F I Math NaN Infinity nearest mulHigh block arguments await break case catch class const continue debugger default delete do else " +
  "enum eval export extends false finally for function if implements import in instanceof interface let new null package " +
  "private protected public return static super switch this throw true try typeof undefined var void while with yield"
).split(" ");

/** Collects statements; `block` gathers nested ones. */
export class CodeBuilder {
  readonly locals: Local[] = [];
  readonly #params: Local[] = [];
  readonly #taken = new Map<string, number>(reserved.map((name) => [name, 1]));
  readonly #prologue: Stmt[] = [];
  readonly #constants = new Map<string, Expr>();
  #current: Stmt[] = [];

  parameter(name: string): Expr {
    const local = this.#name("i32", name);
    this.#params.push(local);
    return use(local);
  }

  local(kind: Kind, name: string): Local {
    const local = this.#name(kind, name);
    this.locals.push(local);
    return local;
  }

  #name(kind: Kind, wanted: string): Local {
    const base = wanted.replace(/[^A-Za-z0-9_]/g, "_").replace(/^(?=[0-9])/, "_");
    let name = base;
    for (let count = this.#taken.get(base) ?? 1; this.#taken.has(name); count++) {
      name = `${base}_${count}`;
      this.#taken.set(base, count + 1);
    }
    this.#taken.set(name, 1);
    return { kind, name };
  }

  emit(stmt: Stmt): void {
    this.#current.push(stmt);
  }

  /** The value held in a local, so that it is computed once. */
  let(value: Expr, name: string): Expr {
    if (value.op === "local" || (value.op === "const" && !isVector(value.kind))) return value;
    const local = this.local(value.kind, name);
    this.emit({ do: "set", local, value, declares: true });
    return use(local);
  }

  /** A local that later statements change. */
  variable(name: string, init: Expr): Local {
    const local = this.local(init.kind, name);
    this.emit({ do: "set", local, value: init, declares: true });
    return local;
  }

  set(local: Local, value: Expr): void {
    this.emit({ do: "set", local, value, declares: false });
  }

  /**
   * A constant of a vector kind lives in a local set at the beginning: engines rebuild literal vectors at every use,
   * which makes inner loops two to three times slower.
   */
  constant(kind: Kind, value: number): Expr {
    if (!isVector(kind)) return constant(kind, value);
    return this.shared(`${kind}:${Object.is(value, -0) ? "-0" : value}`, "c", () => constant(kind, value));
  }

  /** A value without operands, computed once at the beginning of the function. */
  shared(key: string, name: string, make: () => Expr): Expr {
    const before = this.#constants.get(key);
    if (before) return before;
    const value = make();
    const local = this.local(value.kind, name);
    this.#prologue.push({ do: "set", local, value, declares: true });
    const shared = use(local);
    this.#constants.set(key, shared);
    return shared;
  }

  block(fill: () => void): Stmt[] {
    const outer = this.#current;
    const inner: Stmt[] = [];
    this.#current = inner;
    try {
      fill();
    } finally {
      this.#current = outer;
    }
    return inner;
  }

  /** Runs `fill` with statements going to `into`, a block that is still open. */
  inside(into: Stmt[], fill: () => void): void {
    const outer = this.#current;
    this.#current = into;
    try {
      fill();
    } finally {
      this.#current = outer;
    }
  }

  get open(): Stmt[] {
    return this.#current;
  }

  loop(name: string, from: Expr, to: Expr, step: Expr, body: (counter: Expr) => void): void {
    const bound = this.let(to, `${name}_end`);
    const stride = this.let(step, `${name}_step`);
    const counter = this.local("i32", name);
    const atLeastOnce = from.op === "const" && bound.op === "const" && from.value < bound.value;
    const filled = this.block(() => body(use(counter)));
    this.emit({ do: "loop", counter, from, to: bound, step: stride, atLeastOnce, body: filled });
  }

  when(condition: Expr, then: () => void, otherwise: () => void = () => {}): void {
    const filled = this.block(then);
    this.emit({ do: "if", condition, body: filled, otherwise: this.block(otherwise) });
  }

  store(base: Expr, offset: number, value: Expr, lane?: number): void {
    this.emit(lane === undefined ? { do: "store", base, offset, value } : { do: "store", base, offset, value, lane });
  }

  finish(name: string, spans: readonly Span[]): FunctionCode {
    return { name, params: this.#params, locals: this.locals, body: [...this.#prologue, ...this.#current], spans };
  }
}

// ---- walking, printing, verifying ----------------------------------------------------------------------

export function operandsOf(expr: Expr): readonly Expr[] {
  if (expr.op === "const" || expr.op === "local") return [];
  if (expr.op === "load") return [expr.base];
  return expr.args;
}

/** The expressions directly in a statement, not those of nested statements. */
export function expressionsOf(stmt: Stmt): readonly Expr[] {
  if (stmt.do === "set") return [stmt.value];
  if (stmt.do === "store") return [stmt.base, stmt.value];
  if (stmt.do === "loop") return [stmt.from, stmt.to, stmt.step];
  return [stmt.condition];
}

export function nestedIn(stmt: Stmt): readonly (readonly Stmt[])[] {
  if (stmt.do === "loop") return [stmt.body];
  return stmt.do === "if" ? [stmt.body, stmt.otherwise] : [];
}

function formatExpr(e: Expr): string {
  if (e.op === "const") return isVector(e.kind) ? `<${e.value}>` : `${e.value}`;
  if (e.op === "local") return e.local.name;
  if (e.op === "load")
    return `${e.kind}${e.splat ? "*" : ""}[${formatExpr(e.base)}${e.offset ? ` + ${e.offset}` : ""}]`;
  const lane = "lane" in e && e.lane !== undefined ? `.${e.lane}` : "";
  return `${e.op}${lane}(${e.args.map(formatExpr).join(", ")})`;
}

function formatStmts(list: readonly Stmt[], indent: string): string {
  return list.map((stmt) => formatStmt(stmt, indent)).join("");
}

function formatStmt(stmt: Stmt, indent: string): string {
  if (stmt.do === "set")
    return `${indent}${stmt.local.name}${stmt.declares ? `: ${stmt.local.kind}` : ""} = ${formatExpr(stmt.value)}\n`;
  if (stmt.do === "store") {
    const lane = stmt.lane === undefined ? "" : ` lane ${stmt.lane}`;
    return `${indent}[${formatExpr(stmt.base)}${stmt.offset ? ` + ${stmt.offset}` : ""}] = ${formatExpr(stmt.value)}${lane}\n`;
  }
  if (stmt.do === "loop")
    return `${indent}for ${stmt.counter.name} from ${formatExpr(stmt.from)} to ${formatExpr(stmt.to)} by ${formatExpr(stmt.step)}\n${formatStmts(stmt.body, `${indent}  `)}`;
  const otherwise = stmt.otherwise.length ? `${indent}else\n${formatStmts(stmt.otherwise, `${indent}  `)}` : "";
  return `${indent}if ${formatExpr(stmt.condition)}\n${formatStmts(stmt.body, `${indent}  `)}${otherwise}`;
}

/** Readable text, for `--print-after` and for failing tests. */
export function formatFunction(code: FunctionCode): string {
  return `kernel ${code.name}(${code.params.map((p) => p.name).join(", ")})\n${formatStmts(code.body, "  ")}`;
}

const scalarOf: Readonly<Record<Kind, Kind>> = {
  i32: "i32",
  f32: "f32",
  f64: "f64",
  f32x4: "f32",
  i32x4: "i32",
  f64x2: "f64",
};

const conversions: Readonly<Record<Conversion, (from: readonly Kind[]) => readonly Kind[]>> = {
  float: ([a]) => (a === "i32" ? ["f32", "f64"] : a === "i32x4" ? ["f32x4"] : []),
  float_u: ([a]) => (a === "i32" ? ["f32", "f64"] : a === "i32x4" ? ["f32x4"] : []),
  int: ([a]) => (a === "f32" || a === "f64" ? ["i32"] : a === "f32x4" ? ["i32x4"] : []),
  int_u: ([a]) => (a === "f32" || a === "f64" ? ["i32"] : a === "f32x4" ? ["i32x4"] : []),
  promote: ([a]) => (a === "f32" ? ["f64"] : []),
  demote: ([a]) => (a === "f64" ? ["f32"] : []),
  bits: ([a]) =>
    a === "i32" ? ["f32"] : a === "f32" ? ["i32"] : a === "i32x4" ? ["f32x4"] : a === "f32x4" ? ["i32x4"] : [],
  splat: ([a]) => (a === "i32" ? ["i32x4"] : a === "f32" ? ["f32x4"] : a === "f64" ? ["f64x2"] : []),
  extract: ([a]) => (a && isVector(a) ? [scalarOf[a]] : []),
  lanes: () => ["i32x4"],
  promote_low: ([a]) => (a === "f32x4" ? ["f64x2"] : []),
  promote_high: ([a]) => (a === "f32x4" ? ["f64x2"] : []),
  demote_pair: ([a, b]) => (a === "f64x2" && b === "f64x2" ? ["f32x4"] : []),
  any_true: ([a]) => (a === "i32x4" ? ["i32"] : []),
  broadcast: ([a]) => (a === "f32x4" ? ["f32x4"] : []),
};

const comparisons: ReadonlySet<string> = new Set(["eq", "ne", "lt", "le", "gt", "ge", "lt_u", "le_u", "gt_u", "ge_u"]);

/** Throws where kinds disagree, or where a local is read before any definition that encloses or precedes it. */
export function verifyFunction(code: FunctionCode): void {
  const fail = (message: string): never => {
    throw new Error(`${code.name}: ${message}`);
  };
  const names = new Set<string>();
  for (const local of [...code.params, ...code.locals]) {
    if (names.has(local.name)) fail(`two locals ${local.name}`);
    names.add(local.name);
  }
  const agrees = (e: Expr): boolean => {
    if (e.op === "const") return Number.isFinite(e.value) || scalarOf[e.kind] !== "i32";
    if (e.op === "local") return true;
    if (e.op === "load") return e.base.kind === "i32" && e.offset >= 0 && scalarOf[e.kind] !== "f64";
    const kinds = e.args.map((arg) => arg.kind);
    const [a, b, c] = kinds;
    if (e.op === "select") return b === c && b === e.kind && a === (isVector(e.kind) ? "i32x4" : "i32");
    if (e.op === "choose") return b === c && b === e.kind && a === "i32";
    if (e.op in conversions) return conversions[e.op as Conversion](kinds).includes(e.kind);
    if (comparisons.has(e.op)) return a === b && e.kind === (a && isVector(a) ? "i32x4" : "i32");
    if (e.op === "shl" || e.op === "shr" || e.op === "shr_u") return a === e.kind && b === "i32";
    return kinds.length > 0 && kinds.every((kind) => kind === e.kind);
  };
  const checkExpr = (e: Expr, defined: ReadonlySet<Local>): void => {
    for (const operand of operandsOf(e)) checkExpr(operand, defined);
    if (e.op === "local" && !defined.has(e.local)) fail(`${e.local.name} is read before it is set`);
    if (!agrees(e)) {
      const kinds = operandsOf(e).map((operand) => operand.kind);
      fail(`kinds of ${formatExpr(e)} (${kinds.join(", ")} to ${e.kind})`);
    }
  };
  const checkStmts = (list: readonly Stmt[], outer: ReadonlySet<Local>): void => {
    const defined = new Set(outer);
    for (const stmt of list) {
      if (stmt.do === "loop") {
        for (const e of expressionsOf(stmt)) checkExpr(e, defined);
        if (stmt.to.op !== "const" && stmt.to.op !== "local")
          fail(`the bound of ${stmt.counter.name} is computed every time`);
        checkStmts(stmt.body, new Set([...defined, stmt.counter]));
        continue;
      }
      for (const e of expressionsOf(stmt)) checkExpr(e, defined);
      if (stmt.do === "set") {
        if (stmt.local.kind !== stmt.value.kind)
          fail(`${stmt.local.name} is ${stmt.local.kind}, not ${stmt.value.kind}`);
        if (!stmt.declares && !defined.has(stmt.local)) fail(`${stmt.local.name} is set before its definition`);
        defined.add(stmt.local);
      }
      if (stmt.do === "store") {
        const wanted = stmt.lane === undefined ? stmt.value.kind !== "f64" : isVector(stmt.value.kind) && stmt.lane < 4;
        if (stmt.base.kind !== "i32" || stmt.offset < 0 || !wanted) fail(`a store of ${stmt.value.kind}`);
      }
      for (const nested of nestedIn(stmt)) checkStmts(nested, defined);
    }
  };
  checkStmts(code.body, new Set(code.params));
}
