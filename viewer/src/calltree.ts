// Heap profiles as one tree of calls, with the bytes of each call and of those within it. Stands on
// `columns.ts` and `data.ts`.
//
// Call 0 is the root, which stands for all; a call stands behind the one that it is within. Two
// profiles become one tree with the figures of both: calls of one name within the same call are
// one. A total is what a call allocated itself and the totals of the calls within it. A weight is
// that of the larger figures of the two: no less than either total, and no less than the weights
// within it.

import { Lists } from './columns';
import { type HeapProfile, type Measure, MEASURES } from './data';

type Figures = Readonly<Record<Measure, Float64Array>>;

/** The figures of one profile. */
export interface Side {
  readonly own: Figures;
  readonly total: Figures;
}

export class CallTree {
  /** The calls and the root. */
  readonly count: number;
  readonly parent: Uint32Array;
  /** Numbers of strings; that of the root is 0. */
  readonly name: Uint32Array;
  /** As many as there are profiles: the later one is the last. */
  readonly sides: readonly Side[];
  readonly #within: Lists;
  readonly #weights = new Map<Measure, Float64Array>();

  /** `strings` is the number of strings of the document. */
  constructor(profiles: readonly HeapProfile[], strings: number) {
    const parents = [0];
    const names = [0];
    const known = new Map<number, number>();
    const places = profiles.map(({ count, parent, name }) => {
      const place = new Uint32Array(count + 1);
      for (let i = 0; i < count; i++) {
        const above = place[parent[i]];
        const key = above * strings + name[i];
        let call = known.get(key);
        if (call === undefined) {
          call = parents.length;
          known.set(key, call);
          parents.push(above);
          names.push(name[i]);
        }
        place[i + 1] = call;
      }
      return place;
    });
    this.count = parents.length;
    this.parent = Uint32Array.from(parents);
    this.name = Uint32Array.from(names);
    this.sides = profiles.map((profile, i) => this.#side(profile, places[i]));
    this.#within = this.#lists();
  }

  get isDifference(): boolean {
    return this.sides.length > 1;
  }

  /** The calls within a call, in the order of the document. */
  within(call: number): Uint32Array {
    return this.#within.of(call);
  }

  total(call: number, measure: Measure, side = this.sides.length - 1): number {
    return this.sides[side].total[measure][call];
  }

  own(call: number, measure: Measure, side = this.sides.length - 1): number {
    return this.sides[side].own[measure][call];
  }

  /** What the total of the last profile is above that of the first one. */
  change(call: number, measure: Measure): number {
    return this.total(call, measure) - this.total(call, measure, 0);
  }

  /**
   * How wide a call is drawn: what it and the calls within it allocated or, of two profiles, the
   * larger of what each of these calls itself allocated in them. So a call that is gone has a
   * width.
   */
  weight(call: number, measure: Measure): number {
    let weights = this.#weights.get(measure);
    if (weights === undefined) {
      weights = this.isDifference ? this.#largest(measure) : this.sides[0].total[measure];
      this.#weights.set(measure, weights);
    }
    return weights[call];
  }

  /** Whether a call allocated something in the first of two profiles and nothing in the last. */
  isGone(call: number, measure: Measure): boolean {
    return this.total(call, measure) === 0 && this.total(call, measure, 0) > 0;
  }

  /** The calls within a call by their totals, or by how much these changed: the largest first. */
  sorted(call: number, measure: Measure): number[] {
    const { isDifference } = this;
    const key = (of: number) =>
      isDifference ? Math.abs(this.change(of, measure)) : this.total(of, measure);
    return [...this.within(call)].sort((a, b) => key(b) - key(a) || a - b);
  }

  /** The calls from the root to a call, both included. */
  path(call: number): number[] {
    const path = [call];
    for (let at = call; at !== 0; ) path.push((at = this.parent[at]));
    return path.reverse();
  }

  /** What the calls with these names allocated; a call within another one of them counts once. */
  sumOf(isMeant: (name: number) => boolean, measure: Measure): { calls: number; sum: number } {
    const isInside = new Uint8Array(this.count);
    let calls = 0;
    let sum = 0;
    for (let call = 1; call < this.count; call++) {
      const isFound = isMeant(this.name[call]);
      const isWithin = isInside[this.parent[call]] === 1;
      if (isFound) calls += 1;
      if (isFound && !isWithin) sum += this.total(call, measure);
      if (isFound || isWithin) isInside[call] = 1;
    }
    return { calls, sum };
  }

  #side(profile: HeapProfile, place: Uint32Array): Side {
    const made = (): Record<Measure, Float64Array> => ({
      atPeak: new Float64Array(this.count),
      atEnd: new Float64Array(this.count),
      allocated: new Float64Array(this.count),
      allocations: new Float64Array(this.count),
    });
    const [own, total] = [made(), made()];
    for (const measure of MEASURES) {
      const from = profile[measure];
      for (let i = 0; i < profile.count; i++) own[measure][place[i + 1]] += from[i];
      total[measure].set(own[measure]);
      this.#addUp(total[measure]);
    }
    return { own, total };
  }

  #largest(measure: Measure): Float64Array {
    const [before, after] = this.sides.map(({ own }) => own[measure]);
    const weights = before.map((own, call) => Math.max(own, after[call]));
    this.#addUp(weights);
    return weights;
  }

  /** Adds to the figure of each call those of the calls within it. */
  #addUp(figures: Float64Array): void {
    for (let call = this.count - 1; call > 0; call--) figures[this.parent[call]] += figures[call];
  }

  #lists(): Lists {
    const ends = new Uint32Array(this.count);
    for (let call = 1; call < this.count; call++) ends[this.parent[call]] += 1;
    for (let call = 1; call < this.count; call++) ends[call] += ends[call - 1];
    const items = new Uint32Array(this.count - 1);
    const next = ends.slice();
    for (let call = this.count - 1; call > 0; call--) items[--next[this.parent[call]]] = call;
    return new Lists(ends, items);
  }
}
