/** What the type rules say when operands do not fit: the designed texts of language.md section 10, in one place. */
import { spanText } from "../../grammar/source.ts";
import type { Span } from "../../grammar/source.ts";
import { type Dim, equalDims, formatDim, formatShape, isLiteral, literalOf, ONE, subDims } from "../ir/dims.ts";
import { type DType, isFloat, isStorageOnly, type TensorType } from "../ir/types.ts";
import type { Complaint, MessagePart, Operand, PrimitiveCall } from "./primitive.ts";
import { canCast, type DTypeClass } from "./scalar.ts";

export const formatType = (type: TensorType): string => `${type.dtype}${formatShape(type.shape)}`;

export const typeLabel = (operand: Operand): MessagePart => ({ span: operand.span, text: formatType(operand.type) });

/** What the user calls the operand: its text, if that is short enough to be a name. */
export function nameOf(operand: Operand): string {
  const text = spanText(operand.span);
  return text.length <= 24 && !text.includes("\n") ? `\`${text}\`` : "the operand";
}

// ---- dtypes ------------------------------------------------------------------------------------------

/** Whether `text as T` would bind to less than all of `text`. */
export function needsParentheses(text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] ?? "";
    if ("([".includes(c)) depth++;
    else if (")]".includes(c)) depth--;
    else if (depth === 0 && "+-*/%@<>=!|&?:".includes(c)) return true;
  }
  return /^(if|fn)\b/.test(text);
}

export function castText(operand: Operand, to: DType): string {
  const text = spanText(operand.span);
  return `${needsParentheses(text) ? `(${text})` : text} as ${to}`;
}

/** The text of `whole` with the operands cast, and the edits that make it so. */
function castHelp(whole: Span, operands: readonly Operand[], to: DType): NonNullable<Complaint["helps"]>[number] {
  const edits = operands
    .map((operand) => ({ span: operand.span, text: castText(operand, to) }))
    .sort((a, b) => b.span.start - a.span.start);
  const isInside = edits.every(
    ({ span }) => whole.file === span.file && whole.start <= span.start && span.end <= whole.end,
  );
  // From the last to the first, so that positions before it stay.
  const text = edits.reduce(
    (now, { span, text }) => now.slice(0, span.start - whole.start) + text + now.slice(span.end - whole.start),
    isInside ? spanText(whole) : "",
  );
  const isShort = isInside && !text.includes("\n") && text.length <= 60;
  return { text: isShort ? text : edits.map((edit) => edit.text).join(", "), edits: edits.reverse() };
}

/** TFG0304 for operands of two dtypes; the less general one is to be cast. */
export function failMixed(call: PrimitiveCall, a: Operand, b: Operand): never {
  if (call.spelling === "&&" || call.spelling === "||") failClass(call, a.type.dtype === "bool" ? b : a, "bool");
  const rank = (operand: Operand) => (isFloat(operand.type.dtype) ? 2 : operand.type.dtype === "bool" ? 0 : 1);
  const [from, to] = rank(a) <= rank(b) ? [a, b] : [b, a];
  return call.fail({
    code: "TFG0304",
    message: `\`${a.type.dtype}\` and \`${b.type.dtype}\` do not mix in \`${call.spelling}\``,
    primary: { span: call.operator, text: "" },
    related: [typeLabel(a), typeLabel(b)],
    helps: canCast(from.type.dtype, to.type.dtype) ? [castHelp(call.span, [from], to.type.dtype)] : [],
  });
}

const CLASS_NAMES: Readonly<Record<DTypeClass, string>> = {
  float: "floats",
  int: "integers",
  num: "numbers",
  bool: "bools",
  any: "numbers or bools",
};

