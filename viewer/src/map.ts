// A map and what follows from it: who writes and reads a tensor, what is alive at a step, how full
// memory is, and which step is the fullest. Stands on `document.ts`, `columns.ts`, `format.ts`,
// `pieces.ts` and `curve.ts`.
//
// Loads and lists of what is alive count roots only: a view or a result in place is the same
// memory. So the bytes that what is alive needs at a step add up to the load there.

import { Lists, type Strings } from './columns';
import { combined, Curve } from './curve';
import type { MapData, Operators, Tensors } from './data';
import { apart } from './format';
import { hasWindows, neededAt } from './pieces';

/** The letters of a title where there is least room for one. */
const TITLE = 24;

/** What the maps of a document are called, each in its own way. */
export function titlesOf(maps: readonly MapData[]): string[] {
  if (maps.length === 1) return [maps[0].title];
  return apart(maps.map(({ title }, i) => title || `map ${i + 1}`), TITLE);
}

export class MemoryMap {
  readonly tensors: Tensors;
  readonly operators: Operators | null;
  /** The first of the steps with the most load. */
  readonly peakStep: number;
  /** The largest load. */
  readonly fullest: number;
  readonly load: Curve;
  /** The bytes that an allocator had reserved, if that is known. */
  readonly reserved: Curve | null;
  /** Those of them that were not alive. */
  readonly unused: Curve | null;
  #firstWriters: Uint32Array | null = null;
  #writers: Lists | null = null;
  #readers: Lists | null = null;
  #views: Lists | null = null;
  #hasPadding: boolean | null = null;

  /** `title` is what it is called where there are several. */
  constructor(
    readonly data: MapData,
    readonly strings: Strings,
    readonly title: string = data.title,
    /** What its tensors are called: those of a recording are blocks. */
    readonly noun: 'tensor' | 'block' = data.recorded === null ? 'tensor' : 'block',
  ) {
    this.tensors = data.tensors;
    this.operators = data.operators;
    const { profile, recorded, endStep } = data;
    this.load = new Curve(profile.step, profile.load, endStep);
    this.peakStep = profile.step.length === 0 ? data.firstStep : profile.step[this.load.highest];
    this.fullest = this.load.most;
    const { step, bytes } = recorded?.reserved ?? { step: null, bytes: null };
    this.reserved = step === null ? null : new Curve(step, bytes, endStep);
    this.unused =
      this.reserved === null
        ? null
        : combined(this.reserved, this.load, (all, live) => Math.max(0, all - live));
  }

  get steps(): number {
    return this.data.endStep - this.data.firstStep;
  }

  name(tensor: number): string {
    return this.strings.of(this.tensors.name[tensor]) || `tensor ${tensor}`;
  }

  operatorName(operator: number): string {
    if (this.order === null) return '';
    return this.strings.of(this.order[operator]) || `operator ${operator}`;
  }

  operatorType(operator: number): string {
    return this.operators === null ? '' : this.strings.of(this.operators.type[operator]);
  }

  /** The names of the operators in their order, as numbers of strings, or null. */
  get order(): Uint32Array | null {
    return this.operators?.name ?? this.data.execution?.operators ?? null;
  }

  /** The operator that runs at a step, or null: operator i runs at step i. */
  operatorAt(step: number): number | null {
    return step >= 0 && step < (this.order?.length ?? 0) ? step : null;
  }

  isRoot(tensor: number): boolean {
    return this.tensors.within[tensor] === 0;
  }

  /** Whether a tensor ever occupies bytes. */
  occupies(tensor: number): boolean {
    const { lower, upper, size } = this.tensors;
    return size[tensor] > 0 && lower[tensor] < upper[tensor];
  }

  /** What the reserved bytes of a recording are called. */
  get held(): string {
    return (this.data.recorded?.pageSize ?? null) === null ? 'reserved' : 'in pages';
  }

  /** The first step at which most is not in use: the fullest one, if it is one of them. */
  get leastUsedStep(): number {
    const { unused, peakStep } = this;
    if (unused === null || unused.step.length === 0) return peakStep;
    return unused.at(peakStep) === unused.most ? peakStep : unused.step[unused.highest];
  }

  /** The bytes of all ranges of a recording, whenever they were reserved: they are stacked. */
  get touched(): number {
    const { offset, size } = this.data.recorded?.ranges ?? { offset: [], size: [] };
    let end = 0;
    for (let i = 0; i < offset.length; i++) end = Math.max(end, offset[i] + size[i]);
    return end;
  }

  /** The range of a recording that a block begins in, or null. */
  rangeOf(tensor: number): number | null {
    const range = this.data.recorded?.range?.[tensor] ?? 0;
    return range === 0 ? null : range - 1;
  }

  /**
   * The bytes between the end of a tensor and the next multiple of what all offsets are multiples
   * of, as far as they lie below the peak: no other tensor can have them.
   */
  padding(tensor: number): number {
    const { leastAlignment: unit, peak } = this.data;
    if (unit <= 1 || !this.isRoot(tensor) || !this.occupies(tensor)) return 0;
    const end = this.tensors.offset[tensor] + this.tensors.size[tensor];
    return end % unit === 0 ? 0 : Math.min(unit - (end % unit), peak - end);
  }

