/** Values as source text, the same in TypeScript and JavaScript. */

const width = 110;

/** Data without behaviour: what JSON has, and all numbers. */
export type Plain = number | string | boolean | undefined | readonly Plain[] | object;

/** A number that reads back as itself, also -0, NaN and infinities. */
export function numberLiteral(value: number): string {
  if (Object.is(value, -0)) return "-0";
  return String(value);
}

const isIdentifier = (name: string): boolean => /^[A-Za-z_$][\w$]*$/.test(name);

/** A property name: quoted only where it must be. */
export const propertyName = (name: string): string =>
  isIdentifier(name) && name !== "__proto__" ? name : stringLiteral(name);

/** Also fit for a `<script>`: the text never holds `</script`. */
export function stringLiteral(text: string): string {
  return JSON.stringify(text)
    .replace(/<\//g, "<\\/")
    .replace(/[\u2028\u2029]/g, (c) => (c === "\u2028" ? "\\u2028" : "\\u2029"));
}

/** On one line where it fits, else one entry a line; properties that are `undefined` are left out. */
export function literal(value: Plain, indent = ""): string {
  if (typeof value === "number") return numberLiteral(value);
  if (typeof value === "string") return stringLiteral(value);
  if (typeof value === "boolean" || value === undefined) return String(value);
  const inner = `${indent}  `;
  const isArray = Array.isArray(value);
  const entries = isArray
    ? value.map((entry: Plain) => literal(entry, inner))
    : Object.entries(value)
        .filter(([, entry]) => entry !== undefined)
        .map(
          ([key, entry]) =>
            (key === "__proto__" ? `["__proto__"]: ` : `${propertyName(key)}: `) + literal(entry, inner),
        );
  const [open, close, space] = isArray ? ["[", "]", ""] : ["{", "}", " "];
  if (entries.length === 0) return open + close;
  const line = entries.join(", ");
  if (line.length + indent.length < width && !line.includes("\n")) return `${open}${space}${line}${space}${close}`;
  return `${open}\n${entries.map((entry) => `${inner}${entry},\n`).join("")}${indent}${close}`;
}

/** A documentation comment of one or several lines. Nothing in the text can end it. */
export function docComment(lines: readonly string[], indent = ""): string {
  const text = lines.flatMap((line) => line.split(/\r\n|\r|\n/)).map((line) => line.replace(/\*\//g, "*\\/").trimEnd());
  while (text.length > 0 && text[0] === "") text.shift();
  while (text.length > 0 && text.at(-1) === "") text.pop();
  const [only] = text;
  if (only === undefined) return "";
  if (text.length === 1) return `${indent}/** ${only} */\n`;
  return `${indent}/**\n${text.map((line) => `${indent} *${line === "" ? "" : ` ${line}`}\n`).join("")}${indent} */\n`;
}
