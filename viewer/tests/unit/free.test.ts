// What is free of a recording at a step, compared with a flag for each byte.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boxesOf } from '../../src/parts';
import { read } from '../../src/document';
import { type Free, freeAt, wordsOfFree } from '../../src/free';
import { MemoryMap } from '../../src/map';
import { summed } from '../../src/unused';
import { Dice, pack, recording, type Sample, type Tensor } from '../sample';

const BYTES = 40;
const STEPS = 8;

function mapOf(sample: Sample): MemoryMap {
  const found = read(Uint8Array.from(pack(sample)).buffer);
  return new MemoryMap(found.maps[0], found.strings);
}

function free(sample: Sample, step: number, pool: number | null = null): Free | null {
  const map = mapOf(sample);
  return freeAt(map, boxesOf(map), step, pool);
}

/** Ranges and blocks at random: at no step do two of a kind share a byte. */
function scattered(seed: number): Sample {
  const dice = new Dice(seed);
  const place = (taken: Uint8Array, most: number) => {
    const [lower, offset] = [dice.below(STEPS), dice.below(BYTES)];
    const upper = Math.min(STEPS, lower + 1 + dice.below(STEPS));
    const size = Math.min(BYTES - offset, 1 + dice.below(most));
    const cells: number[] = [];
    for (let step = lower; step < upper; step++) {
      for (let byte = offset; byte < offset + size; byte++) cells.push(step * BYTES + byte);
    }
    if (cells.some((cell) => taken[cell] === 1)) return null;
    for (const cell of cells) taken[cell] = 1;
    return { lower, upper, offset, size };
  };
  const some = (count: number, most: number) => {
    const taken = new Uint8Array(STEPS * BYTES);
    const found = Array.from({ length: count }, () => place(taken, most));
    return found.filter((one) => one !== null);
  };
  const ranges = some(30, 14);
  const tensors: Tensor[] = some(40, 8).map((box, i) => ({ name: `block ${i}`, ...box }));
  const [plan] = recording();
  const recorded = { reserved: [[0, 2 * BYTES]] as [number, number][], ranges };
  return { ...plan, endStep: STEPS, marks: [], tensors, recorded };
}

interface Part {
  bottom: number;
  top: number;
  free: number;
  largest: number;
  blocks: number[];
}

/** The same, byte by byte. */
function expected({ tensors, recorded }: Sample, step: number): Part[] {
  const at = (things: readonly { lower: number; upper: number; offset: number; size: number }[]) =>
    Array.from({ length: BYTES + 1 }, (_, byte) =>
      things.findIndex(({ lower, upper, offset, size }) => {
        return lower <= step && step < upper && offset <= byte && byte < offset + size;
      }),
    );
  const [ranges, blocks] = [at(recorded!.ranges), at(tensors)];
  const found: Part[] = [];
  for (let byte = 0; byte < BYTES; byte++) {
    if (ranges[byte]! < 0) continue;
    const goesOn = byte > 0 && ranges[byte - 1]! >= 0 && found.length > 0;
    const isSame =
      goesOn &&
      (ranges[byte] === ranges[byte - 1] ||
        (blocks[byte]! >= 0 && blocks[byte] === blocks[byte - 1]));
    if (!isSame) found.push({ bottom: byte, top: byte, free: 0, largest: 0, blocks: [] });
    const last = found[found.length - 1]!;
    last.top = byte + 1;
    const block = blocks[byte]!;
    if (block < 0) last.free += 1;
    else if (!last.blocks.includes(block)) last.blocks.push(block);
    let run = 0;
    while (byte - run >= last.bottom && blocks[byte - run]! < 0) run += 1;
    last.largest = Math.max(last.largest, run);
  }
  for (const { blocks } of found) {
    blocks.sort((a, b) => tensors[b]!.size - tensors[a]!.size || a - b);
  }
  return found;
}

