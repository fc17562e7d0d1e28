/** Arguments that do not fit: in another order than the parameters, which is one message, or of another kind. */
import type { Help } from "../../grammar/diagnostic.ts";
import { type Span, spanText } from "../../grammar/source.ts";
import type { FunctionDeclaration, FunctionParam } from "../../grammar/syntax.ts";
import type { Complaint } from "../ops/primitive.ts";
import type { Entity, Supplied } from "./entity.ts";
import type { CallSite, Frame } from "./frame.ts";
import { intrinsic, moduleItem } from "./lookup.ts";
import { isDType } from "./types.ts";

interface Pair {
  readonly param: FunctionParam;
  readonly arg: Supplied;
  readonly entity: Entity;
}

/** More arguments than this are not tried in every order. */
const most = 5;

/** What to say if the positional arguments written in a call do not fit, but would in another order. */
export function otherOrder(
  declaration: FunctionDeclaration,
  bound: ReadonlyMap<string, Supplied>,
  entities: ReadonlyMap<string, Entity>,
  site: CallSite,
  signature: () => string,
): Complaint | undefined {
  const generics = new Set(declaration.generics.map(({ name }) => name.text));
  const pairs = declaration.params.flatMap((param): Pair[] => {
    const [arg, entity] = [bound.get(param.name.text), entities.get(param.name.text)];
    const isWritten =
      arg !== undefined &&
      arg.name === undefined &&
      "expression" in arg &&
      arg.span.file === site.span.file &&
      arg.span.start >= site.span.start;
    return isWritten && entity ? [{ param, arg, entity }] : [];
  });
  const wrong = pairs.filter(({ param, entity }) => !fits(param, entity, generics));
  if (wrong.length === 0 || pairs.length > most) return undefined;
  const fitting = orders(pairs).filter((other) =>
    pairs.every(({ param }, i) => fits(param, other[i]?.entity, generics)),
  );
  const [order, ...others] = fitting.sort((x, y) => inversions(x, pairs) - inversions(y, pairs));
  const [first] = wrong;
  if (!order || !first) return undefined;
  const taker = pairs[order.indexOf(first)]?.param.name.text;
  const texts = order.map(({ arg }) => spanText(arg.span));
  const edits = pairs.flatMap(({ arg }, i) =>
    order[i]?.arg === arg ? [] : [{ span: arg.span, text: texts[i] ?? "" }],
  );
  return {
    code: "TFG0210",
    message: `the arguments of \`${declaration.name.text}\` are in another order`,
    primary: { span: first.arg.span, text: `this fits \`${taker}\`, not \`${first.param.name.text}\`` },
    notes: [signature()],
    helps: [
      {
        text: `${declaration.name.text}(${[...(pairs.length < bound.size ? ["…"] : []), ...texts].join(", ")})`,
        // Two ints may be either way round: only the one who wrote them knows.
        ...(others.length > 0 ? {} : { edits }),
      },
    ],
  };
}

/** How many pairs of arguments `order` turns round. */
function inversions(order: readonly Pair[], pairs: readonly Pair[]): number {
  const places = order.map((pair) => pairs.indexOf(pair));
  return places.reduce((sum, place, i) => sum + places.slice(i + 1).filter((later) => later < place).length, 0);
}

function orders(pairs: readonly Pair[]): Pair[][] {
  if (pairs.length < 2) return [[...pairs]];
  return pairs.flatMap((pair, i) =>
    orders([...pairs.slice(0, i), ...pairs.slice(i + 1)]).map((rest) => [pair, ...rest]),
  );
}

/** Ways out for an argument of another kind than the parameter. */
export function otherKindHelps(frame: Frame, param: FunctionParam, entity: Entity, span: Span): readonly Help[] {
  const replaced = (text: string): readonly Help[] => [{ text, edits: [{ span, text }] }];
  const written = spanText(span);
  if (param.type === "fn") {
    if (entity.kind === "str" && isFunction(frame, entity.value)) return replaced(entity.value);
    const isStart = /_init$/.test(param.name.text) && (entity.kind === "int" || entity.kind === "float");
    return isStart && isFunction(frame, "constant") ? replaced(`constant(${written})`) : [];
  }
  if (entity.kind === "fn") return [{ text: "call it, or name its result" }];
  const { name, dims } = param.type;
  if (name.text !== "int") return [];
  if (!dims && entity.kind === "float" && Number.isInteger(entity.value)) return replaced(`${entity.value}`);
  return dims && entity.kind === "int" ? replaced(`[${written}]`) : [];
}

function isFunction(frame: Frame, name: string): boolean {
  const item = moduleItem(frame, name);
  return (item?.kind === "declaration" && item.declaration.kind === "function") || intrinsic(name) !== undefined;
}

/** Whether a value is of the kind that a parameter takes; shapes are not looked at. */
function fits({ type }: FunctionParam, entity: Entity | undefined, generics: ReadonlySet<string>): boolean {
  if (entity === undefined) return false;
  if (type === "fn") return entity.kind === "fn";
  const name = type.name.text;
  const { kind } = entity;
  if (name === "int") return kind === "int" || (kind === "list" && type.dims !== undefined);
  if (name === "str") return kind === "str";
  if (name === "bool" && !type.dims) return kind === "bool";
  if (!isDType(name) && !generics.has(name)) return true;
  const mayBeScalar = !type.dims?.some((dim) => dim.kind === "expr");
  if (kind === "int" || kind === "float") return mayBeScalar;
  if (kind === "list") return type.dims !== undefined;
  const dtype = kind === "tensor" ? entity.type.dtype : kind === "scalar" ? entity.scalar.dtype : undefined;
  if (dtype === undefined || (isDType(name) && dtype !== name)) return false;
  return kind === "tensor" ? mayBeScalar || entity.type.shape.length > 0 : mayBeScalar;
}
