// Which bytes of a tensor are needed at which of its steps, and which are not. Stands on `data.ts`.
//
// A tensor without windows is needed whole at all steps of its lifetime but those of its gaps; one
// with windows needs what they list. All that is visited is bytes of the memory, and no two areas
// of a tensor have a byte in common at a step.
//
//   byte 8 ┌───────┬╌╌╌╌┐      needed whole at steps 0..4, its lower half in 4..7 (a window)
//        4 │       └────┤      and not at all in 7..9 (a gap)
//        0 └────────────┘
//   step   0       4    7   9

import type { Tensors } from './data';

/** What is told of an area: steps `lower..upper` and bytes `bottom..top`. */
export type Visit = (lower: number, upper: number, bottom: number, top: number) => void;

type Ends = { readonly ends: Uint32Array };

/** Where the list of a tensor begins. */
const begin = ({ ends }: Ends, tensor: number): number => (tensor === 0 ? 0 : ends[tensor - 1]);

/** Whether a tensor is not needed whole whenever it is alive. */
export function hasWindows({ windows }: Tensors, tensor: number): boolean {
  return windows !== null && begin(windows, tensor) < windows.ends[tensor];
}

/** Visits what is needed of a tensor, in the order of the steps; areas may be empty. */
export function eachNeeded(tensors: Tensors, tensor: number, visit: Visit): void {
  const { lower, upper, offset, size, gaps, windows } = tensors;
  const bottom = offset[tensor];
  if (windows !== null && hasWindows(tensors, tensor)) {
    for (let i = begin(windows, tensor); i < windows.ends[tensor]; i++) {
      const { first, end } = windows;
      visit(windows.lower[i], windows.upper[i], bottom + first[i], bottom + end[i]);
    }
    return;
  }
  const top = bottom + size[tensor];
  let from = lower[tensor];
  for (let gap = begin(gaps, tensor); gap < gaps.ends[tensor]; gap++) {
    visit(from, gaps.lower[gap], bottom, top);
    from = gaps.upper[gap];
  }
  visit(from, upper[tensor], bottom, top);
}

/** Visits what is not needed of a tensor within its lifetime: others may have these bytes. */
export function eachSpared(tensors: Tensors, tensor: number, visit: Visit): void {
  const { offset, size, gaps, windows } = tensors;
  const bottom = offset[tensor];
  const top = bottom + size[tensor];
  for (let gap = begin(gaps, tensor); gap < gaps.ends[tensor]; gap++) {
    visit(gaps.lower[gap], gaps.upper[gap], bottom, top);
  }
  if (windows === null) return;
  const { lower, upper, first, end } = windows;
  for (let i = begin(windows, tensor); i < windows.ends[tensor]; ) {
    const steps = lower[i];
    let from = bottom;
    for (; i < windows.ends[tensor] && lower[i] === steps; i++) {
      if (from < bottom + first[i]) visit(steps, upper[i], from, bottom + first[i]);
      from = bottom + end[i];
    }
    if (from < top) visit(steps, upper[i - 1], from, top);
  }
}

/** The ranges of bytes that a tensor needs at a step, from the lowest one up. */
export function neededAt(tensors: Tensors, tensor: number, step: number): [number, number][] {
  const found: [number, number][] = [];
  eachNeeded(tensors, tensor, (lower, upper, bottom, top) => {
    if (lower <= step && step < upper) found.push([bottom, top]);
  });
  return found;
}

/** The most areas that `eachNeeded` visits for all tensors. */
export const mostNeeded = ({ count, gaps, windows }: Tensors): number =>
  count + gaps.lower.length + (windows?.lower.length ?? 0);

/** The most areas that `eachSpared` visits for all tensors. */
export const mostSpared = ({ gaps, windows }: Tensors): number =>
  gaps.lower.length + 2 * (windows?.lower.length ?? 0);
