// Samples whose positions are known, drawn where that helps. Stand on `model.ts`.

import { KIB, type Recorded, type Sample, type Tensor } from './model.ts';

export const plain = (title: string): Sample => ({
  title,
  notes: [],
  strategy: 'greedy by size',
  alignment: 64,
  firstStep: 0,
  endStep: 0,
  operators: null,
  tensors: [],
  savings: [],
});

/**
 * Seven tensors whose places are known: bytes in KiB to the top, steps to the right.
 *
 *     10 │        ┌──late──┐
 *      7 │     ┌──┴───┬────┴──┐   the view `half` lies in the upper half of `wide`
 *        │     │ wide (half)  │
 *      4 │┌────┴───┬──┴───────┴───┐
 *        ││ first  │              │
 *      2 ││        ├─────last─────┤
 *      0 │└────────┴──────────────┘
 *         0    2   4  5  7    8   10
 */
export function small(): Sample {
  return {
    ...plain('small.onnx'),
    notes: ['1 tensor is left out: its size is unknown'],
    alignment: 1024,
    capacity: 12 * KIB,
    endStep: 10,
    tensors: [
      { name: 'first', lower: 0, upper: 4, offset: 0, size: 4 * KIB, shape: '1x1024' },
      { name: 'wide', lower: 2, upper: 8, offset: 4 * KIB, size: 3 * KIB, element: 'f32' },
      { name: 'last', lower: 4, upper: 10, offset: 0, size: 2 * KIB, shape: '512' },
      { name: 'late', lower: 3, upper: 6, offset: 7 * KIB, size: 3 * KIB, element: 'u8' },
      { name: 'half', lower: 5, upper: 7, offset: 5.5 * KIB, size: 1.5 * KIB, within: 1 },
      // Its bytes are free in between, and `guest` uses some of them.
      {
        name: 'resting',
        lower: 4,
        upper: 10,
        offset: 2 * KIB,
        size: 2 * KIB,
        gaps: [[6, 8]],
      },
      { name: 'guest', lower: 6, upper: 8, offset: 3 * KIB, size: KIB },
    ],
    operators: Array.from({ length: 10 }, (_, i) => ({
      name: `operator_${i}`,
      type: ['Conv', 'Relu', 'MatMul'][i % 3]!,
      reads: { 3: [0], 5: [3], 6: [4], 7: [1, 6], 9: [2, 5] }[i] ?? [],
      writes: { 0: [0], 2: [1], 3: [3], 4: [2, 5], 5: [4], 6: [6] }[i] ?? [],
    })),
    savings: [
      { kind: 'in-place', load: 8 * KIB, saves: 2 * KIB, text: 'Write late over first' },
      { kind: 'order', load: 9 * KIB, saves: KIB, text: 'Run operator_4 before operator_3' },
    ],
  };
}

/**
 * A tensor of which only the lower half is needed for a while, and a guest in the upper half.
 *
 *      4 │┌───────┬─guest─┐    ┌──┐
 *      2 ││ table └───────┴╌╌╌╌┘  │
 *      0 │└───────────────────────┘
 *         0       2       5    7  8
 */
export function windowed(): Sample {
  const windows: [number, number, number, number][] = [
    [0, 2, 0, 4 * KIB],
    [2, 7, 0, 2 * KIB],
    [7, 8, 0, 4 * KIB],
  ];
  const tensors = [
    { name: 'table', lower: 0, upper: 8, offset: 0, size: 4 * KIB, windows },
    { name: 'guest', lower: 2, upper: 5, offset: 2 * KIB, size: 2 * KIB },
  ];
  return { ...plain('windowed.csv'), endStep: 8, tensors };
}

/** The small sample at other steps, which may be negative. */
export function shifted(by: number): Sample {
  const sample = small();
  const moved = sample.tensors.map((tensor): Tensor => ({
    ...tensor,
    lower: tensor.lower + by,
    upper: tensor.upper + by,
    gaps: (tensor.gaps ?? []).map(([lower, upper]) => [lower + by, upper + by]),
  }));
  const [firstStep, endStep] = [sample.firstStep + by, sample.endStep + by];
  return { ...sample, title: `steps from ${by}`, firstStep, endStep, tensors: moved };
}

/**
 * The small sample, and another plan of nearly the same tensors: four lie elsewhere, `first` dies a
 * step earlier, `guest` is larger, `half` and `resting` are gone, and `extra` is new.
 *
 *      8 │     ┌──wide──────┐
 *      5 │┌────┴┬────┬──last┴─────┐   `first` in 0..4 KiB at steps 0 to 2, then `late`, `guest`
 *      3 ││first├late┼─guest┬extra┤   and `extra` above 0
 *      0 │└─────┴────┴──────┴─────┘
 *         0     3    6      8    10
 */
export function pair(): [Sample, Sample] {
  const before: Sample = { ...small(), title: 'before', notes: [] };
  const after: Sample = { ...small(), title: 'after', notes: [], strategy: 'search', savings: [] };
  delete before.capacity;
  delete after.capacity;
  after.tensors = [
    { name: 'last', lower: 4, upper: 10, offset: 3 * KIB, size: 2 * KIB, shape: '512' },
    { name: 'first', lower: 0, upper: 3, offset: 0, size: 4 * KIB, shape: '1x1024' },
    { name: 'wide', lower: 2, upper: 8, offset: 5 * KIB, size: 3 * KIB, element: 'f32' },
    { name: 'late', lower: 3, upper: 6, offset: 0, size: 3 * KIB, element: 'u8' },
    { name: 'guest', lower: 6, upper: 8, offset: 0, size: 2 * KIB },
    { name: 'extra', lower: 8, upper: 10, offset: 0, size: KIB },
  ];
  const uses = (list: number[], step: number) => {
    const names = list.map((i) => before.tensors[i]!.name);
    const numbers = names.map((name) => after.tensors.findIndex((tensor) => tensor.name === name));
    return numbers.filter((i) => i >= 0 && step < after.tensors[i]!.upper);
  };
  after.operators = before.operators!.map(({ name, type, reads, writes }, step) => {
    return { name, type, reads: uses(reads, step), writes: uses(writes, step) };
  });
  return [before, after];
}

