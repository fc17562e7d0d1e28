/** Type syntax to types: element types and dims. Patterns of parameters are `unify.ts`. */
import { type Span, spanText } from "../../grammar/source.ts";
import type { DimSyntax, Expression, GraphDeclaration, InputStatement, TypeSyntax } from "../../grammar/syntax.ts";
import { type Dim, dimSymbols, literalOf } from "../ir/dims.ts";
import type { DType, TensorType } from "../ir/types.ts";
import { BOTTOM, type DimLabel, describe, type Entity, formatStatic } from "./entity.ts";
import type { Frame, Slot } from "./frame.ts";
import { isPredefined, moduleItem } from "./lookup.ts";
import { nearest } from "./nearest.ts";
import type { Complaint } from "../ops/primitive.ts";
import { Failure } from "./report.ts";
import { namesOfDim } from "./walk.ts";

const DTYPES: ReadonlySet<string> = new Set<DType>(["f32", "f16", "bf16", "i32", "u32", "i8", "u8", "bool"]);
export const isDType = (name: string): name is DType => DTYPES.has(name);

/** Types of values that exist while compiling only. `bool` is an element type and one of these. */
const STATIC_TYPES: ReadonlySet<string> = new Set(["int", "str", "float"]);
export const isStaticType = (name: string): boolean => STATIC_TYPES.has(name);

const WIDE: ReadonlySet<string> = new Set(["i64", "u64", "f64", "int64", "uint64", "float64", "double", "long"]);
const SPELLINGS: Readonly<Record<string, string>> = {
  float32: "f32",
  single: "f32",
  float16: "f16",
  half: "f16",
  bfloat16: "bf16",
  int32: "i32",
  integer: "i32",
  uint32: "u32",
  uint: "u32",
  int8: "i8",
  uint8: "u8",
  byte: "u8",
  boolean: "bool",
  string: "str",
};

/** A tensor type as written: with the declared dim of each axis and where it stands. */
export interface WrittenType extends TensorType {
  readonly labels: readonly (DimLabel | undefined)[];
  readonly spans: readonly Span[];
}

/** TFG0211 or TFG0316 for a name that is no element type. */
export function failDType(
  frame: Frame,
  type: { readonly name: { readonly text: string; readonly span: Span }; readonly span: Span },
  input?: InputStatement,
): never {
  const { text: name, span } = type.name;
  if (name === "q8" || name === "q4")
    return frame.check.reporter.fail(
      {
        code: "TFG0106",
        message: "quantised types are not built yet",
        primary: { span: type.span, text: "" },
        helps: [{ text: "declare it as f32" }],
      },
      frame,
    );
  if (WIDE.has(name)) {
    const isInteger = /^(i|u|long)/.test(name);
    const narrow = isInteger ? "i32" : "f32";
    const shown = narrow + type.span.file.text.slice(span.end, type.span.end);
    const accepts = isInteger ? "i64" : "f64";
    return frame.check.reporter.fail(
      {
        code: "TFG0316",
        message: `\`${name}\` cannot be used inside a graph`,
        primary: { span, text: `GPUs of the web have no 64-bit ${isInteger ? "integers" : "floats"}` },
        helps: input
          ? [
              {
                text: `\`@accepts(${accepts}) input ${input.name.text}: ${shown}\` takes a ${isInteger ? "BigInt64Array" : "Float64Array"} and checks its range`,
                edits: [
                  { span: { ...input.span, end: input.span.start }, text: `@accepts(${accepts}) ` },
                  { span, text: narrow },
                ],
              },
            ]
          : [{ text: narrow, edits: [{ span, text: narrow }] }],
      },
      frame,
    );
  }
  const meant = SPELLINGS[name.toLowerCase()] ?? nearest(name, [...DTYPES, ...STATIC_TYPES]);
  return frame.check.reporter.fail(
    {
      code: "TFG0211",
      message: `unknown type \`${name}\``,
      primary: {
        span,
        text: meant ? `did you mean \`${meant}\`?` : "the element types are f32, f16, bf16, i32, u32, i8, u8 and bool",
      },
      helps: meant ? [{ text: meant, edits: [{ span, text: meant }] }] : [],
    },
    frame,
  );
}

