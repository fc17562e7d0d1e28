/**
 * Updates and assertions (language.md 5.2): collected while their statements are elaborated; which fetches they go with,
 * and what is wrong with that, is settled when the graph is complete.
 */
import { type Span, spanText } from "../../grammar/source.ts";
import type { UpdateStatement } from "../../grammar/syntax.ts";
import { dimOf, formatDim, formatShape, literalOf } from "../ir/dims.ts";
import type { CallId, ValueId } from "../ir/graph.ts";
import { mentionedBy } from "../ir/needs.ts";
import { type DType, isFloat, isInteger } from "../ir/types.ts";
import { scalarFunctions } from "../ops/scalar.ts";
import { primitives } from "../ops/table.ts";
import type { Effects, Going, GraphBuilder, UpdateDraft, VariableDraft } from "./builder.ts";
import { type Entity, formatType, type TensorEntity } from "./entity.ts";
import type { Frame, Owner } from "./frame.ts";
import { moduleItem, unknownName } from "./lookup.ts";
import { fail, toTensor } from "./operands.ts";
import { Failure } from "./report.ts";
import { isPlainDim } from "./unify.ts";

// ---- updates -------------------------------------------------------------------------------------------------

/** `name := value` */
export function runUpdate(frame: Frame, statement: UpdateStatement): void {
  const variable = updatedVariable(frame, statement);
  const { name, operator, value } = statement;
  const span: Span = { file: statement.span.file, start: name.span.start, end: operator.end };
  const { builder } = frame;
  if (frame.loop)
    fail(frame, {
      code: "TFG0411",
      message: `\`${name.text}\` is updated inside of a \`${frame.loop.spelling}\``,
      primary: { span: operator, text: "would happen in every turn, but an update is committed once" },
      helps: [
        { text: `carry it: \`${frame.loop.spelling}\` hands the value from turn to turn, update with the last one` },
      ],
    });
  const owner = frame.owner ?? failOutside(frame, statement);
  const before = builder.updates.find((other) => other.variable === variable && sameOwner(other.owner, owner));
  if (before) failTwice(frame, name.text, span, before.span);
  const entity = frame.check.evaluate({ ...frame, place: frame.place.binding(name.text) }, value);
  if (entity.kind === "bottom") throw new Failure();
  const tensor = fitting(frame, entity, variable, name.text, value.span);
  builder.updates.push({ variable, spelling: name.text, value: tensor.value, owner, span });
}

const sameOwner = (a: Owner, b: Owner): boolean =>
  a.kind === "step" ? b.kind === "step" && a.name === b.name : b.kind === "call" && a.call === b.call;

/** The variable that the name means; TFG0402, TFG0201, TFG0210. */
function updatedVariable(frame: Frame, { name, operator }: UpdateStatement): VariableDraft {
  if (frame.form === "def")
    fail(frame, {
      code: "TFG0402",
      message: "`:=` inside a `def`",
      primary: { span: operator, text: "a `def` is a pure function" },
    });
  const slot = frame.names.find(name.text);
  if (!slot) {
    const item = moduleItem(frame, name.text);
    if (item)
      fail(frame, {
        code: "TFG0210",
        message: `\`${name.text}\` is no variable`,
        primary: { span: name.span, text: "only a `param` or a `state` is updated" },
      });
    unknownName(frame, name.text, name.span, "name");
    throw new Failure();
  }
  const entity = slot.get(name.span);
  if (entity.kind === "bottom") throw new Failure();
  const variable =
    slot.variable && slot.variable.kind !== "input" && entity.kind === "tensor"
      ? frame.builder.variables.find((draft) => draft.value === entity.value)
      : undefined;
  return (
    variable ??
    fail(frame, {
      code: "TFG0210",
      message: slot.variable ? `\`${name.text}\` is an input` : `\`${name.text}\` is no variable`,
      primary: { span: name.span, text: "only a `param` or a `state` is updated" },
      related: slot.span.file === name.span.file ? [{ span: slot.span, text: "bound here" }] : [],
    })
  );
}

/** TFG0403 */
export function failOutside(frame: Frame, statement: UpdateStatement): never {
  const text = spanText(statement.span);
  return fail(frame, {
    code: "TFG0403",
    message: `\`${statement.name.text}\` is updated outside of a step`,
    primary: { span: statement.operator, text: "in a graph an update belongs to a named step" },
    helps: [{ text: `step update { ${text} }`, edits: [{ span: statement.span, text: `step update { ${text} }` }] }],
  });
}

function failTwice(frame: Frame, name: string, span: Span, first: Span): never {
  return fail(frame, {
    code: "TFG0406",
    message: `\`${name}\` is updated twice in one run`,
    primary: { span, text: "both commit at the end of the run; which one wins?" },
    related: [{ span: first, text: "first" }],
    notes: ["the right-hand side of both reads the value from before the run"],
  });
}

