/** Files and their top-level names: reading, imports, the implicit prelude. */
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import type { Outline } from "../../grammar/read.ts";
import { type SourceFile, type Span, sourceFile } from "../../grammar/source.ts";
import type { Declaration, ImportDeclaration, SyntaxFile } from "../../grammar/syntax.ts";
import { nearest } from "./nearest.ts";
import type { Module, ModuleItem, ModuleSetting } from "./frame.ts";
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
  "std/conv",
  "std/pooling",
  "std/image",
  "std/attention",
  "std/rnn",
  "std/random",
  "std/optim",
];

export interface Sources {
  /** Text of a file by its path, joined to the folder of the file that imports it; undefined if it cannot be read. */
  read(path: string): string | undefined;
  readonly library: ReadonlyMap<string, string>;
  parse(file: SourceFile, part?: Span): { readonly tree: SyntaxFile; readonly diagnostics: readonly Diagnostic[] };
  /** The path of the file that a package offers for `specifier`, seen from a file; or why there is none. */
  resolve(specifier: string, from: string): { readonly path: string } | { readonly problem: string };
  /** Where the parts of a library file stand, so that each is read when it is first used. */
  outline(file: SourceFile): Outline | undefined;
}

interface MutableModule extends Module {
  readonly items: Map<string, ModuleItem>;
}

/** What TFG0602 says of a name that a module, called `spelling`, does not export. */
export function notExported(module: Module, name: string, spelling: string) {
  const isPrivate = name.startsWith("_") && module.items.has(name);
  const near = nearest(
    name,
    [...module.items.keys()].filter((key) => !key.startsWith("_")),
  );
  return {
    near,
    isPrivate,
    message: isPrivate ? `\`${name}\` is private to ${spelling}` : `${spelling} has no \`${name}\``,
    text: isPrivate
      ? "names that start with `_` are not exported"
      : near
        ? `did you mean \`${near}\`?`
        : "not found there",
  };
}

