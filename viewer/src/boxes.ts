// Boxes of steps × bytes, and which of them meet a rectangle. Stands on nothing.
//
// Boxes lie in levels by their duration, the longest first; level k has durations in
// 2^k..2^(k+1). Within a level they ascend by their first step, so those that meet a window of
// steps follow one another: they begin after `window.lower - longest` and before `window.upper`.
//
//   level 3  ├────────────┤ ├───────────┤             a window  ┆      ┆  cuts one range of boxes
//   level 1  ├──┤├──┤ ├─┤├──┤├──┤ ├──┤├──┤                      ┆      ┆  from each level
//
// Boxes can also be left unordered, which is for the first picture of a large map: they say the
// same, but each question takes a walk over all of them.

export interface Window {
  readonly lower: number;
  readonly upper: number;
  readonly bottom: number;
  readonly top: number;
}

interface Level {
  readonly begin: number;
  readonly end: number;
  /** The longest duration in it. */
  readonly longest: number;
}

/** What boxes consist of: a number for each in every array, which may be longer. */
export interface Sides {
  readonly count: number;
  readonly tensor: Uint32Array;
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  readonly bottom: Float64Array;
  readonly top: Float64Array;
}

/** Boxes, each a part of a tensor: lifetimes `lower..upper` and bytes `bottom..top`. */
export class Boxes {
  readonly count: number;
  readonly tensor: Uint32Array;
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  readonly bottom: Float64Array;
  readonly top: Float64Array;
  readonly levels: readonly Level[];

  constructor(
    sides: Sides,
    readonly isOrdered: boolean,
  ) {
    this.count = sides.count;
    this.tensor = sides.tensor;
    this.lower = sides.lower;
    this.upper = sides.upper;
    this.bottom = sides.bottom;
    this.top = sides.top;
    const all = { begin: 0, end: sides.count, longest: Infinity };
    this.levels = isOrdered ? this.#levels() : [all];
  }

  #levels(): Level[] {
    const levels: { begin: number; end: number; longest: number }[] = [];
    let last = -1;
    for (let i = 0; i < this.count; i++) {
      const duration = this.upper[i] - this.lower[i];
      const level = levelOf(duration);
      if (level !== last) levels.push({ begin: i, end: i, longest: 0 });
      last = level;
      const current = levels[levels.length - 1];
      current.end = i + 1;
      current.longest = Math.max(current.longest, duration);
    }
    return levels;
  }

  /** The range of a level in which all boxes lie that meet the steps `lower..upper`. */
  range(level: Level, lower: number, upper: number): [number, number] {
    if (!this.isOrdered) return [level.begin, level.end];
    return [
      this.#after(level, lower - level.longest),
      this.#after(level, upper, true),
    ];
  }

  /** Calls `visit` with each box that meets a window, longest first, until it says false. */
  meeting(window: Window, visit: (box: number) => boolean | void): void {
    for (const level of this.levels) {
      const [begin, end] = this.range(level, window.lower, window.upper);
      for (let i = begin; i < end; i++) {
        if (this.upper[i] <= window.lower || this.lower[i] >= window.upper) continue;
        if (this.top[i] <= window.bottom || this.bottom[i] >= window.top) continue;
        if (visit(i) === false) return;
      }
    }
  }

  /** The smallest box that holds a point or, if none does, the nearest one in the reach. */
  at(step: number, byte: number, reachSteps: number, reachBytes: number): number | null {
    let found: number | null = null;
    let least = Infinity;
    const window = {
      lower: step - reachSteps,
      upper: step + reachSteps,
      bottom: byte - reachBytes,
      top: byte + reachBytes,
    };
    this.meeting(window, (i) => {
      const aside = Math.max(this.lower[i] - step, step - this.upper[i], 0) / reachSteps;
      const above = Math.max(this.bottom[i] - byte, byte - this.top[i], 0) / reachBytes;
      const distance = Math.hypot(aside, above);
      const size = this.top[i] - this.bottom[i];
      const isCloser =
        distance < least || (distance === least && found !== null && size < this.#height(found));
      if (isCloser) {
        found = i;
        least = distance;
      }
    });
    return found;
  }

  /**
   * Boxes that have some of a window's bytes and end by the time it begins (or, `after` it, begin
   * once it ends), the nearest in time first: at most `limit`, each of another tensor.
   */
  nearest(side: 'before' | 'after', window: Window, limit: number, except: number): number[] {
    const found: { box: number; away: number }[] = [];
    // How near a box has to be, once there are as many as asked for.
    let most = Infinity;
    const offer = (box: number, away: number) => {
      if (away < 0 || away >= most || this.tensor[box] === except) return;
      if (this.top[box] <= window.bottom || this.bottom[box] >= window.top) return;
      const same = found.findIndex((other) => this.tensor[other.box] === this.tensor[box]);
      if (same >= 0 && found[same].away <= away) return;
      if (same >= 0) found.splice(same, 1);
      const place = found.findIndex((other) => other.away > away);
      found.splice(place < 0 ? found.length : place, 0, { box, away });
      found.length = Math.min(found.length, limit);
      if (found.length === limit) most = found[limit - 1].away;
    };
    for (const level of this.levels) {
      if (!this.isOrdered) {
        const away = (i: number) =>
          side === 'before' ? window.lower - this.upper[i] : this.lower[i] - window.upper;
        for (let i = level.begin; i < level.end; i++) offer(i, away(i));
      } else if (side === 'before') {
        for (let i = this.#after(level, window.lower, true) - 1; i >= level.begin; i--) {
          if (window.lower - this.lower[i] - level.longest >= most) break;
          offer(i, window.lower - this.upper[i]);
        }
      } else {
        for (let i = this.#after(level, window.upper, true); i < level.end; i++) {
          if (this.lower[i] - window.upper >= most) break;
          offer(i, this.lower[i] - window.upper);
        }
      }
    }
    return found.map(({ box }) => box);
  }

  #height(box: number): number {
    return this.top[box] - this.bottom[box];
  }

  /** The first box of a level that begins after a step; or at it, if `orAt`. */
  #after(level: Level, step: number, orAt = false): number {
    let low = level.begin;
    let high = level.end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const begin = this.lower[middle];
      if (begin < step || (begin === step && !orAt)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The level of a duration of at least one step: the longest ones have the least. */
export const levelOf = (duration: number): number =>
  63 - (duration < 2 ** 31 ? 31 - Math.clz32(duration) : Math.floor(Math.log2(duration)));
