/** Top-level items as entities: functions, configs with `--set`, consts. Evaluated once per graph. */
import type { Span } from "../../grammar/source.ts";
import type { ConfigDeclaration, ConstStatement } from "../../grammar/syntax.ts";
import { BOTTOM, bool, describe, type Entity, float, int, list, str } from "./entity.ts";
import { type Frame, type Module, type ModuleItem, Names } from "./frame.ts";
import { fail } from "./operands.ts";
import { Failure } from "./report.ts";
import { ScopeNode } from "./scopes.ts";
import { annotated } from "./statements.ts";

interface Evaluation {
  readonly state: "running" | "done";
  readonly entity: Entity;
}

/** Values of configs and consts, by graph, since a const may hold tensors. */
export class ItemValues {
  readonly #values = new WeakMap<object, Map<object, Evaluation>>();

  entity(frame: Frame, item: ModuleItem, use: Span): Entity {
    if (item.kind === "broken") return BOTTOM;
    if (item.kind === "namespace") return { kind: "module", module: item.module };
    const { declaration, module } = item;
    switch (declaration.kind) {
      case "function":
        return { kind: "fn", form: "declared", declaration, module };
      case "config":
      case "const":
        return this.#value(frame, declaration, module, use);
      case "optimizer":
        return fail(frame, {
          code: "TFG0106",
          message: "optimisers are not built yet",
          primary: { span: use, text: `\`${declaration.name.text}\` is an optimiser` },
        });
      case "graph":
        return fail(frame, {
          code: "TFG0210",
          message: `\`${declaration.name.text}\` is a graph`,
          primary: { span: use, text: "a graph is run, not called" },
          helps: [{ text: "make what both need a `layer`" }],
        });
      default:
        return BOTTOM;
    }
  }

  #value(frame: Frame, declaration: ConfigDeclaration | ConstStatement, module: Module, use: Span): Entity {
    let known = this.#values.get(frame.builder);
    if (!known) {
      known = new Map();
      this.#values.set(frame.builder, known);
    }
    const before = known.get(declaration);
    if (before?.state === "done") return before.entity;
    if (before)
      return fail(frame, {
        code: "TFG0204",
        message: `\`${declaration.name.text}\` needs itself`,
        primary: { span: use, text: "used here" },
        related: declaration.name.span.file === use.file ? [{ span: declaration.name.span, text: "defined here" }] : [],
      });
    known.set(declaration, { state: "running", entity: BOTTOM });
    let entity: Entity = BOTTOM;
    try {
      entity = frame.check.reporter.outsideOfTrials(() =>
        declaration.kind === "config" ? configValue(frame, declaration, module) : itemConst(frame, declaration, module),
      );
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
    known.set(declaration, { state: "done", entity });
    return entity;
  }
}

/** The frame of a file's top level. */
export function fileFrame(frame: Frame, module: Module): Frame {
  const { activation: _a, call: _c, comprehension: _k, reuse: _r, owner: _o, loop: _l, ...rest } = frame;
  const scope = new ScopeNode(undefined, "", true, [0, 0]);
  return { ...rest, module, names: new Names(), form: "file", scope, place: frame.builder.placeOf(scope) };
}

function itemConst(frame: Frame, declaration: ConstStatement, module: Module): Entity {
  const home = fileFrame(frame, module);
  const place = home.place.binding(declaration.name.text);
  const entity = frame.check.evaluate({ ...home, place }, declaration.value);
  if (entity.kind === "bottom") return BOTTOM;
  return declaration.type ? annotated(home, entity, declaration.type, declaration.value.span) : entity;
}

const CONFIG_TYPES: ReadonlySet<string> = new Set(["int", "f32", "float", "bool", "str", "i32", "u32", "f16"]);

function configValue(frame: Frame, declaration: ConfigDeclaration, module: Module): Entity {
  const home = fileFrame(frame, module);
  const { text: typeName } = declaration.type.name;
  if (!CONFIG_TYPES.has(typeName))
    fail(home, {
      code: "TFG0211",
      message: `a \`config\` is an int, a number, a bool or a string, not \`${typeName}\``,
      primary: { span: declaration.type.span, text: "" },
    });
  const entity = frame.check.evaluate(home, declaration.value);
  if (entity.kind === "bottom") return BOTTOM;
  const standard = configTyped(home, declaration, entity, declaration.value.span);
  const given = module.isLibrary ? undefined : frame.check.settings.get(declaration.name.text);
  if (given === undefined) return standard;
  const value = settingEntity(given, typeName, declaration.type.dims !== undefined);
  if (value) return configTyped(home, declaration, value, declaration.name.span);
  return fail(home, {
    code: "TFG0210",
    message: `\`--set ${declaration.name.text}=${given}\`: ${typeName === "int" ? "an int" : typeName === "bool" ? "true or false" : typeName === "str" ? "a string" : "a number"} is expected`,
    primary: {
      span: declaration.type.span,
      text: `\`${declaration.name.text}\` is ${declaration.type.span.file.text.slice(declaration.type.span.start, declaration.type.span.end)}`,
    },
  });
}

/** The value as the config's type has it. A number of type f32 stays a compile-time number. */
function configTyped(home: Frame, declaration: ConfigDeclaration, entity: Entity, span: Span): Entity {
  const { text: typeName } = declaration.type.name;
  const typed = annotated(home, entity, declaration.type, span);
  if (typed.kind === "tensor" || typed.kind === "scalar")
    return fail(home, {
      code: "TFG0210",
      message: `a \`config\` is a compile-time value, not ${describe(typed)}`,
      primary: { span, text: "" },
    });
  if (typeName === "f32" && typed.kind === "int") return float(Number(typed.dim.terms[0]?.coefficient ?? 0));
  // A config adapts to the operand it meets, as a literal does.
  return typed.kind === "float" ? float(typed.value) : typed.kind === "int" ? int(typed.dim) : typed;
}

/** The text of `--set NAME=VALUE` as a value of the type; undefined if it is none. */
function settingEntity(text: string, typeName: string, isList: boolean): Entity | undefined {
  if (isList) {
    const inner = text.replace(/^\[|\]$/g, "");
    const items = inner.split(",").map((part) => settingEntity(part.trim(), typeName, false));
    return items.every((item) => item !== undefined) ? list(items) : undefined;
  }
  switch (typeName) {
    case "str":
      return str(text);
    case "bool":
      return text === "true" ? bool(true) : text === "false" ? bool(false) : undefined;
    case "int":
    case "i32":
    case "u32":
      return /^-?(\d+|0x[0-9a-fA-F]+)$/.test(text) && Number.isSafeInteger(Number(text))
        ? int(Number(text))
        : undefined;
    default: {
      const value = Number(text);
      return text.trim() !== "" && Number.isFinite(value) ? float(value) : undefined;
    }
  }
}
