// A curve: a value from each of some steps to the next. Stands on nothing.
//
// The largest value between two steps is found by blocks, for each of which it is known, so that a
// curve of millions of points can be drawn.

/** Points in a block. */
const BLOCK = 64;

export class Curve {
  /** The number of the first of the points with the largest value; 0 if there are none. */
  readonly highest: number;
  readonly #blocks: Float64Array;

  /** `value[i]` from `step[i]` to `step[i + 1]`, the last one up to `end`; 0 elsewhere. */
  constructor(
    readonly step: Float64Array,
    readonly value: Float64Array,
    readonly end: number,
  ) {
    this.#blocks = new Float64Array(Math.ceil(value.length / BLOCK));
    let highest = 0;
    for (let i = 0; i < value.length; i++) {
      const block = Math.floor(i / BLOCK);
      if (value[i] > this.#blocks[block]) this.#blocks[block] = value[i];
      if (value[i] > value[highest]) highest = i;
    }
    this.highest = highest;
  }

  /** The largest value. */
  get most(): number {
    return this.value.length === 0 ? 0 : this.value[this.highest];
  }

  at(step: number): number {
    const index = this.#before(step);
    return index < 0 || step >= this.end ? 0 : this.value[index];
  }

  /** The largest value in `from..to`, which need not be whole steps. */
  largest(from: number, to: number): number {
    if (from >= this.end) return 0;
    let i = Math.max(0, this.#before(from));
    let end = this.#before(to) + 1;
    if (end > 0 && this.step[end - 1] === to) end -= 1;
    let largest = 0;
    while (i < end) {
      if (i % BLOCK === 0 && i + BLOCK <= end) {
        largest = Math.max(largest, this.#blocks[i / BLOCK]);
        i += BLOCK;
      } else {
        largest = Math.max(largest, this.value[i]);
        i += 1;
      }
    }
    return largest;
  }

  /** The last point that is not after `step`, or -1. */
  #before(step: number): number {
    let low = 0;
    let high = this.step.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.step[middle] <= step) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** What `combine` makes of two curves, at each step at which one of them changes. */
export function combined(
  a: Curve,
  b: Curve,
  combine: (a: number, b: number) => number,
): Curve {
  const steps = [...new Set([...a.step, ...b.step])].sort((one, other) => one - other);
  const step = Float64Array.from(steps);
  const value = step.map((at) => combine(a.at(at), b.at(at)));
  return new Curve(step, value, Math.min(a.end, b.end));
}
