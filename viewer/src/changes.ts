// What differs between two maps: tensors that lie elsewhere, live at other steps, have another size
// or are in one map alone. Stands on `map.ts`, `columns.ts` and `format.ts`.
//
// Steps are compared only where the operators run in the same order in both maps; where they do
// not, a step of one is none of the other, and the lengths of lifetimes are compared instead.

import { bytes, plural, whole } from './format';
import type { MemoryMap } from './map';

/** A tensor that is not the same in both maps; what it lacks in one of them is null. */
export interface Change {
  readonly before: number | null;
  readonly after: number | null;
  /** The larger one of its sizes. */
  readonly size: number;
  /** By how many bytes it lies higher; negative if it lies lower. */
  readonly moved: number;
  readonly grown: number;
  /** By how many steps it is born later, and dies later. */
  readonly born: number;
  readonly died: number;
}

export interface Changes {
  /** Whether operators run in the same order, so that steps can be compared. */
  readonly isSameOrder: boolean;
  /** The tensors that occupy bytes in both maps. */
  readonly common: number;
  /** Those that differ, largest first. */
  readonly all: readonly Change[];
}

/** The changes from `a` to `b`; `pairs` has the tensor of `b` for each one of `a`, or -1. */
export function changesOf(a: MemoryMap, b: MemoryMap, pairs: Int32Array): Changes {
  const all: Change[] = [];
  const isPaired = new Uint8Array(b.tensors.count);
  const isSameOrder = sameOrder(a, b);
  let common = 0;
  const alone = (map: MemoryMap, tensor: number, side: 'before' | 'after') => {
    if (!map.occupies(tensor)) return;
    const none = { before: null, after: null, moved: 0, grown: 0, born: 0, died: 0 };
    all.push({ ...none, [side]: tensor, size: map.tensors.size[tensor] });
  };
  for (let before = 0; before < a.tensors.count; before++) {
    const after = pairs[before];
    if (after >= 0) isPaired[after] = 1;
    if (after < 0 || !b.occupies(after)) {
      alone(a, before, 'before');
    } else if (!a.occupies(before)) {
      alone(b, after, 'after');
    } else {
      common += 1;
      const change = changeOf(a, before, b, after, isSameOrder);
      if (change !== null) all.push(change);
    }
  }
  for (let i = 0; i < b.tensors.count; i++) if (isPaired[i] === 0) alone(b, i, 'after');
  all.sort((one, other) => other.size - one.size);
  return { isSameOrder, common, all };
}

function changeOf(
  a: MemoryMap,
  before: number,
  b: MemoryMap,
  after: number,
  isSameOrder: boolean,
): Change | null {
  const [old, now] = [a.tensors, b.tensors];
  const moved = now.offset[after] - old.offset[before];
  const grown = now.size[after] - old.size[before];
  const born = isSameOrder ? now.lower[after] - old.lower[before] : 0;
  const length = now.upper[after] - now.lower[after] - old.upper[before] + old.lower[before];
  const died = isSameOrder ? now.upper[after] - old.upper[before] : length;
  if (moved === 0 && grown === 0 && born === 0 && died === 0) return null;
  const size = Math.max(now.size[after], old.size[before]);
  return { before, after, size, moved, grown, born, died };
}

/** Whether operators of the same names run in the same order, or no operators are known. */
function sameOrder(a: MemoryMap, b: MemoryMap): boolean {
  const [one, other] = [a.operators, b.operators];
  if (one === null || other === null) return true;
  return one.count === other.count && one.name.every((name, i) => name === other.name[i]);
}

/** A change in percent with its sign: "−24 %". */
export function signed(from: number, to: number): string {
  const value = (100 * (to - from)) / from;
  const text = Math.abs(value) < 9.95 ? Math.abs(value).toFixed(1) : whole(Math.abs(value));
  return `${value < 0 ? '−' : '+'}${text.replace(/\.0$/, '')} %`;
}

/** What became of a figure: "peak 9.4 MiB → 7.1 MiB (−24 %)". */
export function figure(name: string, from: number, to: number): string {
  if (from === to) return `${name} ${bytes(to)} in both`;
  return `${name} ${bytes(from)} → ${bytes(to)}${from === 0 ? '' : ` (${signed(from, to)})`}`;
}

/** The changes in one line: "41 of 93 tensors lie elsewhere; 3 die earlier". */
export function summary({ isSameOrder, common, all }: Changes): string[] {
  const count = (holds: (change: Change) => boolean) => all.filter(holds).length;
  const moved = count((change) => change.moved !== 0);
  const parts: string[] = [];
  const add = (number: number, one: string, many: string) => {
    if (number > 0) parts.push(`${whole(number)} ${number === 1 ? one : many}`);
  };
  if (moved === 0 && common > 0) parts.push(`all ${plural(common, 'tensor')} lie where they lay`);
  else if (common > 0) {
    const verb = moved === 1 ? 'lies' : 'lie';
    parts.push(`${whole(moved)} of ${plural(common, 'tensor')} ${verb} elsewhere`);
  }
  const earlier = count((change) => change.died < 0);
  const later = count((change) => change.died > 0);
  if (isSameOrder) {
    add(earlier, 'dies earlier', 'die earlier');
    add(later, 'dies later', 'die later');
    add(count((change) => change.born !== 0), 'is born at another step', 'are born at other steps');
  } else {
    parts.push('operators run in another order');
    add(earlier, 'lives for fewer steps', 'live for fewer steps');
    add(later, 'lives for more steps', 'live for more steps');
  }
  add(count((change) => change.grown > 0), 'is larger', 'are larger');
  add(count((change) => change.grown < 0), 'is smaller', 'are smaller');
  add(count((change) => change.after === null), 'is gone', 'are gone');
  add(count((change) => change.before === null), 'is new', 'are new');
  return parts;
}

/** How a tensor moved, in words: "up 2 MiB", "down 128 KiB", "gone", "new". */
export function movement({ before, after, moved }: Change): string {
  if (after === null) return 'gone';
  if (before === null) return 'new';
  if (moved === 0) return 'stays';
  return `${moved > 0 ? 'up' : 'down'} ${bytes(Math.abs(moved))}`;
}

/** How a lifetime changed, in a few words: "dies 3 earlier". */
export function lifetime({ born, died }: Change, isSameOrder: boolean): string {
  const side = (by: number) => `${whole(Math.abs(by))} ${by < 0 ? 'earlier' : 'later'}`;
  if (!isSameOrder) {
    return died === 0 ? 'as long' : `${whole(Math.abs(died))} ${died < 0 ? 'shorter' : 'longer'}`;
  }
  const parts: string[] = [];
  if (born !== 0) parts.push(`born ${side(born)}`);
  if (died !== 0) parts.push(`dies ${side(died)}`);
  return parts.length === 0 ? 'same' : parts.join(', ');
}