/**
 * A recording and a plan of it: 16 KiB are reserved from step 2 on and 8 KiB before, of which 4 to
 * 8 KiB are live. A request at step 7 is refused.
 */
export function recording(): [Sample, Sample] {
  const tensors: Tensor[] = [
    { name: 'old', lower: 0, upper: 4, offset: 0, size: 4 * KIB },
    { name: 'new', lower: 2, upper: 8, offset: 8 * KIB, size: 4 * KIB },
    { name: 'last', lower: 5, upper: 10, offset: 12 * KIB, size: 4 * KIB },
  ];
  const marks = [{ step: 7, text: 'out of memory: asked for 8.00 KiB' }];
  const ranges = [
    { lower: 0, upper: 10, offset: 0, size: 8 * KIB },
    { lower: 2, upper: 10, offset: 8 * KIB, size: 8 * KIB },
  ];
  const recorded: Recorded = { reserved: [[0, 8 * KIB], [2, 16 * KIB]], ranges };
  const common = { ...plain('as allocated'), endStep: 10 };
  const offsets = [0, 4 * KIB, 0];
  const planned = tensors.map((tensor, i) => ({ ...tensor, offset: offsets[i]! }));
  return [
    { ...common, tensors, recorded, marks },
    { ...common, title: 'as planned', tensors: planned },
  ];
}

/** The same recording as one of a heap, whose blocks lie in memory pages of 8 KiB. */
export function heap(): [Sample, Sample] {
  const [allocated, planned] = recording();
  const ranges = [
    { lower: 0, upper: 4, offset: 0, size: 8 * KIB },
    { lower: 2, upper: 10, offset: 8 * KIB, size: 8 * KIB },
  ];
  const reserved: [number, number][] = [[0, 8 * KIB], [2, 16 * KIB], [4, 8 * KIB]];
  const recorded: Recorded = { pageSize: 8 * KIB, reserved, ranges };
  return [{ ...allocated, marks: [], recorded }, { ...planned, marks: [] }];
}

/** The same recording, of two segments, with blocks of two streams. */
export function streams(): [Sample, Sample] {
  const [allocated, planned] = recording();
  const streams = { names: ['stream 0', 'stream 0x7f00'], of: [0, 1, 1] };
  const recorded: Recorded = { ...allocated.recorded!, range: [0, 1, null] };
  return [{ ...allocated, recorded, streams }, { ...planned, streams }];
}

/**
 * Tensors at multiples of 1 KiB: 768 bytes above `low` and 512 above `next` belong to none. At the
 * top nothing is lost.
 *
 *   2.3 │     ┌──top──────┐
 *     2 │     ├──full─────┤
 *     1 │┈┈┈┈┈┴┈┈┐┈┈┈┈┈┈┈┈│
 *       │┌──low──┤──next──┤
 *     0 │└───────┴────────┘
 *        0    2  4        6
 */
export function padded(): Sample {
  return {
    ...plain('padded.csv'),
    alignment: KIB,
    leastAlignment: KIB,
    endStep: 6,
    tensors: [
      { name: 'low', lower: 0, upper: 4, offset: 0, size: 256 },
      { name: 'full', lower: 2, upper: 6, offset: KIB, size: KIB },
      { name: 'next', lower: 4, upper: 6, offset: 0, size: 512 },
      { name: 'top', lower: 2, upper: 6, offset: 2 * KIB, size: 300 },
    ],
  };
}

/** Two models in one arena, one after the other, beside a region for each of them. */
export function arena(): [Sample, Sample] {
  const tensors: Tensor[] = [
    { name: 'ears/in', lower: 0, upper: 3, offset: 0, size: 4 * KIB },
    { name: 'ears/out', lower: 2, upper: 5, offset: 4 * KIB, size: 2 * KIB },
    { name: 'eyes/in', lower: 5, upper: 8, offset: 6 * KIB, size: 4 * KIB },
    { name: 'eyes/out', lower: 7, upper: 10, offset: 10 * KIB, size: 2 * KIB },
  ];
  const common = { ...plain('apart'), endStep: 10 };
  const groups = { names: ['ears', 'eyes'], of: [0, 0, 1, 1] };
  const shared = tensors.map((tensor) => ({ ...tensor, offset: tensor.offset % (6 * KIB) }));
  return [
    { ...common, tensors, groups },
    { ...common, title: 'shared', tensors: shared, groups },
  ];
}

/** The small sample with a loop at steps 1 to 7, in which there are two branches. */
export function looped(): Sample {
  return {
    ...small(),
    bodies: [
      ['loop', 1, 8, true],
      ['loop/body/if/then_branch', 2, 4, false],
      ['loop/body/if/else_branch', 4, 7, false],
    ],
  };
}

/** A sample of nothing: no tensors, no steps. */
export function empty(): Sample {
  return plain('empty.csv');
}
