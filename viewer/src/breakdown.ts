// What all bytes below a peak are at a step: tensors, padding, and gaps that no tensor has. Stands
// on `map.ts`.
//
// The bytes of a breakdown add up to the peak, since no two tensors share a byte at a step.

import type { MemoryMap } from './map';

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
export function breakdownOf(map: MemoryMap, alive: readonly number[]): Breakdown {
  const { offset, size } = map.tensors;
  const gaps: Gap[] = [];
  let [tensors, padding, reach] = [0, 0, 0];
  const free = (from: number, to: number, below: number | null) => {
    if (from < to) gaps.push({ bytes: to - from, below });
  };
  for (const tensor of [...alive].sort((a, b) => offset[a] - offset[b])) {
    free(reach, offset[tensor], tensor);
    const unusable = map.padding(tensor);
    tensors += size[tensor];
    padding += unusable;
    reach = Math.max(reach, offset[tensor] + size[tensor] + unusable);
  }
  free(reach, map.data.peak, null);
  return { tensors, padding, gaps: gaps.sort((a, b) => b.bytes - a.bytes) };
}
