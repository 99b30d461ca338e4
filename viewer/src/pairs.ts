// Which tensors of two maps are the same one. Stands on `map.ts` and `columns.ts`.
//
// A tensor is paired by its name. Where several have one name, the first of them in one map is the
// first in the other, and so on, provided that there are as many in both: so maps with the same
// names are paired by number. A pair is mutual, and no tensor is in two pairs with one map. Maps of
// different memories, as of two devices, have no pairs.

import { Lists } from './columns';
import type { MemoryMap } from './map';

/** For each tensor of `a` the one of `b` that is the same, or -1. */
export function paired(a: MemoryMap, b: MemoryMap): Int32Array {
  const found = new Int32Array(a.tensors.count).fill(-1);
  if (a.data.memory !== b.data.memory) return found;
  const [here, there] = [byName(a), byName(b)];
  for (let name = 0; name < here.ends.length; name++) {
    const [of, others] = [here.of(name), there.of(name)];
    if (of.length !== others.length) continue;
    for (let i = 0; i < of.length; i++) found[of[i]] = others[i];
  }
  return found;
}

/** The tensors of each name, by the numbers of the document's strings. */
function byName({ tensors: { name }, strings }: MemoryMap): Lists {
  const ends = new Uint32Array(strings.count);
  for (const string of name) ends[string] += 1;
  for (let i = 1; i < ends.length; i++) ends[i] += ends[i - 1];
  const next = new Uint32Array(ends.length);
  for (let i = 1; i < ends.length; i++) next[i] = ends[i - 1];
  const items = new Uint32Array(name.length);
  name.forEach((string, tensor) => {
    items[next[string]++] = tensor;
  });
  return new Lists(ends, items);
}

/** The pairs of all maps of a page, each found once it is asked for. */
export class Pairs {
  readonly #found = new Map<number, Int32Array>();

  constructor(readonly maps: readonly MemoryMap[]) {}

  /** The numbers of all maps that are of the memory of a map. */
  ofMemory(map: number): number[] {
    const { memory } = this.maps[map].data;
    return this.maps.flatMap(({ data }, i) => (data.memory === memory ? [i] : []));
  }

  /** The tensor of the map `to` that is a tensor of the map `from`, or null. */
  other(from: number, tensor: number, to: number): number | null {
    const found = from === to ? tensor : this.between(from, to)[tensor];
    return found < 0 ? null : found;
  }

  /** For each tensor of the map `from` the one of the map `to`, or -1. */
  between(from: number, to: number): Int32Array {
    const key = from * this.maps.length + to;
    let found = this.#found.get(key);
    if (found === undefined) {
      found = paired(this.maps[from], this.maps[to]);
      this.#found.set(key, found);
    }
    return found;
  }
}
