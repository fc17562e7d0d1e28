/** The inside of a string: escapes, and `{expr}` holes. */
import type { Diagnostic } from "./diagnostic.ts";
import { spanAt, syntaxError } from "./messages.ts";
import type { Span } from "./source.ts";
import type { Expression, StringExpression } from "./syntax.ts";

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", '"': '"', "\\": "\\", "{": "{", "}": "}" };

/** Reads the string at `span`, quotes included; its last quote may be missing. */
export function readString(
  span: Span,
  readHole: (span: Span) => Expression,
  report: (diagnostic: Diagnostic) => void,
): StringExpression {
  const { file } = span;
  const source = file.text;
  const end = span.end - (span.end > span.start + 1 && /["'\u201C\u201D]/.test(source.charAt(span.end - 1)) ? 1 : 0);
  const parts: StringExpression["parts"][number][] = [];
  let text = "";
  let textStart = span.start + 1;
  let at = textStart;
  const endText = (): void => {
    if (at > textStart) parts.push({ text, span: spanAt(file, textStart, at) });
    text = "";
  };
  while (at < end) {
    const character = source.charAt(at);
    if (character === "\\") {
      const escaped = escapes[source.charAt(at + 1)];
      if (escaped === undefined) {
        report(
          syntaxError("TFG0101", `\`${source.slice(at, at + 2)}\` is no escape`, {
            span: spanAt(file, at, Math.min(at + 2, end)),
            text: 'the escapes are `\\"`, `\\\\`, `\\n`, `\\t`, `\\{` and `\\}`',
          }),
        );
      }
      text += escaped ?? source.charAt(at + 1);
      at = Math.min(at + 2, end);
    } else if (character === "{") {
      endText();
      const close = source.slice(at, end).indexOf("}");
      const after = close < 0 ? end : at + close + 1;
      const hole = spanAt(file, at, after);
      const inside = spanAt(file, at + 1, close < 0 ? end : after - 1);
      parts.push({ value: readInside(hole, inside, close >= 0, readHole, report), span: hole });
      at = after;
      textStart = at;
    } else {
      text += character;
      at++;
    }
  }
  endText();
  return { kind: "string", parts, span };
}

function readInside(
  hole: Span,
  inside: Span,
  isClosed: boolean,
  readHole: (span: Span) => Expression,
  report: (diagnostic: Diagnostic) => void,
): Expression {
  const { file } = hole;
  if (!isClosed) {
    const opening = { span: spanAt(file, hole.start, hole.start + 1), text: "opened here; a brace as text is `\\{`" };
    report(syntaxError("TFG0101", "expected `}` to close `{` in a string", opening));
    return { kind: "error", span: inside };
  }
  if (file.text.slice(inside.start, inside.end).trim() === "") {
    report(
      syntaxError("TFG0101", "expected an expression between `{` and `}`", { span: hole, text: "nothing is here" }),
    );
    return { kind: "error", span: inside };
  }
  return readHole(inside);
}