export class Modules {
  readonly files: SourceFile[] = [];
  readonly #sources: Sources;
  /** By path, and by path and settings where an import sets configs. */
  readonly #loaded = new Map<string, MutableModule>();
  readonly #reporter: Reporter;
  readonly #prelude = new Map<string, ModuleItem | undefined>();
  /** How many files of the library are being read: until then names may be missing that they define further on. */
  #reading = 0;

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
    if (text !== undefined && text.trim() !== "") return this.#load(path, path, text, new Map(), isLibrary);
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
    if (text === undefined) return undefined;
    this.#reading++;
    const module = this.#loadLibrary(path, text);
    this.#reading--;
    return module;
  }

  /** A name that every file sees without an import. */
  preludeItem(name: string): ModuleItem | undefined {
    if (name.startsWith("_")) return undefined;
    if (this.#prelude.has(name)) return this.#prelude.get(name);
    const found = this.#findInPrelude(name);
    if (this.#reading === 0) this.#prelude.set(name, found);
    return found;
  }

  #findInPrelude(name: string): ModuleItem | undefined {
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

  #load(key: string, path: string, text: string, settings: Module["settings"], isLibrary = false): Module {
    // A file under several settings is one text with one set of messages, and several modules.
    const before = [...this.#loaded.values()].find((module) => module.path === path);
    const file = before?.file ?? sourceFile(path, text);
    const tree = before?.tree ?? this.#parse(file);
    const module: MutableModule = { path, file, tree, isLibrary, items: new Map(), settings };
    // Registered before its imports are followed, so that files may import each other.
    this.#loaded.set(key, module);
    for (const declaration of tree.declarations) if (declaration.kind !== "import") this.#declare(module, declaration);
    for (const declaration of tree.declarations) if (declaration.kind === "import") this.#import(module, declaration);
    return module;
  }

  #parse(file: SourceFile): SyntaxFile {
    this.files.push(file);
    const { tree, diagnostics } = this.#sources.parse(file);
    for (const diagnostic of diagnostics) this.#reporter.add(diagnostic);
    return tree;
  }

  #loadLibrary(path: string, text: string): Module {
    const file = sourceFile(path, text);
    const parts = this.#sources.outline(file);
    if (parts) {
      this.files.push(file);
      return this.#loadLazily(path, file, parts);
    }
    const module: MutableModule = {
      path,
      file,
      tree: this.#parse(file),
      isLibrary: true,
      items: new Map(),
      settings: new Map(),
    };
    this.#loaded.set(path, module);
    for (const declaration of module.tree.declarations)
      if (declaration.kind === "import") this.#import(module, declaration);
      else this.#declare(module, declaration);
    return module;
  }

  /** A file of the library: a program uses few of its declarations, and only those are read. */
  #loadLazily(path: string, file: SourceFile, parts: Outline): Module {
    const tree: SyntaxFile = { kind: "file", declarations: [], span: { file, start: 0, end: file.text.length } };
    const module: MutableModule = { path, file, tree, isLibrary: true, items: new Map(), settings: new Map() };
    this.#loaded.set(path, module);
    for (const [name, part] of parts.declarations) {
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
    for (const part of parts.imports)
      for (const declaration of this.#sources.parse(file, part).tree.declarations)
        if (declaration.kind === "import") this.#import(module, declaration);
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
      const { near, isPrivate, message, text } = notExported(target, name.text, `"${written}"`);
      this.#reporter.report({
        code: "TFG0602",
        message,
        primary: { span: name.span, text },
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
    const mark = written.indexOf("?");
    const file = mark < 0 ? written : written.slice(0, mark);
    const path = this.#pathOf(from, file, span);
    if (path === undefined) return undefined;
    const settings = mark < 0 ? new Map() : this.#settingsOf(written.slice(mark + 1), span);
    if (!settings) return undefined;
    const pairs = [...settings].map(([name, { value }]) => `${name}=${value}`).sort();
    const key = pairs.length > 0 ? `${path}?${pairs.join("&")}` : path;
    const known = this.#loaded.get(key);
    if (known) return known;
    const text = this.#sources.read(path);
    if (text === undefined || text.trim() === "") {
      this.#reporter.report({
        code: text === undefined ? "TFG0601" : "TFG0603",
        message: text === undefined ? `cannot read \`${path}\`` : `\`${path}\` is empty`,
        primary: { span, text: text === undefined ? "no such file, or none that can be read" : "imported here" },
        helps:
          text === undefined && !file.endsWith(".tfg")
            ? [{ text: `"${file}.tfg"`, edits: [{ span, text: `"${file}.tfg"` }] }]
            : [],
      });
      return undefined;
    }
    const module = this.#load(key, path, text, settings);
    this.#checkSettings(module, written);
    return module;
  }

  /** The path that an import names: relative to its file, or what a package offers. */
  #pathOf(from: Module, written: string, span: Span): string | undefined {
    if (written.startsWith("./") || written.startsWith("../") || written.startsWith("/"))
      return joinPaths(from.path, written);
    const found = this.#sources.resolve(written, from.path);
    if ("path" in found) return found.path;
    this.#reporter.report({
      code: "TFG0601",
      message: `cannot find "${written}"`,
      primary: { span, text: found.problem },
      helps: this.#sources.library.has(`std/${written}`)
        ? [{ text: `"std/${written}"`, edits: [{ span, text: `"std/${written}"` }] }]
        : written.endsWith(".tfg")
          ? [{ text: `"./${written}"`, edits: [{ span, text: `"./${written}"` }] }]
          : [{ text: 'write "./FILE.tfg" for a file, "std/NAME" for the library' }],
    });
    return undefined;
  }

  /** `LAYERS=6&HEADS=8`, each name once. */
  #settingsOf(query: string, span: Span): Map<string, ModuleSetting> | undefined {
    const settings = new Map<string, ModuleSetting>();
    for (const pair of query.split("&")) {
      const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(pair) ?? [];
      if (name !== undefined && value !== undefined && !settings.has(name)) {
        settings.set(name, { value, span });
        continue;
      }
      this.#reporter.report({
        code: "TFG0601",
        message: name === undefined ? `\`?${query}\` sets no configs` : `\`${name}\` is set twice`,
        primary: { span, text: name === undefined ? "`NAME=VALUE`, joined by `&`" : "" },
      });
      return undefined;
    }
    return settings;
  }

  /** TFG0201 for a setting of an import whose file has no such config. */
  #checkSettings(module: Module, written: string): void {
    const names = module.tree.declarations.flatMap((one) => (one.kind === "config" ? [one.name.text] : []));
    for (const [name, { span }] of module.settings) {
      if (names.includes(name)) continue;
      const near = nearest(name, names);
      this.#reporter.report({
        code: "TFG0201",
        message: `"${written.slice(0, written.indexOf("?"))}" has no config \`${name}\``,
        primary: { span, text: near ? `did you mean \`${near}\`?` : "" },
        notes: names.length > 0 ? [`its configs are ${names.map((other) => `\`${other}\``).join(", ")}`] : [],
      });
    }
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
