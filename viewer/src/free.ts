// What an allocator had reserved and not in use at a step: for each range the free bytes, the
// largest piece of them, and the blocks in the range. Stands on `boxes.ts`, `parts.ts`, `map.ts`
// and `format.ts`.
//
// A free piece lies within one range, since a request is served from one. Ranges that touch count
// as one where a block lies across them: there the allocator has joined them itself. The pieces of
// all ranges are the reserved bytes in which no block lies. A request that was refused could have
// had pieces of its pool alone.

import type { Boxes } from './boxes';
import type { Mark } from './data';
import { bytes, visible } from './format';
import type { MemoryMap } from './map';
import type { BoxesOfMap } from './parts';

/** A range that is reserved at a step, in bytes. */
export interface FreeRange {
  readonly bottom: number;
  readonly top: number;
  readonly free: number;
  /** The largest piece of it without a block. */
  readonly largest: number;
  /** The blocks in it, the largest first. */
  readonly blocks: readonly number[];
}

/** All ranges at a step. */
export interface Free {
  /** Those with free bytes, the most first. */
  readonly ranges: readonly FreeRange[];
  readonly reserved: number;
  /** What the reserved bytes are called. */
  readonly held: string;
  readonly free: number;
  readonly largest: number;
  /** The free bytes of ranges without a block, and how many such ranges there are. */
  readonly empty: number;
  readonly emptyRanges: number;
}

/** What is free at a step, in one pool or in all; null for a map that is no recording. */
export function freeAt(
  map: MemoryMap,
  boxes: BoxesOfMap,
  step: number,
  pool: number | null = null,
): Free | null {
  if (map.data.recorded === null) return null;
  const parts = partsAt(map, boxes, step, pool);
  const sum = (some: readonly FreeRange[]) => some.reduce((all, { free }) => all + free, 0);
  const empty = parts.filter(({ blocks }) => blocks.length === 0);
  const ranges = parts.filter(({ free }) => free > 0);
  return {
    ranges: ranges.sort((a, b) => b.free - a.free || a.bottom - b.bottom),
    reserved: parts.reduce((all, { bottom, top }) => all + top - bottom, 0),
    held: map.held,
    free: sum(ranges),
    largest: ranges.reduce((most, { largest }) => Math.max(most, largest), 0),
    empty: sum(empty),
    emptyRanges: empty.length,
  };
}

/**
 * What was free when a request was refused: `14 MiB reserved and free, largest piece 4 MiB`, or,
 * where not all of it could have served the request, `14 MiB reserved and free` and
 * `6 MiB of it for large blocks of stream 7, largest piece 4 MiB`; nothing where it is not known.
 */
export function wordsOfFree(map: MemoryMap, boxes: BoxesOfMap, { step, pool }: Mark): string[] {
  const all = freeAt(map, boxes, step);
  if (all === null) return [];
  const free = `${bytes(all.free)} ${all.held} and free`;
  const usable = pool === null ? null : freeAt(map, boxes, step, pool);
  const name = map.data.recorded?.pools?.names[pool ?? 0];
  if (usable === null || name === undefined) {
    return [`${free}, largest piece ${bytes(all.largest)}`];
  }
  const piece = usable.free === 0 ? '' : `, largest piece ${bytes(usable.largest)}`;
  const part = usable.free === 0 ? 'none' : bytes(usable.free);
  return [free, `${part} of it for ${visible(name)}${piece}`];
}

/** The ranges that are reserved at a step, of one pool or of all, in ascending order. */
function partsAt(
  map: MemoryMap,
  { solid, ranges }: BoxesOfMap,
  step: number,
  pool: number | null,
): FreeRange[] {
  const { size: sizes } = map.tensors;
  const poolOf = map.data.recorded?.pools?.of;
  const isIn = (box: number) => pool === null || poolOf?.[ranges.tensor[box]] === pool;
  const reserved = boxesAt(ranges, step).filter(isIn);
  const boxes = boxesAt(solid, step);
  const parts: FreeRange[] = [];
  for (let i = 0, next = 0; i < reserved.length; ) {
    const bottom = ranges.bottom[reserved[i]];
    let top = bottom;
    let [reach, free, largest] = [bottom, 0, 0];
    const blocks: number[] = [];
    // A block below may go on here, beyond bytes that are not known to be reserved.
    if (next > 0 && solid.top[boxes[next - 1]] > bottom) next -= 1;
    const take = (end: number) => {
      const piece = Math.max(0, end - reach);
      free += piece;
      largest = Math.max(largest, piece);
    };
    // This range, and those above it that a block lies across.
    do {
      top = ranges.top[reserved[i]];
      for (; next < boxes.length && solid.bottom[boxes[next]] < top; next++) {
        const box = boxes[next];
        if (solid.top[box] <= bottom) continue;
        blocks.push(solid.tensor[box]);
        take(solid.bottom[box]);
        reach = solid.top[box];
      }
      i += 1;
    } while (i < reserved.length && ranges.bottom[reserved[i]] === top && reach > top);
    take(top);
    blocks.sort((a, b) => sizes[b] - sizes[a] || a - b);
    parts.push({ bottom, top, free, largest, blocks });
  }
  return parts;
}

/** The boxes that some have at a step, in ascending order of their bytes. */
function boxesAt(boxes: Boxes, step: number): number[] {
  const found: number[] = [];
  const window = { lower: step, upper: step + 1, bottom: -Infinity, top: Infinity };
  boxes.meeting(window, (box) => {
    found.push(box);
  });
  return found.sort((a, b) => boxes.bottom[a] - boxes.bottom[b]);
}
