// What is needed of tensors and what is not, compared with a flag for each byte at each step.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Malformed } from '../../src/columns';
import { read } from '../../src/document';
import { MemoryMap } from '../../src/map';
import { aliveAt, boxesOf } from '../../src/parts';
import { eachNeeded, eachSpared, neededAt } from '../../src/pieces';
import { needs, pack, type Sample, small, windowed, withWindows } from '../sample';

function mapOf(sample: Sample): MemoryMap {
  const found = read(Uint8Array.from(pack(sample)).buffer);
  return new MemoryMap(found.maps[0]!, found.strings);
}

for (const sample of [small(), windowed(), withWindows(60), withWindows(90, 5)]) {
  test(`${sample.title}: each byte of a lifetime is needed or spared, as its windows say`, () => {
    const { tensors } = mapOf(sample);
    let spared = 0;
    sample.tensors.forEach((tensor, i) => {
      const { lower, upper, offset, size } = tensor;
      // From 16 bytes to 16 bytes, and at the edges of all ranges.
      const edges = (tensor.windows ?? []).flatMap(([, , first, end]) => [first, end - 1, end]);
      const bytes = [...edges, ...Array.from({ length: size / 16 }, (_, at) => 16 * at)];
      for (let step = lower; step < upper; step++) {
        const held = neededAt(tensors, i, step);
        for (const byte of bytes.filter((at) => at < size)) {
          const at = offset + byte;
          let [needed, free] = [0, 0];
          const isIn = (from: number, to: number, bottom: number, top: number) =>
            Number(from <= step && step < to && bottom <= at && at < top);
          eachNeeded(tensors, i, (...area) => (needed += isIn(...area)));
          eachSpared(tensors, i, (...area) => (free += isIn(...area)));
          const isNeeded = needs(tensor, step, byte);
          assert.deepEqual([needed, free], isNeeded ? [1, 0] : [0, 1], `${i} ${step} ${byte}`);
          assert.equal(held.some(([bottom, top]) => bottom <= at && at < top), isNeeded);
          spared += free;
        }
      }
    });
    assert.ok(spared > 0);
  });
}

test('a window is a box, and what is beside it is drawn as a gap is', () => {
  const { solid, gaps } = boxesOf(mapOf(windowed()));
  const areas = ({ count, tensor, lower, upper, bottom, top }: typeof solid) =>
    Array.from({ length: count }, (_, i) => [tensor, lower, upper, bottom, top].map((of) => of[i]));
  assert.deepEqual(areas(solid).sort(), [
    [0, 0, 2, 0, 4096],
    [0, 2, 7, 0, 2048],
    [0, 7, 8, 0, 4096],
    [1, 2, 5, 2048, 4096],
  ]);
  assert.deepEqual(areas(gaps), [[0, 2, 7, 2048, 4096]]);
});

test('a tensor with two windows at a step is alive once', () => {
  const [table] = windowed().tensors;
  table!.windows = [
    [0, 4, 0, 1024],
    [0, 4, 2048, 4096],
    [4, 8, 0, 4096],
  ];
  const map = mapOf({ ...windowed(), tensors: [table!] });
  assert.deepEqual(aliveAt(map, boxesOf(map), 2), [0]);
  assert.deepEqual([map.bytesAt(0, 2), map.bytesAt(0, 5), map.bytesAt(0, 8)], [3072, 4096, 0]);
});

test('windows that are not in their tensor or not in order are refused where they are', () => {
  const place = 'maps[0].tensors.windows';
  for (const [windows, fault] of [
    [[[0, 2, 0, 4096], [1, 8, 0, 2048]], 'lower[1]'],
    [[[3, 3, 0, 4096]], 'lower[0]'],
    [[[-1, 8, 0, 4096]], 'lower[0]'],
    [[[0, 9, 0, 4096]], 'upper[0]'],
    [[[0, 8, 0, 2048], [0, 8, 2047, 4096]], 'first[1]'],
    [[[0, 8, 7, 7]], 'first[0]'],
    [[[0, 8, -1, 7]], 'first[0]'],
    [[[0, 8, 0, 4097]], 'end[0]'],
  ] as const) {
    const [table] = windowed().tensors;
    table!.windows = windows.map(([lower, upper, first, end]) => [lower, upper, first, end]);
    const bytes = Uint8Array.from(pack({ ...windowed(), tensors: [table!] }));
    const isThere = (error: unknown) =>
      error instanceof Malformed && error.place === `${place}.${fault}`;
    assert.throws(() => read(bytes.buffer), isThere, `${windows}`);
  }
});
