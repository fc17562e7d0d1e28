/** TFG0410: functions that call each other in a circle, found by their texts, within a file and across files. */
import type { Span } from "../../grammar/source.ts";
import type { Expression, FunctionDeclaration } from "../../grammar/syntax.ts";
import type { Check, Module, ModuleItem } from "./frame.ts";
import { partsOf, statementsWithin, within } from "./walk.ts";

/** What a function's text names, and where first. */
type Uses = ReadonlyMap<FunctionDeclaration, Span>;

export function checkRecursion(check: Check, modules: readonly Module[]): void {
  const uses = new Map<FunctionDeclaration, Uses>();
  const texts = new Set<Module["tree"]>();
  for (const module of modules) {
    // A file that is imported under several settings has one text.
    if (texts.has(module.tree)) continue;
    texts.add(module.tree);
    for (const declaration of module.tree.declarations)
      if (declaration.kind === "function") uses.set(declaration, usesOf(declaration, module));
  }
  const done = new Set<FunctionDeclaration>();
  const path: FunctionDeclaration[] = [];
  const visit = (declaration: FunctionDeclaration): void => {
    if (done.has(declaration)) return;
    path.push(declaration);
    for (const [callee, span] of uses.get(declaration) ?? []) {
      const at = path.indexOf(callee);
      if (at < 0) {
        visit(callee);
        continue;
      }
      const cycle = path.slice(at);
      for (const one of cycle) check.unusable.add(one);
      const names = [...cycle, callee].map(({ name }) => name.text);
      check.reporter.report({
        code: "TFG0410",
        message:
          cycle.length === 1
            ? `\`${callee.name.text}\` calls itself`
            : `${names
                .slice(0, -1)
                .map((name) => `\`${name}\``)
                .join(" and ")} call each other`,
        primary: { span, text: names.join(" -> ") },
        notes: ["a call is written out when compiling, and this one would never end"],
        helps: [{ text: "`repeat(x, n, fn(h, i) => …)` unrolls a fixed number of steps" }],
      });
    }
    path.pop();
    done.add(declaration);
  };
  for (const declaration of uses.keys()) visit(declaration);
}

function usesOf(declaration: FunctionDeclaration, module: Module): Uses {
  const uses = new Map<FunctionDeclaration, Span>();
  const local = new Set([
    ...declaration.params.map((param) => param.name.text),
    ...declaration.generics.map((generic) => generic.name.text),
  ]);
  const roots: Expression[] = [];
  if (declaration.body.kind === "block")
    for (const statement of statementsWithin(declaration.body)) roots.push(...partsOf(statement).expressions);
  else roots.push(declaration.body);
  for (const root of roots)
    for (const expression of within(root)) {
      const item = itemOf(expression, module, local);
      if (item?.kind === "declaration" && item.declaration.kind === "function" && !uses.has(item.declaration))
        uses.set(item.declaration, expression.kind === "member" ? expression.name.span : expression.span);
    }
  return uses;
}

function itemOf(expression: Expression, module: Module, local: ReadonlySet<string>): ModuleItem | undefined {
  if (expression.kind === "name") return local.has(expression.name) ? undefined : module.items.get(expression.name);
  if (expression.kind !== "member") return undefined;
  const owner = itemOf(expression.value, module, local);
  return owner?.kind === "namespace" ? owner.module.items.get(expression.name.text) : undefined;
}
