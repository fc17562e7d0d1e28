/**
 * Sums of products of two reads, one of which varies with a column axis and the other with row axes: matrix products
 * and direct convolutions. A tile of rows by columns is summed in registers and leaves through the epilogue, all
 * scalars that depend on the sum.
 *
 * Loops: batch axes, columns by the tile's width, all row axes flattened into one by the tile's height, reduce axes.
 * Rows behind the last one are computed from the tile's first row and not stored; an element is the same sum in the
 * same order wherever it lies in a tile, and in the one-row form for few rows.
 */
import { type Dim, isLiteral, literalOf, mulDims, ONE } from "../ir/dims.ts";
import type { Access, Affine, AxisId, Kernel, Nest, ScalarId, Store } from "../ir/nest.ts";
import { compare, constant, convert, type Expr, load, type Local, op, plus, select, times, use } from "../ir/stmt.ts";
import { isFloat } from "../ir/types.ts";
import { type KernelFrame, NestEmitter, noOffsets } from "./emit.ts";
import { axesOfScalars, packedColumn } from "./roles.ts";
import type { Target } from "./target.ts";

/** Products that one accumulator sums before the sum is added to a total. */
const BLOCK = 1024;
/** So many block sums may be added in f32; more go to f64. */
const SHORT = 64;
/** Below this many rows a tile wastes more than the wider one-row form. */
const FEW_ROWS = 4;
/** Vectors of the one-row form: four panels of 8 columns. */
const ROW_VECTORS = 8;

/** What the roles of the axes say. */
export interface Contraction {
  /** The `reduced` scalar. */
  readonly sum: ScalarId;
  /** Read once for each row and step. */
  readonly left: Access;
  /** Read in vectors along the column axis. */
  readonly right: Access;
  readonly column: AxisId;
  /** Outermost first. */
  readonly rows: readonly AxisId[];
  readonly batch: readonly AxisId[];
  readonly over: readonly AxisId[];
}

/** The nest as a contraction, if it is one: a single sum of products, stored at its own index with columns contiguous. */
export function contractionOf(kernel: Kernel, nest: Nest): Contraction | undefined {
  const [reduction] = nest.reductions;
  if (!reduction || nest.reductions.length !== 1 || reduction.combine !== "sum" || reduction.over.length === 0) return undefined;
  const product = nest.scalars[reduction.value];
  if (product?.op !== "apply" || product.fn !== "mul" || !isFloat(product.dtype)) return undefined;
  const sum = nest.scalars.findIndex((scalar) => scalar.op === "reduced");
  const axes = axesOfScalars(nest);
  const [first] = nest.stores;
  if (!first || sum < 0) return undefined;
  const domain = [...first.over].sort().join();
  const plain = (access: Access): boolean => access.address.scalars.length === 0;
  if (!nest.stores.every((store) => [...store.over].sort().join() === domain && plain(store.access))) return undefined;
  if ([...(axes[sum] ?? [])].sort().join() !== domain) return undefined;
  const factors = product.args.map((id) => {
    const read = nest.scalars[id];
    return read?.op === "read" && read.guards.length === 0 && plain(read.access) && isFloat(read.dtype) ? read.access : undefined;
  });
  const varies = (access: Access, axis: AxisId): boolean => access.address.terms.some((term) => term.axis === axis);
  const strideIsOne = (access: Access, axis: AxisId): boolean =>
    access.address.terms.some((term) => term.axis === axis && isLiteral(term.times, 1)) ||
    packedColumn(kernel, nest, access.operand, access.address) === axis;
  const others = epilogueReads(nest, sum);
  for (const [left, right] of [factors, [...factors].reverse()]) {
    if (!left || !right || kernel.operands[left.operand]?.packed) continue;
    const column = first.over.find(
      (axis) =>
        strideIsOne(right, axis) &&
        !varies(left, axis) &&
        nest.stores.every((store) => strideIsOne(store.access, axis)) &&
        others.every((access) => !varies(access, axis) || strideIsOne(access, axis)),
    );
    if (column === undefined) continue;
    const rows = first.over.filter((axis) => axis !== column && varies(left, axis) && !varies(right, axis));
    const batch = first.over.filter((axis) => axis !== column && !rows.includes(axis));
    return { sum, left, right, column, rows, batch, over: reduction.over };
  }
  return undefined;
}

/** The accesses that the epilogue reads; guards and data-dependent positions that vary are left to other templates. */
function epilogueReads(nest: Nest, sum: ScalarId): readonly Access[] {
  const reduction = nest.reductions[0];
  const found: Access[] = [];
  nest.scalars.forEach((scalar, id) => {
    if (id === sum || id === reduction?.value) return;
    const product = nest.scalars[reduction?.value ?? 0];
    if (product?.op === "apply" && product.args.includes(id)) return;
    if (scalar.op === "read") found.push(scalar.access);
  });
  return found;
}

