/**
 * Sums of products of two reads, one of which varies with a column axis and the other with row axes: matrix products
 * and direct convolutions. A tile of rows by columns is summed in registers and leaves through the epilogue, all
 * scalars that depend on the sum.
 *
 * Loops: batch axes, columns by the tile's width, row axes (one of them by the tile's height), reduce axes. Rows of a
 * run-time axis behind its last one are computed from the tile's first row and not stored. An element is the same sum
 * in the same order wherever it lies in a tile, and in the one-row form for few rows.
 */
import { affineOf, isNonNegative, strideOf } from "../ir/affine.ts";
import { type Dim, isLiteral, literalOf, mulDims, ONE } from "../ir/dims.ts";
import type { Access, AxisId, Kernel, Nest, NestScalar, ScalarId, Store } from "../ir/nest.ts";
import { compare, constant, convert, type Expr, type Local, load, op, plus, select, times, use } from "../ir/stmt.ts";
import { isFloat } from "../ir/types.ts";
import { type KernelFrame, NestEmitter, noOffsets, type Offsets } from "./emit.ts";
import { axesOfScalars, canTakeLanes, closure, costOf, packedColumn } from "./roles.ts";

/**
 * Products that one accumulator sums before the sum is added to a total: of sums up to `SHORT`, whose totals are f32,
 * and of longer ones, whose totals are f64.
 */
const BLOCK = 1024;
const SHORT = 4096;
const LONG_BLOCK = 64;
/** Reduce axes of up to this extent have no loop: the innermost one, or all together. */
const WRITTEN_OUT = 9;
/** From this literal extent on, twice as many steps are written out for each turn of the loop. */
const DEEP = 64;
/** Below this many rows a tile wastes more than the wider one-row form. */
const FEW_ROWS = 4;
/** An epilogue of up to this cost is written out for each vector. */
const INLINE_COST = 10;
/** Columns of a panel. */
const PANEL = 8;
/** Vectors of the one-row form: four panels of 8 columns. */
const ROW_VECTORS = 8;

/** What the roles of the axes say. */
export interface Contraction {
  /** The `reduced` scalars. */
  readonly sums: readonly ScalarId[];
  /** Read once for each row and step. */
  readonly left: Access;
  /** Read in vectors along the column axis. */
  readonly right: Access;
  readonly column: AxisId;
  /** The row axis that tiles run along, if there is any. */
  readonly row: AxisId | undefined;
  /** Other row axes, outermost first: loops around the tiles, within those of the columns. */
  readonly outer: readonly AxisId[];
  /** Axes that both operands vary with, or only the right one: loops around everything. */
  readonly batch: readonly AxisId[];
  readonly over: readonly AxisId[];
}

/** The nest as a contraction, if it is one: a single sum of products, stored at its own index with columns contiguous. */
export function contractionOf(kernel: Kernel, nest: Nest): Contraction | undefined {
  const [reduction] = nest.reductions;
  if (!reduction || nest.reductions.length !== 1 || reduction.combine !== "sum" || reduction.over.length === 0)
    return undefined;
  const product = nest.scalars[reduction.value];
  if (product?.op !== "apply" || product.fn !== "mul" || !isFloat(product.dtype)) return undefined;
  const sums = nest.scalars.flatMap((scalar, id) => (scalar.op === "reduced" ? [id] : []));
  const [sum] = sums;
  const axes = axesOfScalars(nest);
  const [first] = nest.stores;
  if (!first || sum === undefined) return undefined;
  const domain = [...first.over].sort().join();
  const plain = (access: Access): boolean => access.address.scalars.length === 0;
  if (!nest.stores.every((store) => [...store.over].sort().join() === domain && plain(store.access))) return undefined;
  if ([...(axes[sum] ?? [])].sort().join() !== domain) return undefined;
  const factors = product.args.map((id) => {
    const read = nest.scalars[id];
    return read?.op === "read" && read.guards.length === 0 && plain(read.access) && isFloat(read.dtype)
      ? read.access
      : undefined;
  });
  const varies = (access: Access, axis: AxisId): boolean => access.address.terms.some((term) => term.axis === axis);
  const strideIsOne = (access: Access, axis: AxisId): boolean =>
    access.address.terms.some((term) => term.axis === axis && isLiteral(term.times, 1)) ||
    packedColumn(kernel, nest, access.operand, access.address) === axis;
  for (const [left, right] of [factors, [...factors].reverse()]) {
    if (!left || !right || kernel.operands[left.operand]?.packed) continue;
    const column = first.over.find(
      (axis) =>
        strideIsOne(right, axis) &&
        !varies(left, axis) &&
        nest.stores.every((store) => strideIsOne(store.access, axis)) &&
        canTakeLanes(kernel, nest, axes, axis),
    );
    if (column === undefined) continue;
    const rows = first.over.filter((axis) => axis !== column && varies(left, axis) && !varies(right, axis));
    const batch = first.over.filter((axis) => axis !== column && !rows.includes(axis));
    const row = tiledRow(nest, rows);
    return { sums, left, right, column, row, outer: rows.filter((axis) => axis !== row), batch, over: reduction.over };
  }
  return undefined;
}

