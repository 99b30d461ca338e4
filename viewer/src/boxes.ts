// Boxes of steps × bytes, and which of them meet a rectangle. Stands on `data.ts`, `map.ts`
// and `radix.ts`.
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

import type { Tensors } from './data';
import type { MemoryMap } from './map';
import { ascending } from './radix';

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
    parts: Parts,
    readonly isOrdered: boolean,
  ) {
    const { count, edges } = parts;
    const order = isOrdered ? inLevels(parts) : null;
    this.count = count;
    this.tensor = new Uint32Array(count);
    this.lower = new Float64Array(count);
    this.upper = new Float64Array(count);
    this.bottom = new Float64Array(count);
    this.top = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const part = order === null ? i : order[i];
      const at = EDGES * part;
      this.tensor[i] = parts.tensor[part];
      this.lower[i] = edges[at];
      this.upper[i] = edges[at + 1];
      this.bottom[i] = edges[at + 2];
      this.top[i] = edges[at + 3];
    }
    this.levels = isOrdered ? this.#levels() : [{ begin: 0, end: count, longest: Infinity }];
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
const levelOf = (duration: number): number =>
  63 - (duration < 2 ** 31 ? 31 - Math.clz32(duration) : Math.floor(Math.log2(duration)));

/** The numbers of a part: its lower, upper, bottom and top edge. */
const EDGES = 4;

type Placed = Pick<Tensors, 'offset' | 'size'>;

/** Boxes before they are in order. What belongs to one lies together, since the order jumps. */
class Parts {
  count = 0;
  readonly tensor: Uint32Array;
  readonly edges: Float64Array;

  constructor(capacity: number) {
    this.tensor = new Uint32Array(capacity);
    this.edges = new Float64Array(EDGES * capacity);
  }

  add({ offset, size }: Placed, tensor: number, lower: number, upper: number): void {
    if (lower >= upper) return;
    const at = EDGES * this.count;
    this.tensor[this.count++] = tensor;
    this.edges[at] = lower;
    this.edges[at + 1] = upper;
    this.edges[at + 2] = offset[tensor];
    this.edges[at + 3] = offset[tensor] + size[tensor];
  }
}

/** The numbers of parts by their levels, in each by their first steps. */
function inLevels({ count, edges }: Parts): Uint32Array {
  let first = Infinity;
  for (let i = 0; i < count; i++) first = Math.min(first, edges[EDGES * i]);
  const begin = new Float64Array(count);
  const level = new Float64Array(count);
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    begin[i] = edges[EDGES * i] - first;
    level[i] = levelOf(edges[EDGES * i + 1] - edges[EDGES * i]);
    order[i] = i;
  }
  return ascending(level, ascending(begin, order));
}

/**
 * The boxes of a map: `solid` live ranges of roots, `insets` within them, `gaps` of roots, and the
 * `ranges` that an allocator had reserved, whose numbers stand in place of tensors.
 */
export interface BoxesOfMap {
  readonly solid: Boxes;
  readonly insets: Boxes;
  readonly gaps: Boxes;
  readonly ranges: Boxes;
}

export function boxesOf(map: MemoryMap, isOrdered = true): BoxesOfMap {
  const { tensors } = map;
  const { count, lower, upper, gaps } = tensors;
  const capacity = count + gaps.lower.length;
  const solid = new Parts(capacity);
  const insets = new Parts(capacity);
  const breaks = new Parts(gaps.lower.length);
  for (let i = 0, gap = 0; i < count; i++) {
    const isDrawn = map.occupies(i);
    const parts = map.isRoot(i) ? solid : insets;
    let from = lower[i];
    for (; gap < gaps.ends[i]; gap++) {
      if (!isDrawn) continue;
      parts.add(tensors, i, from, gaps.lower[gap]);
      if (parts === solid) breaks.add(tensors, i, gaps.lower[gap], gaps.upper[gap]);
      from = gaps.upper[gap];
    }
    if (isDrawn) parts.add(tensors, i, from, upper[i]);
  }
  return {
    solid: new Boxes(solid, isOrdered),
    insets: new Boxes(insets, isOrdered),
    gaps: new Boxes(breaks, isOrdered),
    ranges: new Boxes(rangesOf(map), isOrdered),
  };
}

function rangesOf({ data: { recorded } }: MemoryMap): Parts {
  if (recorded === null) return new Parts(0);
  const { ranges } = recorded;
  const { lower, upper, size } = ranges;
  const parts = new Parts(size.length);
  for (let i = 0; i < size.length; i++) if (size[i] > 0) parts.add(ranges, i, lower[i], upper[i]);
  return parts;
}

/** What `MemoryMap.aliveAt` says, without a walk over all tensors. */
export function aliveAt(map: MemoryMap, { solid }: BoxesOfMap, step: number): number[] {
  const { size } = map.tensors;
  const alive: number[] = [];
  const window = { lower: step, upper: step + 1, bottom: -Infinity, top: Infinity };
  solid.meeting(window, (box) => {
    alive.push(solid.tensor[box]);
  });
  return alive.sort((a, b) => size[b] - size[a] || a - b);
}
