/** Graphs: run dims and their constraints, items in any order, outputs; from a declaration to the finished graph. */
import type { Span } from "../../grammar/source.ts";
import { spanText } from "../../grammar/source.ts";
import type {
  AssertStatement,
  Attribute,
  BindingStatement,
  Block,
  Expression,
  GraphDeclaration,
  GraphItem,
  IfStatement,
  InputStatement,
  OutputStatement,
} from "../../grammar/syntax.ts";
import { dimOf, dimSymbol, isLiteral, ONE } from "../ir/dims.ts";
import type { Graph, Input } from "../ir/graph.ts";
import { isFloat, type TensorType } from "../ir/types.ts";
import { GraphBuilder, type GraphInfo } from "./builder.ts";
import { readConstraints } from "./constraints.ts";
import { failOutside, settleEffects } from "./effects.ts";
import { BOTTOM, type Entity, formatType, int, isNumber, numberOf, type TensorEntity } from "./entity.ts";
import { factsOf } from "./facts.ts";
import { type Check, type DeclaredVariable, type Frame, type Module, Names, type Slot } from "./frame.ts";
import { lintInstances } from "./lints/instances.ts";
import { addSizeCheck, factsOfCondition, runAssert } from "./obligations.ts";
import { checkRange, emitValue, fail, flatten, toTensor } from "./operands.ts";
import { Failure } from "./report.ts";
import { ScopeNode } from "./scopes.ts";
import { annotated, blockScope, boundEntities, boundTwice, chosenBranch, constValue, namesOf } from "./statements.ts";
import { checkTrain, failStepAsValue, runStep } from "./steps.ts";
import { writtenType } from "./types.ts";
import { mentionsName } from "./walk.ts";
import { freshVariable } from "./variables.ts";

/** A named item that is evaluated when it is first needed. */
class LazyItem {
  readonly name: string;
  readonly span: Span;
  readonly syntax: GraphItem;
  readonly evaluateNow: () => Entity;
  state: "waiting" | "running" | "done" = "waiting";
  entity: Entity = BOTTOM;

  constructor(name: string, span: Span, syntax: GraphItem, evaluateNow: () => Entity) {
    this.name = name;
    this.span = span;
    this.syntax = syntax;
    this.evaluateNow = evaluateNow;
  }
}

interface Use {
  readonly item: LazyItem;
  /** Where the item was used that made it run. */
  readonly at: Span;
}

/** What becomes of an `assert`. */
type RunAssert = (frame: Frame, statement: AssertStatement) => void;

class GraphElaboration {
  readonly frame: Frame;
  readonly declaration: GraphDeclaration;
  readonly #running: Use[] = [];
  /** Everything to do, in the order of the text. */
  readonly #tasks: (() => void)[] = [];
  /** What says which branch of an `if` there is: done before everything else, since its names may be used above it. */
  readonly #choices: (() => void)[] = [];
  readonly #items: LazyItem[] = [];
  readonly #assert: RunAssert;

  constructor(frame: Frame, declaration: GraphDeclaration, assert: RunAssert) {
    this.frame = frame;
    this.declaration = declaration;
    this.#assert = assert;
    frame.builder.elaborateBefore = (statement) => this.#forceBefore(statement);
  }

