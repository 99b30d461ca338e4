// What the bytes below a peak are, compared with a flag for each byte.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { breakdownOf } from '../../src/breakdown';
import { read } from '../../src/document';
import { MemoryMap } from '../../src/map';
import { Dice, pack, padded, type Sample, small, type Tensor, windowed } from '../sample';

const UNIT = 4;
const TOP = 60;

function mapOf(sample: Sample): MemoryMap {
  const found = read(Uint8Array.from(pack(sample)).buffer);
  return new MemoryMap(found.maps[0], found.strings);
}

/** Tensors of one step at random places, at multiples of `UNIT`. */
function scattered(seed: number): Sample {
  const dice = new Dice(seed);
  const tensors: Tensor[] = [];
  for (let at = UNIT * dice.below(3); at < TOP; ) {
    const size = 1 + dice.below(9);
    tensors.push({ name: `t${at}`, lower: 0, upper: 1, offset: at, size });
    at += UNIT * (Math.ceil(size / UNIT) + dice.below(3));
  }
  // One more tensor at another step has the peak.
  const high = { name: 'high', lower: 1, upper: 2, offset: 0, size: 2 * TOP };
  const all = [...tensors, high].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...padded(), leastAlignment: UNIT, alignment: UNIT, endStep: 2, tensors: all };
}

test('tensors, padding and gaps are as counted byte by byte, and add up to the peak', () => {
  let [withGaps, withPadding] = [0, 0];
  for (let seed = 0; seed < 200; seed++) {
    const sample = scattered(seed);
    const map = mapOf(sample);
    const found = breakdownOf(map, map.aliveAt(0), 0);
    const flags = new Array<string>(2 * TOP).fill('gap');
    for (const { lower, offset, size } of sample.tensors) {
      if (lower !== 0) continue;
      const end = Math.ceil((offset + size) / UNIT) * UNIT;
      flags.fill('padding', offset, Math.min(end, 2 * TOP));
      flags.fill('tensor', offset, offset + size);
    }
    const count = (kind: string) => flags.filter((flag) => flag === kind).length;
    assert.deepEqual([found.tensors, found.padding], [count('tensor'), count('padding')]);
    const gaps = found.gaps.reduce((all, { bytes }) => all + bytes, 0);
    assert.equal(gaps, count('gap'), `seed ${seed}`);
    assert.equal(found.tensors + found.padding + gaps, map.data.peak);
    for (const { bytes, below } of found.gaps) {
      const end = below === null ? map.data.peak : map.tensors.offset[below]!;
      assert.ok(flags.slice(end - bytes, end).every((flag) => flag === 'gap'));
      assert.ok(end === bytes || flags[end - bytes - 1] !== 'gap', 'it begins where the gap does');
    }
    withGaps += found.gaps.length > 1 ? 1 : 0;
    withPadding += found.padding > 0 ? 1 : 0;
  }
  assert.ok(withGaps > 50 && withPadding > 50, `${withGaps} with gaps, ${withPadding} padded`);
});

test('a full step is its tensors alone', () => {
  const map = mapOf(small());
  const { tensors, padding, gaps } = breakdownOf(map, map.aliveAt(map.peakStep), map.peakStep);
  assert.deepEqual([tensors, padding, gaps], [map.data.peak, 0, []]);
});

test('bytes of a tensor that are not needed are a gap, and have no padding above them', () => {
  const [table] = windowed().tensors;
  const windows: [number, number, number, number][] = [
    [0, 2, 0, 3072],
    [2, 7, 0, 2048],
    [7, 8, 0, 3072],
  ];
  const high = { name: 'high', lower: 8, upper: 9, offset: 0, size: 4096 };
  const tensors = [{ ...table!, size: 3072, windows }, high];
  const map = mapOf({ ...windowed(), leastAlignment: 4096, endStep: 9, tensors });
  const of = (step: number) => {
    const { tensors, padding, gaps } = breakdownOf(map, map.aliveAt(step), step);
    return [tensors, padding, gaps.map(({ bytes }) => bytes)];
  };
  assert.deepEqual(of(0), [3072, 1024, []]);
  assert.deepEqual(of(3), [2048, 0, [2048]]);
});
