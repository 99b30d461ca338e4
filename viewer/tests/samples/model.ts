// What a sample is, and what follows from it, summed box by box: the oracle of what a page says.
// Stands on nothing.

export interface Tensor {
  name: string;
  lower: number;
  upper: number;
  offset: number;
  size: number;
  /** The tensor inside whose bytes it lies. */
  within?: number;
  shape?: string;
  element?: string;
  gaps?: [number, number][];
  /** All that is needed of it, if it is not needed whole: steps, and bytes from its start. */
  windows?: [lower: number, upper: number, first: number, end: number][];
}

export interface Operator {
  name: string;
  type: string;
  reads: number[];
  writes: number[];
}

export interface Saving {
  kind: 'in-place' | 'views' | 'order' | 'both';
  load: number;
  saves: number;
  text: string;
}

/** How the model is executed; `operators` are names. */
export interface Execution {
  order: string;
  aliasing: string;
  fileLoad?: number;
  weights?: number;
  computed?: { count: number; bytes: number };
  operators?: string[];
}

/** What an allocator had reserved, in bytes from each step to the next one listed. */
export interface Recorded {
  reserved: [number, number][];
  ranges: { lower: number; upper: number; offset: number; size: number }[];
  /** Of memory pages. */
  pageSize?: number;
  /** The range that each block begins in, or null. */
  range?: (number | null)[];
  /** The pool of each range. */
  pools?: { names: string[]; of: number[] };
}

/** A call, within another one by its number or within none, and what it allocated itself. */
export interface Call {
  name: string;
  within: number | null;
  atPeak: number;
  atEnd: number;
  allocated: number;
  allocations: number;
}

export interface Sample {
  title: string;
  /** 0 unless it is given. */
  memory?: number;
  notes: string[];
  strategy: string;
  alignment: number;
  /** 1 unless it is given. */
  leastAlignment?: number;
  capacity?: number;
  firstStep: number;
  endStep: number;
  operators: Operator[] | null;
  tensors: Tensor[];
  savings: Saving[];
  execution?: Execution;
  recorded?: Recorded;
  marks?: { step: number; text: string; pool?: number }[];
  groups?: { names: string[]; of: number[] };
  streams?: { names: string[]; of: number[] };
  /** Bodies of control flow: their names, first steps, ends, and whether they are repeated. */
  bodies?: [string, number, number, boolean][];
  calls?: Call[];
  /** The number of the call that allocated each tensor. */
  callOf?: number[];
}

/** The bytes alive at each step, summed box by box: the oracle of what the page says. */
export function loads(sample: Sample): number[] {
  const change = new Array<number>(sample.endStep - sample.firstStep + 1).fill(0);
  const alive = (lower: number, upper: number, size: number) => {
    if (lower >= upper) return;
    change[lower - sample.firstStep]! += size;
    change[upper - sample.firstStep]! -= size;
  };
  for (const tensor of sample.tensors) {
    if (tensor.within !== undefined) continue;
    for (const [lower, upper, first, end] of tensor.windows ?? []) alive(lower, upper, end - first);
    if (tensor.windows !== undefined) continue;
    alive(tensor.lower, tensor.upper, tensor.size);
    for (const [lower, upper] of tensor.gaps ?? []) alive(lower, upper, -tensor.size);
  }
  let load = 0;
  return change.slice(0, -1).map((difference) => (load += difference));
}

export function peak(sample: Sample): number {
  return sample.tensors.reduce(
    (most, { lower, upper, offset, size }) =>
      lower < upper && size > 0 ? Math.max(most, offset + size) : most,
    0,
  );
}

export function load(sample: Sample): number {
  return loads(sample).reduce((most, bytes) => Math.max(most, bytes), 0);
}

/** Whether a tensor needs a byte, counted from its start, at a step. */
export function needs(t: Tensor, step: number, byte: number): boolean {
  if (byte < 0 || byte >= t.size || step < t.lower || step >= t.upper) return false;
  const isIn = ([lower, upper]: readonly number[]) => lower! <= step && step < upper!;
  if (t.windows === undefined) return !(t.gaps ?? []).some(isIn);
  return t.windows.some((w) => isIn(w) && w[2] <= byte && byte < w[3]);
}

/** The bytes that a tensor needs at a step. */
export function bytesAt(t: Tensor, step: number): number {
  const isIn = ([lower, upper]: readonly number[]) => lower! <= step && step < upper!;
  if (t.windows === undefined) return needs(t, step, 0) ? t.size : 0;
  return t.windows.filter(isIn).reduce((all, [, , first, end]) => all + end - first, 0);
}

/** The tensors with bytes of their own that need some at a step, those with most first. */
export function aliveAt(sample: Sample, step: number): Tensor[] {
  const alive = sample.tensors.filter((t) => t.within === undefined && bytesAt(t, step) > 0);
  return alive.sort((a, b) => bytesAt(b, step) - bytesAt(a, step));
}

export const KIB = 1024;