  run(extra: ReadonlySet<string>): void {
    for (const item of this.declaration.items) this.#register(this.frame, item);
    // A branch may hold further ones.
    for (const choose of this.#choices) this.#guarded(choose);
    for (const task of this.#tasks) this.#guarded(task);
    for (const name of extra) this.#addNode(name);
  }

  #guarded(task: () => void): void {
    try {
      task();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
  }

  /** Runs with the graph's clock at `statement`, so that names of variables follow the text. */
  #at<T>(statement: number, work: () => T): T {
    const { builder } = this.frame;
    const before = builder.statement;
    builder.statement = statement;
    try {
      return work();
    } finally {
      builder.statement = before;
    }
  }

  #define(
    frame: Frame,
    syntax: GraphItem,
    name: { readonly text: string; readonly span: Span },
    evaluateNow: () => Entity,
    more: Partial<Slot> = {},
  ): void {
    const item = new LazyItem(name.text, name.span, syntax, evaluateNow);
    const before = frame.names.own.get(name.text);
    if (before) {
      const complaint = boundTwice(name.text, before.span, name.span);
      const isUpdate = before.variable && before.variable.kind !== "input" && syntax.kind === "binding";
      const help = { text: `to change the variable when a step is fetched: \`step s { ${name.text} := … }\`` };
      frame.check.reporter.report(isUpdate ? { ...complaint, helps: [...complaint.helps, help] } : complaint);
      return;
    }
    frame.names.own.set(name.text, { span: name.span, get: (use) => this.#force(item, use), ...more });
    this.#items.push(item);
    this.#tasks.push(() => this.#force(item, name.span));
  }

  /**
   * Elaborates what stands before `statement` in the text, so that `reuse=` finds the instances made there also when
   * its own item was needed early. What waits for an item under elaboration cannot be made yet and is left.
   */
  #forceBefore(statement: number): void {
    const isWaiting = new Map<LazyItem, boolean>();
    const waits = (item: LazyItem): boolean => {
      if (item.state !== "waiting") return item.state === "running";
      const known = isWaiting.get(item);
      if (known !== undefined) return known;
      isWaiting.set(item, false);
      const answer = this.#items.some(
        (other) => other !== item && mentionsName(item.syntax, other.name) && waits(other),
      );
      isWaiting.set(item, answer);
      return answer;
    };
    for (const item of this.#items)
      if (item.state === "waiting" && item.syntax.span.start < statement && !waits(item)) this.#force(item, item.span);
  }

  #force(item: LazyItem, use: Span): Entity {
    if (item.state === "done") return item.entity;
    if (item.state === "running") this.#failCycle(item, use);
    item.state = "running";
    this.#running.push({ item, at: use });
    try {
      item.entity = this.frame.check.reporter.outsideOfTrials(item.evaluateNow);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      item.entity = BOTTOM;
    } finally {
      this.#running.pop();
      item.state = "done";
    }
    return item.entity;
  }

