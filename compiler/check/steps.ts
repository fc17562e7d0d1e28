/** Bodies of steps: what is certainly wrong in them is said, the rest is not built yet. */
import type { StepStatement } from "../../grammar/syntax.ts";
import { spanText } from "../../grammar/source.ts";
import type { Entity } from "./entity.ts";
import type { Frame } from "./frame.ts";
import { fail } from "./operands.ts";
import { Failure } from "./report.ts";
import { statementsWithin } from "./walk.ts";

export function checkStep(frame: Frame, step: StepStatement): Entity {
  const { reporter } = frame.check;
  let isWrong = false;
  const updates = new Map<string, { readonly span: { readonly file: Frame["module"]["file"]; readonly start: number; readonly end: number } }>();
  for (const statement of statementsWithin(step.body)) {
    if (statement.kind === "binding") {
      for (const name of statement.names) {
        const variable = frame.names.find(name.text)?.variable;
        const slot = frame.names.find(name.text);
        if (!variable || !slot || variable.kind === "input") continue;
        isWrong = true;
        const { file } = statement.span;
        const sign = file.text.indexOf("=", name.span.end);
        const fixed = `${name.text} := ${spanText(statement.value.span)}`;
        reporter.report({
          code: "TFG0107",
          message: "use `:=` to update a variable",
          primary: { span: { file, start: sign, end: sign + 1 }, text: `\`=\` would bind a second node named \`${name.text}\`` },
          related: [{ span: slot.span, text: `\`${name.text}\` is a ${variable.kind}` }],
          helps: [{ text: fixed, edits: [{ span: { file, start: sign, end: sign + 1 }, text: ":=" }] }],
        });
      }
    }
    if (statement.kind === "update") {
      const target = { file: statement.span.file, start: statement.name.span.start, end: statement.operator.end };
      const before = updates.get(statement.name.text);
      if (before) {
        isWrong = true;
        reporter.report({
          code: "TFG0406",
          message: `\`${statement.name.text}\` is updated twice in one run`,
          primary: { span: target, text: "both commit at the end of the run; which one wins?" },
          related: [{ span: before.span, text: "first" }],
          notes: ["the right-hand side of both reads the value from before the run"],
        });
      } else updates.set(statement.name.text, { span: target });
    }
  }
  if (isWrong) throw new Failure();
  return fail(frame, {
    code: "TFG0106",
    message: "steps are not built yet",
    primary: { span: { ...step.span, end: step.name.span.end }, text: "would update variables" },
    helps: [{ text: "remove it: without it the graph compiles for inference" }],
  });
}
