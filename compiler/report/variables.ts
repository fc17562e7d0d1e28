/** Variables of programs and tensors of files as one kind of list, and two such lists compared. */
import { matchTensors, type NamedType, nearestTensor } from "../../runtime/restore.ts";
import type { Graph, Initializer } from "../ir/graph.ts";

export interface VariableReport extends NamedType {
  /** Of a program. */
  readonly graph?: string;
  readonly trainable?: boolean;
  readonly init?: Initializer;
  readonly count: number;
  /** Absent where elements have no fixed size. */
  readonly bytes?: number;
}

/** `f16` has 2 bytes an element, `bool` 1; `string` has no fixed number. */
function bytesOf(dtype: string): number | undefined {
  if (dtype === "bool") return 1;
  const bits = /^(?:bf|[fiuc])(\d+)$/.exec(dtype)?.[1];
  return bits === undefined ? undefined : Number(bits) / 8;
}

function sized<T extends NamedType>(type: T): T & Pick<VariableReport, "count" | "bytes"> {
  const count = type.shape.reduce((a, b) => a * b, 1);
  const each = bytesOf(type.dtype);
  return { ...type, count, ...(each === undefined ? {} : { bytes: each * count }) };
}

/** The variables of graphs in their order. */
export const reportVariables = (graphs: readonly Graph[]): VariableReport[] =>
  graphs.flatMap((graph) =>
    graph.variables.map(({ name, dtype, shape, trainable, init }) => ({
      ...(graphs.length > 1 ? { graph: graph.name } : {}),
      ...sized({ name, dtype, shape }),
      trainable,
      init,
    })),
  );

/** The tensors of a file by name. */
export const reportTensors = (tensors: Iterable<readonly [string, Omit<NamedType, "name">]>): VariableReport[] =>
  Array.from(tensors, ([name, { dtype, shape }]) => sized({ name, dtype, shape })).sort((a, b) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : 0,
  );

// ---- comparing -----------------------------------------------------------------------------------------------

/** `same`: restored, if need be converted. `shape`, `dtype`: does not fit. `unused`: nothing asks for it. */
export interface Difference {
  readonly status: "same" | "shape" | "dtype" | "missing" | "unused";
  readonly wanted?: NamedType;
  /** Its name is another one where the file knows the tensor by several. */
  readonly found?: NamedType;
  /** Of what is missing: the unused tensor that looks most like it. */
  readonly nearest?: NamedType;
}

/** What `restore` would make of the tensors: in the order of the variables, then what is unused. */
export function compareVariables(
  wanted: readonly NamedType[],
  available: readonly NamedType[],
  aliases?: ReadonlyMap<string, string>,
): Difference[] {
  const plain = ({ name, dtype, shape }: NamedType): NamedType => ({ name, dtype, shape });
  const tensors = new Map(available.map((tensor) => [tensor.name, plain(tensor)]));
  const match = matchTensors(wanted, { tensors, aliases });
  const unused = new Set(match.unused);
  const by = new Map<NamedType, Difference>();
  for (const [variable, found] of match.found) by.set(variable, { status: "same", wanted: plain(variable), found });
  for (const [status, variable, found] of match.wrong) by.set(variable, { status, wanted: plain(variable), found });
  for (const [variable] of match.missing) {
    const near = nearestTensor(variable.name, variable.shape, unused, tensors);
    const nearest = near === undefined ? undefined : tensors.get(near);
    by.set(variable, { status: "missing", wanted: plain(variable), ...(nearest ? { nearest } : {}) });
  }
  return [
    ...wanted.flatMap((variable) => by.get(variable) ?? []),
    ...available
      .filter(({ name }) => unused.has(name))
      .map((tensor): Difference => ({ status: "unused", found: plain(tensor) })),
  ];
}
