// What all bytes below a peak are at a step: tensors, padding, and gaps that no tensor has. Stands
// on `map.ts` and `pieces.ts`.
//
// The bytes of a breakdown add up to the peak, since no two tensors share a byte at a step.

import type { MemoryMap } from './map';
import { neededAt } from './pieces';

/** Bytes without a tensor. */
export interface Gap {
  readonly bytes: number;
  /** The tensor that it ends at, or null at the peak. */
  readonly below: number | null;
}

export interface Breakdown {
  readonly tensors: number;
  readonly padding: number;
  /** The largest first. */
  readonly gaps: readonly Gap[];
}

/** What the bytes below the peak of a plan are at a step at which these tensors are alive. */
export function breakdownOf(
  map: MemoryMap,
  alive: readonly number[],
  step: number,
): Breakdown {
  const { offset, size } = map.tensors;
  const gaps: Gap[] = [];
  let [tensors, padding, reach] = [0, 0, 0];
  const free = (from: number, to: number, below: number | null) => {
    if (from < to) gaps.push({ bytes: to - from, below });
  };
  const areas = alive.flatMap((tensor) =>
    neededAt(map.tensors, tensor, step).map(([bottom, top]) => ({ tensor, bottom, top })),
  );
  for (const { tensor, bottom, top } of areas.sort((a, b) => a.bottom - b.bottom)) {
    free(reach, bottom, tensor);
    // Above bytes that are needed, others of the tensor may be free.
    const unusable = top === offset[tensor] + size[tensor] ? map.padding(tensor) : 0;
    tensors += top - bottom;
    padding += unusable;
    reach = Math.max(reach, top + unusable);
  }
  free(reach, map.data.peak, null);
  return { tensors, padding, gaps: gaps.sort((a, b) => b.bytes - a.bytes) };
}
