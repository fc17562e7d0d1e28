/** `x[a:b:s, i, new, ...]`: indexing of lists, slicing of tensors, reads of elements in comprehensions. */
import type { Span } from "../../grammar/source.ts";
import { spanText } from "../../grammar/source.ts";
import type { CoalesceExpression, Expression, IndexExpression, SliceSyntax } from "../../grammar/syntax.ts";
import { addDims, type Dim, literalOf, ONE, scaleDim, ZERO } from "../ir/dims.ts";
import { indexRange } from "../ops/shape.ts";
import { readElement } from "./comprehension.ts";
import {
  BOTTOM,
  describe,
  type Entity,
  formatType,
  type ListEntity,
  list,
  literalInt,
  str,
  type TensorEntity,
} from "./entity.ts";
import type { CallSite, Frame } from "./frame.ts";
import { fail, toTensor } from "./operands.ts";
import { Failure } from "./report.ts";

interface At {
  readonly entity: Entity;
  readonly span: Span;
}

/** `x[i][j]` is `x[i, j]`: inside of a comprehension only whole elements are read. */
function merged(expression: IndexExpression): IndexExpression {
  const { value, slices } = expression;
  if (value.kind !== "index" || ![...slices, ...value.slices].every((slice) => slice.kind === "at")) return expression;
  return merged({ ...expression, value: value.value, slices: [...value.slices, ...slices] });
}

export function evaluateIndex(frame: Frame, written: IndexExpression): Entity {
  const expression = frame.comprehension ? merged(written) : written;
  const indexed = frame.check.evaluate(frame, expression.value);
  const array = indexed.kind === "initial" ? toTensor(frame, indexed, expression.value.span) : indexed;
  if (array.kind === "bottom") return BOTTOM;
  if (
    array.kind === "fn" ||
    array.kind === "bool" ||
    array.kind === "int" ||
    array.kind === "float" ||
    array.kind === "record" ||
    array.kind === "module"
  )
    return fail(frame, {
      code: "TFG0210",
      message: `${describe(array)} cannot be indexed`,
      primary: { span: expression.value.span, text: describe(array) },
    });
  const ats = expression.slices.map((slice): At | undefined =>
    slice.kind === "at" ? { entity: frame.check.evaluate(frame, slice.value), span: slice.span } : undefined,
  );
  if (ats.some((at) => at?.entity.kind === "bottom")) throw new Failure();
  const isRead = ats.some((at) => at?.entity.kind === "scalar");
  if (!isRead && (array.kind === "list" || array.kind === "str"))
    return indexList(frame, expression, array.kind === "list" ? array : list([...array.value].map(str)), ats);
  if (isRead || array.kind === "scalar") {
    const indices = ats.filter((at) => at !== undefined);
    if (indices.length !== ats.length)
      fail(frame, {
        code: "TFG0303",
        message: "inside of a comprehension one element is read at a time",
        primary: { span: expression.span, text: "this is a slice" },
        helps: [{ text: "give every axis an index, and reduce with indices of its own: `sum(j in M: x[i, j])`" }],
      });
    return readElement(frame, expression, array, indices);
  }
  return sliceTensor(frame, expression, toTensor(frame, array, expression.value.span), ats);
}

/** `x[i - 1] ?? 0.0` */
export function evaluateCoalesce(frame: Frame, expression: CoalesceExpression): Entity {
  const { value, outside } = expression;
  const bare = value.kind === "parenthesized" ? value.value : value;
  const read = bare.kind === "index" ? merged(bare) : bare;
  if (read.kind !== "index" || read.slices.some((slice) => slice.kind !== "at"))
    return fail(frame, {
      code: "TFG0210",
      message: "`??` follows a read of one element",
      primary: { span: value.span, text: "not a read" },
      helps: [{ text: "`x[i - 1] ?? 0.0`" }],
    });
  const array = frame.check.evaluate(frame, read.value);
  const indices = read.slices.flatMap((slice): At[] =>
    slice.kind === "at" ? [{ entity: frame.check.evaluate(frame, slice.value), span: slice.span }] : [],
  );
  if (array.kind === "bottom" || indices.some((at) => at.entity.kind === "bottom")) return BOTTOM;
  return readElement(frame, read, array, indices, { expression: outside, whole: expression.span });
}

// ---- lists -----------------------------------------------------------------------------------------------------

