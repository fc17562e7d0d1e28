/** Kernel code as WebAssembly text. */
import { positionAt } from "../../grammar/source.ts";
import type { Expr, FunctionCode, Kind, Local, Operator, Stmt } from "../ir/stmt.ts";
import { isVector } from "../ir/stmt.ts";

const machineType = (kind: Kind): string => (isVector(kind) ? "v128" : kind);

const signed: ReadonlySet<string> = new Set(["lt", "le", "gt", "ge", "min", "max", "shr"]);
const bitwise: ReadonlySet<string> = new Set(["and", "or", "xor", "not"]);
const divisions: Readonly<Record<string, string>> = {
  quotient: "div_s",
  quotient_u: "div_u",
  remainder: "rem_s",
  remainder_u: "rem_u",
};
const isInteger = (kind: Kind): boolean => kind === "i32" || kind === "i32x4";

/** The instruction of an operator that has one. */
function mnemonic(name: Operator, kind: Kind): string {
  if (name === "plus") return "i32.add";
  if (name === "times") return "i32.mul";
  if (isVector(kind) && bitwise.has(name)) return `v128.${name}`;
  const division = divisions[name];
  if (division) return `i32.${division}`;
  return `${kind}.${name}${isInteger(kind) && signed.has(name) ? "_s" : ""}`;
}

const shuffle = (bytes: readonly number[], a: string, b: string): string =>
  `(i8x16.shuffle ${bytes.join(" ")} ${a} ${b})`;
const bytesOf = (from: number, count: number): readonly number[] => Array.from({ length: count }, (_, i) => from + i);

function literal(kind: Kind, value: number): string {
  if (isInteger(kind)) return `${value | 0}`;
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0";
  return `${kind === "f64" || kind === "f64x2" ? value : Math.fround(value)}`;
}

class WatPrinter {
  readonly #fused: boolean;
  #labels = 0;
  constructor(fused: boolean) {
    this.#fused = fused;
  }

  expr(e: Expr): string {
    switch (e.op) {
      case "const": {
        const text = literal(e.kind, e.value);
        if (!isVector(e.kind)) return `(${e.kind}.const ${text})`;
        return `(v128.const ${e.kind} ${Array(e.kind === "f64x2" ? 2 : 4)
          .fill(text)
          .join(" ")})`;
      }
      case "local":
        return `(local.get $${e.local.name})`;
      case "load": {
        const name = e.splat ? "v128.load32_splat" : `${machineType(e.kind)}.load`;
        return `(${name}${e.offset ? ` offset=${e.offset}` : ""} ${this.expr(e.base)})`;
      }
      case "select": {
        const [condition, then, otherwise] = e.args.map((arg) => this.expr(arg));
        return `(${isVector(e.kind) ? "v128.bitselect" : "select"} ${then} ${otherwise} ${condition})`;
      }
      case "choose": {
        const [condition, then, otherwise] = e.args.map((arg) => this.expr(arg));
        return `(if (result ${machineType(e.kind)}) ${condition} (then ${then}) (else ${otherwise}))`;
      }
      default:
        return this.#operator(e.op, e.kind, e.args, e.lane ?? 0);
    }
  }

