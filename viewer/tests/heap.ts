// Samples with stacks of calls, for the tests of flame graphs and trees.
import { HOSTILE_NAMES, small, type Call, type Sample } from './sample.ts';

const KIB = 1024;

const call = (name: string, within: number | null, atPeak: number, more = {}): Call => ({
  name,
  within,
  atPeak: atPeak * KIB,
  atEnd: 0,
  allocated: 2 * atPeak * KIB,
  allocations: 1,
  ...more,
});

/**
 * Twelve KiB at the peak:
 *
 *     main 12
 *     train 9 (1 itself)                load 3
 *     forward 6 (2 itself)   optim 2
 *     attention 4
 */
export const CALLS: Call[] = [
  call('main', null, 0, { allocations: 0 }),
  call('train.py:7 train', 0, 1, { atEnd: KIB }),
  call('model.py:20 forward', 1, 2),
  call('model.py:31 attention', 2, 4, { allocations: 9 }),
  call('optim.py:5 step', 1, 2),
  call('data.py:3 load', 0, 3),
];

export const heap = (calls = CALLS): Sample => ({ ...small(), title: 'heap', notes: [], calls });

/** The sample, and another one in which attention is half, load is gone and `cache` is new. */
export function heaps(): [Sample, Sample] {
  const after = CALLS.slice(0, 5).map((one) => ({ ...one }));
  after[3]!.atPeak = 2 * KIB;
  after.push(call('cache.py:9 keep', 0, 5));
  return [{ ...heap(), title: 'before' }, { ...heap(after), title: 'after' }];
}

/** Calls with names that would be markup, and a stack of 300 calls. */
export function hostileHeap(): Sample {
  const names = HOSTILE_NAMES.map((name) => call(name, null, 1));
  const deep = Array.from({ length: 300 }, (_, i) => {
    return call(`deep ${i}`, i === 0 ? null : names.length + i - 1, i === 299 ? 20 : 0);
  });
  return heap([...names, ...deep]);
}