/** TFG0304 for an operand of a dtype that the operation does not take; `together` are those that must be of one dtype. */
export function failClass(
  call: PrimitiveCall,
  operand: Operand,
  takes: DTypeClass,
  together: readonly Operand[] = [operand],
): never {
  const { dtype } = operand.type;
  const isStorage = isStorageOnly(dtype);
  // `image + image`: one cast alone would leave two dtypes that do not mix. Numbers adapt.
  const isNumber = ({ span }: Operand): boolean => /^-?[\d.]/.test(spanText(span));
  const alike = together.filter((other) => other === operand || (other.type.dtype === dtype && !isNumber(other)));
  const to: DType | undefined =
    takes === "float" ? "f32" : takes === "bool" ? undefined : takes === "int" ? "i32" : "f32";
  const helps: Complaint["helps"] =
    to !== undefined && canCast(dtype, to)
      ? [castHelp(call.span, alike, to)]
      : takes === "bool"
        ? [
            {
              text: `${needsParentheses(spanText(operand.span)) ? `(${spanText(operand.span)})` : spanText(operand.span)} != 0`,
            },
          ]
        : [];
  return call.fail({
    code: "TFG0304",
    message: `\`${call.spelling}\` takes ${CLASS_NAMES[takes]}, not \`${dtype}\``,
    primary: typeLabel(operand),
    ...(isStorage ? { notes: [`\`${dtype}\` is for storage; \`as\` converts it`] } : {}),
    helps,
  });
}

// ---- shapes ------------------------------------------------------------------------------------------

/** A literal or a single symbol; anything else has arithmetic in it. */
function isPlain(dim: Dim): boolean {
  if (literalOf(dim) !== undefined) return true;
  const [term] = dim.terms;
  return (
    dim.terms.length === 1 && term?.coefficient === 1 && term.atoms.length === 1 && term.atoms[0]?.kind === "symbol"
  );
}

const VERBS: Readonly<Record<string, string>> = { "+": "add", "-": "subtract", "*": "multiply by", "/": "divide by" };

/** TFG0302 or TFG0311 for two shapes that do not broadcast; `a`, `b` are the dims of the first pair that disagrees. */
export function failBroadcast(
  call: PrimitiveCall,
  left: Operand,
  right: Operand,
  pair: readonly [Dim, Dim] | undefined,
): never {
  if (pair && !(isPlain(pair[0]) && isPlain(pair[1]))) return failUnproved(call, [left, right], pair);
  const [longer, shorter] = left.type.shape.length >= right.type.shape.length ? [left, right] : [right, left];
  const rest = longer.type.shape.length - shorter.type.shape.length;
  const isPrefix = rest > 0 && shorter.type.shape.every((dim, i) => call.facts.equal(dim, longer.type.shape[i] ?? ONE));
  const helps: NonNullable<Complaint["helps"]>[number][] = [];
  if (isPrefix) {
    const text = spanText(shorter.span);
    const indices = [...shorter.type.shape.map(() => ":"), ...new Array<string>(rest).fill("new")].join(", ");
    const indexed = `${needsParentheses(text) ? `(${text})` : text}[${indices}]`;
    const isOperator = call.operands.length === 2 && call.operator.start > left.span.start;
    const whole =
      longer === left
        ? `${spanText(left.span)} ${call.spelling} ${indexed}`
        : `${indexed} ${call.spelling} ${spanText(right.span)}`;
    helps.push({
      text: `to ${VERBS[call.spelling] ?? "use"} one value per row write \`${isOperator && !whole.includes("\n") ? whole : indexed}\``,
    });
  }
  const repaired = isPrefix ? undefined : declaredHelp(shorter, longer);
  if (repaired) helps.push(repaired);
  return call.fail({
    code: "TFG0302",
    message: `cannot broadcast ${formatType(left.type)} with ${formatType(right.type)}`,
    primary: { span: call.operator, text: "" },
    related: [typeLabel(left), typeLabel(right)],
    notes: ["shapes are aligned from the right; a symbolic dimension is never stretched"],
    helps,
  });
}

/** For a `param` of one dim, as a bias has it: its declaration with the last dim of what it meets. */
function declaredHelp(vector: Operand, other: Operand): NonNullable<Complaint["helps"]>[number] | undefined {
  const wanted = other.type.shape.at(-1);
  const place = vector.declared?.dims[0];
  if (vector.type.shape.length !== 1 || vector.declared?.kind !== "param" || !place || !wanted) return undefined;
  return literalOf(wanted) === undefined ? undefined : repairedDim(vector.declared, place, wanted);
}