/** The new value, which must be of the variable's type. */
function fitting(frame: Frame, entity: Entity, variable: VariableDraft, name: string, span: Span): TensorEntity {
  const { dtype, shape } = variable;
  const tensor = toTensor(frame, entity, span, dtype);
  const wanted = { dtype, shape: shape.map((size) => dimOf(size)) };
  const own = tensor.type;
  const declared = { span: variable.span, text: `a variable of ${formatType(wanted)}` };
  const related = variable.span.file === span.file ? [declared] : [];
  if (own.dtype !== dtype)
    fail(frame, {
      code: "TFG0304",
      message: `\`${name}\` is ${formatType(wanted)}, its new value ${formatType(own)}`,
      primary: { span, text: formatType(own) },
      related,
      helps: dtype === "bool" || own.dtype === "bool" ? [] : [{ text: `(${spanText(span)}) as ${dtype}` }],
    });
  const agrees =
    own.shape.length === shape.length && own.shape.every((dim, i) => frame.facts.equal(dim, dimOf(shape[i] ?? 1)));
  if (!agrees) {
    const isCertain =
      own.shape.length !== shape.length ||
      own.shape.some((dim, i) => literalOf(dim) !== undefined && literalOf(dim) !== shape[i]);
    const differs = own.shape.find((dim, i) => literalOf(dim) !== shape[i]);
    fail(frame, {
      code: isCertain || (differs && isPlainDim(differs)) ? "TFG0301" : "TFG0311",
      message: `\`${name}\` is ${formatType(wanted)}, its new value ${formatType(own)}`,
      primary: { span, text: formatType(own) },
      related,
      helps:
        own.shape.length === 0
          ? [{ text: `fill it: \`broadcast(${numberText(span, dtype)}, ${formatShape(wanted.shape)})\`` }]
          : isCertain || !frame.builder.graph || !differs
            ? []
            : [
                {
                  text: `state it: \`${frame.builder.graph.head} where ${formatDim(differs)} == ${shape[own.shape.indexOf(differs)]}\``,
                },
              ],
    });
  }
  if (own.shape.every((dim) => literalOf(dim) !== undefined)) return tensor;
  // Sizes that the facts say are the variable's: written as it has them.
  const reshape = frame.check.primitive("reshape");
  const site = { span, callee: span, spelling: ":=" };
  const literal = reshape
    ? frame.check.apply(frame, reshape, [{ entity: tensor, span }], { shape: wanted.shape }, site)
    : tensor;
  return literal.kind === "tensor" ? literal : tensor;
}

/** `0` as a float is `0.0`. */
export const numberText = (span: Span, dtype: DType): string => {
  const text = spanText(span);
  return isFloat(dtype) && /^-?\d+$/.test(text) ? `${text}.0` : text;
};

/**
 * What a call hands out that updates variables or asserts. A result that was there before it, or is a variable, gets a
 * value of its own: whoever needs that evaluates the call, and whoever needs the old one does not.
 */
export function ownResult(inner: Frame, entity: Entity, before: number, span: Span): Entity {
  if (entity.kind === "list")
    return { ...entity, items: entity.items.map((item) => ownResult(inner, item, before, span)) };
  if (entity.kind === "record")
    return {
      ...entity,
      parts: entity.parts.map((part) => ({ ...part, entity: ownResult(inner, part.entity, before, span) })),
    };
  if (entity.kind !== "tensor") return entity;
  const { call, op } = inner.builder.valueAt(entity.value);
  const isWithin = op !== "variable" && [...inner.builder.callsAround(call)].some((id) => id === inner.call);
  const reshape = inner.check.primitive("reshape");
  if ((entity.value >= before && isWithin) || !reshape) return entity;
  const site = { span, callee: span, spelling: "return" };
  const own = inner.check.apply(inner, reshape, [{ entity, span }], { shape: entity.type.shape }, site);
  return own.kind === "tensor" && entity.labels ? { ...own, labels: entity.labels } : own;
}

// ---- which fetches they go with ------------------------------------------------------------------------------

