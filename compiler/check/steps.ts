/** Steps and training: what is certainly wrong in them is said, the rest is not built yet. */
import type { Expression, StepStatement, TrainStatement } from "../../grammar/syntax.ts";
import { spanText } from "../../grammar/source.ts";
import type { Entity } from "./entity.ts";
import type { Frame } from "./frame.ts";
import { barriersBehind, checkScalar } from "./gradients.ts";
import { fail } from "./operands.ts";
import { Failure } from "./report.ts";
import { statementsWithin } from "./walk.ts";

/** `train NAME = minimize(loss, …)`: what is wrong with the loss, else that training is not built. */
export function checkTrain(frame: Frame, train: TrainStatement): Entity {
  const call =
    train.value.kind === "call" && train.value.callee.kind === "name" && train.value.callee.name === "minimize"
      ? train.value
      : undefined;
  const [loss] = call?.args ?? [];
  if (loss && !loss.name) checkLoss(frame, loss.value);
  return fail(frame, {
    code: "TFG0106",
    message: "training is not built yet",
    primary: { span: { ...train.span, end: train.name.span.end }, text: "a `train` step" },
    helps: [{ text: "remove it: without it the graph compiles for inference" }],
  });
}

function checkLoss(frame: Frame, expression: Expression): void {
  const entity = frame.check.evaluate(frame, expression);
  if (entity.kind === "bottom") throw new Failure();
  if (entity.kind !== "tensor") return;
  const name = spanText(expression.span);
  const { span } = expression;
  checkScalar(frame, entity.type, span, "minimize");
  const { builder } = frame;
  const barriers = barriersBehind(builder, entity.value, (id) =>
    builder.variables.some((variable) => variable.value === id && variable.trainable),
  );
  if (barriers === "reached") return;
  fail(frame, {
    code: "TFG0501",
    message: `\`${name}\` does not depend on any parameter`,
    primary: { span, text: "its gradient is zero everywhere" },
    related:
      barriers.length === 1 && barriers[0]
        ? [{ span: barriers[0], text: "the only path to a parameter ends here" }]
        : [],
  });
}

export function checkStep(frame: Frame, step: StepStatement): Entity {
  const { reporter } = frame.check;
  let isWrong = false;
  const updates = new Map<
    string,
    { readonly span: { readonly file: Frame["module"]["file"]; readonly start: number; readonly end: number } }
  >();
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
          primary: {
            span: { file, start: sign, end: sign + 1 },
            text: `\`=\` would bind a second node named \`${name.text}\``,
          },
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
