/** Attributes: which there are, where each means something, and what stands in its parentheses (language.md 5.7). */
import type { Span } from "../../grammar/source.ts";
import type { Attribute, Declaration, Expression, FunctionParam, GraphItem } from "../../grammar/syntax.ts";
import type { Complaint } from "../ops/primitive.ts";
import type { Check } from "./frame.ts";
import { knownLints, lintCode } from "./lints/names.ts";
import { nearest } from "./nearest.ts";

/** What an attribute can stand before, as messages call it. */
type Place =
  | "a `def`"
  | "a `layer`"
  | "a `graph`"
  | "an `optimizer`"
  | "a `config`"
  | "a `const`"
  | "an `input`"
  | "an `output`"
  | "a `param`"
  | "a `state`"
  | "a binding";

interface Known {
  /** Undefined: before everything. */
  readonly places?: readonly Place[];
  /** How it is written, for messages. */
  readonly form: string;
  /** Whether the arguments are such. Values that only elaboration knows are its own concern. */
  takes(args: readonly Expression[]): boolean;
}

const isString = (value: Expression | undefined): boolean => value?.kind === "string";
const nothing = (args: readonly Expression[]): boolean => args.length === 0;
const text = (args: readonly Expression[]): boolean => args.length === 1 && isString(args[0]);
const oneOf =
  (...words: readonly string[]) =>
  ([first, ...others]: readonly Expression[]): boolean =>
    others.length === 0 && first?.kind === "name" && words.includes(first.name);

const functions: readonly Place[] = ["a `def`", "a `layer`"];

const ATTRIBUTES: ReadonlyMap<string, Known> = new Map<string, Known>([
  ["name", { places: ["a `param`", "a `state`"], form: '`@name("kernel")`', takes: text }],
  ["accepts", { places: ["an `input`"], form: "`@accepts(i64)` or `@accepts(f64)`", takes: oneOf("i64", "f64") }],
  ["kernel", { places: [...functions, "an `output`", "a binding"], form: '`@kernel("NAME")`', takes: text }],
  ["gradient", { places: ["a `def`"], form: "`@gradient(fn(x, y, dy) => …)`", takes: (args) => args.length === 1 }],
  ["checkpoint", { places: functions, form: "`@checkpoint`", takes: nothing }],
  [
    "accum",
    {
      places: [...functions, "a `graph`", "an `output`", "a binding"],
      form: "`@accum(f16)` or `@accum(f32)`",
      takes: oneOf("f16", "f32"),
    },
  ],
  ["shared", { places: ["a `state`"], form: "`@shared`", takes: nothing }],
  [
    "layout",
    { places: ["an `input`", "an `output`", "a `param`"], form: "`@layout(nchw)`", takes: oneOf("nchw", "nhwc") },
  ],
  ["fuse", { places: [...functions, "an `output`", "a binding"], form: "`@fuse(never)`", takes: oneOf("never") }],
  [
    "deprecated",
    {
      places: [...functions, "a `graph`", "an `optimizer`", "a `config`", "a `const`"],
      form: '`@deprecated("write … instead")`',
      takes: text,
    },
  ],
  [
    "allow",
    {
      form: "`@allow(TFG0904)`",
      takes: (args) => args.length > 0 && args.every((arg) => arg.kind === "name"),
    },
  ],
]);

function placeOf(owner: Declaration | GraphItem | FunctionParam): Place | undefined {
  switch (owner.kind) {
    case "function":
      return owner.form === "def" ? "a `def`" : "a `layer`";
    case "graph":
      return "a `graph`";
    case "optimizer":
      return "an `optimizer`";
    case "config":
      return "a `config`";
    case "const":
      return "a `const`";
    case "input":
      return "an `input`";
    case "output":
      return "an `output`";
    case "param":
      return "a `param`";
    case "state":
      return "a `state`";
    case "binding":
      return "a binding";
    default:
      return undefined;
  }
}

