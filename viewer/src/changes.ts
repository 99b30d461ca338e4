// What differs between two maps: tensors that lie elsewhere, live at other steps, have another size
// or are in one map alone. Stands on `map.ts`, `reordered.ts` and `format.ts`.
//
// Steps are compared only where the operators are known to run in the same order in both maps;
// elsewhere a step of one is none of the other, and the lengths of lifetimes are compared instead.
// Maps that both know of no operators, as of lifetimes and recordings, have the same steps.

import { bytes, plural, shortened, whole } from './format';
import type { MemoryMap } from './map';
import { type Reordered, reorderedOf } from './reordered';

/** A tensor that is not the same in both maps; what it lacks in one of them is null. */
export interface Change {
  readonly before: number | null;
  readonly after: number | null;
  /** The larger one of its sizes. */
  readonly size: number;
  /** By how many bytes it lies higher; negative if it lies lower. */
  readonly moved: number;
  readonly grown: number;
  /** By how many steps it begins later, and ends later. */
  readonly begins: number;
  readonly ends: number;
  /** Whether other tensors lie within it in the second map: it lives as long as they do. */
  readonly holds: boolean;
}

/** Whether operators run in the same order in two maps; unknown if one map does not say. */
export type Order = 'same' | 'other' | 'unknown';

export interface Changes {
  /** Steps are compared if it is the same. */
  readonly order: Order;
  /** The tensors that occupy bytes in both maps. */
  readonly common: number;
  /** Those that differ, largest first. */
  readonly all: readonly Change[];
  /** Of another order, the operators that run at other steps, those that moved furthest first. */
  readonly reordered: readonly Reordered[];
}

/** The changes from `a` to `b`; `pairs` has the tensor of `b` for each one of `a`, or -1. */
export function changesOf(a: MemoryMap, b: MemoryMap, pairs: Int32Array): Changes {
  const all: Change[] = [];
  const isPaired = new Uint8Array(b.tensors.count);
  const order = ordersOf(a, b, pairs);
  let common = 0;
  const alone = (map: MemoryMap, tensor: number, side: 'before' | 'after') => {
    if (!map.occupies(tensor)) return;
    const none = { before: null, after: null, moved: 0, grown: 0, begins: 0, ends: 0 };
    all.push({ ...none, holds: false, [side]: tensor, size: map.tensors.size[tensor] });
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
      const change = changeOf(a, before, b, after, order);
      if (change !== null) all.push(change);
    }
  }
  for (let i = 0; i < b.tensors.count; i++) if (isPaired[i] === 0) alone(b, i, 'after');
  all.sort((one, other) => other.size - one.size);
  return { order, common, all, reordered: order === 'other' ? reorderedOf(a, b) : [] };
}

function changeOf(
  a: MemoryMap,
  before: number,
  b: MemoryMap,
  after: number,
  order: Order,
): Change | null {
  const [old, now] = [a.tensors, b.tensors];
  const moved = now.offset[after] - old.offset[before];
  const grown = now.size[after] - old.size[before];
  const begins = order === 'same' ? now.lower[after] - old.lower[before] : 0;
  const length = now.upper[after] - now.lower[after] - old.upper[before] + old.lower[before];
  const ends = order === 'same' ? now.upper[after] - old.upper[before] : length;
  if (moved === 0 && grown === 0 && begins === 0 && ends === 0) return null;
  const size = Math.max(now.size[after], old.size[before]);
  const holds = b.viewsOf(after).length > 0;
  return { before, after, size, moved, grown, begins, ends, holds };
}

/** Whether operators of the same names run in the same order. */
function ordersOf(a: MemoryMap, b: MemoryMap, pairs: Int32Array): Order {
  const [one, other] = [a.order, b.order];
  if (one === null && other === null) return 'same';
  if (one === null || other === null) return haveSameSteps(a, b, pairs) ? 'same' : 'unknown';
  const isSame = one.length === other.length && one.every((name, i) => name === other[i]);
  return isSame ? 'same' : 'other';
}

/** Whether all tensors that are in both maps are alive at the same steps. */
const haveSameSteps = (a: MemoryMap, b: MemoryMap, pairs: Int32Array): boolean =>
  pairs.every((after, before) => {
    if (after < 0) return true;
    const [old, now] = [a.tensors, b.tensors];
    return old.lower[before] === now.lower[after] && old.upper[before] === now.upper[after];
  });

/** What differs in how two models are executed: "aliasing off → in-place"; else, in the search. */
export function settings(a: MemoryMap, b: MemoryMap): string[] {
  const change = (name: string, from: string, to: string) =>
    `${name} ${setting(from)} → ${setting(to)}`;
  const [one, other] = [a.data.execution, b.data.execution];
  const executed =
    one === null || other === null
      ? []
      : (['order', 'aliasing'] as const)
          .filter((name) => one[name] !== other[name])
          .map((name) => change(name, one[name], other[name]));
  const isRecorded = a.data.recorded !== null || b.data.recorded !== null;
  if (executed.length > 0 || isRecorded) return executed;
  const [before, after] = [a.data.strategy, b.data.strategy];
  const differ = before !== '' && after !== '' && before !== after;
  return differ ? [change('strategy', strategyName(before), strategyName(after))] : [];
}

