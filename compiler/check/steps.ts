/** Steps; and training, of which what is certainly wrong is said and the rest is not built yet. */
import type { Expression, StepStatement, TrainStatement } from "../../grammar/syntax.ts";
import { type Span, spanText } from "../../grammar/source.ts";
import { BOTTOM, type Entity } from "./entity.ts";
import { type Frame, Names } from "./frame.ts";
import { barriersBehind, checkScalar } from "./gradients.ts";
import { fail } from "./operands.ts";
import { Failure } from "./report.ts";
import { runStatements } from "./statements.ts";
import { statementsWithin } from "./walk.ts";

/** `train NAME = minimize(loss, …)`: what is wrong with the loss, else that training is not built. */
export function checkTrain(frame: Frame, train: TrainStatement): Entity {
  const call =
    train.value.kind === "call" && train.value.callee.kind === "name" && train.value.callee.name === "minimize"
      ? train.value
      : undefined;
  const [loss] = call?.args ?? [];
  if (loss && !loss.name) checkLoss(frame, loss.value);
  frame.check.reporter.report(
    {
      code: "TFG0106",
      message: `training is not built yet: \`${train.name.text}\` cannot be fetched`,
      primary: { span: { ...train.span, end: train.name.span.end }, text: "a `train` step" },
      notes: ["the rest of the graph compiles, for inference"],
    },
    frame,
    "warning",
  );
  return BOTTOM;
}

/** A step has no value: its name is for fetches. */
export function failStepAsValue(frame: Frame, name: string, use: Span): never {
  return fail(frame, {
    code: "TFG0210",
    message: `\`${name}\` is a step, not a value`,
    primary: { span: use, text: "a step is fetched, and makes its updates happen" },
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

/** `step NAME { … }`: its updates and assertions go with its fetch; its names are its own. */
export function runStep(frame: Frame, step: StepStatement): Entity {
  const { name, doc } = step;
  reportBindings(frame, step);
  frame.builder.steps.push({ name: name.text, doc, span: name.span });
  const inner: Frame = {
    ...frame,
    names: new Names(frame.names),
    owner: { kind: "step", name: name.text },
    place: frame.place.binding(name.text),
  };
  if (runStatements(inner, step.body.statements))
    fail(frame, {
      code: "TFG0210",
      message: "a step does not return",
      primary: { span: returnSpan(step), text: "a step has no value" },
      helps: [{ text: "make it an `output` of the graph" }],
    });
  return BOTTOM;
}

function returnSpan(step: StepStatement): Span {
  const statement = [...statementsWithin(step.body)].find(({ kind }) => kind === "return");
  return statement ? { ...statement.span, end: statement.span.start + "return".length } : step.name.span;
}

/** TFG0107 for `w = …` where `w` is a variable of the graph. */
function reportBindings(frame: Frame, step: StepStatement): void {
  let isWrong = false;
  for (const statement of statementsWithin(step.body)) {
    if (statement.kind !== "binding") continue;
    for (const name of statement.names) {
      const slot = frame.names.find(name.text);
      if (!slot?.variable || slot.variable.kind === "input") continue;
      isWrong = true;
      const { file } = statement.span;
      const sign = file.text.indexOf("=", name.span.end);
      const fixed = `${name.text} := ${spanText(statement.value.span)}`;
      frame.check.reporter.report({
        code: "TFG0107",
        message: "use `:=` to update a variable",
        primary: {
          span: { file, start: sign, end: sign + 1 },
          text: `\`=\` would bind a second node named \`${name.text}\``,
        },
        related: [{ span: slot.span, text: `\`${name.text}\` is a ${slot.variable.kind}` }],
        helps: [{ text: fixed, edits: [{ span: { file, start: sign, end: sign + 1 }, text: ":=" }] }],
      });
    }
  }
  if (isWrong) throw new Failure();
}
