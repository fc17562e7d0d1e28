/** TFG0909: `x // 2`, which divides in Python and is a comment here. */
import { lineText } from "../../../grammar/source.ts";
import type { Check, Module } from "../frame.ts";
import type { Lint } from "./names.ts";

export function lintComments(check: Check, module: Module): Lint[] {
  const { file } = module;
  return file.lineStarts.flatMap((start, i) => {
    const line = lineText(file, i + 1);
    // A value, then nothing but a number or a name, with or without what closes a bracket.
    const found = /^(.*[\w)\]]) ?(\/\/ *(\w+) *)$/.exec(line);
    const [, before = "", comment = "", divisor = ""] = found ?? [];
    if (!found || before.includes("//") || before.includes("/*") || isInString(before)) return [];
    if (!/^\d+$/.test(divisor) && !isCompileTime(check, module, divisor)) return [];
    if (!/=|\breturn\b|^\s*[-+*/%@.]/.test(before)) return [];
    const at = start + line.length - comment.length;
    const span = { file, start: at, end: at + comment.trimEnd().length };
    return [
      {
        code: "TFG0909",
        message: `\`${comment.trimEnd()}\` is a comment`,
        primary: { span, text: "nothing is divided" },
        helps: [
          { text: `ints are divided by \`/\`, which rounds down: \`/ ${divisor}\`` },
          { text: "if it is a comment, put it on a line of its own or add a word" },
        ],
      },
    ];
  });
}

const isInString = (text: string): boolean => (text.match(/"/g)?.length ?? 0) % 2 === 1;

/** Whether `name` is a const or config, as divisors are. */
function isCompileTime(check: Check, module: Module, name: string): boolean {
  const item = module.items.get(name) ?? check.modules.preludeItem(name);
  return item?.kind === "declaration" && (item.declaration.kind === "const" || item.declaration.kind === "config");
}