/** `did you mean `param w: f32[784, 10]`?`, with the edit. */
function repairedDim(
  declared: NonNullable<Operand["declared"]>,
  place: Span,
  wanted: Dim,
): NonNullable<Complaint["helps"]>[number] {
  const text = declared.span.file.text;
  const dim = formatDim(wanted).replaceAll("·", " * ");
  const repaired = text.slice(declared.span.start, place.start) + dim + text.slice(place.end, declared.span.end);
  return { text: `did you mean \`${repaired}\`?`, edits: [{ span: place, text: dim }] };
}

/** The `x` and `k` of a dim that is floor(x / k) or ceil(x / k), with which of the two it is. */
function rounding(dim: Dim): { readonly of: Dim; readonly by: Dim; readonly up: boolean } | undefined {
  const [term] = dim.terms;
  const atom = term?.atoms[0];
  if (dim.terms.length !== 1 || term?.coefficient !== 1 || term.atoms.length !== 1 || atom?.kind !== "floor")
    return undefined;
  const constant = atom.numerator.terms.find(({ atoms }) => atoms.length === 0)?.coefficient ?? 0;
  const up = constant !== 0 && isLiteral(subDims(atom.denominator, ONE), constant);
  return {
    of: up ? subDims(atom.numerator, subDims(atom.denominator, ONE)) : atom.numerator,
    by: atom.denominator,
    up,
  };
}

/** TFG0311: neither equal nor different can be proved. Labels stand where the operands were made. */
export function failUnproved(
  call: PrimitiveCall,
  operands: readonly [Operand, Operand],
  dims: readonly [Dim, Dim],
): never {
  const made = operands.map((operand, i) => ({ operand, dim: dims[i] ?? ONE }));
  made.sort((a, b) => a.operand.origin.start - b.operand.origin.start);
  const roundings = made.map(({ dim }) => rounding(dim));
  const [first, second] = roundings;
  const differ =
    first && second && first.up !== second.up && equalDims(first.of, second.of) && equalDims(first.by, second.by);
  const texts = made.map(({ dim }) => formatDim(dim));
  const difference = literalOf(subDims(dims[0], dims[1]));
  const condition = differ ? `${formatDim(first.of)} % ${formatDim(first.by)}` : undefined;
  const head = call.graph ? `${call.graph.head} ` : "";
  const feed = first
    ? [
        ...new Set(
          first.of.terms.flatMap(({ atoms }) =>
            atoms.map((atom) => (atom.kind === "symbol" ? call.graph?.feedOf(atom.name) : undefined)),
          ),
        ),
      ].find((name) => name !== undefined)
    : undefined;
  const fact = condition ? `${condition} == 0` : `${texts[0]} == ${texts[1]}`;
  return call.fail({
    code: "TFG0311",
    message: `cannot prove that ${texts[0]} equals ${texts[1]}`,
    primary: { span: call.operator, text: "" },
    related: made.map(({ operand }, i) => {
      const rounded = roundings[i];
      return {
        span: operand.origin,
        text: `${rounded ? `rounds ${rounded.up ? "up" : "down"}: ` : ""}${formatType(operand.type)}`,
      };
    }),
    notes: condition
      ? [`they differ when ${condition} != 0`]
      : difference !== undefined
        ? [`they always differ by ${Math.abs(difference)}`]
        : [],
    helps:
      difference !== undefined
        ? []
        : [
            {
              text: `state it: \`${head}where ${fact}\`; it is checked when ${feed ? `\`${feed}\` is` : "the inputs are"} fed`,
            },
          ],
  });
}

/** TFG0301 for the inner dims of a product. */
export function failInner(
  call: PrimitiveCall,
  left: Operand,
  right: Operand,
  leftAxis: number,
  rightAxis: number,
): never {
  const inner: readonly (readonly [Operand, number])[] = [
    [left, leftAxis],
    [right, rightAxis],
  ];
  const related = inner.map(([operand, axis]) => ({
    span: operand.declared?.dims[axis] ?? operand.origin,
    text: `the inner dimension of ${nameOf(operand)} is ${formatDim(operand.type.shape[axis] ?? ONE)}`,
  }));
  const helps: NonNullable<Complaint["helps"]>[number][] = [];
  const wanted = left.type.shape[leftAxis];
  const { declared } = right;
  const place = declared?.dims[rightAxis];
  const isTurned =
    wanted &&
    left.type.shape.length === 2 &&
    right.type.shape.length === 2 &&
    equalDims(right.type.shape[1] ?? ONE, wanted);
  const isTurnedBatch =
    wanted &&
    left.type.shape.length > 2 &&
    left.type.shape.length === right.type.shape.length &&
    equalDims(right.type.shape.at(-1) ?? ONE, wanted);
  if (isTurnedBatch) {
    const perm = right.type.shape.map((_, i) => i);
    perm.push(...perm.splice(-2).reverse());
    const text = `transpose(${spanText(right.span)}, [${perm.join(", ")}])`;
    helps.push({ text: `did you mean \`${spanText(left.span)} @ ${text}\`?`, edits: [{ span: right.span, text }] });
  } else if (isTurned && rightAxis === 0) {
    const text = `transpose(${spanText(right.span)})`;
    helps.push({ text: `did you mean \`${spanText(left.span)} @ ${text}\`?`, edits: [{ span: right.span, text }] });
  } else if (declared?.kind === "param" && place && wanted && literalOf(wanted) !== undefined) {
    helps.push(repairedDim(declared, place, wanted));
  }
  return call.fail({
    code: "TFG0301",
    message: `shapes do not agree in \`${spanText(call.span)}\``,
    primary: { span: call.span, text: `${formatType(left.type)} @ ${formatType(right.type)}` },
    related,
    helps,
  });
}

