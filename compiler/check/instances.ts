/** Instances of layers: what `name=` and `reuse=` say, and where the variables of a call go. */
import type { Span } from "../../grammar/source.ts";
import type { FunctionDeclaration } from "../../grammar/syntax.ts";
import { describe, type Entity, formatStatic, type Supplied } from "./entity.ts";
import type { CallSite, Frame, Reuse } from "./frame.ts";
import { nearest } from "./nearest.ts";
import { fail } from "./operands.ts";
import { Failure } from "./report.ts";
import { ScopeNode } from "./scopes.ts";

interface Entered {
  readonly node: ScopeNode;
  readonly reuse?: Reuse | undefined;
}

/** The scope of a call of a layer: a new one, or with `reuse=` that of the instance it shares. TFG0404, TFG0405. */
export function enterScope(
  frame: Frame,
  declaration: FunctionDeclaration,
  bound: ReadonlyMap<string, Supplied>,
  entities: ReadonlyMap<string, Entity>,
  site: CallSite,
): Entered {
  const { builder, scope, reuse } = frame;
  const layer = declaration.name.text;
  const text = (which: "name" | "reuse"): { readonly value: string; readonly span: Span } | undefined => {
    const arg = bound.get(which);
    const entity = entities.get(which);
    if (!arg || !entity || declaration.params.some((param) => param.name.text === which)) return undefined;
    if (entity.kind === "bottom") {
      scope.hasUnknownName = true;
      throw new Failure();
    }
    if (entity.kind !== "str" || !/^[A-Za-z0-9_.][A-Za-z0-9_.\-/]*$/.test(entity.value))
      fail(frame, {
        code: "TFG0210",
        message: `\`${which}\` of a layer is a name, not ${entity.kind === "str" ? formatStatic(entity) : describe(entity)}`,
        primary: {
          span: arg.span,
          text: entity.kind === "str" ? "letters, digits, `_`, `.`, `-` and `/`" : describe(entity),
        },
        helps:
          which === "reuse" && entity.kind === "bool"
            ? [{ text: `the first use has a name, \`name="shared"\`, and this one \`reuse="shared"\`` }]
            : [],
      });
    return { value: entity.kind === "str" ? entity.value : "", span: arg.span };
  };
  const named = text("name");
  const shared = text("reuse");
  if (shared && named)
    fail(frame, {
      code: "TFG0405",
      message: `an instance that is shared keeps its name`,
      primary: { span: shared.span, text: `this is "${shared.value}"` },
      related: [{ span: named.span, text: "a second name" }],
      helps: [{ text: "leave out one of the two" }],
    });
  if (shared) {
    // The instances above, whatever was needed first; one below only if there is none of that name above.
    let found: ScopeNode | undefined;
    for (const end of [builder.statement, Number.POSITIVE_INFINITY]) {
      builder.elaborateBefore(end);
      scope.settle();
      found = scope.children.find((child) => child.name === shared.value);
      if (found) break;
    }
    if (found?.isBroken || (!found && scope.hasUnknownName)) throw new Failure();
    if (!found || found.layer !== layer) {
      const near = nearest(
        shared.value,
        scope.children.filter((child) => child.layer === layer).map((child) => child.name),
      );
      let around = scope.parent;
      while (around && !around.children.some((child) => child.name === shared.value && child.layer === layer))
        around = around.parent;
      if (!found && around)
        return fail(frame, {
          code: "TFG0405",
          message: `no layer here is named "${shared.value}"`,
          primary: { span: shared.span, text: `that one is outside of "${scope.name}"` },
          helps: [{ text: `\`reuse=\` looks in the scope of its call: move one of the two calls` }],
        });
      return fail(frame, {
        code: "TFG0405",
        message: found ? `\`${shared.value}\` is no \`${layer}\`` : `no layer here is named "${shared.value}"`,
        primary: { span: shared.span, text: near ? `did you mean "${near}"?` : "nothing to share" },
        helps: near ? [{ text: `reuse="${near}"` }] : [{ text: `name the first one \`name="${shared.value}"\`` }],
      });
    }
    return { node: found, reuse: { next: 0, span: shared.span, blocks: new Map() } };
  }
  if (reuse) {
    // Inside of a shared instance the layers are those of the first one, in the same order.
    while (scope.children[reuse.next] && scope.children[reuse.next]?.layer === undefined) reuse.next++;
    const child = scope.children[reuse.next++];
    if (!child || child.layer !== layer)
      return fail(frame, {
        code: "TFG0405",
        message: `the instance shared here has no \`${layer}\` in this place`,
        primary: { span: site.callee, text: "both uses must make the same layers" },
      });
    return { node: child, reuse: { next: 0, blocks: new Map() } };
  }
  if (named) {
    const clash = scope.children.find(
      (child) => child.isFixed && child.base === named.value && child.layer !== undefined,
    );
    if (clash?.span) {
      const [first, second] =
        clash.span.file === named.span.file && clash.span.start > named.span.start
          ? [named.span, clash.span]
          : [clash.span, named.span];
      fail(frame, {
        code: "TFG0404",
        message: `two layers are named "${named.value}"`,
        primary: { span: second, text: "again" },
        related: first.file === second.file && first.start !== second.start ? [{ span: first, text: "first" }] : [],
        helps: [
          { text: `to share the weights write \`reuse="${named.value}"\`; for separate weights choose another name` },
        ],
      });
    }
    return { node: new ScopeNode(scope, named.value, true, builder.textOrder(), layer, named.span) };
  }
  return { node: new ScopeNode(scope, layer, false, builder.textOrder(), layer, site.span) };
}
