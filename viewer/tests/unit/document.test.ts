// What `read` accepts, and how it names what it refuses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Columns, Malformed } from '../../src/columns';
import { read, rootsOf } from '../../src/document';

/** Columns over bytes written here. */
function columns(...words: number[]): Columns {
  return new Columns(new Uint8Array(words).buffer, 0);
}

const column = (type: string, count: number, more = {}) => ({ type, at: 0, count, ...more });

const refuses = (place: string, act: () => unknown) =>
  assert.throws(act, (error) => error instanceof Malformed && error.place === place);

test('a column is base + scale × stored', () => {
  const numbers = columns(1, 2, 3).numbers(column('u8', 3, { scale: 64, base: 10 }), 'c');
  assert.deepEqual([...numbers], [74, 138, 202]);
});

test('differences are zigzag-coded and add up', () => {
  const numbers = columns(2, 4, 1, 3).numbers(column('u8', 4, { delta: true, base: 5 }), 'c');
  assert.deepEqual([...numbers], [6, 8, 7, 5]);
});

test('a wide difference keeps its sign', () => {
  const bytes = new Uint8Array(new Uint32Array([4294967294, 4294967295]).buffer);
  const numbers = columns(...bytes).numbers(column('u32', 2, { delta: true }), 'c');
  assert.deepEqual([...numbers], [2147483647, -1]);
});

test('a column that is too long, misplaced or not exact is refused where it is', () => {
  refuses('c', () => columns(1, 2).numbers(column('u8', 3), 'c'));
  refuses('c.at', () => columns(1, 2).numbers({ type: 'u8', at: 1, count: 1 }, 'c'));
  refuses('c.type', () => columns(1).numbers(column('i8', 1), 'c'));
  refuses('c.count', () => columns(1).numbers(column('u8', -1), 'c'));
  const far = column('u8', 2, { scale: 2 ** 53 - 1, base: 1 });
  refuses('c[1]', () => columns(0, 1).numbers(far, 'c'));
  const half = new Uint8Array(new Float64Array([1, 0.5]).buffer);
  refuses('c[1]', () => columns(...half).numbers(column('f64', 2), 'c'));
});

test('an index that counts nothing is refused', () => {
  refuses('c[1]', () => columns(0, 3).indices(column('u8', 2), 'c', 3));
});

test('an index is refused at the first place where it is wrong, however it is stored', () => {
  const wide = (...numbers: number[]) => new Uint8Array(new Uint32Array(numbers).buffer);
  const all = columns(...wide(7, 2 ** 32 - 1, 9));
  assert.deepEqual([...all.indices(column('u32', 3), 'c', 2 ** 32)], [7, 2 ** 32 - 1, 9]);
  refuses('c[1]', () => all.indices(column('u32', 3), 'c', 9));
  refuses('c[0]', () => columns(0, 3).indices(column('u8', 2, { base: -1 }), 'c', 3));
  refuses('c[1]', () => columns(0, 3).indices(column('u8', 2, { scale: 2 ** 32 }), 'c', 2 ** 32));
  refuses('c[1]', () => columns(2, 3).indices(column('u8', 2, { delta: true }), 'c', 2));
});

test('ends ascend up to the number of items', () => {
  refuses('c[1]', () => columns(2, 1).ends(column('u8', 2), 'c', 2));
  refuses('c', () => columns(0, 1).ends(column('u8', 2), 'c', 2));
});

test('the root is at the end of the chain, and a chain has an end', () => {
  assert.deepEqual([...rootsOf(Uint32Array.of(0, 1, 2, 0), 'w')], [0, 0, 0, 3]);
  assert.deepEqual([...rootsOf(Uint32Array.of(3, 1, 0, 2), 'w')], [2, 2, 2, 2]);
  refuses('w[0]', () => rootsOf(Uint32Array.of(2, 1), 'w'));
  refuses('w[1]', () => rootsOf(Uint32Array.of(0, 2), 'w'));
});

test('what is no document is refused', () => {
  refuses('document', () => read(new ArrayBuffer(4)));
  refuses('document', () => read(new TextEncoder().encode('ORPX\x01\0\0\0\0\0\0\0').buffer));
  refuses('document', () => read(new TextEncoder().encode('ORPG\x02\0\0\0\0\0\0\0').buffer));
  refuses('header', () => read(new TextEncoder().encode('ORPG\x01\0\0\0\x09\0\0\0{}').buffer));
  refuses('header', () => read(new TextEncoder().encode('ORPG\x01\0\0\0\x01\0\0\0{').buffer));
  refuses('maps', () => {
    const json = JSON.stringify({
      strings: { bytes: column('u8', 0), ends: column('u8', 1) },
      maps: [],
    });
    const begin = Math.ceil((12 + json.length) / 8) * 8;
    const bytes = new Uint8Array(begin + 1);
    bytes.set(new TextEncoder().encode('ORPG\x01'));
    new DataView(bytes.buffer).setUint32(8, json.length, true);
    bytes.set(new TextEncoder().encode(json), 12);
    return read(bytes.buffer);
  });
});