test('free bytes, largest pieces and blocks of each range are as counted byte by byte', () => {
  let [joined, empty] = [0, 0];
  for (let seed = 0; seed < 300; seed++) {
    const sample = scattered(seed);
    const step = seed % STEPS;
    const parts = expected(sample, step);
    const found = free(sample, step)!;
    const held = parts.filter((part) => part.free > 0);
    held.sort((a, b) => b.free - a.free || a.bottom - b.bottom);
    assert.deepEqual(found.ranges, held, `seed ${seed}`);
    const bytes = (some: typeof parts) => some.reduce((sum, part) => sum + part.free, 0);
    const bare = parts.filter(({ blocks }) => blocks.length === 0);
    assert.deepEqual(
      [found.free, found.empty, found.emptyRanges, found.largest],
      [bytes(parts), bytes(bare), bare.length, Math.max(0, ...parts.map((part) => part.largest))],
    );
    assert.equal(found.reserved, parts.reduce((sum, { bottom, top }) => sum + top - bottom, 0));
    const { ranges } = sample.recorded!;
    joined += parts.some(({ bottom, top }) => {
      return !ranges.some(({ offset, size }) => offset === bottom && offset + size === top);
    }) ? 1 : 0;
    empty += found.emptyRanges;
  }
  assert.ok(joined > 20 && empty > 20, `${joined} with ranges joined, ${empty} empty ranges`);
});

test('a map that is no recording has no ranges', () => {
  assert.equal(free(recording()[1], 3), null);
});

test('a sentence sums up where the free bytes are', () => {
  const [sample] = recording();
  const at = (step: number) => summed(free(sample, step)!);
  assert.equal(
    at(3),
    '8 KiB of 16 KiB reserved are free: all beside blocks in 2 ranges, each with a single block. ' +
      'The largest free piece is 4 KiB.',
  );
  assert.equal(
    at(9),
    '12 KiB of 16 KiB reserved are free: 4 KiB beside blocks in 1 range, one with a single ' +
      'block, and 8 KiB in an empty range, which could be given back. ' +
      'The largest free piece is 8 KiB.',
  );
  const full = { ...sample, recorded: { ...sample.recorded!, ranges: [] } };
  assert.equal(summed(free(full, 3)!), 'nothing is known to be reserved.');
  const tight = [{ lower: 0, upper: 10, offset: 0, size: 4096 }];
  const used = { ...sample, recorded: { ...sample.recorded!, ranges: tight } };
  assert.equal(summed(free(used, 3)!), 'all 4 KiB reserved are in use.');
});

test('what is free in a pool is what is free if only its ranges are reserved', () => {
  const names = ['small blocks of stream 0', 'large blocks of stream 0', 'large blocks of stream 7'];
  let differing = 0;
  for (let seed = 0; seed < 100; seed++) {
    const sample = scattered(seed);
    const { ranges } = sample.recorded!;
    const dice = new Dice(1000 + seed);
    const of = ranges.map(() => dice.below(names.length));
    const several = { ...sample, recorded: { ...sample.recorded!, pools: { names, of } } };
    const step = seed % STEPS;
    names.forEach((_, pool) => {
      const own = ranges.filter((_, range) => of[range] === pool);
      const alone = { ...sample, recorded: { ...sample.recorded!, ranges: own } };
      assert.deepEqual(free(several, step, pool), free(alone, step), `seed ${seed}, pool ${pool}`);
      differing += free(several, step, pool)!.largest < free(several, step)!.largest ? 1 : 0;
    });
    assert.deepEqual(free(several, step), free(sample, step), 'all pools together');
  }
  assert.ok(differing > 50, `${differing} pools without the largest piece`);
});

test('a refused request is told what its pool has free', () => {
  const [sample] = recording();
  const names = ['small blocks of stream 0', 'large blocks of stream 7', 'small blocks of stream 7'];
  const recorded = { ...sample.recorded!, pools: { names, of: [0, 1] } };
  const words = (pool?: number, of = recorded) => {
    const marks = [{ step: 9, text: 'out of memory', ...(pool === undefined ? {} : { pool }) }];
    const map = mapOf({ ...sample, recorded: of, marks });
    return wordsOfFree(map, boxesOf(map), map.data.marks[0]!);
  };
  const all = '12 KiB reserved and free';
  assert.deepEqual(words(), [`${all}, largest piece 8 KiB`]);
  const small = '8 KiB of it for small blocks of stream 0, largest piece 8 KiB';
  assert.deepEqual(words(0), [all, small]);
  const large = '4 KiB of it for large blocks of stream 7, largest piece 4 KiB';
  assert.deepEqual(words(1), [all, large]);
  assert.deepEqual(words(2), [all, 'none of it for small blocks of stream 7']);
  assert.throws(() => words(3), /marks\[0\].pool: 3 is not in 0..3/);
});