/**
 * A contraction whose epilogue is expensive as two nests: sums first, then the epilogue over all of them in place. The
 * epilogue would else be written out for every vector of the tile. Undefined where the epilogue reads values at the
 * sum's own index, which may lie where the sums would be stored.
 */
export function splitEpilogue(nest: Nest, roles: Contraction): readonly [Nest, Nest] | undefined {
  const [store, ...others] = nest.stores;
  const isSum = (id: ScalarId): boolean => roles.sums.includes(id);
  if (!store || others.length > 0 || nest.scalars[store.value]?.dtype !== "f32") return undefined;
  if (costOf(nest, store.value, isSum) <= INLINE_COST) return undefined;
  const used = closure(nest, store.value, isSum);
  const rows = new Set([...roles.outer, ...(roles.row === undefined ? [] : [roles.row]), ...roles.batch]);
  const readsRows = [...used].some((id) => {
    const scalar = nest.scalars[id];
    return scalar?.op === "read" && scalar.access.address.terms.some((term) => rows.has(term.axis));
  });
  const [sum] = roles.sums;
  if (readsRows || sum === undefined) return undefined;
  const unused: NestScalar = { dtype: "f32", op: "constant", value: 0 };
  const stored: NestScalar = { dtype: "f32", op: "read", access: store.access, guards: [] };
  const epilogue: Nest = {
    axes: nest.axes,
    scalars: nest.scalars.map((scalar, id) => (isSum(id) ? stored : used.has(id) ? scalar : unused)),
    reductions: [],
    stores: [store],
  };
  return [{ ...nest, stores: [{ ...store, value: sum }] }, epilogue];
}

/** The innermost row axis that is long enough to fill a tile, else the longest. */
function tiledRow(nest: Nest, rows: readonly AxisId[]): AxisId | undefined {
  const extent = (axis: AxisId): number => literalOf(nest.axes[axis]?.extent ?? ONE) ?? Number.POSITIVE_INFINITY;
  const enough = [...rows].reverse().find((axis) => extent(axis) >= FEW_ROWS - 1);
  return enough ?? [...rows].sort((a, b) => extent(b) - extent(a))[0];
}

interface Pointer {
  readonly base: Expr;
  readonly offset: number;
}

interface Tile {
  readonly rows: number;
  readonly vectors: number;
  /** Whether a row of the tile exists; undefined where all surely do. */
  readonly isValid: ((row: number) => Expr) | undefined;
}

/** The height of tiles along a row axis of literal extent; what remains is one lower tile with code of its own. */
function tileRows(tallest: number, extent: number): number {
  const most = Math.min(tallest, extent);
  if (extent <= most) return most;
  // A tile costs its rows and a little more; a second copy of the code has to pay.
  const cost = (height: number): number => {
    const rest = extent % height;
    return Math.floor(extent / height) * (height + 0.5) + (rest > 0 ? rest + 0.7 + 0.05 * extent : 0);
  };
  let best = most;
  for (let height = most - 1; height >= 3; height--) if (cost(height) < cost(best)) best = height;
  return best;
}

export function emitContraction(frame: KernelFrame, nest: Nest, roles: Contraction): void {
  const lane = frame.target.lanes > 1 ? roles.column : undefined;
  new ContractionEmitter(new NestEmitter(frame, nest, lane), roles).emit();
}

