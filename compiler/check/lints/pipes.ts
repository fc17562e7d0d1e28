/** TFG0901: an operator in front of a pipe, which binds looser than it looks. */
import { spanText } from "../../../grammar/source.ts";
import type { Expression } from "../../../grammar/syntax.ts";
import type { Module } from "../frame.ts";
import { expressionsOfDeclaration } from "../walk.ts";
import type { Lint } from "./names.ts";

export function lintPipes({ tree }: Module): Lint[] {
  return tree.declarations.flatMap((declaration) =>
    [...expressionsOfDeclaration(declaration)].flatMap((expression) => {
      if (expression.kind !== "pipe" || expression.left.kind !== "binary") return [];
      const { span } = expression.left;
      const callee = spanText(calleeOf(expression.right).span);
      const left = oneLine(spanText(span));
      return [
        {
          code: "TFG0901",
          message: `all of \`${left}\` goes into \`${callee}\``,
          primary: { span, text: `\`|>\` binds looser than \`${expression.left.operator}\`` },
          helps: [
            {
              text: `(${left}) |> ${callee}`,
              edits: [
                { span: { ...span, end: span.start }, text: "(" },
                { span: { ...span, start: span.end }, text: ")" },
              ],
            },
          ],
        },
      ];
    }),
  );
}

const calleeOf = (expression: Expression): Expression =>
  expression.kind === "call" || expression.kind === "index"
    ? calleeOf(expression.kind === "call" ? expression.callee : expression.value)
    : expression;

/** A source text as a message shows it. */
function oneLine(text: string): string {
  const flat = text.replaceAll(/\s+/g, " ");
  return flat.length > 40 ? `${flat.slice(0, 20)} … ${flat.slice(-15)}` : flat;
}
