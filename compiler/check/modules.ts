/** Files and their top-level names: reading, imports, the implicit prelude. */
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import { type SourceFile, type Span, sourceFile } from "../../grammar/source.ts";
import type { Declaration, ImportDeclaration, SyntaxFile } from "../../grammar/syntax.ts";
import { nearest } from "./nearest.ts";
import type { Module, ModuleItem } from "./frame.ts";
import type { Reporter } from "./report.ts";
import { expressionsOfDeclaration } from "./walk.ts";

/** What `std/prelude` consists of, in the order in which a name is looked up. */
const PRELUDE = [
  "std/math",
  "std/reduce",
  "std/activations",
  "std/losses",
  "std/metrics",
  "std/init",
  "std/nn",
  "std/random",
  "std/optim",
];

export interface Sources {
  /** Text of a file by its path, joined to the folder of the file that imports it; undefined if it cannot be read. */
  read(path: string): string | undefined;
  readonly library: ReadonlyMap<string, string>;
  parse(file: SourceFile, part?: Span): { readonly tree: SyntaxFile; readonly diagnostics: readonly Diagnostic[] };
  /** Where the declarations of a library file stand, so that each is read when it is first used. */
  outline(file: SourceFile): ReadonlyMap<string, Span> | undefined;
}

interface MutableModule extends Module {
  readonly items: Map<string, ModuleItem>;
}

export class Modules {
  readonly files: SourceFile[] = [];
  readonly #sources: Sources;
  readonly #loaded = new Map<string, MutableModule>();
  readonly #reporter: Reporter;

  constructor(sources: Sources, reporter: Reporter) {
    this.#sources = sources;
    this.#reporter = reporter;
  }

  static isLibraryPath(path: string): boolean {
    return path.startsWith("std/");
  }

