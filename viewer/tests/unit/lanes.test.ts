// The lanes of streams, beside sums step by step.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { read } from '../../src/document';
import { lanesOf, loadsOfLanes } from '../../src/lanes';
import { colourOfLane } from '../../src/lanestrips';
import { MemoryMap } from '../../src/map';
import { LIGHT } from '../../src/theme';
import * as samples from '../sample';

function mapOf(sample: samples.Sample): MemoryMap {
  const found = read(Uint8Array.from(samples.pack(sample)).buffer);
  return new MemoryMap(found.maps[0], found.strings);
}

/** A sample whose tensors are of streams by chance. */
function streamed(sample: samples.Sample, count: number, seed: number): samples.Sample {
  const dice = new samples.Dice(seed);
  const names = Array.from({ length: count }, (_, i) => `stream ${i}`);
  return { ...sample, streams: { names, of: sample.tensors.map(() => dice.below(count)) } };
}

test('a lane has the bytes that its streams have alive, at each step', () => {
  const all = [samples.small(), samples.shifted(-3), samples.network(12), samples.random(400)];
  for (const [seed, sample] of all.entries()) {
    for (const count of [1, 3, 6, 9]) {
      const of = streamed(sample, count, seed);
      const streams = of.streams!;
      const map = mapOf(of);
      const lanes = lanesOf(map);
      assert.equal(lanes.length, Math.min(count, 6));
      assert.deepEqual(
        lanes.flatMap((lane) => lane.streams).sort(),
        streams.names.map((_, stream) => stream),
      );
      const loads = loadsOfLanes(map, lanes);
      lanes.forEach((lane, i) => {
        const tensors = sample.tensors.filter((_, t) => lane.streams.includes(streams.of[t]!));
        const alone = { ...sample, tensors: tensors.filter((t) => t.within === undefined) };
        samples.loads(alone).forEach((bytes, step) => {
          assert.equal(loads[i]!.at(sample.firstStep + step), bytes, `${lane.name} at ${step}`);
        });
      });
    }
  }
});

test('of many streams those with the most bytes have lanes of their own', () => {
  const tensors = Array.from({ length: 9 }, (_, i) => {
    return { name: `${i}`, lower: i, upper: i + 1, offset: 0, size: 64 * (1 + ((i * 4) % 9)) };
  });
  const names = tensors.map(({ name }) => `stream ${name}`);
  const sample = { ...samples.plain('nine'), endStep: 9, tensors };
  const lanes = lanesOf(mapOf({ ...sample, streams: { names, of: [...names.keys()] } }));
  // The sizes are 1, 5, 9, 4, 8, 3, 7, 2, 6 times 64 bytes.
  assert.deepEqual(
    lanes.map(({ name }) => name),
    ['stream 1', 'stream 2', 'stream 4', 'stream 6', 'stream 8', '4 others'],
  );
  assert.deepEqual(lanesOf(mapOf(sample)), []);
});

test('views do not give their stream a lane of its own', () => {
  const root = { name: 'root', lower: 0, upper: 2, offset: 0, size: 640 };
  const view = { ...root, name: 'view', within: 0 };
  const others = Array.from({ length: 6 }, (_, i) => {
    return { name: `${i}`, lower: 0, upper: 2, offset: 640 + 64 * i, size: 64 };
  });
  const names = ['of root', 'of view', ...others.map(({ name }) => `of ${name}`)];
  const tensors = [root, view, ...others];
  const sample = { ...samples.plain('views'), endStep: 2, tensors };
  const lanes = lanesOf(mapOf({ ...sample, streams: { names, of: [...names.keys()] } }));
  assert.deepEqual(
    lanes.map(({ name }) => name),
    ['of root', 'of 0', 'of 1', 'of 2', 'of 3', '3 others'],
  );
});

test('a lane of several streams has no colour of one, and is muted if all of them are', () => {
  const rest = LIGHT.kinds[LIGHT.kinds.length - 1];
  const colours = (a: string, b: string) => new Map([['a', a], ['b', b]]);
  assert.equal(colourOfLane(['a'], colours('red', 'blue'), LIGHT), 'red');
  assert.equal(colourOfLane(['a', 'b'], colours('red', 'blue'), LIGHT), rest);
  assert.equal(colourOfLane(['a', 'b'], colours(LIGHT.muted, 'blue'), LIGHT), rest);
  assert.equal(colourOfLane(['a', 'b'], colours(LIGHT.muted, LIGHT.muted), LIGHT), LIGHT.muted);
});