/** TFG0301 for anything else whose shapes must agree. */
export function failShapes(
  call: PrimitiveCall,
  why: string,
  operands: readonly Operand[],
  notes: readonly string[] = [],
): never {
  return call.fail({
    code: "TFG0301",
    message: `shapes do not agree in \`${call.spelling}\``,
    primary: { span: call.operator, text: why },
    related: operands.map(typeLabel),
    notes,
  });
}

/** TFG0303 for an operand with too few dims. */
export function failRank(call: PrimitiveCall, operand: Operand, needs: string): never {
  const has = operand.type.shape.length;
  return call.fail({
    code: "TFG0303",
    message: `\`${call.spelling}\` needs ${needs}, ${nameOf(operand)} has ${has === 0 ? "none" : has}`,
    primary: typeLabel(operand),
    related:
      operand.origin.start === operand.span.start && operand.origin.file === operand.span.file
        ? []
        : [{ span: operand.origin, text: "made here" }],
  });
}

/** TFG0210 for two operands in the wrong order. */
export function failSwapped(call: PrimitiveCall, why: string): never {
  const [first, second] = call.operands;
  if (!first || !second) throw new Error(`\`${call.spelling}\` has two operands`);
  const [a, b] = [spanText(first.span), spanText(second.span)];
  return call.fail({
    code: "TFG0210",
    message: `the arguments of \`${call.spelling}\` are in another order`,
    primary: { span: first.span, text: why },
    related: [typeLabel(second)],
    helps: [
      {
        text: `${call.spelling}(${b}, ${a})`,
        edits: [
          { span: first.span, text: b },
          { span: second.span, text: a },
        ],
      },
    ],
  });
}

/** TFG0210 for an argument whose value makes no sense. */
export function failArgument(call: PrimitiveCall, name: string, message: string, label: string): never {
  return call.fail({ code: "TFG0210", message, primary: { span: call.spans?.[name] ?? call.span, text: label } });
}

/** TFG0315 for positions that nothing shows to be inside. */
export function failRange(call: PrimitiveCall, what: string, why: string, span: Span = call.span): never {
  return call.fail({ code: "TFG0315", message: `${what} can be out of range`, primary: { span, text: why } });
}