class ContractionEmitter {
  readonly #emitter: NestEmitter;
  readonly #roles: Contraction;
  readonly #width: number;
  readonly #columns: number | undefined;

  constructor(emitter: NestEmitter, roles: Contraction) {
    this.#emitter = emitter;
    this.#roles = roles;
    this.#width = emitter.target.lanes;
    this.#columns = literalOf(this.#extent(roles.column));
  }

  #extent(axis: AxisId): Dim {
    return this.#emitter.nest.axes[axis]?.extent ?? ONE;
  }

  emit(): void {
    this.#nested(this.#roles.batch, () => this.#overForms());
  }

  #nested(axes: readonly AxisId[], fill: () => void): void {
    const [axis, ...rest] = axes;
    if (axis === undefined) fill();
    else this.#emitter.loop(axis, 1, () => this.#nested(rest, fill));
  }

  /** Tiles as high as there are rows for, chosen in this run where their number is known only then. */
  #overForms(): void {
    const { code, target } = this.#emitter;
    const { row } = this.#roles;
    const count = row === undefined ? 1 : literalOf(this.#extent(row));
    if (count !== undefined || row === undefined) {
      this.#overColumns(tileRows(this.#tallest(), count ?? 1));
      return;
    }
    code.when(
      compare("lt", this.#emitter.extent(row), constant("i32", FEW_ROWS * target.word)),
      () => this.#overColumns(1),
      () => this.#overColumns(this.#tallest()),
    );
  }

  /** The height that the registers allow: columns of little more than one panel are all taken at once, in lower tiles. */
  #tallest(): number {
    const { tile } = this.#emitter.target;
    const vectors = Math.ceil((this.#columns ?? PANEL) / this.#width);
    return this.#width > 1 && vectors === 3 ? 3 : this.#width > 1 && vectors === 4 ? 2 : tile.rows;
  }

  #overColumns(rows: number): void {
    const { column } = this.#roles;
    const emitter = this.#emitter;
    const { word, tile } = emitter.target;
    const columns = this.#columns;
    // Fewer rows leave registers for more columns; a width beyond one panel needs a literal number of them.
    const single = tile.columns / this.#width;
    const all = columns === undefined ? single : Math.ceil(columns / this.#width);
    const wanted =
      rows === 1 ? ROW_VECTORS : rows === 2 ? Math.max(4, single) : this.#width > 1 && all <= single + 2 ? all : single;
    const vectors = Math.min(wanted, columns === undefined ? PANEL / this.#width : Math.ceil(columns / this.#width));
    const width = vectors * this.#width;
    if (columns === undefined || width <= PANEL || columns % width === 0) {
      emitter.loop(column, width, () => this.#overRows(rows, vectors));
      return;
    }
    const whole = columns - (columns % width);
    if (whole > 0)
      emitter.range(column, constant("i32", 0), constant("i32", whole * word), width, () =>
        this.#overRows(rows, vectors),
      );
    const rest = Math.ceil((columns - whole) / this.#width);
    emitter.within(column, constant("i32", whole * word), () => this.#overRows(rows, rest));
  }

  #overRows(rows: number, vectors: number): void {
    const emitter = this.#emitter;
    const { row, outer } = this.#roles;
    const { word } = emitter.target;
    const tile = (height: number, isValid?: (row: number) => Expr): void =>
      emitter.fenced(() => this.#tile({ rows: height, vectors, isValid }));
    this.#nested(outer, () => {
      if (row === undefined) {
        tile(1);
        return;
      }
      const extent = literalOf(this.#extent(row));
      const end = emitter.extent(row);
      const zero = constant("i32", 0);
      if (extent === undefined) {
        emitter.range(row, zero, end, rows, () => {
          const counter = emitter.counter(row);
          tile(rows, rows === 1 ? undefined : (r) => compare("lt", plus(counter, constant("i32", r * word)), end));
        });
        return;
      }
      const rest = extent % rows;
      const whole = constant("i32", (extent - rest) * word);
      if (extent - rest === rows) emitter.within(row, zero, () => tile(rows));
      else emitter.range(row, zero, whole, rows, () => tile(rows));
      if (rest > 0) emitter.within(row, whole, () => tile(rest));
    });
  }

  /** Where a row of a tile and a vector of its columns lie. */
  #at(row: number, vector = 0): Map<AxisId, number> {
    const offsets = new Map([[this.#roles.column, vector * this.#width]]);
    return this.#roles.row === undefined ? offsets : offsets.set(this.#roles.row, row);
  }

  #tile(tile: Tile): void {
    const emitter = this.#emitter;
    const { code } = emitter;
    const { left, over } = this.#roles;
    const terms = left.address.terms.filter((term) => !over.includes(term.axis));
    const pointers: Pointer[] = [];
    const raw: Expr[] = [];
    for (let row = 0; row < tile.rows; row++) {
      const address = emitter.address({ operand: left.operand, address: { ...left.address, terms } }, this.#at(row));
      const [first] = pointers;
      if (!tile.isValid || !first) {
        const isSame = raw[row - 1] === address.base && first;
        raw.push(address.base);
        pointers.push({ base: isSame ? first.base : code.let(address.base, "a"), offset: address.offset });
        continue;
      }
      const [here, there] = [address, first].map(({ base, offset }) => plus(base, constant("i32", offset)));
      if (here && there) pointers.push({ base: code.let(select(tile.isValid(row), here, there), "a"), offset: 0 });
    }
    const sums = this.#sums(tile, pointers);
    emitter.fenced(() => this.#epilogue(tile, sums));
  }

  /** The loops over the reduce axes; gives a sum for each row and vector. */
  #sums(tile: Tile, rows: readonly Pointer[]): readonly (readonly Expr[])[] {
    const emitter = this.#emitter;
    const { code } = emitter;
    const { left, right, over } = this.#roles;
    const isWide = this.#width === 1;
    const zero = code.constant(isWide ? "f64" : "f32x4", 0);
    const grid = <T>(make: () => T): readonly (readonly T[])[] =>
      rows.map(() => Array.from({ length: tile.vectors }, make));
    const sums = grid(() => code.variable("s", zero));

    const extents = over.map((axis) => literalOf(this.#extent(axis)));
    const count = extents.reduce<number | undefined>(
      (p, e) => (p === undefined || e === undefined ? undefined : p * e),
      1,
    );
    const needsTotals = !isWide && (count === undefined || count > BLOCK);
    const isLong = count === undefined || count > SHORT;
    const block = isLong ? LONG_BLOCK : BLOCK;
    const totals = needsTotals
      ? grid(() =>
          isLong ? [0, 1].map(() => code.variable("total", code.constant("f64x2", 0))) : [code.variable("total", zero)],
        )
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
      if (product > block) break;
    }
    const isShort =
      count !== undefined &&
      count <= WRITTEN_OUT &&
      over.every((axis) => [left, right].every(({ address }) => (literalOf(strideOf(address, axis)) ?? -1) >= 0));
    const nested = (i: number): void => {
      if (isShort) {
        this.#innermost(tile, over, rows, sums, undefined);
        return;
      }
      const axis = over[i];
      if (axis === undefined) return;
      if (i < over.length - 1) {
        emitter.loop(axis, 1, () => {
          nested(i + 1);
          if (i + 1 === blockFrom) flush();
        });
        return;
      }
      const terms = left.address.terms.filter((term) => over.includes(term.axis) && term.axis !== axis);
      const shift = emitter.units({ ...affineOf(0), terms }, noOffsets, "k").base;
      // A base alone must not lie below 0, as it may where a step goes back.
      const isRising = terms.every((term) => isNonNegative(term.times));
      const pointers = rows.map(({ base, offset }) =>
        isRising
          ? { base: plus(base, shift), offset }
          : { base: plus(plus(base, shift), constant("i32", offset)), offset: 0 },
      );
      const isChunked = totals !== undefined && !(extents[i] !== undefined && extents[i] <= block);
      this.#innermost(tile, [axis], pointers, sums, isChunked ? { size: block / 2, flush } : undefined);
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

  /**
   * The innermost loop. Pointers move along with it, one for each row and one for each panel: several steps differ in
   * literal offsets, and no register holds a sum of addresses. Several axes are given where they are short enough to
   * be written out together.
   */
  #innermost(
    tile: Tile,
    axes: readonly AxisId[],
    rows: readonly Pointer[],
    sums: readonly (readonly Local[])[],
    chunks: { readonly size: number; flush(): void } | undefined,
  ): void {
    const emitter = this.#emitter;
    const { code, target } = emitter;
    const { left, right } = this.#roles;
    const { word } = target;
    const isWide = this.#width === 1;
    const extents = axes.map((axis) => literalOf(this.#extent(axis)));
    const extent = extents.reduce((p, e) => (p === undefined || e === undefined ? undefined : p * e), 1);
    const strides = axes.map((axis) => [left, right].map((access) => strideOf(access.address, axis)));
    // Only steps of known length forward can be told apart by offsets.
    const isLiteral = strides.flat().every((stride) => (literalOf(stride) ?? -1) >= 0);
    /** How far step `k` lies from the first, in address units. */
    const distance = (k: number, side: 0 | 1): number => {
      let rest = k;
      let sum = 0;
      for (let i = axes.length - 1; i >= 0; i--) {
        const length = i === 0 ? Number.POSITIVE_INFINITY : (extents[i] ?? 1);
        sum += (rest % length) * (literalOf(strides[i]?.[side] ?? ONE) ?? 0) * word;
        rest = Math.floor(rest / length);
      }
      return sum;
    };

    const outer: Access = {
      ...right,
      address: { ...right.address, terms: right.address.terms.filter((term) => !axes.includes(term.axis)) },
    };
    const panels = new Map<string, { base: Expr; pointer?: Local }>();
    const vectors = Array.from({ length: tile.vectors }, (_, j) => {
      const { base, offset, key } = emitter.address(outer, this.#at(0, j));
      const name = isLiteral ? key : `${key}+${offset}`;
      const panel = panels.get(name) ?? { base: isLiteral ? base : plus(base, constant("i32", offset)) };
      panels.set(name, panel);
      return { panel, offset: isLiteral ? offset : 0 };
    });
    const isMoving = !(extent !== undefined && extent <= WRITTEN_OUT && isLiteral);
    const rowPointers = rows.map(({ base, offset }) => {
      if (isMoving)
        return {
          base: use(code.variable("a", isLiteral ? base : plus(base, constant("i32", offset)))),
          offset: isLiteral ? offset : 0,
        };
      return { base: code.let(base, "a"), offset };
    });
    for (const panel of panels.values()) if (isMoving) panel.pointer = code.variable("b", panel.base);

    const step = (k: number): void => {
      const loads = vectors.map(({ panel, offset }) =>
        load(isWide ? "f32" : "f32x4", panel.pointer ? use(panel.pointer) : panel.base, offset + distance(k, 1)),
      );
      // One row alone uses each vector once: its loads fold into the products.
      const b = tile.rows === 1 ? loads : loads.map((vector) => code.let(vector, "b"));
      rowPointers.forEach((pointer, row) => {
        const offset = pointer.offset + distance(k, 0);
        const a = code.let(load(isWide ? "f32" : "f32x4", pointer.base, offset, !isWide), "x");
        b.forEach((vector, j) => {
          const sum = sums[row]?.[j];
          if (!sum) throw new Error("no sum");
          const factors = isWide ? [a, vector].map((e) => convert("promote", "f64", [e])) : [a, vector];
          code.set(sum, op("madd", ...factors, use(sum)));
        });
      });
    };
    const steps = (length: number): void => {
      for (let k = 0; k < length; k++) step(k);
    };
    if (!isMoving) {
      steps(extent ?? 0);
      return;
    }
    const advance = (length: number): void => {
      const [rowBy, panelBy] = (strides[0] ?? []).map((stride) =>
        times(emitter.inUnits(stride), constant("i32", length)),
      );
      for (const { base } of rowPointers) if (base.op === "local" && rowBy) code.set(base.local, plus(base, rowBy));
      for (const { pointer } of panels.values()) if (pointer && panelBy) code.set(pointer, plus(use(pointer), panelBy));
    };
    const isDeep = extent !== undefined && extent >= DEEP && extent % (2 * target.tile.unroll) === 0;
    const unroll = isWide || tile.rows === 1 || !isLiteral ? 1 : target.tile.unroll * (isDeep ? 2 : 1);
    const one = constant("i32", 1);
    const run = (length: Expr, isWhole: boolean): void => {
      const rest = length.op === "const" ? length.value % unroll : 0;
      const whole =
        length.op === "const"
          ? constant("i32", length.value - rest)
          : isWhole
            ? length
            : code.let(op("and", length, constant("i32", -unroll)), "whole");
      code.loop("k", constant("i32", 0), whole, constant("i32", unroll), () => {
        steps(unroll);
        advance(unroll);
      });
      if (rest > 0) {
        steps(rest);
        if (chunks) advance(rest);
      }
      if (length.op === "const" || isWhole) return;
      code.loop("k", whole, length, one, () => {
        steps(1);
        advance(1);
      });
    };
    const length = emitter.dim(mulDims(...axes.map((axis) => this.#extent(axis))));
    const isWhole = extent !== undefined && extent % unroll === 0;
    if (!chunks) {
      run(length, isWhole);
      return;
    }
    const size = constant("i32", chunks.size);
    code.loop("block", constant("i32", 0), length, size, (from) => {
      const rest = code.let(op("sub", length, from), "rest");
      run(code.let(select(compare("lt", rest, size), rest, size), "depth"), isWhole);
      chunks.flush();
    });
  }

  #epilogue(tile: Tile, sums: readonly (readonly Expr[])[]): void {
    const emitter = this.#emitter;
    sums.forEach((values, row) => {
      const store = (): void => {
        const cells = values.map((value, vector) => {
          const at = this.#at(row, vector);
          for (const id of this.#roles.sums) emitter.bind(id, at, value);
          return at;
        });
        this.#storeColumns(cells);
      };
      if (tile.isValid && row > 0) emitter.code.when(tile.isValid(row), () => emitter.fenced(store));
      else store();
    });
  }

  /** Stores neighbouring vectors of one row, as far as its columns reach. */
  #storeColumns(cells: readonly Offsets[]): void {
    const emitter = this.#emitter;
    const { code, nest } = emitter;
    const { column } = this.#roles;
    const { word } = emitter.target;
    const width = this.#width;
    const ready = nest.stores.map((store) =>
      cells.map((offsets) => ({ ...emitter.address(store.access, offsets), value: storable(emitter, store, offsets) })),
    );
    /** Stores of each vector as many elements as `valid` says. */
    const storeAll = (valid: (j: number) => number): void => {
      for (const vectors of ready)
        vectors.forEach(({ base, offset, value }, j) => {
          if (valid(j) >= width) code.store(base, offset, value);
          else for (let n = 0; n < valid(j); n++) code.store(base, offset + n * word, value, n);
        });
    };
    const counter = emitter.counter(column);
    const columns = this.#columns;
    const tileWidth = cells.length * width;
    if (columns !== undefined) {
      const rest =
        counter.op === "const" ? columns - counter.value / word : columns < tileWidth ? columns : columns % tileWidth;
      if (rest >= tileWidth || rest === 0) storeAll(() => width);
      else if (counter.op === "const" || columns < tileWidth) storeAll((j) => rest - j * width);
      else {
        const isWhole = compare("lt", counter, constant("i32", (columns - rest) * word));
        code.when(
          isWhole,
          () => storeAll(() => width),
          () => storeAll((j) => rest - j * width),
        );
      }
      return;
    }
    const left = code.let(op("sub", emitter.extent(column), counter), "left");
    const isMoreThan = (n: number): Expr => compare("gt", left, constant("i32", n * word));
    /** Stores element `n` and those after it as far as they exist; the last of a whole tile never does. */
    const narrow = (n: number): void => {
      for (const vectors of ready) {
        const cell = vectors[Math.floor(n / width)];
        if (cell)
          code.store(cell.base, cell.offset + (n % width) * word, cell.value, ...(width > 1 ? [n % width] : []));
      }
      if (n + 1 < tileWidth - 1) code.when(isMoreThan(n + 1), () => narrow(n + 1));
    };
    code.when(
      isMoreThan(tileWidth - 1),
      () => storeAll(() => width),
      () => narrow(0),
    );
  }
}

/** The value of a store; booleans leave as 0 and 1. */
function storable(emitter: NestEmitter, store: Store, offsets: Offsets): Expr {
  const { code } = emitter;
  if (emitter.lane === undefined) return emitter.value(store.value, offsets);
  const value = emitter.vector(store.value, offsets);
  return emitter.scalar(store.value).dtype === "bool"
    ? code.let(op("and", value, code.constant("i32x4", 1)), "bit")
    : value;
}