  /** TFG0204, at the first use in the order of the text. */
  #failCycle(item: LazyItem, use: Span): never {
    const from = this.#running.findIndex((other) => other.item === item);
    const cycle = this.#running.slice(from);
    // Item k uses item k + 1 at the place where that one was made to run; the last one uses the first at `use`.
    const uses = cycle.map(({ item: user }, k) => ({
      user: user.name,
      uses: cycle[k + 1]?.item.name ?? item.name,
      at: cycle[k + 1]?.at ?? use,
    }));
    const first = uses.reduce(
      (best, other, k) => (other.at.start < (uses[best]?.at.start ?? Number.POSITIVE_INFINITY) ? k : best),
      0,
    );
    const ordered = [...uses.slice(first), ...uses.slice(0, first)];
    const names = ordered.map(({ user }) => `\`${user}\``);
    const [head, ...others] = ordered;
    return fail(this.frame, {
      code: "TFG0204",
      message:
        names.length === 1
          ? `${names[0]} needs itself`
          : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]} need each other`,
      primary: {
        span: head?.at ?? use,
        text: others.length === 0 ? "used here" : `\`${head?.user}\` uses \`${head?.uses}\` …`,
      },
      related: others.map((other) => ({ span: other.at, text: `… which uses \`${other.uses}\`` })),
      notes: ["a graph has no cycles; a value carried from run to run is a `state`"],
    });
  }

  #register(frame: Frame, item: GraphItem): void {
    const { start } = item.span;
    const isLost = ({
      span,
      type,
    }: {
      readonly span: Span;
      readonly type: { readonly span: Span } | object;
    }): boolean => "span" in type && frame.check.reporter.isDamaged(span);
    switch (item.kind) {
      case "input":
        this.#define(frame, item, item.name, () => (isLost(item) ? BOTTOM : this.#input(frame, item)), {
          isData: true,
          variable: declaredInput(item),
        });
        return;
      case "output":
        this.#output(frame, item);
        return;
      case "param":
      case "state": {
        const declared: DeclaredVariable | undefined =
          "kind" in item.type
            ? {
                kind: item.kind,
                span: { ...item.type.span, start: keywordStart(item) },
                type: item.type.span,
                dims: (item.type.dims ?? []).map((dim) => dim.span),
              }
            : undefined;
        this.#define(
          frame,
          item,
          item.name,
          () => (isLost(item) ? BOTTOM : this.#at(start, () => freshVariable(frame, item).entity)),
          {
            isData: true,
            ...(declared ? { variable: declared } : {}),
          },
        );
        return;
      }
      case "const":
        this.#define(frame, item, item.name, () => this.#at(start, () => constValue(frame, item)));
        return;
      case "binding":
        this.#binding(frame, item);
        return;
      case "scope": {
        let scope: ScopeNode | undefined;
        // Names of a scope's block belong to the graph; only the path of its variables is longer.
        const opened = (): ScopeNode => (scope ??= this.#at(start, () => blockScope(frame, item)));
        const inner: Frame = Object.defineProperties(
          { ...frame },
          {
            scope: { get: opened, enumerable: true },
            place: { get: () => frame.builder.placeOf(opened()), enumerable: true },
          },
        );
        for (const part of item.body.statements) this.#register(inner, part);
        return;
      }
      case "if": {
        const tasks: (() => void)[] = [];
        this.#tasks.push(() => {
          for (const task of tasks) this.#guarded(task);
        });
        this.#choices.push(() => {
          let branch: Block | IfStatement | undefined;
          try {
            branch = chosenBranch(frame, item);
            while (branch?.kind === "if") branch = chosenBranch(frame, branch);
          } catch (error) {
            // What the branches would have bound is no news.
            for (const { text, span } of namesOf(item))
              if (!frame.names.own.has(text)) frame.names.bind(text, span, BOTTOM);
            throw error;
          }
          const before = this.#tasks.length;
          for (const part of branch?.statements ?? []) this.#register(frame, part);
          tasks.push(...this.#tasks.splice(before));
        });
        return;
      }
      case "assert":
        this.#tasks.push(() => this.#at(start, () => this.#assert(frame, item)));
        return;
      case "update":
        this.#tasks.push(() => failOutside(frame, item));
        return;
      case "step":
      case "train":
        this.#define(
          frame,
          item,
          item.name,
          () => this.#at(start, () => (item.kind === "step" ? runStep(frame, item) : checkTrain(frame, item))),
          {
            isData: true,
            get: (use) =>
              frame.check.reporter.isDamaged(item.span) ? BOTTOM : failStepAsValue(frame, item.name.text, use),
          },
        );
        return;
      case "return":
        frame.check.reporter.report({
          code: "TFG0210",
          message: "a graph does not return",
          primary: { span: { ...item.span, end: item.span.start + "return".length }, text: "" },
          helps: [{ text: "output NAME = …" }],
        });
        return;
    }
  }

  #binding(frame: Frame, item: BindingStatement): void {
    const { start } = item.span;
    let shared: readonly Entity[] | undefined;
    const isFunction = item.value.kind === "lambda";
    for (const [i, name] of item.names.entries()) {
      this.#define(
        frame,
        item,
        name,
        () =>
          this.#at(start, () => {
            shared ??= boundEntities(frame, item);
            const entity = shared[i] ?? BOTTOM;
            const isNode = entity.kind === "initial" && entity.init.fn !== "orthogonal";
            const tensor = isNode ? toTensor(frame, entity, name.span) : entity;
            if (tensor.kind === "tensor") frame.builder.nameValue(tensor.value, name.text);
            return entity;
          }),
        { isData: !isFunction },
      );
    }
  }

  // ---- inputs and outputs ----------------------------------------------------------------------------------

  #input(frame: Frame, item: InputStatement): Entity {
    const type = writtenType(frame, item.type, item);
    const { name } = item;
    const accepts = acceptedType(frame, item);
    const standard = item.default ? this.#default(frame, item, item.default, type) : undefined;
    const input: Input = {
      name: name.text,
      // As written, so that the feeds bind every dim: what facts say of it is checked when it is known.
      type: { dtype: type.dtype, shape: type.shape },
      doc: item.doc,
      span: name.span,
      ...(standard === undefined ? {} : { default: standard }),
      ...(accepts ? { accepts } : {}),
    };
    frame.builder.inputs.push(input);
    const tensor = emitValue(frame, "input", [], { name: name.text }, type, name.span);
    for (const [i, dim] of type.shape.entries())
      if (!frame.builder.oblige(dim, 0, type.spans[i] ?? name.span, frame.facts))
        fail(frame, {
          code: "TFG0315",
          message: "a dimension cannot be negative",
          primary: { span: type.spans[i] ?? name.span, text: "" },
        });
    return { ...tensor, labels: type.labels };
  }

  /** A number fills the input; a list has a number for each element, and the sizes of the input are literal. */
  #default(frame: Frame, item: InputStatement, expression: Expression, type: TensorType): number | readonly number[] {
    const { dtype, shape } = type;
    const entity = frame.check.evaluate(frame, expression);
    if (entity.kind === "bottom") throw new Failure();
    const fits = (one: Entity): number | undefined => {
      const value = one.kind === "bool" ? Number(one.value) : numberOf(one);
      const isOfType =
        dtype === "bool"
          ? one.kind === "bool"
          : one.kind !== "bool" && (isFloat(dtype) || (value !== undefined && Number.isInteger(value)));
      if (!isOfType || value === undefined) return undefined;
      checkRange(frame, value, dtype, expression.span);
      return value;
    };
    const flat = entity.kind === "list" ? flatten(entity) : undefined;
    if (flat === undefined) {
      const value = fits(entity);
      if (value !== undefined) return value;
    } else if (flat !== "ragged") {
      const values = flat.items.map(fits);
      const isOfShape =
        flat.shape.length === shape.length && flat.shape.every((size, i) => isLiteral(shape[i] ?? ONE, size));
      if (!isOfShape)
        fail(frame, {
          code: "TFG0301",
          message: `the default of \`${item.name.text}\` is ${formatType({ dtype, shape: flat.shape.map(dimOf) })}, the input ${formatType(type)}`,
          primary: { span: expression.span, text: "" },
          helps: [{ text: "a number fills an input of any shape" }],
        });
      if (values.every((value) => value !== undefined)) return values;
    }
    return fail(frame, {
      code: "TFG0210",
      message: "the default of an input is a number, which fills it, or a list of its elements",
      primary: { span: expression.span, text: `\`${item.name.text}\` is ${dtype}` },
    });
  }

  #output(frame: Frame, item: OutputStatement): void {
    const { name, value, type } = item;
    const { start } = item.span;
    const add = (entity: Entity, span: Span): TensorEntity => {
      const typed = type ? annotated(frame, entity, type, span) : entity;
      const tensor = toTensor(frame, typed, span);
      frame.builder.outputs.push({ name: name.text, value: tensor.value, doc: item.doc, span: name.span });
      return tensor;
    };
    if (!value) {
      // It exports a binding of that name, which the graph must have.
      this.#tasks.push(() =>
        this.#at(start, () => {
          const entity = frame.check.evaluate(frame, { kind: "name", name: name.text, span: name.span });
          // The binding may itself be an output, which is made at the latest now.
          if (frame.builder.outputs.some((output) => output.name === name.text))
            fail(frame, {
              code: "TFG0202",
              message: `\`${name.text}\` is an output twice`,
              primary: { span: name.span, text: "again" },
            });
          if (entity.kind === "bottom") return;
          add(entity, name.span);
        }),
      );
      return;
    }
    this.#define(
      frame,
      item,
      name,
      () =>
        this.#at(start, () => {
          const entity = frame.check.evaluate({ ...frame, place: frame.place.binding(name.text) }, value);
          if (entity.kind === "bottom") return BOTTOM;
          const tensor = add(entity, value.span);
          frame.builder.nameValue(tensor.value, name.text);
          // A number stays one for those who read it, so that it adapts to what it meets.
          return isNumber(entity) || entity.kind === "list" ? entity : tensor;
        }),
      { isData: true },
    );
  }

  /** Makes a node an output that the text does not declare as one. */
  #addNode(name: string): void {
    const { frame } = this;
    const slot = frame.names.own.get(name);
    const isStep = this.declaration.items.some(
      (item) => (item.kind === "step" || item.kind === "train") && item.name.text === name,
    );
    if (!slot || isStep || frame.builder.outputs.some((output) => output.name === name)) return;
    const entity = slot.get(slot.span);
    if (
      entity.kind !== "tensor" &&
      entity.kind !== "initial" &&
      !isNumber(entity) &&
      entity.kind !== "list" &&
      entity.kind !== "bool"
    )
      return;
    this.#guarded(() => {
      const tensor = toTensor(frame, entity, slot.span);
      frame.builder.outputs.push({ name, value: tensor.value, doc: "", span: slot.span });
    });
  }
}