/** The value of a setting, which may be the name of a file. */
export const setting = (name: string): string => shortened(name, 40);

/** What found a plan, where the library's own word for it would say little. */
export function strategyName(strategy: string): string {
  if (strategy === 'given') return 'none: the offsets are given';
  return strategy === 'stacked' ? 'models one above the other' : strategy;
}

/** A change in percent with its sign: "−24 %". */
export function signed(from: number, to: number): string {
  const value = (100 * (to - from)) / from;
  if (Math.abs(value) < 0.05) return `less than 0.1 % ${value < 0 ? 'less' : 'more'}`;
  const text = Math.abs(value) < 9.95 ? Math.abs(value).toFixed(1) : whole(Math.abs(value));
  return `${value < 0 ? '−' : '+'}${text.replace(/\.0$/, '')} %`;
}

/** What became of a figure: "peak 9.4 MiB → 7.1 MiB (−24 %)". */
export function figure(name: string, from: number, to: number): string {
  if (from === to) return `${name} ${bytes(to)} in both`;
  return `${name} ${bytes(from)} → ${bytes(to)}${from === 0 ? '' : ` (${signed(from, to)})`}`;
}

/** The changes in one line: "41 of 93 tensors lie elsewhere; 3 end earlier". */
export function summary({ order, common, all }: Changes, noun = 'tensor'): string[] {
  const count = (holds: (change: Change) => boolean) => all.filter(holds).length;
  const moved = count((change) => change.moved !== 0);
  const parts: string[] = [];
  const add = (number: number, one: string, many: string) => {
    if (number > 0) parts.push(`${whole(number)} ${number === 1 ? one : many}`);
  };
  if (moved === 0 && common > 0) parts.push(unmoved(common, noun));
  else if (common > 0) {
    const verb = moved === 1 ? 'lies' : 'lie';
    parts.push(`${whole(moved)} of ${plural(common, noun)} ${verb} elsewhere`);
  }
  const earlier = count((change) => change.ends < 0);
  const later = count((change) => change.ends > 0 && !change.holds);
  const held = count((change) => change.ends > 0 && change.holds);
  if (order === 'same') {
    add(earlier, 'ends earlier', 'end earlier');
    add(later, 'ends later', 'end later');
    add(count((change) => change.begins !== 0), 'begins at another step', 'begin at other steps');
  } else {
    const isKnown = order === 'other';
    parts.push(isKnown ? 'operators run in another order' : 'the order of one plan is not known');
    add(earlier, 'lives for fewer steps', 'live for fewer steps');
    add(later, 'lives for more steps', 'live for more steps');
  }
  add(held, 'lives longer for what lies within it', 'live longer for what lies within them');
  add(count((change) => change.grown > 0), 'is larger', 'are larger');
  add(count((change) => change.grown < 0), 'is smaller', 'are smaller');
  add(count((change) => change.after === null), 'is gone', 'are gone');
  add(count((change) => change.before === null), 'is new', 'are new');
  return parts;
}

/** That nothing moved: "all 145 tensors have the same offsets in both". */
function unmoved(count: number, noun: string): string {
  if (count === 1) return `the ${noun} has the same offset in both`;
  return `all ${plural(count, noun)} have the same offsets in both`;
}

/** How a tensor moved, in words: "up 2 MiB", "down 128 KiB", "gone", "new". */
export function movement({ before, after, moved }: Change): string {
  if (after === null) return 'gone';
  if (before === null) return 'new';
  if (moved === 0) return 'stays';
  return `${moved > 0 ? 'up' : 'down'} ${bytes(Math.abs(moved))}`;
}

/** How a lifetime changed, in a few words: "ends 3 earlier", "3 shorter". */
export function lifetime({ begins, ends, holds }: Change, order: Order): string {
  const by = (number: number, less: string, more: string) =>
    `${whole(Math.abs(number))} ${number < 0 ? less : more}`;
  const parts: string[] = [];
  if (begins !== 0) parts.push(`begins ${by(begins, 'earlier', 'later')}`);
  // What lives on for others is itself no longer needed.
  if (ends !== 0 && (order !== 'same' || (holds && ends > 0))) {
    parts.push(by(ends, 'shorter', 'longer'));
  } else if (ends !== 0) {
    parts.push(`ends ${by(ends, 'earlier', 'later')}`);
  }
  return parts.length > 0 ? parts.join(', ') : order === 'same' ? 'same' : 'as long';
}
