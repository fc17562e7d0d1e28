/**
 * The generated module: what `tfgc NAME.tfg` writes as `NAME.ts`, or as `NAME.js` with `NAME.d.ts` (language.md 9).
 *
 * Its types say which feeds each fetch needs; its values are functions and pure data, so that importing it does
 * nothing and a bundler drops the graphs that are not used. Names with a `$` are its own: neither a `.tfg` name nor
 * a name of the runtime has one, so no choice of names in the source can clash with it.
 */
import type { Expr, Program } from "../../runtime/abi.ts";
import type { Graph } from "../ir/graph.ts";
import { docComment, literal, type Plain, propertyName, stringLiteral } from "./literal.ts";

/** One graph with all that its module says about it. */
export interface ModuleGraph {
  /** Documentation of the graph, its inputs and its outputs. */
  readonly graph: Graph;
  readonly program: Program;
  readonly kernels: ModuleKernels;
}

export interface ModuleKernels {
  /** Bytes of the WebAssembly module in each profile. */
  readonly wasm?: { readonly fma: Uint8Array; readonly base: Uint8Array };
  /** Source of a function `(memory) => ({ run, derive })`, with types or without. */
  readonly js?: (isTyped: boolean) => string;
}

export interface ModuleOptions {
  /** Stands in the first line: `tfgc 0.1.0`. */
  readonly compiler: string;
  /** The source as the user named it. */
  readonly source: string;
  /** `js` gives JavaScript and a declaration file, `ts` one typed file. */
  readonly form: "ts" | "js";
  /**
   * The part of the runtime to include, see `includeRuntime`: sources in the form `ts`, declarations in the form `js`,
   * whose code keeps its import for a bundler to resolve. Absent: the module imports `tfgc/runtime`.
   */
  readonly runtime?: string;
}

export interface ModuleText {
  readonly code: string;
  /** Only in the form `js`. */
  readonly declarations?: string;
}

/** What a module names of the runtime beside `openSession`. */
export const importedTypes = ["Compiled", "FeedValue", "SessionOf", "SessionOptions"];
const runtimeEntry = "tfgc/runtime";

export async function printModule(graphs: readonly ModuleGraph[], options: ModuleOptions): Promise<ModuleText> {
  const { form, runtime = "" } = options;
  const names = new ExportNames(runtime);
  const parts = await Promise.all(graphs.map((graph) => printGraph(graph, graphs.length === 1, names)));
  const title = `// Compiled by ${options.compiler} from ${options.source}. Edit that file, not this one.\n`;
  // With the runtime inside there is no other place to take its class of errors from.
  const errors = runtime === "" || graphs.some(({ program }) => program.name === "TfgError") ? "" : "TfgError";
  const exporting = errors && `export { ${errors} };\n`;
  const importing = (list: string): string =>
    runtime !== "" && form === "ts" ? "" : `import ${list} from ${stringLiteral(runtimeEntry)};\n`;
  const included = runtime === "" ? "" : `// ---- the runtime ${"-".repeat(90)}\n\n${runtime}\n`;
  const join = (pieces: readonly string[]): string => pieces.filter((piece) => piece !== "").join("\n");
  const types = join(parts.map((part) => part.types));
  const isTyped = form === "ts";
  // Strict projects refuse an import that is not used.
  const mentioned = importedTypes.filter(
    (name) => name !== "FeedValue" || graphs.some(({ program }) => program.inputs.length > 0),
  );
  const code = [
    title,
    importing(
      isTyped
        ? `{ openSession, ${mentioned.map((name) => `type ${name}`).join(", ")} }`
        : `{ openSession${errors && `, ${errors}`} }`,
    ),
    isTyped ? types : "",
    ...parts.map((part) => part.values(isTyped)),
    names.exportClause(isTyped),
    exporting,
    ...parts.map((part) => part.data(isTyped)),
    isTyped ? included : "",
  ];
  if (isTyped) return { code: join(code) };
  const used = mentioned.filter((name) => name !== "Compiled").join(", ");
  const declarations = [
    title,
    runtime === "" ? importing(`type { ${used} }`) : "",
    types,
    ...parts.map((part) => part.declared),
    // Even an empty clause keeps what is not exported from being visible.
    names.exportClause(true) || "export {};\n",
    exporting,
    included,
  ];
  return { code: join(code), declarations: join(declarations) };
}

/**
 * Gives each exported name a local one. They are the same except where the local one would hide something: a word
 * of the language, or a name that the included runtime mentions.
 */
class ExportNames {
  readonly #taken: ReadonlySet<string>;
  readonly #values = new Set<string>();
  readonly #types = new Set<string>();

  constructor(runtime: string) {
    this.#taken = new Set([...words, ...importedTypes, "openSession", ...(runtime.match(/[A-Za-z_$][\w$]*/g) ?? [])]);
  }