interface Shape {
  readonly rows: number;
  readonly vectors: number;
}

/** The height of the tile that covers `rows` with the least waste. */
function tileRows(target: Target, rows: number | undefined): number {
  const most = target.tile.rows;
  if (rows === undefined || rows % most === 0) return most;
  let best = most;
  for (let height = most - 1; height >= Math.max(1, most - 2); height--) {
    const cost = (h: number): number => Math.ceil(rows / h) * (h + 0.5);
    if (cost(height) < cost(best)) best = height;
  }
  return Math.min(best, rows);
}

export function emitContraction(frame: KernelFrame, nest: Nest, roles: Contraction): void {
  const { target } = frame;
  const lane = target.lanes > 1 ? roles.column : undefined;
  new ContractionEmitter(new NestEmitter(frame, nest, lane), roles).emit();
}

/** Where a row of a tile lies: a counter for each row axis, in address units. */
type RowIndex = readonly Expr[];

class ContractionEmitter {
  readonly #emitter: NestEmitter;
  readonly #roles: Contraction;
  readonly #width: number;
  readonly #columns: number | undefined;
  readonly #rowCount: Dim;

  constructor(emitter: NestEmitter, roles: Contraction) {
    this.#emitter = emitter;
    this.#roles = roles;
    this.#width = emitter.target.lanes;
    this.#columns = literalOf(this.#extent(roles.column));
    this.#rowCount = mulDims(...roles.rows.map((axis) => this.#extent(axis)));
  }

