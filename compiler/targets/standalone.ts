/**
 * The runtime as one text without imports and exports, for modules that import nothing.
 *
 * The files are put one after the other, imported ones first. That means the same as importing them because no two
 * files declare one name at top level and nothing is renamed while importing; whatever would break this is refused.
 */

export interface RuntimeFiles {
  /** Text of each file by its name, `session.ts`: the sources, or their declarations with the names `session.d.ts`. */
  readonly texts: ReadonlyMap<string, string>;
  /** The file whose exports are the runtime's: `index.ts`, `index.d.ts`. */
  readonly entry: string;
}

interface File {
  readonly name: string;
  /** Without its imports, exports and re-exports. */
  readonly body: string;
  readonly imports: readonly string[];
}

const importForm = /^import (?:type )?\{([^}]*)\} from "\.\/([\w./-]+)";\n/gm;
const reexportForm = /^export (?:type )?\{([^}]*)\} from "\.\/([\w./-]+)";\n/gm;
const declarationForm =
  /^(?:export )?(?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|const|let|var|interface|type|enum|namespace) ([\w$]+)/gm;

/** The part of the runtime that declares `names`, with all that it imports. */
export function includeRuntime(files: RuntimeFiles, names: readonly string[]): string {
  const origins = originsOf(files, names);
  const read = new Map<string, File>();
  const order: File[] = [];
  const visit = (name: string): void => {
    if (read.has(name)) return;
    const file = readFile(files, name);
    read.set(name, file);
    for (const imported of file.imports) visit(imported);
    order.push(file);
  };
  for (const origin of origins) visit(origin);
  const owners = new Map<string, string>();
  for (const file of order)
    for (const name of declaredNames(file.body)) {
      const owner = owners.get(name);
      // Overloads, and a type beside a value, are declarations of one file.
      if (owner !== undefined && owner !== file.name)
        throw new Error(`runtime: ${owner} and ${file.name} both declare ${name}`);
      owners.set(name, file.name);
    }
  return order.map(({ body }) => body.trim()).join("\n\n");
}

/** The files that declare the names which the entry file passes on. */
function originsOf(files: RuntimeFiles, names: readonly string[]): ReadonlySet<string> {
  const entry = textOf(files, files.entry);
  const origins = new Set<string>();
  for (const name of names) {
    const from = [...entry.matchAll(reexportForm)].find(([, list]) => namesIn(list ?? "").includes(name))?.[2];
    if (from !== undefined) origins.add(fileName(files, from));
    else if (declaredNames(entry).includes(name)) origins.add(files.entry);
    else throw new Error(`runtime: ${files.entry} does not export ${name}`);
  }
  return origins;
}

function readFile(files: RuntimeFiles, name: string): File {
  const text = textOf(files, name);
  const imports: string[] = [];
  const keep = (list: string | undefined, from: string | undefined): "" => {
    if (/\bas\b/.test(list ?? "")) throw new Error(`runtime: ${name} renames what it imports from ${from}`);
    imports.push(fileName(files, from ?? ""));
    return "";
  };
  const body = text
    .replace(importForm, (_, list, from) => keep(list, from))
    .replace(reexportForm, (_, list, from) => keep(list, from))
    .replace(/^export \{\};\n/gm, "")
    .replace(/^export (?=declare |abstract |async |function|class |const |let |interface |type )/gm, "");
  // What is imported while running is there already.
  const included = body.replace(/\bimport\("\.\/([\w./-]+)"\)/g, (_, from) => {
    keep(undefined, from);
    const values = new Set(exportedValues(textOf(files, fileName(files, from))));
    return `Promise.resolve({ ${[...values].join(", ")} })`;
  });
  const other = included.match(/^(?:import|export)\b.*/m)?.[0];
  if (other !== undefined) throw new Error(`runtime: cannot include "${other}" of ${name}`);
  if (/^(?:const|let|var) [{[]/m.test(included)) throw new Error(`runtime: ${name} takes a value apart at top level`);
  return { name, body: included, imports };
}

/** The values that a file exports. */
const exportedValues = (text: string): string[] =>
  [...text.matchAll(/^export (?:abstract |async )*(?:function\*?|class|const|let) ([\w$]+)/gm)].map(
    ([, name]) => name ?? "",
  );

const declaredNames = (text: string): string[] => [...text.matchAll(declarationForm)].map(([, name]) => name ?? "");

const namesIn = (list: string): string[] => list.split(",").map((name) => name.trim().replace(/^type /, ""));

/** Declarations import `./x.ts` or `./x.js` and lie in `x.d.ts`. */
function fileName(files: RuntimeFiles, from: string): string {
  return files.texts.has(from) ? from : from.replace(/\.[jt]s$/, ".d.ts");
}

function textOf(files: RuntimeFiles, name: string): string {
  const text = files.texts.get(name);
  if (text === undefined) throw new Error(`runtime: there is no ${name}`);
  return text.replace(/\r\n/g, "\n");
}
