/**
 * Where random nodes stand, by which their streams are told apart (language.md 5.6): scope of the layer, name of the
 * binding, calls of functions in it, name of the random function. What bears the same name in the same place is
 * numbered in the order of the text, so a random node elsewhere changes nothing.
 */
import { joinPath, ScopeNode, type TextOrder } from "./scopes.ts";

export class Place {
  readonly #parent: Place | ScopeNode;
  readonly #base: string;
  readonly #order: TextOrder;
  readonly #bindings = new Map<string, Place>();
  readonly #calls: Place[] = [];

  /** The place of a graph or of a layer instance is its scope. */
  constructor(parent: Place | ScopeNode, base = "", order: TextOrder = [0, 0]) {
    this.#parent = parent;
    this.#base = base;
    this.#order = order;
  }

  /** Of what is bound to `name` here; one place, however often it is elaborated. */
  binding(name: string): Place {
    const known = this.#bindings.get(name) ?? new Place(this, name);
    this.#bindings.set(name, known);
    return known;
  }

  /** Of one call here. */
  call(name: string, order: TextOrder): Place {
    const place = new Place(this, name, order);
    this.#calls.push(place);
    return place;
  }

  /** Takes a call back whose elaboration came to nothing. */
  forget(call: Place): void {
    const at = this.#calls.indexOf(call);
    if (at >= 0) this.#calls.splice(at, 1);
  }

  /** `dropout/random_uniform`; when the graph is complete and its scopes are settled. */
  get path(): string {
    if (this.#parent instanceof ScopeNode) return this.#parent.path;
    return joinPath(this.#parent.path, this.#parent.#nameOf(this));
  }

  #nameOf(child: Place): string {
    if (this.#bindings.get(child.#base) === child) return child.#base;
    const taken = new Set(this.#bindings.keys());
    const inOrder = [...this.#calls].sort((a, b) => a.#order[0] - b.#order[0] || a.#order[1] - b.#order[1]);
    for (const call of inOrder) {
      let name = call.#base;
      for (let i = 1; taken.has(name); i++) name = `${call.#base}_${i}`;
      if (call === child) return name;
      taken.add(name);
    }
    throw new Error("a place knows its calls");
  }
}
