/** Top-level items as entities: functions, configs with `--set`, consts. Evaluated once per graph. */
import { type Span, spanText } from "../../grammar/source.ts";
import type { ConfigDeclaration, ConstStatement, TypeSyntax } from "../../grammar/syntax.ts";
import type { GraphBuilder } from "./builder.ts";
import { isInteger } from "../ir/types.ts";
import {
  BOTTOM,
  bool,
  describe,
  type Entity,
  float,
  int,
  isNumber,
  isStatic,
  list,
  literalInt,
  numberOf,
  str,
} from "./entity.ts";
import { type Frame, type Module, type ModuleItem, Names } from "./frame.ts";
import { checkRange, fail } from "./operands.ts";
import { Failure } from "./report.ts";
import { ScopeNode } from "./scopes.ts";
import { annotated } from "./statements.ts";
import { isDType, isStaticType } from "./types.ts";

interface Evaluation {
  readonly state: "running" | "done";
  readonly entity: Entity;
}

/** Values of configs and consts, by graph, since a const may hold tensors. */
export class ItemValues {
  readonly #values = new WeakMap<GraphBuilder, Map<Module, Map<object, Evaluation>>>();

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
    // A file that is imported under several settings is several modules of one text.
    const modules = this.#values.get(frame.builder) ?? new Map<Module, Map<object, Evaluation>>();
    this.#values.set(frame.builder, modules);
    const known = modules.get(module) ?? new Map<object, Evaluation>();
    modules.set(module, known);
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
  if (entity.kind === "list" && numbersIn(entity) > MOST_NUMBERS)
    fail(home, {
      code: "TFG0210",
      message: `a \`const\` has at most ${MOST_NUMBERS} numbers, 64 KiB`,
      primary: { span: declaration.name.span, text: `this has ${numbersIn(entity)}` },
      helps: [{ text: "make it a `param`, whose values are in the weights, or an `input`" }],
    });
  return declaration.type ? annotated(home, entity, declaration.type, declaration.value.span) : entity;
}

const MOST_NUMBERS = 16384;

const numbersIn = (entity: Entity): number =>
  entity.kind === "list" ? entity.items.reduce((count, item) => count + numbersIn(item), 0) : Number(isNumber(entity));

/** Types of configs: the element types, and those that exist while compiling only. */
const isConfigType = (name: string): boolean => isDType(name) || isStaticType(name);

function configValue(frame: Frame, declaration: ConfigDeclaration, module: Module): Entity {
  const home = fileFrame(frame, module);
  const { name, type } = declaration;
  if (!isConfigType(type.name.text))
    fail(home, {
      code: "TFG0211",
      message: `a \`config\` is an int, a number, a bool or a string, not \`${type.name.text}\``,
      primary: { span: type.span, text: "" },
    });
  const entity = frame.check.evaluate(home, declaration.value);
  if (entity.kind === "bottom") return BOTTOM;
  const standard = configTyped(home, type, entity, declaration.value.span);
  const own = module.settings.get(name.text);
  const given = own?.value ?? (module.isLibrary ? undefined : frame.check.settings.get(name.text));
  if (given === undefined) return standard;
  const value = settingEntity(given, type.name.text, type.dims !== undefined, type.dims?.length === 1);
  if (value) return configTyped(home, type, value, own?.span ?? name.span);
  return fail(home, {
    code: "TFG0210",
    message: `\`${own ? "?" : "--set "}${name.text}=${given}\`: ${expected(type)} is expected`,
    primary: { span: own?.span ?? type.span, text: own ? "" : `\`${name.text}\` is ${spanText(type.span)}` },
    related: own ? [{ span: type.span, text: `\`${name.text}\` is ${spanText(type.span)}` }] : [],
  });
}

const WANTED: Readonly<Record<string, string>> = { int: "an int", bool: "true or false", str: "a string" };

const expected = (type: TypeSyntax): string =>
  type.dims ? "a list, as in `1,2,3`," : (WANTED[type.name.text] ?? (isWhole(type.name.text) ? "an int" : "a number"));

const isWhole = (name: string): boolean => name === "int" || (isDType(name) && isInteger(name));

/** The value as the config's type has it: a compile-time value, which adapts to what it meets as a literal does. */
function configTyped(home: Frame, type: TypeSyntax, entity: Entity, span: Span): Entity {
  if (type.dims === undefined) return configItem(home, type, entity, span);
  const [only, ...others] = type.dims;
  if (others.length > 0 || (only && only.kind !== "expr"))
    fail(home, {
      code: "TFG0211",
      message: "a `config` is one value or a list of values",
      primary: { span: type.span, text: "" },
      helps: [{ text: "declare a tensor as a `const`" }],
    });
  const size = only?.kind === "expr" ? home.check.evaluate(home, only.value) : undefined;
  if (size?.kind === "bottom") return BOTTOM;
  const length = size && literalInt(size);
  const { dims: _, ...item } = type;
  if (isStatic(entity) && entity.kind !== "list" && length !== undefined)
    return list(new Array<Entity>(length).fill(configItem(home, item, entity, span)));
  if (entity.kind !== "list" || (length !== undefined && entity.items.length !== length))
    return fail(home, {
      code: "TFG0210",
      message: `${spanText(type.span)} is declared, but this is ${entity.kind === "list" ? `a list of ${entity.items.length}` : describe(entity)}`,
      primary: { span, text: describe(entity) },
      related: [{ span: type.span, text: "declared here" }],
    });
  return list(entity.items.map((one) => configItem(home, item, one, span)));
}

function configItem(home: Frame, type: TypeSyntax, entity: Entity, span: Span): Entity {
  const { text: name } = type.name;
  const typed = annotated(home, entity, type, span);
  if (typed.kind === "tensor" || typed.kind === "scalar")
    return fail(home, {
      code: "TFG0210",
      message: `a \`config\` is a compile-time value, not ${describe(typed)}`,
      primary: { span, text: "" },
    });
  const value = numberOf(typed);
  if (typed.kind === "int" && value !== undefined && isDType(name)) {
    checkRange(home, value, name, span);
    if (!isInteger(name)) return float(value);
  }
  return typed.kind === "float" ? float(typed.value) : typed.kind === "int" ? int(typed.dim) : typed;
}

/** The text of `--set NAME=VALUE` as a value of the type; undefined if it is none. */
function settingEntity(text: string, typeName: string, isList: boolean, isFixed: boolean): Entity | undefined {
  if (isList) {
    // One value is repeated where the length is declared.
    if (isFixed && !/^\s*\[|,/.test(text)) return settingEntity(text, typeName, false, false);
    const inner = text.trim().replace(/^\[(.*)\]$/s, "$1");
    if (inner.trim() === "") return list([]);
    const items = inner.split(",").map((part) => settingEntity(part.trim(), typeName, false, false));
    return items.every((item) => item !== undefined) ? list(items) : undefined;
  }
  if (typeName === "str") return str(text);
  if (typeName === "bool") return text === "true" ? bool(true) : text === "false" ? bool(false) : undefined;
  if (isWhole(typeName))
    return /^-?(\d+|0x[0-9a-fA-F]+)$/.test(text) && Number.isSafeInteger(settingInt(text))
      ? int(settingInt(text))
      : undefined;
  const value = Number(text);
  return text.trim() !== "" && Number.isFinite(value) ? float(value) : undefined;
}

const settingInt = (text: string): number => (text.startsWith("-") ? -Number(text.slice(1)) : Number(text));
