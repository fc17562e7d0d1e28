/** What a name means: locals, then the graph's nodes, the file's items, the prelude, the primitives. */
import type { Span } from "../../grammar/source.ts";
import type { Declaration, Expression, MemberExpression } from "../../grammar/syntax.ts";
import { callees } from "../ops/table.ts";
import { BUILTINS } from "./builtins.ts";
import { BOTTOM, bool, type Entity, float, type FunctionEntity } from "./entity.ts";
import type { Frame, ModuleItem, Slot } from "./frame.ts";
import { type Foreign, foreignName, isForeignModule } from "./foreign.ts";
import { nearest } from "./nearest.ts";
import { unbuiltFunction } from "./unbuilt.ts";
import { namesBoundIn, readsOf } from "./walk.ts";

const PREDEFINED: ReadonlyMap<string, Entity> = new Map<string, Entity>([
  ["training", bool(false)],
  ["pi", float(Math.PI)],
  ["inf", float(Number.POSITIVE_INFINITY)],
  ["nan", float(Number.NaN)],
]);

export const moduleItem = (frame: Frame, name: string): ModuleItem | undefined =>
  frame.module.items.get(name) ?? frame.check.modules.preludeItem(name);

/** A function of the language itself: a primitive or a builtin of elaboration. */
export function intrinsic(name: string): FunctionEntity | undefined {
  if (BUILTINS.has(name)) return { kind: "fn", form: "builtin", name };
  const candidates = callees.get(name);
  return candidates ? { kind: "fn", form: "primitive", name, candidates } : undefined;
}

/** A name in an expression. Reports TFG0201. */
export function lookUp(frame: Frame, name: string, span: Span): Entity {
  const slot = frame.names.find(name);
  if (slot) return slot.get(span);
  const item = moduleItem(frame, name);
  if (item) return frame.check.itemEntity(frame, item, span);
  return PREDEFINED.get(name) ?? intrinsic(name) ?? unknownName(frame, name, span, "name");
}

/** A name in front of `(`: functions come first, so that `output sum = …` does not hide `sum(…)`. */
export function lookUpCallee(frame: Frame, name: string, span: Span): Entity {
  let hidden: Slot | undefined;
  for (let names: Frame["names"] | undefined = frame.names; names; names = names.outer) {
    const slot = names.own.get(name);
    if (!slot) continue;
    if (slot.isData) {
      hidden ??= slot;
      continue;
    }
    const entity = slot.get(span);
    if (entity.kind === "fn" || entity.kind === "bottom") return entity;
    hidden ??= slot;
  }
  const item = moduleItem(frame, name);
  if (item) {
    const entity = frame.check.itemEntity(frame, item, span);
    if (entity.kind === "fn" || entity.kind === "bottom") return entity;
  }
  const found = intrinsic(name);
  if (found) return found;
  if (hidden) return hidden.get(span);
  if (item) return frame.check.itemEntity(frame, item, span);
  return PREDEFINED.get(name) ?? unknownName(frame, name, span, "function");
}

export function unknownName(frame: Frame, name: string, span: Span, what: "name" | "function"): Entity {
  const unbuilt = unbuiltFunction(name);
  if (unbuilt) {
    frame.check.reporter.report(
      {
        code: "TFG0106",
        message: `\`${name}\` is not built yet`,
        primary: { span, text: unbuilt.text },
        helps: unbuilt.helps,
      },
      frame,
    );
    return BOTTOM;
  }
  const foreign = foreignName(name);
  if (foreign) {
    reportForeign(frame, `unknown ${what} \`${name}\``, span, foreign);
    return BOTTOM;
  }
  const near = nearest(name, visibleNames(frame, what));
  const owner = frame.module.tree.declarations.find(
    (other) => other.span.start <= span.start && span.end <= other.span.end,
  );
  // What is written wrong, or declared nowhere, in several places of one declaration is one mistake.
  if (owner && !frame.check.reporter.isNewName(name, span, owner.span)) return BOTTOM;
  if (owner && frame.check.reporter.isUnknownDim(name, owner.span)) return BOTTOM;
  const places = owner ? [...readsOf(owner, name)].filter((place) => place.start !== span.start) : [];
  frame.check.reporter.report(
    {
      code: "TFG0201",
      message: `unknown ${what} \`${name}\``,
      primary: { span, text: near ? `did you mean \`${near}\`?` : "not found" },
      related: near ? places.slice(0, 3).map((place) => ({ span: place, text: "" })) : [],
      helps: near
        ? [{ text: near, edits: [span, ...places].map((place) => ({ span: place, text: near })) }]
        : elsewhere(frame, name, owner),
    },
    frame,
  );
  return BOTTOM;
}

