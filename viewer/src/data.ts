// A document as values: what the reader makes and everything else uses. Stands on `columns.ts`.

import type { Lists, Strings } from './columns';

export interface Document {
  readonly generator: string;
  readonly kind: string;
  readonly title: string;
  readonly notes: readonly string[];
  readonly strings: Strings;
  readonly maps: readonly MapData[];
  /** Of recordings with stacks of calls. */
  readonly profiles: readonly HeapProfile[];
}

/** One memory over time, as the document has it. */
export interface MapData {
  readonly title: string;
  /** The number of its memory: maps of different devices have different ones. */
  readonly memory: number;
  readonly peak: number;
  readonly load: number;
  readonly lowerBound: number;
  readonly isOptimal: boolean;
  readonly strategy: string;
  readonly alignment: number;
  /** What all offsets of tensors with bytes of their own are multiples of. */
  readonly leastAlignment: number;
  readonly capacity: number | null;
  readonly firstStep: number;
  readonly endStep: number;
  readonly operators: Operators | null;
  readonly tensors: Tensors;
  readonly profile: Profile;
  /** What lowers the load of all that was tried, or null if nothing was tried. */
  readonly savings: readonly Saving[] | null;
  /** Of a plan of a model, as far as it is known. */
  readonly execution: Execution | null;
  /** Of a map that shows what an allocator did, and no plan. */
  readonly recorded: Recorded | null;
  readonly marks: readonly Mark[];
  /** Whose the tensors are, where several models share the memory. */
  readonly groups: Groups | null;
  /** The streams that the tensors are on, where there are several. */
  readonly streams: Groups | null;
  /** The calls that allocated the tensors, of a recording with stacks. */
  readonly calls: Calls | null;
}

export interface Operators {
  readonly count: number;
  /** Numbers of strings. */
  readonly name: Uint32Array;
  readonly type: Uint32Array;
  readonly reads: Lists;
  readonly writes: Lists;
  readonly bodies: Bodies;
}

/** The bodies of control flow; one that lies within another one comes after it. */
export interface Bodies {
  readonly count: number;
  /** Numbers of strings. */
  readonly name: Uint32Array;
  /** The steps of a body's operators. */
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  /** 1 if it runs any number of times. */
  readonly repeated: Uint32Array;
}

export interface Tensors {
  readonly count: number;
  /** Numbers of strings. */
  readonly name: Uint32Array;
  readonly shape: Uint32Array;
  readonly element: Uint32Array;
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  readonly offset: Float64Array;
  readonly size: Float64Array;
  /** 0, or 1 + the tensor inside whose bytes it lies. */
  readonly within: Uint32Array;
  /** The tensor at the end of that chain: itself for a root. */
  readonly root: Uint32Array;
  readonly gaps: Gaps;
  /** Null if all tensors are needed whole whenever they are alive. */
  readonly windows: Windows | null;
}

/** The gaps of tensor `i` are those from `ends[i - 1] or 0` up to `ends[i]`. */
export interface Gaps {
  readonly ends: Uint32Array;
  readonly lower: Float64Array;
  readonly upper: Float64Array;
}

/**
 * All that is needed of tensors of which only some bytes are needed at some steps: of tensor `i`,
 * from `ends[i - 1] or 0` up to `ends[i]`. Bytes are counted from the start of the tensor.
 */
export interface Windows {
  readonly ends: Uint32Array;
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  readonly first: Float64Array;
  readonly end: Float64Array;
}

/** The load from `step[i]` up to `step[i + 1]`, or to the end of the map. */
export interface Profile {
  readonly step: Float64Array;
  readonly load: Float64Array;
}

/** What an allocator really had; the tensors lie where it put them. */
export interface Recorded {
  /** The bytes of a memory page, where the ranges are pages that blocks lie in; else null. */
  readonly pageSize: number | null;
  /** The bytes reserved from `step[i]` up to `step[i + 1]`, or to the end of the map. */
  readonly reserved: { readonly step: Float64Array; readonly bytes: Float64Array };
  /** Parts of that, and when each was reserved. */
  readonly ranges: Ranges;
  /** 0, or 1 + the range that a block begins in, where the ranges are segments; else null. */
  readonly range: Uint32Array | null;
  /** The pool of each range: a request is served from the ranges of one pool. Null if all are. */
  readonly pools: Groups | null;
}

export interface Ranges {
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  readonly offset: Float64Array;
  readonly size: Float64Array;
}

/** The names of groups, and the group of each tensor. */
export interface Groups {
  readonly names: readonly string[];
  readonly of: Uint32Array;
}

/** A step at which something happened. */
export interface Mark {
  readonly step: number;
  readonly text: string;
  /** The pool of ranges that a refused request could have been served from, if it is known. */
  readonly pool: number | null;
}

/** The order of the operators and the aliasing that a plan is made for. */
export interface Execution {
  /** `file`, `memory` or the name of a file. */
  readonly order: string;
  readonly aliasing: string;
  /** The most bytes alive at once in the order of the model's file, where another was searched. */
  readonly fileLoad: number | null;
  /** The bytes of the model's weights, which are not planned. */
  readonly weights: number | null;
  /** How many tensors are computed from constants alone, which are not planned, and their bytes. */
  readonly computed: { readonly count: number; readonly bytes: number } | null;
  /** The names of the operators in their order: numbers of strings. Null where a map has them. */
  readonly operators: Uint32Array | null;
}

export interface Saving {
  readonly kind: string;
  /** The most bytes alive at once with it. */
  readonly load: number;
  readonly saves: number;
  readonly text: string;
}

/** What is measured of a call, in bytes; `allocations` are counted. */
export const MEASURES = ['atPeak', 'atEnd', 'allocated', 'allocations'] as const;
export type Measure = (typeof MEASURES)[number];

/** The calls that allocated the tensors of a map; the figures of each are its own alone. */
export interface HeapProfile extends Readonly<Record<Measure, Float64Array>> {
  readonly map: number;
  readonly count: number;
  /** 0, or 1 + the call that it is within, which stands before it. */
  readonly parent: Uint32Array;
  /** Numbers of strings. */
  readonly name: Uint32Array;
}

/** The call of a heap profile that allocated each tensor of a map. */
export interface Calls {
  readonly profile: HeapProfile;
  readonly of: Uint32Array;
}