  /** The file at the root of the program. Undefined, with a message, if it cannot be read or is empty. */
  entry(path: string): Module | undefined {
    const text = this.#sources.read(path);
    // A module of the library as the root, for its tests: read as a whole.
    const isLibrary = text !== undefined && this.#sources.library.get(path.replace(/\.tfg$/, "")) === text;
    if (text !== undefined && text.trim() !== "") return this.#load(path, text, isLibrary, false);
    const file = sourceFile(path, text ?? "");
    this.files.push(file);
    this.#reporter.report({
      code: text === undefined ? "TFG0601" : "TFG0603",
      message: text === undefined ? `cannot read \`${path}\`` : `\`${path}\` is empty`,
      primary: { span: { file, start: 0, end: 0 }, text: "" },
      helps: text === undefined ? [] : [{ text: "a program has at least one `graph NAME { … }`" }],
    });
    return undefined;
  }

  /** The files of the user, the root first. */
  users(): readonly Module[] {
    return [...this.#loaded.values()].filter((module) => !module.isLibrary);
  }

  /** A module of the library by name, `std/nn`. */
  library(name: string): Module | undefined {
    const path = `${name}.tfg`;
    const known = this.#loaded.get(path);
    if (known) return known;
    const text = this.#sources.library.get(name);
    return text === undefined ? undefined : this.#load(path, text, true);
  }

  /** A name that every file sees without an import. */
  preludeItem(name: string): ModuleItem | undefined {
    if (name.startsWith("_")) return undefined;
    for (const part of PRELUDE) {
      const item = this.library(part)?.items.get(name);
      if (item?.kind === "declaration" && item.module.path === `${part}.tfg` && item.declaration.kind !== "graph")
        return item;
    }
    return undefined;
  }

  preludeNames(): string[] {
    return PRELUDE.flatMap((part) =>
      [...(this.library(part)?.items.keys() ?? [])].filter((name) => !name.startsWith("_")),
    );
  }

  #load(path: string, text: string, isLibrary: boolean, isLazy = isLibrary): Module {
    const file = sourceFile(path, text);
    this.files.push(file);
    const parts = isLazy ? this.#sources.outline(file) : undefined;
    if (parts) return this.#loadLazily(path, file, parts);
    const { tree, diagnostics } = this.#sources.parse(file);
    for (const diagnostic of diagnostics) this.#reporter.add(diagnostic);
    const module: MutableModule = { path, file, tree, isLibrary, items: new Map() };
    // Registered before its imports are followed, so that files may import each other.
    this.#loaded.set(path, module);
    for (const declaration of tree.declarations) if (declaration.kind !== "import") this.#declare(module, declaration);
    for (const declaration of tree.declarations) if (declaration.kind === "import") this.#import(module, declaration);
    return module;
  }

  /** A file of the library: a program uses few of its declarations, and only those are read. */
  #loadLazily(path: string, file: SourceFile, parts: ReadonlyMap<string, Span>): Module {
    const tree: SyntaxFile = { kind: "file", declarations: [], span: { file, start: 0, end: file.text.length } };
    const module: MutableModule = { path, file, tree, isLibrary: true, items: new Map() };
    this.#loaded.set(path, module);
    for (const [name, part] of parts) {
      let known: Declaration | undefined;
      const read = (): Declaration => {
        known ??= this.#sources.parse(file, part).tree.declarations[0];
        if (!known) throw new Error(`${path}: \`${name}\` cannot be read`);
        return known;
      };
      module.items.set(name, {
        kind: "declaration",
        get declaration() {
          return read();
        },
        name,
        span: part,
        module,
      });
    }
    return module;
  }

  #declare(module: MutableModule, declaration: Exclude<Declaration, ImportDeclaration>): void {
    if (declaration.kind === "test" || declaration.name.text === "") return;
    const { text: name, span } = declaration.name;
    this.#define(module, { kind: "declaration", declaration, name, span, module }, name, span);
  }

  #define(module: MutableModule, item: ModuleItem, name: string, span: Span): void {
    const before = module.items.get(name);
    if (!before) {
      module.items.set(name, item);
      return;
    }
    this.#reporter.report({
      code: "TFG0202",
      message: `\`${name}\` is bound twice`,
      primary: { span, text: "again here" },
      related: before.span.file === module.file ? [{ span: before.span, text: "first bound here" }] : [],
      helps: [{ text: "give the second its own name" }],
    });
  }

  #import(module: MutableModule, declaration: ImportDeclaration): void {
    const bindBroken = (): void => {
      for (const { as } of declaration.names ?? [])
        if (!module.items.has(as.text)) module.items.set(as.text, { kind: "broken", span: as.span });
      const { namespace } = declaration;
      if (namespace && !module.items.has(namespace.text))
        module.items.set(namespace.text, { kind: "broken", span: namespace.span });
    };
    const written = declaration.from.parts.map((part) => ("text" in part ? part.text : "")).join("");
    const span = declaration.from.span;
    if (declaration.from.parts.some((part) => "value" in part)) {
      this.#reporter.report({
        code: "TFG0601",
        message: "the path of an import is a plain string",
        primary: { span, text: "this has a hole" },
      });
      bindBroken();
      return;
    }
    const target = this.#resolve(module, written, span);
    if (!target) {
      bindBroken();
      return;
    }
    if (declaration.namespace) {
      const { text, span: at } = declaration.namespace;
      this.#define(module, { kind: "namespace", module: target, span: at }, text, at);
    }
    for (const { name, as } of declaration.names ?? []) {
      const item = name.text.startsWith("_") ? undefined : this.#exported(target, name.text);
      if (item) {
        this.#define(module, item.kind === "declaration" ? { ...item, span: as.span } : item, as.text, as.span);
        continue;
      }
      const names = [...target.items.keys()].filter((key) => !key.startsWith("_"));
      const near = nearest(name.text, names);
      const isPrivate = name.text.startsWith("_") && target.items.has(name.text);
      this.#reporter.report({
        code: "TFG0602",
        message: isPrivate ? `\`${name.text}\` is private to "${written}"` : `"${written}" has no \`${name.text}\``,
        primary: {
          span: name.span,
          text: isPrivate
            ? "names that start with `_` are not exported"
            : near
              ? `did you mean \`${near}\`?`
              : "not found there",
        },
        // A name that is not given another one is corrected where it is used as well.
        helps:
          near && !isPrivate
            ? [
                {
                  text: near,
                  edits: [name.span, ...(as.text === name.text ? usesOf(module.tree, name.text) : [])].map((place) => ({
                    span: place,
                    text: near,
                  })),
                },
              ]
            : [],
      });
      if (!module.items.has(as.text)) module.items.set(as.text, { kind: "broken", span: as.span });
    }
  }

  #exported(target: Module, name: string): ModuleItem | undefined {
    return target.path === "std/prelude.tfg"
      ? (target.items.get(name) ?? this.preludeItem(name))
      : target.items.get(name);
  }

  #resolve(from: Module, written: string, span: Span): Module | undefined {
    if (written.startsWith("std/")) {
      const name = written.replace(/\.tfg$/, "");
      const module = this.library(name);
      if (module) return module;
      const near = nearest(name, [...this.#sources.library.keys()]);
      this.#reporter.report({
        code: "TFG0601",
        message: `the standard library has no "${written}"`,
        primary: { span, text: near ? `did you mean "${near}"?` : "" },
        helps: near ? [{ text: `"${near}"`, edits: [{ span, text: `"${near}"` }] }] : [],
      });
      return undefined;
    }
    if (!written.startsWith("./") && !written.startsWith("../") && !written.startsWith("/")) {
      this.#reporter.report({
        code: "TFG0601",
        message: `cannot find "${written}"`,
        primary: { span, text: "" },
        helps: written.endsWith(".tfg")
          ? [{ text: `"./${written}"`, edits: [{ span, text: `"./${written}"` }] }]
          : [{ text: 'write "./FILE.tfg" for a file, "std/NAME" for the library' }],
      });
      return undefined;
    }
    const path = joinPaths(from.path, written);
    const known = this.#loaded.get(path);
    if (known) return known;
    const text = this.#sources.read(path);
    if (text === undefined || text.trim() === "") {
      this.#reporter.report({
        code: text === undefined ? "TFG0601" : "TFG0603",
        message: text === undefined ? `cannot read \`${path}\`` : `\`${path}\` is empty`,
        primary: { span, text: text === undefined ? "" : "imported here" },
        helps:
          text === undefined && !written.endsWith(".tfg")
            ? [{ text: `"${written}.tfg"`, edits: [{ span, text: `"${written}.tfg"` }] }]
            : [],
      });
      return undefined;
    }
    return this.#load(path, text, false);
  }
}

/** Where a file reads `name`. */
function usesOf(tree: SyntaxFile, name: string): Span[] {
  return tree.declarations.flatMap((declaration) =>
    [...expressionsOfDeclaration(declaration)].flatMap((expression) =>
      expression.kind === "name" && expression.name === name ? [expression.span] : [],
    ),
  );
}

/** `relative` as seen from the folder of `from`, with `.` and `..` resolved. */
export function joinPaths(from: string, relative: string): string {
  if (relative.startsWith("/")) return relative;
  const folder = from.includes("/") ? from.slice(0, from.lastIndexOf("/")).split("/") : [];
  const parts: string[] = [];
  for (const part of [...folder, ...relative.split("/")]) {
    if (part === "." || (part === "" && parts.length > 0)) continue;
    if (part === ".." && parts.length > 0 && parts[parts.length - 1] !== ".." && parts[parts.length - 1] !== "")
      parts.pop();
    else parts.push(part);
  }
  return parts.join("/");
}