/** For a name in a function that is a node of a graph of the file: the function sees its own names only. */
function elsewhere(frame: Frame, name: string, owner: Declaration | undefined): { readonly text: string }[] {
  if (owner?.kind !== "function") return [];
  for (const other of frame.module.tree.declarations) {
    if (other.kind !== "graph") continue;
    const bound = [...namesBoundIn(other)].find((candidate) => candidate.name.text === name && candidate.item);
    if (!bound) continue;
    const isVariable = bound.item?.kind === "param" || bound.item?.kind === "state";
    const way = isVariable && owner.form === "layer" ? "declare it in the layer, or hand it over" : "hand it over";
    return [{ text: `\`${name}\` is a node of the graph \`${other.name.text}\`: ${way} as an argument` }];
  }
  return [];
}

function reportForeign(frame: Frame, message: string, span: Span, { name, written }: Foreign): void {
  frame.check.reporter.report(
    {
      code: "TFG0201",
      message,
      primary: { span, text: name === undefined ? "not found" : `here it is \`${name}\`` },
      helps: [
        ...(name === undefined ? [] : [{ text: name, edits: [{ span, text: name }] }]),
        ...(written === undefined ? [] : [{ text: written }]),
      ],
    },
    frame,
  );
}

/**
 * `tf.nn.relu`: true, with a message about the whole of it, if it begins with a module of another framework that
 * means nothing here.
 */
export function isForeignMember(frame: Frame, member: MemberExpression): boolean {
  let root: Expression = member;
  while (root.kind === "member") root = root.value;
  if (root.kind !== "name" || !isForeignModule(root.name)) return false;
  if (frame.names.find(root.name) || moduleItem(frame, root.name)) return false;
  const last = member.name.text;
  const known = isVisible(frame, last) ? { name: last } : foreignName(last);
  const near = known ? undefined : nearest(last, visibleNames(frame, "function"));
  const message = `\`${root.name}\` is not known here`;
  const fallback = { written: "the functions of the standard library are called by their names alone, as `relu(x)`" };
  reportForeign(frame, message, member.span, known ?? (near === undefined ? fallback : { name: near }));
  return true;
}

const isVisible = (frame: Frame, name: string): boolean =>
  moduleItem(frame, name) !== undefined || intrinsic(name) !== undefined || PREDEFINED.has(name);

/** Whether a callee declares something in another framework, so that its arguments are no news. */
export function isForeignDeclaration(frame: Frame, callee: Expression): boolean {
  if (callee.kind !== "name" && callee.kind !== "member") return false;
  const name = callee.kind === "name" ? callee.name : callee.name.text;
  if (foreignName(name)?.isDeclaration !== true) return false;
  return callee.kind === "member"
    ? callee.value.kind === "name" && isForeignModule(callee.value.name)
    : !frame.names.find(name) && !moduleItem(frame, name);
}

function* visibleNames(frame: Frame, what: "name" | "function"): Iterable<string> {
  yield* frame.names.all();
  for (const [name, item] of frame.module.items)
    if (
      item.kind === "namespace" ||
      (item.kind === "declaration" && item.declaration.kind !== "graph" && item.declaration.kind !== "optimizer")
    )
      yield name;
  yield* frame.check.modules.preludeNames();
  yield* callees.keys();
  yield* BUILTINS.keys();
  if (what === "name") yield* PREDEFINED.keys();
}

export const isPredefined = (name: string): boolean => PREDEFINED.has(name);