function indexList(
  frame: Frame,
  expression: IndexExpression,
  array: ListEntity,
  ats: readonly (At | undefined)[],
): Entity {
  let current: Entity = array;
  for (const [i, slice] of expression.slices.entries()) {
    if (current.kind !== "list")
      return fail(frame, {
        code: "TFG0210",
        message: `${describe(current)} cannot be indexed`,
        primary: { span: slice.span, text: "one index too many" },
      });
    const items: readonly Entity[] = current.items;
    const at = ats[i];
    if (at) {
      const index = literalInt(at.entity);
      if (index === undefined) {
        // A list of numbers indexed at run time is a tensor.
        if (at.entity.kind === "tensor" || at.entity.kind === "int")
          return sliceTensor(frame, expression, toTensor(frame, array, expression.value.span), ats);
        return fail(frame, {
          code: "TFG0210",
          message: `a list is indexed by an int, not ${describe(at.entity)}`,
          primary: { span: at.span, text: "" },
        });
      }
      const item: Entity | undefined = items[index < 0 ? index + items.length : index];
      if (!item)
        return fail(frame, {
          code: "TFG0315",
          message: `index ${index} is out of range`,
          primary: { span: at.span, text: `the list has ${items.length} items` },
        });
      current = item;
      continue;
    }
    if (slice.kind !== "range")
      return fail(frame, {
        code: "TFG0210",
        message: "a list is indexed by `i`, `a:b` or `a:b:s`",
        primary: { span: slice.span, text: "" },
      });
    const bound = (part: Expression | undefined): number | undefined => {
      if (!part) return undefined;
      const value = literalInt(frame.check.evaluate(frame, part));
      if (value === undefined)
        return fail(frame, {
          code: "TFG0210",
          message: "a bound of a list is an int",
          primary: { span: part.span, text: "" },
        });
      return value;
    };
    const step = slice.step ? bound(slice.step) : 1;
    if (step === 0 || step === undefined)
      return fail(frame, {
        code: "TFG0210",
        message: "the step of a slice is an int other than 0",
        primary: { span: slice.span, text: "" },
      });
    current = list(stepped(items, bound(slice.from), bound(slice.to), step));
  }
  return current;
}

/** Bounds beyond the ends of a list mean the ends, as in Python. */
function stepped(
  items: readonly Entity[],
  from: number | undefined,
  to: number | undefined,
  step: number,
): readonly Entity[] {
  const last = items.length - 1;
  const place = (at: number, least: number, most: number): number =>
    Math.min(Math.max(at < 0 ? at + items.length : at, least), most);
  const [first, end] =
    step > 0
      ? [place(from ?? 0, 0, items.length), place(to ?? items.length, 0, items.length)]
      : [from === undefined ? last : place(from, -1, last), to === undefined ? -1 : place(to, -1, last)];
  const count = Math.max(Math.ceil((end - first) / step), 0);
  return Array.from({ length: count }, (_, i) => items[first + i * step] ?? BOTTOM);
}

// ---- tensors ---------------------------------------------------------------------------------------------------

/** One axis of the tensor under its slice, or a new axis. */
type Part =
  | { readonly kind: "axis"; readonly axis: number; readonly slice?: SliceSyntax; readonly at?: At }
  | { readonly kind: "new" };

/** `table[ids]`: an index is one position; rows by a tensor of ids are gathered. */
function failRows(frame: Frame, expression: IndexExpression, at: At, ids: TensorEntity): never {
  const text = `gather(${spanText(expression.value.span)}, ${spanText(at.span)})`;
  const isRows = expression.slices.length === 1 && ids.type.dtype === "i32";
  return fail(frame, {
    code: "TFG0303",
    message: `an index is one position, \`${spanText(at.span)}\` has dimensions`,
    primary: { span: at.span, text: formatType(ids.type) },
    helps: isRows ? [{ text, edits: [{ span: expression.span, text }] }] : [],
  });
}

function sliceTensor(
  frame: Frame,
  expression: IndexExpression,
  tensor: TensorEntity,
  ats: readonly (At | undefined)[],
): Entity {
  const site: CallSite = { span: expression.span, callee: expression.span, spelling: spanText(expression.span) };
  const parts = alignedParts(frame, expression, tensor, ats);

  // Positions that are scalars of the graph are taken first, one axis at a time; their axes stay, with extent 1.
  let source = tensor;
  for (const part of parts) {
    if (part.kind !== "axis" || !part.at || part.at.entity.kind !== "tensor") continue;
    if (part.at.entity.type.shape.length > 0) failRows(frame, expression, part.at, part.at.entity);
    const slice = frame.check.primitive("slice");
    if (!slice) throw new Error("the table has no `slice`");
    const taken = frame.check.apply(
      frame,
      slice,
      [
        { entity: source, span: expression.value.span },
        { entity: part.at.entity, span: part.at.span },
      ],
      { axis: part.axis, size: ONE },
      { ...site, spelling: "slice" },
    );
    if (taken.kind !== "tensor") return BOTTOM;
    source = taken;
  }

  const starts: Dim[] = [];
  const sizes: Dim[] = [];
  const steps: number[] = [];
  const drop: number[] = [];
  const insert: number[] = [];
  let place = 0;
  for (const part of parts) {
    if (part.kind === "new") {
      insert.push(place++);
      continue;
    }
    const extent = source.type.shape[part.axis] ?? ONE;
    if (part.at) {
      drop.push(part.axis);
      starts.push(part.at.entity.kind === "tensor" ? ZERO : position(frame, part.at, extent));
      sizes.push(ONE);
      steps.push(1);
      continue;
    }
    const { start, size, step } = rangeOf(frame, part.slice, extent);
    starts.push(start);
    sizes.push(size);
    steps.push(step);
    place++;
  }
  const isWhole =
    drop.length === 0 &&
    insert.length === 0 &&
    starts.every((start, i) => literalOf(start) === 0 && steps[i] === 1 && sizes[i]?.key === source.type.shape[i]?.key);
  if (isWhole) return source;
  const primitive = frame.check.primitive("strided_slice");
  if (!primitive) throw new Error("the table has no `strided_slice`");
  const result = frame.check.apply(
    frame,
    primitive,
    [{ entity: source, span: expression.value.span }],
    { starts, sizes, steps, drop, insert },
    site,
  );
  if (result.kind !== "tensor" || !tensor.labels) return result;
  const { labels } = tensor;
  const kept = parts.flatMap((part) => {
    if (part.kind === "new") return [undefined];
    if (part.at) return [];
    return [sizes[part.axis]?.key === source.type.shape[part.axis]?.key ? labels[part.axis] : undefined];
  });
  return { ...result, labels: kept };
}