  /** The local name of the export `name`, and the keyword that exports its declaration if the two are the same. */
  local(name: string, meaning: "value" | "type" | "both"): { readonly name: string; readonly prefix: string } {
    const local = this.nameOf(name);
    if (local === name) return { name, prefix: "export " };
    (meaning === "type" ? this.#types : this.#values).add(name);
    return { name: local, prefix: "" };
  }

  nameOf(name: string): string {
    return this.#taken.has(name) ? `${name}$` : name;
  }

  exportClause(isTyped: boolean): string {
    const clause = (keyword: string, names: readonly string[]): string =>
      names.length === 0 ? "" : `export ${keyword}{ ${names.map((name) => `${name}$ as ${name}`).join(", ")} };\n`;
    // Where a value and a type share a name, one clause exports both.
    const types = isTyped ? [...this.#types].filter((name) => !this.#values.has(name)) : [];
    return clause("", [...this.#values]) + clause("type ", types);
  }
}

/** Words that cannot be declared, and globals that the generated code mentions. */
const words = (
  "await break case catch class const continue debugger default delete do else enum export extends false finally for " +
  "function if implements import in instanceof interface let new null package private protected public return static " +
  "super switch this throw true try typeof var void while with yield arguments eval undefined NaN Infinity " +
  "Promise Record NonNullable ArrayBuffer Float32Array Int32Array Uint32Array Uint8Array BigInt64Array Float64Array Math Object " +
  "any unknown never number string boolean object symbol bigint type declare namespace"
).split(" ");

interface PrintedGraph {
  /** Interfaces and types; the same in `.ts` and `.d.ts`. */
  readonly types: string;
  /** Functions and objects. */
  values(isTyped: boolean): string;
  /** The same as `values`, as declarations. */
  readonly declared: string;
  /** The program and the embedded kernels: long, so they come last. */
  data(isTyped: boolean): string;
}

async function printGraph(item: ModuleGraph, isOnly: boolean, names: ExportNames): Promise<PrintedGraph> {
  const { graph, program } = item;
  const own = program.name;
  const summary = summarise(program);
  const about = [...(graph.doc === "" ? [] : [graph.doc, ""]), summary];
  const object = names.local(own, "both");
  const program$ = `${own}$program`;
  const code$ = `${own}$code`;
  const js$ = `${own}$js`;
  const { wasm, js } = item.kernels;
  const packed = wasm ? await packKernels(wasm) : "";
  const kernels = [
    ...(wasm ? [`wasm: { code: ${code$}, split: ${wasm.fma.length} }`] : []),
    ...(js === undefined ? [] : [`js: ${js$}`]),
  ].join(", ");
  const compiled = `{ program: ${program$}(), kernels: { ${kernels} } }`;
  const facts = signatureOf(program);
  const typeName = (name: string): string => (isOnly ? names.nameOf(name) : `${object.name}.${name}`);
  const session = `Promise<${typeName("Session")}>`;
  const create = isOnly ? names.local("createSession", "value") : { name: `${own}$createSession`, prefix: "" };
  const sign = isOnly ? names.local("signature", "value") : { name: `${own}$signature`, prefix: "" };
  // A graph that bears the name of one of the module's own exports is reached through that export.
  const hasObject = !isOnly || (own !== "createSession" && own !== "signature");

  const field = (key: string, value: string): string => (key === value ? key : `${key}: ${value}`);
  const objectLiteral = `{ ${field("createSession", create.name)}, ${field("signature", sign.name)} }`;

  const createDoc = docComment(["Opens a session: restores `weights`, or initialises the variables.", "", ...about]);
  const signatureDoc = docComment(["Dims, feeds, fetches and params as data."]);
  const objectDoc = docComment(about);

  return {
    types: isOnly
      ? typesOf(item, about, (name) => names.local(name, "type"), "")
      : `${objectDoc}${object.prefix}declare namespace ${object.name} {\n${typesOf(item, about, (name) => ({ name, prefix: "" }), "  ")}}\n`,
    values(isTyped) {
      const parameters = isTyped ? `(options?: SessionOptions): ${session}` : "(options)";
      const open = isTyped ? `openSession<${typeName("Types")}>` : "openSession";
      return [
        `${createDoc}${create.prefix}function ${create.name}${parameters} {\n  return ${open}(${compiled}, options);\n}\n`,
        `${signatureDoc}${sign.prefix}const ${sign.name} = ${literal(facts)}${isTyped ? " as const" : ""};\n`,
        hasObject ? `${objectDoc}${object.prefix}const ${object.name} = ${objectLiteral};\n` : "",
      ].join("\n");
    },
    declared: [
      `${createDoc}${create.prefix}declare function ${create.name}(options?: SessionOptions): ${session};\n`,
      `${signatureDoc}${sign.prefix}declare const ${sign.name}: ${literalType(facts)};\n`,
      hasObject
        ? `${objectDoc}${object.prefix}declare const ${object.name}: { readonly createSession: typeof ${create.name}; readonly signature: typeof ${sign.name} };\n`
        : "",
    ].join("\n"),
    data(isTyped) {
      return [
        `function ${program$}()${isTyped ? ': Compiled["program"]' : ""} {\n  return ${literal(program, "  ")};\n}\n`,
        wasm
          ? `/** Both profiles of the WebAssembly module, deflated, in base64. */\nconst ${code$} =\n  "${packed}";\n`
          : "",
        js === undefined
          ? ""
          : `/** The same kernels in JavaScript. */\nconst ${js$}${isTyped ? ': NonNullable<Compiled["kernels"]["js"]>' : ""} = ${js(isTyped)};\n`,
      ]
        .filter((piece) => piece !== "")
        .join("\n");
    },
  };
}

/** Base64 of deflate-raw of both profiles, one after the other: what the runtime's `Kernels.wasm.code` holds. */
export async function packKernels({ fma, base }: NonNullable<ModuleKernels["wasm"]>): Promise<string> {
  const bytes = new Uint8Array(fma.length + base.length);
  bytes.set(fma);
  bytes.set(base, fma.length);
  const compression = new CompressionStream("deflate-raw");
  const writer = compression.writable.getWriter();
  const written = writer.write(bytes).then(() => writer.close());
  const parts: Uint8Array[] = [];
  for (const reader = compression.readable.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
  }
  await written;
  const packed = parts.flatMap((part) => [...part]);
  let text = "";
  for (let i = 0; i < packed.length; i += 8192) text += String.fromCharCode(...packed.slice(i, i + 8192));
  return btoa(text);
}

/** `Compiled from lenet.tfg:2. 3 274 634 parameters, 12.5 MiB as f32.` */
function summarise(program: Program): string {
  const trained = program.variables.filter((variable) => variable.trainable);
  const count = trained.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const noun = count === 1 ? "parameter" : "parameters";
  const size = count === 0 ? "" : `, ${formatBytes(count * 4)} as f32`;
  return `Compiled from ${program.source}. ${groupDigits(count)} ${noun}${size}.`;
}

const groupDigits = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, " ");

function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toPrecision(3)} ${units[unit]}`;
}

// ---- types -------------------------------------------------------------------------------------------

type Local = (name: string) => { readonly name: string; readonly prefix: string };

function typesOf(item: ModuleGraph, about: readonly string[], local: Local, indent: string): string {
  const { graph, program } = item;
  const inner = `${indent}  `;
  const documentation = (list: readonly { readonly name: string; readonly doc: string }[], name: string): string =>
    list.find((entry) => entry.name === name)?.doc ?? "";
  const shape = (dims: readonly Expr[]): string =>
    `readonly [${dims.map((dim) => dimType(dim, program.dims)).join(", ")}]`;
  const union = (list: readonly string[]): string =>
    list.length === 0 ? "never" : list.map(stringLiteral).join(" | ");
  const fields = (entries: readonly { doc: readonly string[]; text: string }[]): string =>
    entries.length === 0
      ? "{}"
      : `{\n${entries.map(({ doc, text }) => `${docComment(doc, inner)}${inner}${text};\n`).join("")}${indent}}`;
  const face = (name: string, doc: readonly string[], body: string, extending = ""): { own: string; text: string } => {
    const { name: own, prefix } = local(name);
    return { own, text: `${docComment(doc, indent)}${indent}${prefix}interface ${own}${extending} ${body}\n` };
  };
  const alias = (name: string, doc: readonly string[], body: string): { own: string; text: string } => {
    const { name: own, prefix } = local(name);
    return { own, text: `${docComment(doc, indent)}${indent}${prefix}type ${own} = ${body};\n` };
  };

  const dims = fields(
    program.dims.map((name) => ({
      doc: program.checks
        .filter(({ text }) => new RegExp(`\\b${name}\\b`).test(text))
        .map(({ text, message }) => `Checked at each run: ${text}${message === undefined ? "" : ` (${message})`}`),
      text: `${name}: number`,
    })),
  );
  const feeds = fields(
    program.inputs.map((input) => ({
      doc: [
        ...[documentation(graph.inputs, input.name)].filter((doc) => doc !== ""),
        `${input.type}${input.default === undefined ? "" : `, ${defaultText(input)} unless it is fed`}`,
      ],
      text: `${propertyName(input.name)}: FeedValue<"${input.dtype}", ${shape(input.shape)}${input.accepts === undefined ? "" : `, ${wideArray[input.accepts]}`}>`,
    })),
  );
  const shapes = fields(
    program.outputs.map((output) => ({
      doc: [...[documentation(graph.outputs, output.name)].filter((doc) => doc !== ""), output.type],
      text: `${propertyName(output.name)}: ["${output.dtype}", ${shape(output.shape)}]`,
    })),
  );
  const needs = fields(
    [...program.outputs, ...program.actions].map((output) => ({
      doc: [documentation(graph.steps, output.name)].filter((doc) => doc !== ""),
      text: `${propertyName(output.name)}: ${union(output.inputs.map((i) => program.inputs[i]?.name ?? ""))}`,
    })),
  );
  const variables = fields(
    program.variables.map((variable) => ({
      doc: [documentation(graph.variables, variable.name)],
      text: `${propertyName(variable.name)}: ["${variable.dtype}", readonly [${variable.shape.join(", ")}]]`,
    })),
  );
  const optional = union(program.inputs.filter((input) => input.default !== undefined).map((input) => input.name));
  const blocks = [
    face("Dims", ["Sizes that may differ from run to run."], dims),
    face("Feeds", ["What can be fed."], feeds),
    face("Shapes", ["Element type and shape of each fetch."], shapes),
    face("Needs", ["The feeds that each fetch needs."], needs),
    alias("Optional", ["Feeds that have a default."], optional),
    face("Params", ["Element type and shape of each variable."], variables),
  ];
  const [dimsName, feedsName, shapesName, needsName, optionalName, paramsName] = blocks.map(({ own }) => own);
  const all = alias(
    "Types",
    ["All of the above, as the runtime's types take them."],
    `{ dims: ${dimsName}; feeds: ${feedsName}; shapes: ${shapesName}; needs: ${needsName}; optional: ${optionalName}; params: ${paramsName} }`,
  );
  const session = face("Session", about, "{}", ` extends SessionOf<${all.own}>`);
  const fetch = alias("Fetch", ["The names that can be fetched."], `keyof ${needsName}`);
  return [...blocks, fetch, all, session].map(({ text }) => text).join("\n");
}

function defaultText({ default: value, dtype }: Program["inputs"][number]): string {
  if (typeof value !== "number") return "given values";
  return dtype === "bool" ? String(value !== 0) : String(value);
}

/** A literal size, a run dim with its name, or a size that is computed from them. */
function dimType(dim: Expr, dims: readonly string[]): string {
  if (typeof dim === "number") return String(dim);
  if (dim[0] === "d") return `${dims[dim[1]]}: number`;
  return "number";
}

/** What `@accepts` lets the caller feed beside the array of the input's own type. */
const wideArray = { i64: "BigInt64Array", f64: "Float64Array" };

// ---- the facts as data --------------------------------------------------------------------------------

function signatureOf(program: Program): { readonly [key: string]: Plain } {
  const shape = (dims: readonly Expr[]): Plain =>
    dims.map((dim) => (typeof dim === "number" ? dim : formatExpr(dim, program.dims)));
  const nameOf = (input: number): string => program.inputs[input]?.name ?? "";
  return {
    name: program.name,
    dims: program.dims,
    feeds: Object.fromEntries(
      program.inputs.map(({ name, dtype, shape: dims, default: value }) => [
        name,
        { dtype, shape: shape(dims), default: value },
      ]),
    ),
    ...(program.actions.length === 0
      ? {}
      : {
          steps: Object.fromEntries(program.actions.map(({ name, inputs }) => [name, { feeds: inputs.map(nameOf) }])),
        }),
    fetches: Object.fromEntries(
      program.outputs.map(({ name, dtype, shape: dims, inputs }) => [
        name,
        { dtype, shape: shape(dims), feeds: inputs.map(nameOf) },
      ]),
    ),
    params: Object.fromEntries(
      program.variables.map(({ name, dtype, shape: dims, trainable }) => [name, { dtype, shape: dims, trainable }]),
    ),
  };
}

/** As a person writes it: `N`, `(H - 1) / 2`. */
function formatExpr(expr: Expr, dims: readonly string[], isInside = false): string {
  if (typeof expr === "number") return String(expr);
  if (expr.length === 2) return expr[0] === "d" ? (dims[expr[1]] ?? "") : `slot ${expr[1]}`;
  const [op, a, b] = expr;
  const isCall = op === "max" || op === "min";
  const [left, right] = [formatExpr(a, dims, !isCall), formatExpr(b, dims, !isCall)];
  if (isCall) return `${op}(${left}, ${right})`;
  return isInside ? `(${left} ${op} ${right})` : `${left} ${op} ${right}`;
}

/** The type of `value as const`. */
function literalType(value: Plain): string {
  if (typeof value !== "object") return literal(value);
  if (Array.isArray(value)) return `readonly [${value.map(literalType).join(", ")}]`;
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return `{ ${entries.map(([key, entry]) => `readonly ${propertyName(key)}: ${literalType(entry)}; `).join("")}}`;
}