/** The slot and the value of a name that stands where a dim does. Reports TFG0205 and TFG0207. */
export function dimName(
  frame: Frame,
  name: string,
  span: Span,
  input?: InputStatement,
): { readonly entity: Entity; readonly slot?: Slot; readonly label?: DimLabel } {
  // A node of the graph may bear the name of a dim; here the dim is meant.
  for (let names: Frame["names"] | undefined = frame.names; names; names = names.outer) {
    const slot = names.own.get(name);
    if (slot && !slot.isData) return { entity: slot.get(span), slot };
  }
  const item = moduleItem(frame, name);
  if (item && item.kind === "declaration" && (item.declaration.kind === "config" || item.declaration.kind === "const"))
    return { entity: frame.check.itemEntity(frame, item, span), label: item };
  if (item?.kind === "broken") return { entity: BOTTOM };
  if (name === "None" || name === "null" || name === "_") {
    const graph = frame.builder.graph;
    const dim = graph?.dims[0] ?? "N";
    const declared = input ? `${input.name.text}: ${spanWith(input.type, span, dim)}` : `x: f32[${dim}]`;
    const edits = [{ span, text: dim }];
    if (graph && graph.dims.length === 0)
      edits.unshift({ span: { file: span.file, start: graph.nameEnd, end: graph.nameEnd }, text: "[N]" });
    return frame.check.reporter.fail(
      {
        code: "TFG0207",
        message: `\`${name}\` is not a dimension`,
        primary: { span, text: "an unknown batch size is a declared dimension" },
        helps: [
          {
            text: `graph ${graphName(frame)}[${(graph?.dims.length ? graph.dims : ["N"]).join(", ")}] { input ${declared} …`,
            ...(graph ? { edits } : {}),
          },
        ],
      },
      frame,
    );
  }
  const candidates = new Map<string, Span | undefined>();
  for (let names: Frame["names"] | undefined = frame.names; names; names = names.outer)
    for (const [key, other] of names.own) if (!other.isData && !candidates.has(key)) candidates.set(key, other.span);
  for (const [key, other] of frame.module.items)
    if (other.kind === "declaration" && (other.declaration.kind === "config" || other.declaration.kind === "const"))
      candidates.set(key, other.span);
  const near = nearest(name, candidates.keys());
  const place = near === undefined ? undefined : candidates.get(near);
  const owner = frame.module.tree.declarations.find(
    (other) => other.span.start <= span.start && span.end <= other.span.end,
  );
  if (!near && owner && !frame.check.reporter.isNewName(name, span, owner.span)) throw new Failure();
  return frame.check.reporter.fail(
    {
      code: "TFG0205",
      message: `unknown dimension \`${name}\``,
      primary: { span, text: near ? `did you mean \`${near}\`?` : "dimensions are declared" },
      related: place && place.file === span.file ? [{ span: place, text: "declared here" }] : [],
      helps: near
        ? [{ text: near, edits: [{ span, text: near }] }]
        : [
            frame.form === "graph" && owner?.kind === "graph"
              ? {
                  text: `declare it: \`graph ${graphName(frame)}[${[...declaredDims(frame), name].join(", ")}]\``,
                  edits: [declaring(owner, name)],
                }
              : { text: "declare it in `[…]` after the name" },
          ],
    },
    frame,
  );
}

/** Adds a run dim to the head of a graph. */
function declaring({ name, generics }: GraphDeclaration, dim: string): { readonly span: Span; readonly text: string } {
  const last = generics.at(-1)?.span ?? name.span;
  const span = { file: last.file, start: last.end, end: last.end };
  return { span, text: generics.length > 0 ? `, ${dim}` : `[${dim}]` };
}

export const unknownPack = (name: string, span: Span): Complaint => ({
  code: "TFG0205",
  message: `unknown pack \`..${name}\``,
  primary: { span, text: "declare it in `[…]` after the name" },
});

const graphName = (frame: Frame): string => frame.builder.graph?.name ?? "g";
const declaredDims = (frame: Frame): readonly string[] => frame.builder.graph?.dims ?? [];

function spanWith(type: TypeSyntax, span: Span, text: string): string {
  const source = type.span.file.text;
  return source.slice(type.span.start, span.start) + text + source.slice(span.end, type.span.end);
}

/** A compile-time int where a size is wanted. */
export function asDim(frame: Frame, entity: Entity, expression: { readonly span: Span }, what = "a dimension"): Dim {
  if (entity.kind === "int") {
    const literal = literalOf(entity.dim);
    if (literal === undefined || literal >= 0) return entity.dim;
    return frame.check.reporter.fail(
      {
        code: "TFG0315",
        message: `${what} cannot be negative`,
        primary: { span: expression.span, text: `this is ${literal}` },
      },
      frame,
    );
  }
  if (entity.kind === "bottom") throw new Failure();
  return frame.check.reporter.fail(
    {
      code: "TFG0210",
      message: `${what} is a compile-time int, not ${describe(entity)}`,
      primary: { span: expression.span, text: entity.kind === "float" ? formatStatic(entity) : "" },
    },
    frame,
  );
}

export interface WrittenDims {
  readonly shape: readonly Dim[];
  readonly labels: readonly (DimLabel | undefined)[];
  readonly spans: readonly Span[];
}

/** The dims of a type whose names are all known. */
export function writtenDims(frame: Frame, dims: readonly DimSyntax[], input?: InputStatement): WrittenDims {
  const shape: Dim[] = [];
  const labels: (DimLabel | undefined)[] = [];
  const spans: Span[] = [];
  for (const dim of dims) {
    if (dim.kind === "pack") {
      const { entity, slot } = dimName(frame, dim.name.text, dim.name.span, input);
      for (const [i, size] of packDims(frame, entity, dim.name.span).entries()) {
        shape.push(size);
        labels.push(Array.isArray(slot?.label) ? slot.label[i] : undefined);
        spans.push(dim.span);
      }
      continue;
    }
    const { value, label } = writtenDim(frame, dim.value, input);
    shape.push(value);
    labels.push(label);
    spans.push(dim.span);
  }
  return { shape, labels, spans };
}

