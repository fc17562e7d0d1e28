/** TFG0907: uses of what is marked `@deprecated("…")`. */
import type { Declaration } from "../../../grammar/syntax.ts";
import type { Check, Module, ModuleItem } from "../frame.ts";
import { expressionsOfDeclaration, namesBoundIn } from "../walk.ts";
import type { Lint } from "./names.ts";

export function lintDeprecated(check: Check, module: Module): Lint[] {
  return module.tree.declarations.flatMap((declaration) => {
    const locals = new Set([...namesBoundIn(declaration)].map(({ name }) => name.text));
    const meaning = (name: string): ModuleItem | undefined =>
      locals.has(name) ? undefined : (module.items.get(name) ?? check.modules.preludeItem(name));
    return [...expressionsOfDeclaration(declaration)].flatMap((expression): Lint[] => {
      if (expression.kind === "name") {
        const item = meaning(expression.name);
        return item?.kind === "declaration" ? deprecated(item.declaration, declaration, expression.span) : [];
      }
      if (expression.kind !== "member" || expression.value.kind !== "name") return [];
      const owner = meaning(expression.value.name);
      const item = owner?.kind === "namespace" ? owner.module.items.get(expression.name.text) : undefined;
      return item?.kind === "declaration" ? deprecated(item.declaration, declaration, expression.name.span) : [];
    });
  });
}

function deprecated(meant: Declaration, user: Declaration, span: Lint["primary"]["span"]): Lint[] {
  const attribute = meant.attributes.find(({ name }) => name.text === "deprecated");
  if (!attribute || meant === user || meant.kind === "import" || meant.kind === "test") return [];
  const [reason] = attribute.args;
  const text =
    reason?.value.kind === "string" ? reason.value.parts.map((part) => ("text" in part ? part.text : "")).join("") : "";
  return [
    {
      code: "TFG0907",
      message: `\`${meant.name.text}\` is deprecated`,
      primary: { span, text },
      related: meant.name.span.file === span.file ? [{ span: attribute.span, text: "marked here" }] : [],
    },
  ];
}
