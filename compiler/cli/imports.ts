/** Packages that programs import: what one offers under the `tfg` condition of its `exports`, found as Node finds packages. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve as absolute } from "node:path";

/** The path of a file for `import … from "package"`, seen from the file `from`; or why there is none. */
export function resolvePackage(specifier: string, from: string): { path: string } | { problem: string } {
  const [, name, rest = ""] = /^((?:@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*)(\/.*)?$/i.exec(specifier) ?? [];
  if (name === undefined) return { problem: "not the name of a package" };
  const folder = folderOf(name, dirname(absolute(from)));
  if (folder === undefined) return { problem: `no package \`${name}\` is installed here` };
  const target = targetOf(folder, `.${rest}`);
  if (target === undefined)
    return { problem: `\`${name}\` has no \`tfg\` export${rest === "" ? "" : ` for ".${rest}"`}` };
  // What a package says of itself stays in its folder.
  const [first, ...parts] = target.split(/[\\/]/);
  if (first !== "." || parts.includes("..") || !target.endsWith(".tfg"))
    return { problem: `\`${name}\` exports ${JSON.stringify(target)}, which is no \`.tfg\` file of its own` };
  return { path: join(folder, target) };
}

function folderOf(name: string, start: string): string | undefined {
  for (let at = start; ; at = dirname(at)) {
    const folder = join(at, "node_modules", name);
    if (existsSync(join(folder, "package.json"))) return folder;
    if (dirname(at) === at) return undefined;
  }
}

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

function targetOf(folder: string, subpath: string): string | undefined {
  let manifest: Json;
  try {
    manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  } catch {
    return undefined;
  }
  const exported = member(manifest, "exports");
  if (exported === undefined) return undefined;
  const isBySubpath = Object.keys(Object(exported)).some((key) => key.startsWith("."));
  if (!isBySubpath) return subpath === "." ? underCondition(exported) : undefined;
  const exact = member(exported, subpath);
  if (exact !== undefined) return underCondition(exact);
  // "./*": the longest pattern that fits, as Node has it.
  const fitting = Object.keys(Object(exported))
    .map((key) => ({ key, star: key.indexOf("*") }))
    .filter(
      ({ key, star }) => star >= 0 && subpath.startsWith(key.slice(0, star)) && subpath.endsWith(key.slice(star + 1)),
    )
    .filter(({ key }) => subpath.length >= key.length)
    .sort((a, b) => b.star - a.star);
  const [best] = fitting;
  const target = best && underCondition(member(exported, best.key));
  return (
    best && target?.replaceAll("*", () => subpath.slice(best.star, subpath.length - (best.key.length - best.star - 1)))
  );
}

/** The first target that holds for a `.tfg` import: conditions are tried in their order, `tfg` and `default` hold. */
function underCondition(target: Json | undefined, isTfg = false): string | undefined {
  if (typeof target === "string") return isTfg ? target : undefined;
  if (Array.isArray(target)) {
    for (const one of target) {
      const found = underCondition(one, isTfg);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  for (const condition of Object.keys(Object(target))) {
    if (condition !== "tfg" && condition !== "default") continue;
    const found = underCondition(member(target, condition), isTfg || condition === "tfg");
    if (found !== undefined) return found;
  }
  return undefined;
}

const member = (of: Json | undefined, key: string): Json | undefined =>
  typeof of === "object" && of !== null && !Array.isArray(of) && Object.hasOwn(of, key)
    ? (of as { readonly [key: string]: Json })[key]
    : undefined;