/** Slices against axes: `...` stands for as many whole axes as are left, and so does the end. */
function alignedParts(
  frame: Frame,
  expression: IndexExpression,
  tensor: TensorEntity,
  ats: readonly (At | undefined)[],
): readonly Part[] {
  const { slices } = expression;
  const rank = tensor.type.shape.length;
  const rests = slices.filter((slice) => slice.kind === "rest");
  const [, second] = rests;
  if (second)
    fail(frame, {
      code: "TFG0210",
      message: "`...` can stand once only",
      primary: { span: second.span, text: "again" },
    });
  const used = slices.filter((slice) => slice.kind === "at" || slice.kind === "range").length;
  if (used > rank)
    fail(frame, {
      code: "TFG0303",
      message: `\`${spanText(expression.value.span)}\` has ${rank === 0 ? "no" : rank} ${rank === 1 ? "axis" : "axes"}, but ${used} ${used === 1 ? "is" : "are"} indexed`,
      primary: { span: expression.span, text: `\`${spanText(expression.value.span)}\` is ${formatType(tensor.type)}` },
    });
  const parts: Part[] = [];
  let axis = 0;
  for (const [i, slice] of slices.entries()) {
    const at = ats[i];
    if (slice.kind === "new") parts.push({ kind: "new" });
    else if (slice.kind === "rest") for (let k = 0; k < rank - used; k++) parts.push({ kind: "axis", axis: axis++ });
    else parts.push({ kind: "axis", axis: axis++, slice, ...(at ? { at } : {}) });
  }
  while (axis < rank) parts.push({ kind: "axis", axis: axis++ });
  return parts;
}

function position(frame: Frame, at: At, extent: Dim): Dim {
  const { entity, span } = at;
  if (entity.kind !== "int")
    return fail(frame, {
      code: "TFG0210",
      message: `an index is an int, not ${describe(entity)}`,
      primary: { span, text: "" },
    });
  return fromStart(frame, entity.dim, extent);
}

/** Negative positions count from the end; those of run dims too, where they are known to be negative. */
const fromStart = (frame: Frame, dim: Dim, extent: Dim): Dim =>
  frame.facts.atLeast(scaleDim(dim, -1), 1) ? addDims(extent, dim) : dim;

function rangeOf(
  frame: Frame,
  slice: SliceSyntax | undefined,
  extent: Dim,
): { readonly start: Dim; readonly size: Dim; readonly step: number } {
  if (slice?.kind !== "range") return { start: ZERO, size: extent, step: 1 };
  const bound = (part: Expression | undefined): Dim | undefined => {
    if (!part) return undefined;
    const entity = frame.check.evaluate(frame, part);
    if (entity.kind === "bottom") throw new Failure();
    if (entity.kind === "int") return fromStart(frame, entity.dim, extent);
    return fail(frame, {
      code: "TFG0210",
      message: `a bound of a slice is a compile-time int, not ${describe(entity)}`,
      primary: { span: part.span, text: entity.kind === "tensor" ? "known only at run time" : describe(entity) },
      helps: entity.kind === "tensor" ? [{ text: "`slice(x, axis=, at=, size=)` takes a position of the graph" }] : [],
    });
  };
  const step = slice.step ? literalInt(frame.check.evaluate(frame, slice.step)) : 1;
  if (slice.step && (step === undefined || step === 0))
    return fail(frame, {
      code: "TFG0210",
      message: "the step of a slice is an int other than 0",
      primary: { span: slice.step.span, text: "" },
    });
  const from = bound(slice.from);
  const to = bound(slice.to);
  return { ...indexRange(extent, from, to, step ?? 1), step: step ?? 1 };
}
