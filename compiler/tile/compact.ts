/**
 * Names fewer values: a local that is read once, in a later statement of the same block, is replaced by its expression,
 * if nothing between them changes what it reads. Kernels become shorter and read like formulas.
 */
import {
  type Expr,
  expressionsOf,
  type FunctionCode,
  type Local,
  nestedIn,
  operandsOf,
  type Stmt,
} from "../ir/stmt.ts";

/** Nodes of an expression that is still easy to read. */
const LONGEST = 12;

interface Counts {
  readonly reads: Map<Local, number>;
  readonly sets: Map<Local, number>;
}

const count = (counts: Map<Local, number>, local: Local): void => {
  counts.set(local, (counts.get(local) ?? 0) + 1);
};

function countExpr(e: Expr, counts: Counts): void {
  if (e.op === "local") count(counts.reads, e.local);
  for (const operand of operandsOf(e)) countExpr(operand, counts);
}

function countStmts(list: readonly Stmt[], counts: Counts): void {
  for (const stmt of list) {
    for (const e of expressionsOf(stmt)) countExpr(e, counts);
    if (stmt.do === "set") count(counts.sets, stmt.local);
    for (const nested of nestedIn(stmt)) countStmts(nested, counts);
  }
}

const sizeOf = (e: Expr): number => operandsOf(e).reduce((sum, operand) => sum + sizeOf(operand), 1);
const readsMemory = (e: Expr): boolean => e.op === "load" || operandsOf(e).some(readsMemory);

function localsOf(e: Expr, into: Set<Local> = new Set()): ReadonlySet<Local> {
  if (e.op === "local") into.add(e.local);
  for (const operand of operandsOf(e)) localsOf(operand, into);
  return into;
}

/** A value that waits for its one reader. */
interface Waiting {
  readonly value: Expr;
  readonly locals: ReadonlySet<Local>;
  readonly memory: boolean;
  /** Position of its definition in the block. */
  readonly at: number;
}

/** Whether running `stmt` may change a waiting value. */
function disturbs(stmt: Stmt, value: Waiting): boolean {
  if (stmt.do === "store") return value.memory;
  if (stmt.do === "set") return value.locals.has(stmt.local);
  return nestedIn(stmt).some((list) => list.some((inner) => disturbs(inner, value)));
}

function replaced(e: Expr, waiting: Map<Local, Waiting>, taken: (local: Local) => void): Expr {
  const visit = (part: Expr): Expr => replaced(part, waiting, taken);
  switch (e.op) {
    case "const":
      return e;
    case "local": {
      const value = waiting.get(e.local)?.value;
      if (!value) return e;
      taken(e.local);
      return value;
    }
    case "load":
      return { ...e, base: visit(e.base) };
    case "select":
    case "choose": {
      const [condition, then, otherwise] = e.args;
      return { ...e, args: [visit(condition), visit(then), visit(otherwise)] };
    }
    default:
      return { ...e, args: e.args.map(visit) };
  }
}

function compactBlock(list: readonly Stmt[], counts: Counts, removed: Set<Local>): readonly Stmt[] {
  const waiting = new Map<Local, Waiting>();
  const result: (Stmt | undefined)[] = [];
  for (const stmt of list) {
    const taken = (local: Local): void => {
      const value = waiting.get(local);
      if (value) result[value.at] = undefined;
      removed.add(local);
      waiting.delete(local);
    };
    /** Replaces as much as leaves the expression readable. */
    const visit = (e: Expr): Expr => {
      const trial = replaced(e, waiting, () => {});
      if (sizeOf(trial) <= LONGEST) return replaced(e, waiting, taken);
      const [longest] = [...localsOf(e)].filter((local) => waiting.has(local)).sort((a, b) => size(b) - size(a));
      if (!longest) return e;
      waiting.delete(longest);
      return visit(e);
    };
    const size = (local: Local): number => sizeOf(waiting.get(local)?.value ?? { kind: "i32", op: "const", value: 0 });
    const inner = (body: readonly Stmt[]): readonly Stmt[] => compactBlock(body, counts, removed);
    let next: Stmt;
    if (stmt.do === "set") next = { ...stmt, value: visit(stmt.value) };
    else if (stmt.do === "store") next = { ...stmt, base: visit(stmt.base), value: visit(stmt.value) };
    // A loop evaluates its bound and its step again each time: only where it begins is free.
    else if (stmt.do === "loop") next = { ...stmt, from: visit(stmt.from), body: inner(stmt.body) };
    else next = { ...stmt, condition: visit(stmt.condition), body: inner(stmt.body), otherwise: inner(stmt.otherwise) };
    for (const [local, value] of [...waiting]) if (disturbs(next, value)) waiting.delete(local);
    const at = result.push(next) - 1;
    if (next.do === "set" && next.declares && counts.reads.get(next.local) === 1 && counts.sets.get(next.local) === 1)
      waiting.set(next.local, { value: next.value, locals: localsOf(next.value), memory: readsMemory(next.value), at });
  }
  return result.filter((stmt) => stmt !== undefined);
}

export function compact(code: FunctionCode): FunctionCode {
  const counts: Counts = { reads: new Map(), sets: new Map() };
  countStmts(code.body, counts);
  const removed = new Set<Local>();
  const body = compactBlock(code.body, counts, removed);
  return { ...code, body, locals: code.locals.filter((local) => !removed.has(local)) };
}