export function packDims(frame: Frame, entity: Entity, span: Span): readonly Dim[] {
  if (entity.kind === "bottom") throw new Failure();
  if (entity.kind === "list") return entity.items.map((item) => asDim(frame, item, { span }));
  return frame.check.reporter.fail(
    {
      code: "TFG0210",
      message: `\`..\` spreads a list of dimensions, not ${describe(entity)}`,
      primary: { span, text: "" },
    },
    frame,
  );
}

/** The sizes of a `shape` argument: `[N, 3]`. */
export function shapeDims(frame: Frame, entity: Entity, span: Span): readonly Dim[] {
  if (entity.kind === "bottom" || entity.kind === "list") return packDims(frame, entity, span);
  return frame.check.reporter.fail(
    {
      code: "TFG0210",
      message: `a shape is a list of sizes, not ${describe(entity)}`,
      primary: { span, text: "" },
      helps:
        entity.kind === "int"
          ? [{ text: `[${spanText(span)}]`, edits: [{ span, text: `[${spanText(span)}]` }] }]
          : [{ text: "of another tensor: `shape(x)`" }],
    },
    frame,
  );
}

/** A name in a size that nothing declares is a dimension that is missing, in arithmetic too: TFG0205. */
export function checkDimNames(frame: Frame, expression: Expression, input?: InputStatement): void {
  for (const { name, span } of namesOfDim(expression))
    if (!frame.names.find(name) && !moduleItem(frame, name) && !isPredefined(name)) dimName(frame, name, span, input);
}

function writtenDim(
  frame: Frame,
  expression: Expression,
  input?: InputStatement,
): { readonly value: Dim; readonly label?: DimLabel } {
  if (expression.kind === "name") {
    const { entity, slot, label } = dimName(frame, expression.name, expression.span, input);
    const own = slot?.label ?? label;
    const value = asDim(frame, entity, expression);
    return own && !Array.isArray(own) && "name" in own ? { value, label: own } : { value };
  }
  checkDimNames(frame, expression, input);
  return { value: asDim(frame, frame.check.evaluate(frame, expression), expression) };
}

/** A tensor type: of an input, a variable, an annotation, a result. */
export function writtenType(frame: Frame, type: TypeSyntax, input?: InputStatement): WrittenType {
  const generic = frame.names.find(type.name.text);
  const dtype = generic?.dtype ?? type.name.text;
  if (type.args !== undefined || !isDType(dtype)) {
    if (isStaticType(dtype))
      return frame.check.reporter.fail(
        {
          code: "TFG0211",
          message: `\`${dtype}\` exists while compiling only`,
          primary: {
            span: type.name.span,
            text: dtype === "int" ? "a tensor of integers is `i32`" : "no tensor has this type",
          },
          helps:
            dtype === "int"
              ? [{ text: "i32", edits: [{ span: type.name.span, text: "i32" }] }]
              : dtype === "float"
                ? [{ text: "f32", edits: [{ span: type.name.span, text: "f32" }] }]
                : [],
        },
        frame,
      );
    return failDType(frame, type, input);
  }
  return { dtype, ...writtenDims(frame, type.dims ?? [], input) };
}

/** The sizes of a variable: known to the compiler. Reports TFG0312. */
export function fixedShape(
  frame: Frame,
  type: WrittenType,
  keyword: "param" | "state",
  name: string,
): readonly number[] {
  return type.shape.map((dim, i) => {
    const literal = literalOf(dim);
    if (literal !== undefined && literal >= 1) return literal;
    if (literal === undefined && frame.builder.isGeneric) return 1;
    const at = type.spans[i] ?? frame.activation?.span ?? { file: frame.module.file, start: 0, end: 0 };
    if (literal !== undefined)
      return frame.check.reporter.fail(
        {
          code: "TFG0315",
          message: `the dimensions of a \`${keyword}\` are at least 1`,
          primary: { span: at, text: `this is ${literal}` },
        },
        frame,
      );
    const [symbol] = [...dimSymbols(dim)];
    const declared = symbol === undefined ? undefined : frame.builder.graph?.spanOf(symbol);
    return frame.check.reporter.fail(
      {
        code: "TFG0312",
        message: `the shape of a \`${keyword}\` must be known when compiling`,
        primary: { span: at, text: "this would be a new weight for every batch size" },
        related: declared ? [{ span: declared, text: `\`${symbol}\` changes from run to run` }] : [],
        helps: [{ text: `fix the size with a \`config\`, or make \`${name}\` an \`input\`` }],
      },
      frame,
    );
  });
}
