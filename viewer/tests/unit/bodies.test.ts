// Bodies of control flow: how deep they lie, what opens, and which are refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { depthsOf, opened } from '../../src/bodies';
import { Malformed } from '../../src/columns';
import { read } from '../../src/document';
import { MemoryMap } from '../../src/map';
import { looped, pack, type Sample, small } from '../sample';

function mapOf(sample: Sample): MemoryMap {
  const bytes = pack(sample);
  const { maps, strings } = read(bytes.buffer.slice(bytes.byteOffset) as ArrayBuffer);
  return new MemoryMap(maps[0]!, strings);
}

test('branches lie in their loop', () => {
  assert.deepEqual(depthsOf(mapOf(looped())), [0, 1, 1]);
  const apart: Sample = { ...looped(), bodies: [['a', 0, 2, false], ['b', 2, 3, true]] };
  assert.deepEqual(depthsOf(mapOf(apart)), [0, 0]);
  assert.deepEqual(depthsOf(mapOf(small())), []);
});

test('a body opens, and one that is open shows what is around it', () => {
  const map = mapOf(looped());
  const whole = { lower: 0, upper: 10 };
  const loop = { lower: 1, upper: 8 };
  assert.deepEqual(opened(map, 0, whole), loop);
  assert.deepEqual(opened(map, 2, loop), { lower: 4, upper: 7 });
  assert.deepEqual(opened(map, 2, { lower: 4, upper: 7 }), loop);
  assert.deepEqual(opened(map, 0, loop), whole);
});

test('bodies that cross each other or the end are refused where they are', () => {
  const refused = (bodies: NonNullable<Sample['bodies']>, place: string) =>
    assert.throws(
      () => mapOf({ ...looped(), bodies }),
      (error) => error instanceof Malformed && error.place === place,
    );
  const place = 'maps[0].operators.bodies.lower';
  refused([['a', 0, 4, false], ['b', 3, 5, false]], `${place}[1]`);
  refused([['a', 4, 6, false], ['b', 0, 2, false]], `${place}[1]`);
  refused([['a', 0, 11, false]], `${place}[0]`);
  refused([['a', 3, 3, false]], `${place}[0]`);
});