/** Settles updates and assertions of a graph whose items are all elaborated. Reports TFG0406 and TFG0317. */
export function settleEffects(frame: Frame): Effects {
  const { builder } = frame;
  if (builder.updates.length + builder.assertions.length === 0) return { updates: [], assertions: [] };
  const updates = builder.updates.map((draft) => ({ draft, when: new Set<string>() }));
  const assertions = builder.assertions.map((draft) => ({ draft, when: new Set<string>() }));
  const mentioned = (ids: Iterable<ValueId>): Set<string> => {
    const dims = new Set<string>();
    for (const id of ids) mentionedBy(builder.valueAt(id), dims);
    return dims;
  };
  const fetches: { readonly name: string; readonly value?: ValueId }[] = [...builder.outputs, ...builder.steps];
  for (const { name, value } of fetches) {
    const evaluated = new Set<CallId>();
    const known = new Set<ValueId>();
    const need = (root: ValueId): void => {
      for (const id of builder.needed([root], known)) {
        known.add(id);
        const { op, call } = builder.valueAt(id);
        // A variable's value is there without the call that declares it.
        if (op === "variable") continue;
        for (const around of builder.callsAround(call)) {
          if (evaluated.has(around)) break;
          evaluated.add(around);
        }
      }
    };
    const goes = (owner: Owner | undefined): boolean =>
      owner !== undefined && (owner.kind === "step" ? owner.name === name : evaluated.has(owner.call));
    if (value !== undefined) need(value);
    for (let before = -1; before !== known.size; ) {
      before = known.size;
      for (const { draft, when } of updates)
        if (!when.has(name) && goes(draft.owner)) {
          when.add(name);
          need(draft.value);
        }
      for (const { draft, when } of assertions)
        if (!when.has(name) && goes(draft.owner)) {
          when.add(name);
          need(draft.condition);
        }
    }
    // One at graph level asks for no feed of its own: `step reset { position := 0 }` does not need to know T.
    const dims = mentioned(known);
    for (const { draft, when } of assertions)
      if (!draft.owner && [...mentioned(builder.needed([draft.condition]))].every((dim) => dims.has(dim)))
        when.add(name);
  }
  const going = <Draft>({ draft, when }: { draft: Draft; when: ReadonlySet<string> }): Going<Draft>[] =>
    when.size === 0 ? [] : [{ ...draft, when: [...when] }];
  const settled = { updates: updates.flatMap(going), assertions: assertions.flatMap(going) };
  reportTwice(frame, settled.updates);
  reportUnreadable(frame, settled);
  return settled;
}

/** TFG0406 for two updates of a variable on the path of one fetch. */
function reportTwice(frame: Frame, updates: readonly Going<UpdateDraft>[]): void {
  const byVariable = new Map<VariableDraft, Going<UpdateDraft>[]>();
  for (const update of updates) {
    const before = byVariable.get(update.variable) ?? [];
    byVariable.set(update.variable, [...before, update]);
    for (const first of before) {
      if (!first.when.some((name) => update.when.includes(name))) continue;
      const isSameText = first.span.start === update.span.start && first.span.file === update.span.file;
      const site = ({ owner, span }: UpdateDraft): Span => (isSameText && owner.kind === "call" ? owner.span : span);
      frame.check.reporter.report({
        code: "TFG0406",
        message: `\`${update.spelling}\` is updated twice in one run`,
        primary: {
          span: site(update),
          text: isSameText ? "the same instance again" : "both commit at the end of the run; which one wins?",
        },
        related: [
          { span: site(first), text: "first" },
          ...(isSameText ? [{ span: update.span, text: "updated here" }] : []),
        ],
        notes: ["the right-hand side of both reads the value from before the run"],
      });
    }
  }
}

// ---- what the host can read before a run ---------------------------------------------------------------------

/** Whether a value is an integer or bool of rank 0 made of sizes, constants and the states that `isHost` accepts. */
export function isHostScalar(
  builder: GraphBuilder,
  root: ValueId,
  isHost: (variable: VariableDraft) => boolean,
): boolean {
  return [...builder.needed([root])].every((id) => {
    const { op, type } = builder.valueAt(id);
    if (type.shape.length > 0 || (type.dtype !== "bool" && !isInteger(type.dtype))) return false;
    if (op === "variable") return builder.variables.some((draft) => draft.value === id && isHost(draft));
    if (op === "dim" || op === "constant") return true;
    const kind = primitives[op]?.class;
    const fn = scalarFunctions.get(op);
    return (kind === "map" || kind === "view" || kind === "branch") && (fn === undefined || fn.host !== undefined);
  });
}

/** What can be said of a state before all updates are known. */
export const mayBeHost = (draft: VariableDraft): boolean => !draft.trainable && draft.shape.length === 0;

/** TFG0317 for assertions on states that take values from the graph. */
function reportUnreadable(frame: Frame, { updates, assertions }: Effects): void {
  const { builder } = frame;
  if (assertions.length === 0) return;
  const host = new Set(builder.variables.filter(mayBeHost));
  const isHost = (draft: VariableDraft): boolean => host.has(draft);
  const reasons = new Map<VariableDraft, Span>();
  for (let before = -1; before !== host.size; ) {
    before = host.size;
    for (const { variable, value, span } of updates)
      if (host.has(variable) && !isHostScalar(builder, value, isHost)) {
        host.delete(variable);
        reasons.set(variable, span);
      }
  }
  for (const { condition, span } of assertions) {
    if (isHostScalar(builder, condition, isHost)) continue;
    const read = builder.needed([condition]);
    const [wrong] = [...reasons].filter(([variable]) => read.has(variable.value));
    frame.check.reporter.report({
      code: "TFG0317",
      message: "this assertion cannot be decided before a run",
      primary: { span, text: "it depends on a `state` that takes values from the graph" },
      related: wrong && wrong[1].file === span.file ? [{ span: wrong[1], text: "updated here" }] : [],
      helps: [{ text: "assert on sizes, constants, and integer states that are updated from these alone" }],
    });
  }
}