function keywordStart(item: {
  readonly kind: string;
  readonly name: { readonly span: Span };
  readonly span: Span;
}): number {
  const at = item.span.file.text.lastIndexOf(item.kind, item.name.span.start);
  return Math.max(at, item.span.start);
}

function declaredInput(item: InputStatement): DeclaredVariable {
  return {
    kind: "input",
    span: { ...item.type.span, start: keywordStart(item) },
    type: item.type.span,
    dims: (item.type.dims ?? []).map((dim) => dim.span),
  };
}

function acceptedType(frame: Frame, item: InputStatement): "i64" | "f64" | undefined {
  const attribute = item.attributes.find((other: Attribute) => other.name.text === "accepts");
  if (!attribute) return undefined;
  const [arg] = attribute.args;
  const name = arg?.value.kind === "name" ? arg.value.name : undefined;
  if (name === "i64" || name === "f64") return name;
  return fail(frame, {
    code: "TFG0210",
    message: "`@accepts` takes `i64` or `f64`",
    primary: { span: attribute.span, text: "" },
  });
}

// ---- the graph as a whole ------------------------------------------------------------------------------------

export function elaborateGraph(
  check: Check,
  module: Module,
  declaration: GraphDeclaration,
  extra: ReadonlySet<string>,
  assert: RunAssert = runAssert,
): Graph {
  const dims = declaration.generics.flatMap((generic) => {
    if (generic.kind === "dim") return [generic];
    check.reporter.report({
      code: "TFG0210",
      message: `a graph has run dims only, \`${spanText(generic.span)}\` is ${generic.kind === "pack" ? "a pack" : "an element type"}`,
      primary: { span: generic.span, text: "" },
    });
    return [];
  });
  const inputs = declaration.items.filter((item) => item.kind === "input");
  const info: GraphInfo = {
    name: declaration.name.text,
    nameEnd: declaration.name.span.end,
    head: `graph ${declaration.name.text}${dims.length > 0 ? `[${dims.map((dim) => dim.name.text).join(", ")}]` : ""}`,
    dims: dims.map((dim) => dim.name.text),
    spanOf: (name) => dims.find((dim) => dim.name.text === name)?.name.span,
    feedOf: (name) =>
      inputs.find((input) =>
        input.type.dims?.some((dim) => dim.kind === "expr" && dim.value.kind === "name" && dim.value.name === name),
      )?.name.text,
  };
  const builder = new GraphBuilder(info);
  const outer = new Names();
  for (const [i, dim] of dims.entries()) {
    const { text, span } = dim.name;
    const first = dims.findIndex((other) => other.name.text === text);
    if (first < i)
      check.reporter.report({
        code: "TFG0202",
        message: `\`${text}\` is bound twice`,
        primary: { span, text: "again" },
        related: [{ span: dims[first]?.name.span ?? span, text: "first bound here" }],
      });
    else outer.own.set(text, { span, get: () => int(dimSymbol(text)), label: { name: text } });
  }
  const root = new ScopeNode(undefined, "", true, [0, 0]);
  const bare: Frame = {
    check,
    module,
    names: outer,
    builder,
    facts: factsOf([]),
    scope: root,
    place: builder.placeOf(root),
    form: "graph",
    depth: 0,
  };
  const constraints = readConstraints(bare, declaration.where);
  const facts = factsOf(constraints.flatMap(({ condition }) => factsOfCondition(condition)));
  const frame: Frame = { ...bare, facts, names: new Names(outer) };
  for (const { condition, clause } of constraints) addSizeCheck({ ...frame, facts: factsOf([]) }, condition, clause);

  new GraphElaboration(frame, declaration, assert).run(extra);
  reportUnused(frame, declaration, inputs);
  root.settle();
  const effects = settleEffects(frame);
  const graph = builder.finish(
    declaration.name.text,
    declaration.doc,
    declaration.name.span,
    dims.map((dim) => ({ name: dim.name.text, span: dim.name.span })),
    effects,
  );
  reportSameNames(frame, graph);
  const isAlone = module.tree.declarations.filter(({ kind }) => kind === "graph").length === 1;
  check.lints.push(...lintInstances(root, new Set(builder.variables.map(({ scope }) => scope)), isAlone));
  return graph;
}