  /** Whether any tensor has padding. */
  get hasPadding(): boolean {
    if (this.#hasPadding === null) {
      this.#hasPadding = false;
      const count = this.data.leastAlignment <= 1 ? 0 : this.tensors.count;
      for (let i = 0; i < count && !this.#hasPadding; i++) this.#hasPadding = this.padding(i) > 0;
    }
    return this.#hasPadding;
  }

  /** Whether a tensor is in its lifetime, and in none of its gaps. */
  isAlive(tensor: number, step: number): boolean {
    const { lower, upper, gaps } = this.tensors;
    if (step < lower[tensor] || step >= upper[tensor]) return false;
    for (let gap = tensor === 0 ? 0 : gaps.ends[tensor - 1]; gap < gaps.ends[tensor]; gap++) {
      if (gaps.lower[gap] <= step && step < gaps.upper[gap]) return false;
    }
    return true;
  }

  /** The bytes that a tensor needs at a step: all of them while it is alive, without windows. */
  bytesAt(tensor: number, step: number): number {
    if (!this.isAlive(tensor, step)) return 0;
    if (!hasWindows(this.tensors, tensor)) return this.tensors.size[tensor];
    const ranges = neededAt(this.tensors, tensor, step);
    return ranges.reduce((all, [bottom, top]) => all + top - bottom, 0);
  }

  /** Sorts tensors by the bytes that they need at a step, largest first, then by their numbers. */
  bySize(tensors: number[], step: number): number[] {
    const { size, windows } = this.tensors;
    if (windows === null) return tensors.sort((a, b) => size[b] - size[a] || a - b);
    const needed = new Map(tensors.map((tensor) => [tensor, this.bytesAt(tensor, step)]));
    return tensors.sort((a, b) => needed.get(b)! - needed.get(a)! || a - b);
  }

  /** The roots that occupy bytes at a step, largest first, then in the document's order. */
  aliveAt(step: number): number[] {
    const { count, lower, upper, size, within } = this.tensors;
    const alive: number[] = [];
    for (let i = 0; i < count; i++) {
      if (lower[i] > step || upper[i] <= step || within[i] !== 0 || size[i] === 0) continue;
      if (this.isAlive(i, step)) alive.push(i);
    }
    return this.bySize(alive, step);
  }

  /** The bytes alive at a step. */
  loadAt(step: number): number {
    return this.load.at(step);
  }

  /** The largest load in `from..to`, which need not be whole steps. */
  largestLoad(from: number, to: number): number {
    return this.load.largest(from, to);
  }

  /** The operators that write a tensor. */
  writersOf(tensor: number): Uint32Array {
    return this.#written()?.of(tensor) ?? new Uint32Array();
  }

  /** The first operator that writes a tensor, or null. */
  writerOf(tensor: number): number | null {
    if (this.operators === null) return null;
    this.#firstWriters ??= firstLists(this.operators.writes, this.tensors.count);
    const writer = this.#firstWriters[tensor];
    return writer === NONE ? null : writer;
  }

  #written(): Lists | null {
    if (this.operators === null) return null;
    this.#writers ??= inverse(this.operators.writes, this.tensors.count);
    return this.#writers;
  }

  /** The operators that read a tensor. */
  readersOf(tensor: number): Uint32Array {
    if (this.operators === null) return new Uint32Array();
    this.#readers ??= inverse(this.operators.reads, this.tensors.count);
    return this.#readers.of(tensor);
  }

  /** The tensors that lie directly within a tensor's bytes. */
  viewsOf(tensor: number): Uint32Array {
    if (this.#views === null) {
      const { within, count } = this.tensors;
      const ends = new Uint32Array(count);
      const items = new Uint32Array(count);
      let held = 0;
      for (let i = 0; i < count; i++) {
        if (within[i] !== 0) items[held++] = within[i] - 1;
        ends[i] = held;
      }
      this.#views = inverse(new Lists(ends, items.subarray(0, held)), count);
    }
    return this.#views.of(tensor);
  }
}

/** No list. */
const NONE = 0xffffffff;

/** For each item in `0..count`, the first list that has it, or `NONE`. */
function firstLists({ ends, items }: Lists, count: number): Uint32Array {
  const first = new Uint32Array(count).fill(NONE);
  for (let list = 0, i = 0; list < ends.length; list++) {
    for (; i < ends[list]; i++) if (first[items[i]] === NONE) first[items[i]] = list;
  }
  return first;
}

/** For each item in `0..count`, the lists that have it, each once. */
export function inverse(lists: Lists, count: number): Lists {
  const ends = new Uint32Array(count);
  const last = new Int32Array(count).fill(-1);
  const each = (visit: (item: number, list: number) => void) => {
    last.fill(-1);
    for (let list = 0, i = 0; list < lists.ends.length; list++) {
      for (; i < lists.ends[list]; i++) {
        if (last[lists.items[i]] === list) continue;
        last[lists.items[i]] = list;
        visit(lists.items[i], list);
      }
    }
  };
  let total = 0;
  each((item) => {
    ends[item] += 1;
    total += 1;
  });
  for (let i = 1; i < count; i++) ends[i] += ends[i - 1];
  const items = new Uint32Array(total);
  const next = new Uint32Array(count);
  for (let i = 1; i < count; i++) next[i] = ends[i - 1];
  each((item, list) => {
    items[next[item]++] = list;
  });
  return new Lists(ends, items);
}
