// Which operators run earlier and which later in another order. Stands on `map.ts`.
//
// Operators are paired by their names: where several have one name, the first of them in one order
// is the first in the other, and so on, provided that there are as many in both.

import type { MemoryMap } from './map';

/** An operator, as the number of its name, and its steps in two orders. */
export interface Reordered {
  readonly name: number;
  readonly before: number;
  readonly after: number;
}

/** The operators at other steps, those that moved furthest first, then in the first order. */
export function reordered(a: Uint32Array, b: Uint32Array): Reordered[] {
  const [here, there] = [byName(a), byName(b)];
  const all: Reordered[] = [];
  for (const [name, steps] of here) {
    const others = there.get(name);
    if (others === undefined || others.length !== steps.length) continue;
    steps.forEach((before, i) => {
      if (others[i] !== before) all.push({ name, before, after: others[i] });
    });
  }
  const away = ({ before, after }: Reordered) => Math.abs(after - before);
  return all.sort((one, other) => away(other) - away(one) || one.before - other.before);
}

function byName(order: Uint32Array): Map<number, number[]> {
  const steps = new Map<number, number[]>();
  order.forEach((name, step) => {
    const of = steps.get(name);
    if (of === undefined) steps.set(name, [step]);
    else of.push(step);
  });
  return steps;
}

/** The operators that two maps both name and run at different steps. */
export function reorderedOf(before: MemoryMap, after: MemoryMap): Reordered[] {
  const [one, other] = [before.order, after.order];
  return one === null || other === null ? [] : reordered(one, other);
}