/** TFG0206: an input that no expression of the graph names. */
function reportUnused(frame: Frame, declaration: GraphDeclaration, inputs: readonly InputStatement[]): void {
  for (const { name } of inputs) {
    // One with an error in its type has been reported already.
    if (!frame.builder.inputs.some((input) => input.name === name.text)) continue;
    if (
      name.text.startsWith("_") ||
      name.text === "" ||
      declaration.items.some((item) => mentionsName(item, name.text))
    )
      continue;
    // A misspelt use of it is the one mistake.
    if (frame.check.reporter.isSuggested(name.text, declaration.span)) continue;
    frame.check.reporter.report({
      code: "TFG0206",
      message: `\`${name.text}\` is an input that nothing uses`,
      primary: { span: name.span, text: "never read" },
      helps: [{ text: "remove it, or prefix it with `_`" }],
    });
  }
}

/** TFG0404 for variables of different scopes whose full names meet: `@name("dense/kernel")` beside a layer `dense`. */
function reportSameNames(frame: Frame, graph: Graph): void {
  const first = new Map<string, Span>();
  for (const { name, span } of graph.variables) {
    const before = first.get(name);
    if (before)
      frame.check.reporter.report({
        code: "TFG0404",
        message: `two variables are named "${name}"`,
        primary: { span, text: "again" },
        related: before.start === span.start && before.file === span.file ? [] : [{ span: before, text: "first" }],
        helps: [{ text: "choose another name" }],
      });
    else first.set(name, span);
  }
}
