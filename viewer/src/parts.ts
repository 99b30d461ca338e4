// The boxes of a map, from what is needed of its tensors. Stands on `boxes.ts`, `map.ts`,
// `pieces.ts` and `radix.ts`.

import { Boxes, levelOf } from './boxes';
import type { MemoryMap } from './map';
import { eachNeeded, eachSpared, mostNeeded, mostSpared, type Visit } from './pieces';
import { ascending } from './radix';

/** The numbers of a part: its lower, upper, bottom and top edge. */
const EDGES = 4;

/** What takes parts of tensors one after the other. */
interface Parts {
  add(tensor: number, lower: number, upper: number, bottom: number, top: number): void;
  boxes(): Boxes;
}

/** Room for the sides of boxes. */
const roomFor = (capacity: number) => ({
  tensor: new Uint32Array(capacity),
  lower: new Float64Array(capacity),
  upper: new Float64Array(capacity),
  bottom: new Float64Array(capacity),
  top: new Float64Array(capacity),
});

/** Parts that become boxes in the order in which they come. */
class PlainParts implements Parts {
  #count = 0;
  readonly #sides;

  constructor(capacity: number) {
    this.#sides = roomFor(capacity);
  }

  add(of: number, from: number, to: number, low: number, high: number): void {
    if (from >= to) return;
    const { tensor, lower, upper, bottom, top } = this.#sides;
    const at = this.#count++;
    tensor[at] = of;
    lower[at] = from;
    upper[at] = to;
    bottom[at] = low;
    top[at] = high;
  }

  boxes(): Boxes {
    return new Boxes({ count: this.#count, ...this.#sides }, false);
  }
}

/** Parts that become ordered boxes. What belongs to one lies together, since the order jumps. */
class OrderedParts implements Parts {
  count = 0;
  readonly tensor: Uint32Array;
  readonly edges: Float64Array;

  constructor(capacity: number) {
    this.tensor = new Uint32Array(capacity);
    this.edges = new Float64Array(EDGES * capacity);
  }

  add(tensor: number, lower: number, upper: number, bottom: number, top: number): void {
    if (lower >= upper) return;
    const at = EDGES * this.count;
    this.tensor[this.count++] = tensor;
    this.edges[at] = lower;
    this.edges[at + 1] = upper;
    this.edges[at + 2] = bottom;
    this.edges[at + 3] = top;
  }

  boxes(): Boxes {
    const { count, edges } = this;
    const order = inLevels(this);
    const sides = roomFor(count);
    for (let i = 0; i < count; i++) {
      const at = EDGES * order[i];
      sides.tensor[i] = this.tensor[order[i]];
      sides.lower[i] = edges[at];
      sides.upper[i] = edges[at + 1];
      sides.bottom[i] = edges[at + 2];
      sides.top[i] = edges[at + 3];
    }
    return new Boxes({ count, ...sides }, true);
  }
}

/** The numbers of parts by their levels, in each by their first steps. */
function inLevels({ count, edges }: OrderedParts): Uint32Array {
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
 * The boxes of a map: `solid` for what is needed of roots, `insets` within them, `gaps` for what is
 * not needed of roots while they are alive, and the `ranges` that an allocator had reserved, whose
 * numbers stand in place of tensors.
 */
export interface BoxesOfMap {
  readonly solid: Boxes;
  readonly insets: Boxes;
  readonly gaps: Boxes;
  readonly ranges: Boxes;
}

export function boxesOf(map: MemoryMap, isOrdered = true): BoxesOfMap {
  const { tensors } = map;
  const room = (most: number) => (isOrdered ? new OrderedParts(most) : new PlainParts(most));
  const [needed, spared] = [mostNeeded(tensors), mostSpared(tensors)];
  const [solid, insets, breaks] = [room(needed), room(needed), room(spared)];
  for (let i = 0; i < tensors.count; i++) {
    if (!map.occupies(i)) continue;
    const isRoot = map.isRoot(i);
    const parts = isRoot ? solid : insets;
    const add = (to: Parts): Visit => (lower, upper, bottom, top) =>
      to.add(i, lower, upper, bottom, top);
    eachNeeded(tensors, i, add(parts));
    if (isRoot && spared > 0) eachSpared(tensors, i, add(breaks));
  }
  return {
    solid: solid.boxes(),
    insets: insets.boxes(),
    gaps: breaks.boxes(),
    ranges: rangesOf(map, room).boxes(),
  };
}

function rangesOf({ data: { recorded } }: MemoryMap, room: (most: number) => Parts): Parts {
  if (recorded === null) return room(0);
  const { ranges } = recorded;
  const { lower, upper, offset, size } = ranges;
  const parts = room(size.length);
  for (let i = 0; i < size.length; i++) {
    if (size[i] > 0) parts.add(i, lower[i], upper[i], offset[i], offset[i] + size[i]);
  }
  return parts;
}

/** What `MemoryMap.aliveAt` says, without a walk over all tensors. */
export function aliveAt(map: MemoryMap, { solid }: BoxesOfMap, step: number): number[] {
  const alive = new Set<number>();
  const window = { lower: step, upper: step + 1, bottom: -Infinity, top: Infinity };
  solid.meeting(window, (box) => {
    alive.add(solid.tensor[box]);
  });
  return map.bySize([...alive], step);
}