  #extent(axis: AxisId): Dim {
    return this.#emitter.nest.axes[axis]?.extent ?? ONE;
  }

  emit(): void {
    const { batch } = this.#roles;
    const nested = (axes: readonly AxisId[]): void => {
      const [axis, ...rest] = axes;
      if (axis === undefined) this.#overForms();
      else this.#emitter.loop(axis, 1, () => nested(rest));
    };
    nested(batch);
  }

  /** The tiled form, the one-row form, or a choice between them by the number of rows of this run. */
  #overForms(): void {
    const { code, target } = this.#emitter;
    const rows = literalOf(this.#rowCount);
    const columns = this.#columns;
    const tiled = (): void => {
      const wanted = target.tile.columns / this.#width;
      const vectors = columns === undefined ? wanted : Math.min(wanted, Math.ceil(columns / this.#width));
      this.#overColumns({ rows: tileRows(target, rows), vectors });
    };
    const single = (): void => {
      const vectors = columns === undefined ? 8 / this.#width : ROW_VECTORS;
      this.#overColumns({ rows: 1, vectors });
    };
    if (rows !== undefined) {
      if (rows < FEW_ROWS) single();
      else tiled();
      return;
    }
    const least = this.#roles.rows.reduce((product, axis) => product * (literalOf(this.#extent(axis)) ?? 1), 1);
    if (least >= FEW_ROWS) tiled();
    else code.when(compare("lt", this.#emitter.dim(this.#rowCount), constant("i32", FEW_ROWS)), single, tiled);
  }

  #overColumns(shape: Shape): void {
    const { column } = this.#roles;
    const emitter = this.#emitter;
    const width = shape.vectors * this.#width;
    const { word } = emitter.target;
    const columns = this.#columns;
    if (columns === undefined || shape.rows > 1) {
      emitter.loop(column, width, () => this.#overRows(shape));
      return;
    }
    // In the one-row form what remains after whole groups of columns has its own, narrower code.
    const whole = columns - (columns % width);
    if (whole > 0) emitter.range(column, constant("i32", 0), constant("i32", whole * word), width, () => this.#overRows(shape));
    if (whole === columns) return;
    const rest: Shape = { rows: 1, vectors: Math.ceil((columns - whole) / this.#width) };
    emitter.within(column, constant("i32", whole * word), () => this.#overRows(rest));
  }

  /** Tiles of rows, all row axes flattened into one. */
  #overRows(shape: Shape): void {
    const emitter = this.#emitter;
    const { code } = emitter;
    const { rows } = this.#roles;
    const count = literalOf(this.#rowCount);
    const zero = constant("i32", 0);
    if (rows.length === 0 || count === 1) {
      this.#tile(shape, [rows.map(() => zero)], () => undefined);
      return;
    }
    const total = emitter.dim(this.#rowCount);
    const isExact = count !== undefined && count % shape.rows === 0;
    const at: readonly Local[] = rows.map((axis) => code.variable(emitter.nest.axes[axis]?.name ?? "row", zero));
    code.loop("row", zero, total, constant("i32", shape.rows), (first) => {
      const start: RowIndex = at.map(use);
      const isValid = (row: number): Expr | undefined =>
        isExact || row === 0 ? undefined : compare("lt", plus(first, constant("i32", row)), total);
      emitter.fenced(() => this.#tile(shape, start, isValid));
      let next = start;
      if (rows.length === 1) next = [plus(start[0] ?? zero, constant("i32", shape.rows * emitter.target.word))];
      else for (let row = 0; row < shape.rows; row++) next = this.#following(next);
      at.forEach((local, i) => code.set(local, next[i] ?? zero));
    });
  }

  /** The row after one: the innermost index steps, and carries into the outer ones. */
  #following(row: RowIndex): RowIndex {
    const { code, target } = this.#emitter;
    const next: Expr[] = [...row];
    let carry: Expr = constant("i32", target.word);
    for (let i = row.length - 1; i >= 0; i--) {
      const axis = this.#roles.rows[i];
      const stepped = code.let(plus(next[i] ?? constant("i32", 0), carry), "next");
      if (i === 0 || axis === undefined) {
        next[i] = stepped;
        break;
      }
      const wraps = code.let(compare("eq", stepped, this.#emitter.extent(axis)), "wraps");
      next[i] = code.let(select(wraps, constant("i32", 0), stepped), "at");
      carry = select(wraps, constant("i32", target.word), constant("i32", 0));
    }
    return next;
  }

  /** Calls `visit` for each row of a tile, in frames where the row axes stand at that row. */
  #forRows(shape: Shape, start: RowIndex, visit: (row: number) => void): void {
    const emitter = this.#emitter;
    const { rows } = this.#roles;
    let at = start;
    for (let row = 0; row < shape.rows; row++) {
      if (row > 0) {
        const [only] = start;
        at = rows.length === 1 && only ? [plus(only, constant("i32", row * emitter.target.word))] : this.#following(at);
      }
      const opened = (i: number): void => {
        const axis = rows[i];
        const counter = at[i];
        if (axis === undefined || !counter) visit(row);
        else emitter.within(axis, counter, () => opened(i + 1));
      };
      opened(0);
    }
  }

  #tile(shape: Shape, start: RowIndex | readonly RowIndex[], isValid: (row: number) => Expr | undefined): void {
    const first = (Array.isArray(start[0]) ? start[0] : start) as RowIndex;
    const emitter = this.#emitter;
    const { code } = emitter;
    const { left, over } = this.#roles;
    const isReduced = (axis: AxisId): boolean => over.includes(axis);
    const outer: Affine = { ...left.address, terms: left.address.terms.filter((term) => !isReduced(term.axis)) };
    const inner: Affine = { terms: left.address.terms.filter((term) => isReduced(term.axis)), scalars: [], plus: { terms: [], key: "0" } };
    const pointers: Expr[] = [];
    let offset = 0;
    this.#forRows(shape, first, (row) => {
      const address = emitter.address({ operand: left.operand, address: outer });
      offset = address.offset;
      const pointer = code.let(address.base, "a");
      const valid = isValid(row);
      pointers.push(valid ? code.let(select(valid, pointer, pointers[0] ?? pointer), "a") : pointer);
    });
    const sums = this.#sums(shape, pointers, offset, inner);
    emitter.fenced(() => this.#epilogue(shape, first, isValid, sums));
  }

  /** The loops over the reduce axes; gives a sum for each row and vector. */
  #sums(shape: Shape, pointers: readonly Expr[], offset: number, inner: Affine): readonly (readonly Expr[])[] {
    const emitter = this.#emitter;
    const { code, target } = emitter;
    const { right, column, over } = this.#roles;
    const isWide = this.#width === 1;
    const zero = code.constant(isWide ? "f64" : "f32x4", 0);
    const grid = <T>(make: () => T): readonly (readonly T[])[] =>
      pointers.map(() => Array.from({ length: shape.vectors }, make));
    const sums = grid(() => code.variable("s", zero));

    const step = (axis: AxisId, k: number): void => {
      const vectors = Array.from({ length: shape.vectors }, (_, j) => {
        const { base, offset: at } = emitter.address(right, new Map([[axis, k], [column, j * this.#width]]));
        return load(isWide ? "f32" : "f32x4", base, at);
      });
      // One row alone uses each vector once: loads fold into the products.
      const b = shape.rows === 1 ? vectors : vectors.map((vector) => code.let(vector, "b"));
      const along = emitter.units(inner, new Map([[axis, k]]), "k");
      const shift = along.base.op === "const" ? along.base : emitter.at(emitter.open(), () => code.let(along.base, "k"));
      pointers.forEach((pointer, row) => {
        const a = code.let(load(isWide ? "f32" : "f32x4", plus(pointer, shift), offset + along.offset, !isWide), "x");
        b.forEach((vector, j) => {
          const sum = sums[row]?.[j];
          if (!sum) throw new Error("no sum");
          const factors = isWide ? [a, vector].map((e) => convert("promote", "f64", [e])) : [a, vector];
          code.set(sum, op("madd", ...factors, use(sum)));
        });
      });
    };

    const extents = over.map((axis) => literalOf(this.#extent(axis)));
    const count = extents.reduce<number | undefined>((p, e) => (p === undefined || e === undefined ? undefined : p * e), 1);
    const needsTotals = !isWide && (count === undefined || count > BLOCK);
    const isLong = count === undefined || count > BLOCK * SHORT;
    const totals = needsTotals
      ? grid(() => (isLong ? [0, 1].map(() => code.variable("total", code.constant("f64x2", 0))) : [code.variable("total", zero)]))
      : undefined;
    const flush = (): void => {
      totals?.forEach((row, r) => {
        row.forEach(([low, high], j) => {
          const sum = sums[r]?.[j];
          if (!sum || !low) return;
          if (high) {
            code.set(low, op("add", use(low), convert("promote_low", "f64x2", [use(sum)])));
            code.set(high, op("add", use(high), convert("promote_high", "f64x2", [use(sum)])));
          } else code.set(low, op("add", use(low), use(sum)));
          code.set(sum, zero);
        });
      });
    };

    /** The first of the axes whose loops are one block. */
    let blockFrom = over.length;
    for (let product = 1; blockFrom > 0; blockFrom--) {
      product *= extents[blockFrom - 1] ?? Number.POSITIVE_INFINITY;
      if (product > BLOCK) break;
    }
    const { word } = target;
    const unroll = shape.rows === 1 ? 1 : target.tile.unroll;
    const innermost = (axis: AxisId, extent: number | undefined): void => {
      if (extent !== undefined && extent <= 4) {
        for (let k = 0; k < extent; k++) step(axis, k);
        return;
      }
      const run = (from: Expr, to: Expr, length: number | undefined): void => {
        const mask = -unroll * word;
        const isConstant = from.op === "const" && to.op === "const";
        const blocks = length !== undefined && length % unroll === 0;
        const end = blocks
          ? to
          : isConstant
            ? constant("i32", from.value + ((to.value - from.value) & mask))
            : code.let(plus(from, op("and", op("sub", to, from), constant("i32", mask))), "pairs");
        emitter.range(axis, from, end, unroll, () => {
          for (let k = 0; k < unroll; k++) step(axis, k);
        });
        if (blocks) return;
        const rest = (): void => emitter.range(axis, end, to, 1, () => step(axis, 0));
        if (isConstant && to.value - end.value_ === 0) return;
        rest();
      };
      const whole = emitter.extent(axis);
      if (!totals || (extent !== undefined && extent <= BLOCK)) {
        run(constant("i32", 0), whole, extent);
        return;
      }
      const size = constant("i32", (BLOCK / 2) * word);
      code.loop("block", constant("i32", 0), whole, size, (from) => {
        const next = code.let(plus(from, size), "next");
        run(from, code.let(select(compare("lt", next, whole), next, whole), "block_end"), extent);
        flush();
      });
    };
    const nested = (i: number): void => {
      const axis = over[i];
      if (axis === undefined) return;
      if (i === over.length - 1) innermost(axis, extents[i]);
      else
        emitter.loop(axis, 1, () => {
          nested(i + 1);
          if (totals && i + 1 === blockFrom) flush();
        });
    };
    emitter.fenced(() => nested(0));

    return sums.map((row, r) =>
      row.map((sum, j) => {
        if (isWide) return convert("demote", "f32", [use(sum)]);
        const [low, high] = totals?.[r]?.[j] ?? [];
        if (low && high) return convert("demote_pair", "f32x4", [use(low), use(high)]);
        return use(low ?? sum);
      }),
    );
  }

  #epilogue(
    shape: Shape,
    start: RowIndex,
    isValid: (row: number) => Expr | undefined,
    sums: readonly (readonly Expr[])[],
  ): void {
    const emitter = this.#emitter;
    const { code } = emitter;
    const { column, sum } = this.#roles;
    this.#forRows(shape, start, (row) => {
      const store = (): void => {
        (sums[row] ?? []).forEach((value, j) => {
          const offsets = j === 0 ? noOffsets : new Map([[column, j * this.#width]]);
          emitter.bind(sum, offsets, value);
          this.#storeColumns(offsets, j, shape);
        });
      };
      const valid = isValid(row);
      if (valid) code.when(valid, () => emitter.fenced(store));
      else store();
    });
  }
}