  #operator(name: Operator, kind: Kind, args: readonly Expr[], lane: number): string {
    const texts = args.map((arg) => this.expr(arg));
    const [a = "", b = "", c = ""] = texts;
    const from = args[0]?.kind ?? kind;
    switch (name) {
      case "madd":
        if (this.#fused && kind === "f32x4") return `(f32x4.relaxed_madd ${a} ${b} ${c})`;
        return `(${kind}.add (${kind}.mul ${a} ${b}) ${c})`;
      case "mulhi_u": {
        if (kind === "i32") {
          const wide = (text: string): string => `(i64.extend_i32_u ${text})`;
          return `(i32.wrap_i64 (i64.shr_u (i64.mul ${wide(a)} ${wide(b)}) (i64.const 32)))`;
        }
        // The odd words of the products of the lower and the upper lanes.
        const odd = [4, 12, 20, 28].flatMap((from) => bytesOf(from, 4));
        return shuffle(odd, `(i64x2.extmul_low_i32x4_u ${a} ${b})`, `(i64x2.extmul_high_i32x4_u ${a} ${b})`);
      }
      case "pmin":
      case "pmax":
        if (isVector(kind)) return `(${kind}.${name} ${a} ${b})`;
        throw new Error(`${name} of ${kind}`);
      case "neg":
        return kind === "i32" ? `(i32.sub (i32.const 0) ${a})` : `(${kind}.neg ${a})`;
      case "float":
      case "float_u":
        return `(${kind}.convert_${from}_${name === "float" ? "s" : "u"} ${a})`;
      case "int":
      case "int_u":
        return `(${kind}.trunc_sat_${from}_${name === "int" ? "s" : "u"} ${a})`;
      case "promote":
        return `(f64.promote_f32 ${a})`;
      case "demote":
        return `(f32.demote_f64 ${a})`;
      case "bits":
        return isVector(kind) ? a : `(${kind}.reinterpret_${from} ${a})`;
      case "splat":
        return `(${kind}.splat ${a})`;
      case "extract":
        return `(${from}.extract_lane ${lane} ${a})`;
      case "lanes":
        return "(v128.const i32x4 0 1 2 3)";
      case "promote_low":
        return `(f64x2.promote_low_f32x4 ${a})`;
      case "promote_high":
        return `(f64x2.promote_low_f32x4 ${shuffle([...bytesOf(8, 8), ...bytesOf(8, 8)], a, a)})`;
      case "demote_pair":
        return shuffle(
          [...bytesOf(0, 8), ...bytesOf(16, 8)],
          `(f32x4.demote_f64x2_zero ${a})`,
          `(f32x4.demote_f64x2_zero ${b})`,
        );
      case "any_true":
        return `(v128.any_true ${a})`;
      case "broadcast": {
        const one = bytesOf(lane * 4, 4);
        return shuffle([...one, ...one, ...one, ...one], a, a);
      }
      case "lt_u":
      case "le_u":
      case "gt_u":
      case "ge_u":
      case "min_u":
      case "max_u":
      case "shr_u":
        return `(${from}.${name} ${a} ${b})`;
      case "eq":
      case "ne":
      case "lt":
      case "le":
      case "gt":
      case "ge":
        return `(${from}.${name}${isInteger(from) && signed.has(name) ? "_s" : ""} ${a} ${b})`;
      default:
        return `(${mnemonic(name, kind)} ${[a, b, c].filter((text) => text !== "").join(" ")})`;
    }
  }

  statements(list: readonly Stmt[], indent: string): string {
    return list.map((stmt) => this.#statement(stmt, indent)).join("");
  }

  #statement(stmt: Stmt, indent: string): string {
    const inner = `${indent}  `;
    switch (stmt.do) {
      case "set":
        return `${indent}(local.set $${stmt.local.name} ${this.expr(stmt.value)})\n`;
      case "store": {
        const offset = stmt.offset ? ` offset=${stmt.offset}` : "";
        const name =
          stmt.lane === undefined
            ? `${machineType(stmt.value.kind)}.store${offset}`
            : `v128.store32_lane${offset} ${stmt.lane}`;
        return `${indent}(${name} ${this.expr(stmt.base)} ${this.expr(stmt.value)})\n`;
      }
      case "if": {
        const otherwise = stmt.otherwise.length
          ? `${indent}(else\n${this.statements(stmt.otherwise, inner)}${indent})`
          : "";
        return `${indent}(if ${this.expr(stmt.condition)} (then\n${this.statements(stmt.body, inner)}${indent})${otherwise ? `\n${otherwise}` : ""})\n`;
      }
      case "loop": {
        const label = `$l${this.#labels++}`;
        const counter = `(local.get $${stmt.counter.name})`;
        const bound = this.expr(stmt.to);
        const start = `${indent}(local.set $${stmt.counter.name} ${this.expr(stmt.from)})\n`;
        const next = `(local.tee $${stmt.counter.name} (i32.add ${counter} ${this.expr(stmt.step)}))`;
        const again = `${inner}(br_if ${label} (i32.lt_s ${next} ${bound}))`;
        const loop = `(loop ${label}\n${this.statements(stmt.body, inner)}${again})`;
        if (stmt.atLeastOnce) return `${start}${indent}${loop}\n`;
        return `${start}${indent}(if (i32.lt_s ${counter} ${bound}) (then ${loop}))\n`;
      }
    }
  }
}

/** `;; file:line` of the places a kernel came from, each once. */
export function originsOf(code: FunctionCode): readonly string[] {
  return [...new Set(code.spans.map((span) => `${span.file.path}:${positionAt(span.file, span.start).line}`))];
}

/** One function; `fused` prints `madd` as `f32x4.relaxed_madd`. */
export function watFunction(code: FunctionCode, fused: boolean): string {
  const printer = new WatPrinter(fused);
  const params = code.params.map((p) => ` (param $${p.name} ${p.kind})`).join("");
  // Grouped by type: the binary form writes one entry for each run of equal types.
  const byType = (a: Local, b: Local): number => machineType(a.kind).localeCompare(machineType(b.kind));
  const locals = [...code.locals].sort(byType).map((l) => ` (local $${l.name} ${machineType(l.kind)})`);
  const origins = originsOf(code).map((at) => `  ;; ${at}\n`);
  const lines: string[] = [];
  for (let i = 0; i < locals.length; i += 6) lines.push(`   ${locals.slice(i, i + 6).join("")}\n`);
  return `${origins.join("")}  (func $${code.name}${params}\n${lines.join("")}${printer.statements(code.body, "    ")}  )\n`;
}