/** How a message calls what has no place of its own. */
function nameOfKind(owner: Declaration | GraphItem | FunctionParam): string {
  switch (owner.kind) {
    case "param-of-function":
      return "a parameter of a function";
    case "update":
      return "an update";
    case "if":
    case "import":
    case "assert":
      return `an \`${owner.kind}\``;
    default:
      return placeOf(owner) ?? `a \`${owner.kind}\``;
  }
}

/** TFG0212 for attributes that are unknown or mean nothing where they stand, TFG0210 for wrong arguments. */
export function checkAttributes(check: Check, owner: Declaration | GraphItem | FunctionParam): void {
  const seen = new Map<string, Attribute>();
  for (const attribute of owner.attributes) {
    const complaint = complaintAbout(attribute, owner, seen.get(attribute.name.text));
    seen.set(attribute.name.text, attribute);
    if (complaint) check.reporter.report(complaint);
    else if (attribute.name.text === "allow") checkAllowed(check, attribute);
  }
}

function complaintAbout(
  { name, span, args }: Attribute,
  owner: Declaration | GraphItem | FunctionParam,
  before: Attribute | undefined,
): Complaint | undefined {
  const known = ATTRIBUTES.get(name.text);
  if (!known) {
    const near = nearest(name.text, ATTRIBUTES.keys());
    return {
      code: "TFG0212",
      message: `unknown attribute \`@${name.text}\``,
      primary: { span: name.span, text: near ? `did you mean \`@${near}\`?` : "not an attribute" },
      helps: near ? [{ text: `@${near}`, edits: [{ span: name.span, text: near }] }] : [],
      notes: near ? [] : [`the attributes are ${[...ATTRIBUTES.keys()].map((other) => `\`@${other}\``).join(", ")}`],
    };
  }
  const place = placeOf(owner);
  if (known.places && !(place && known.places.includes(place)))
    return {
      code: "TFG0212",
      message: `\`@${name.text}\` means nothing before ${nameOfKind(owner)}`,
      primary: { span, text: `it stands before ${alternatives(known.places)}` },
      helps: [{ text: "remove it", edits: [{ span: withSpace(span), text: "" }] }],
    };
  if (before && name.text !== "allow")
    return {
      code: "TFG0212",
      message: `\`@${name.text}\` is written twice`,
      primary: { span, text: "again" },
      related: [{ span: before.span, text: "first" }],
      helps: [{ text: "remove one of them" }],
    };
  if (name.text === "kernel")
    return {
      code: "TFG0106",
      message: "`@kernel` is not built yet",
      primary: { span, text: "" },
      helps: [{ text: "remove it: the compiler chooses the kernel" }],
    };
  if (known.takes(args.map((arg) => arg.value)) && args.every((arg) => arg.name === undefined)) return undefined;
  return {
    code: "TFG0210",
    message: `\`@${name.text}\` is written ${known.form}`,
    primary: { span, text: args.length === 0 ? "its argument is missing" : "this does not fit" },
  };
}

/** An attribute with the white space behind it. */
function withSpace(span: Span): Span {
  const { text } = span.file;
  return { ...span, end: span.end + (/^\s*/.exec(text.slice(span.end))?.[0].length ?? 0) };
}

function alternatives(places: readonly Place[]): string {
  const last = places.at(-1) ?? "";
  return places.length < 2 ? last : `${places.slice(0, -1).join(", ")} or ${last}`;
}

function checkAllowed(check: Check, attribute: Attribute): void {
  for (const { value } of attribute.args) {
    if (value.kind !== "name" || lintCode(value.name) !== undefined) continue;
    const near = /\d/.test(value.name) ? undefined : nearest(value.name, knownLints());
    check.reporter.report({
      code: "TFG0201",
      message: `unknown lint \`${value.name}\``,
      primary: { span: value.span, text: near ? `did you mean \`${near}\`?` : "no warning has this code or name" },
      helps: near ? [{ text: near, edits: [{ span: value.span, text: near }] }] : [],
      notes: near ? [] : ["a warning shows its code in brackets; errors cannot be allowed"],
    });
  }
}
