// Pages as the command line makes them, read by the independent reader in Python: it finds the
// numbers of the sample, and a fault in every broken document.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  aliveAt,
  arena,
  broken,
  empty,
  encode,
  heap,
  hostile,
  load,
  loads,
  network,
  pack,
  packAll,
  padded,
  page,
  pair,
  peak,
  random,
  recording,
  shifted,
  small,
  streams,
  template,
  windowed,
  withWindows,
  type Form,
  type Recorded,
  type Sample,
} from '../sample.ts';

const folder = mkdtempSync(join(tmpdir(), 'orionrt-page-'));
after(() => rmSync(folder, { recursive: true }));

function read(document: Buffer): { status: number | null; facts: any; errors: string } {
  const file = join(folder, 'page.html');
  writeFileSync(file, page(template(), encode(document)));
  const run = spawnSync('python3', ['tests/read_page.py', file], { encoding: 'utf8' });
  const facts = run.status === 0 ? JSON.parse(run.stdout) : undefined;
  return { status: run.status, facts, errors: run.stderr };
}

/** What the reader must find, computed by `sample.ts`. */
function expected(sample: Sample): object {
  const curve = loads(sample);
  const fullest = curve.indexOf(load(sample));
  const isSome = fullest >= 0;
  const alive = isSome ? aliveAt(sample, sample.firstStep + fullest) : [];
  return {
    peak: peak(sample),
    load: load(sample),
    steps: [sample.firstStep, sample.endStep],
    tensors: sample.tensors.length,
    within: sample.tensors.filter((tensor) => tensor.within !== undefined).length,
    changes_of_load: curve.filter((bytes, i) => i === 0 || bytes !== curve[i - 1]).length,
    fullest_step: isSome ? sample.firstStep + fullest : null,
    largest: alive.slice(0, 10).map((tensor) => [tensor.name, tensor.offset, tensor.size]),
  };
}

const plain = [small(), shifted(-100), empty(), network(), hostile(), random(3000)];
for (const sample of [...plain, windowed(), withWindows(300)]) {
  for (const form of ['smallest', 'delta', 'f64'] as Form[]) {
    test(`${sample.title}, columns written as ${form}`, () => {
      const { facts, errors } = read(pack(sample, form));
      assert.equal(errors, '');
      assert.equal(facts.title, sample.title);
      assert.deepEqual(facts.notes, sample.notes);
      const [found] = facts.maps;
      const largest = found.largest_at_fullest_step;
      const shown = {
        ...found,
        largest: largest.map((card: any) => [card.name, card.offset, card.size]),
      };
      const wanted: any = expected(sample);
      const same = Object.fromEntries(Object.keys(wanted).map((name) => [name, shown[name]]));
      assert.deepEqual(same, wanted);
    });
  }
}

test('a recording has what was reserved, and how much of it was lost at most', () => {
  const { facts, errors } = read(packAll(recording()));
  assert.equal(errors, '');
  const [allocated, planned] = facts.maps;
  assert.deepEqual(allocated.recorded, { most: 16 * 1024, lost: 0.75, ranges: 2 });
  assert.equal(planned.recorded, null);
  assert.deepEqual([allocated.marks, planned.marks], [recording()[0].marks, []]);
  assert.equal(facts.changes[0].moved, 2);
});

test('a heap has the memory pages in which its blocks lie', () => {
  const { facts, errors } = read(packAll(heap()));
  assert.equal(errors, '');
  const pages = { most: 16 * 1024, lost: 0.5, ranges: 2, page_size: 8 * 1024 };
  assert.deepEqual(facts.maps[0].recorded, pages);
});

test('streams have the bytes of their blocks, which begin in their ranges', () => {
  const { facts, errors } = read(packAll(streams()));
  assert.equal(errors, '');
  assert.deepEqual(facts.maps[1].streams, { 'stream 0': 4 * 1024, 'stream 0x7f00': 8 * 1024 });
  assert.equal(facts.maps[0].recorded.in_ranges, 2);
});

test('padding is summed at the fullest step', () => {
  const { facts, errors } = read(pack(padded()));
  assert.equal(errors, '');
  const { fullest_step, padding_at_fullest_step, least_alignment } = facts.maps[0];
  assert.deepEqual([fullest_step, padding_at_fullest_step, least_alignment], [4, 512, 1024]);
  const wrong = read(pack({ ...padded(), leastAlignment: 4096, alignment: 4096 }));
  assert.match(wrong.errors, /least alignment/);
});

test('how a model is executed is read, and the order that it states is compared', () => {
  const [before, after] = pair();
  const operators = before.operators!.map(({ name }) => name);
  const common = { order: 'memory', aliasing: 'off', weights: 12_345 };
  const computed = { count: 7, bytes: 54_321 };
  const execution = { ...common, computed, fileLoad: 16 * 1024, operators };
  const orderOf = (one: Sample) => {
    const { facts, errors } = read(packAll([one, after]));
    assert.equal(errors, '');
    return [facts.maps[0].execution, facts.changes[0].order];
  };
  const stated = {
    ...common,
    computed_constants: 7,
    computed_constants_bytes: 54_321,
    file_load: 16 * 1024,
  };
  const alone = { ...before, operators: null, execution };
  assert.deepEqual(orderOf(alone), [stated, 'same']);
  const reverse = { ...execution, operators: [...operators].reverse() };
  assert.deepEqual(orderOf({ ...alone, execution: reverse }), [stated, 'other']);
  delete (alone as Sample).execution;
  assert.deepEqual(orderOf(alone), [null, 'unknown']);
  const { status, errors } = read(packAll([{ ...before, execution }, after]));
  assert.equal(status, 1);
  assert.match(errors, /the map has operators already/);
});

test('pools have the bytes of their ranges, and a refused request is of one of them', () => {
  const [allocated, planned] = recording();
  const pools = { names: ['small', 'large', 'other'], of: [1, 0] };
  const mark = { step: 7, text: 'out of memory', pool: 2 };
  const recorded = { ...allocated.recorded!, pools };
  const { facts, errors } = read(packAll([{ ...allocated, recorded, marks: [mark] }, planned]));
  assert.equal(errors, '');
  const bytes = { small: 8 * 1024, large: 8 * 1024, other: 0 };
  assert.deepEqual(facts.maps[0].recorded.pools, bytes);
  const beyond = [{ ...allocated, recorded, marks: [{ ...mark, pool: 3 }] }, planned];
  assert.match(read(packAll(beyond)).errors, /marks\[0\].*pool 3 of 3/);
});

test('groups have the bytes of their tensors', () => {
  const { facts, errors } = read(packAll(arena()));
  assert.equal(errors, '');
  assert.deepEqual(facts.maps[1].groups, { ears: 6 * 1024, eyes: 6 * 1024 });
  assert.equal(facts.changes[0].moved, 2);
});

for (const [name, change, fault] of [
  ['less reserved than live', ({ reserved }) => (reserved[0]![1] = 1024), /recorded.reserved/],
  ['ranges that meet', ({ ranges }) => (ranges[1]!.offset = 4096), /recorded.ranges.*share bytes/],
  ['a block in a range that is gone', (of) => (of.range = [1, 1, null]), /recorded.range.*begin/],
  ['pages without a block', (of) => (of.pageSize = 4096), /reserved.*in pages/],
  ['a range after the end', ({ ranges }) => (ranges[0]!.upper = 11), /recorded.ranges.*outside/],
] as [string, (recorded: Recorded) => void, RegExp][]) {
  test(`a false recording, ${name}`, () => {
    const [allocated, planned] = recording();
    change(allocated.recorded!);
    const { status, errors } = read(packAll([allocated, planned]));
    assert.equal(status, 1);
    assert.match(errors, fault);
  });
}

for (const { name, document } of broken()) {
  test(`broken, ${name}`, () => {
    const { status, errors } = read(document);
    assert.equal(status, 1, errors);
    assert.doesNotMatch(errors, /Traceback/);
  });
}

for (const [name, spoil, fault] of [
  ['a peak too high', (map: any) => (map.peak += 64), /peak/],
  ['a load too low', (map: any) => (map.load -= 1), /load/],
  ['a bound above the peak', (map: any) => (map.lower_bound += 1), /lower_bound/],
  ['a profile that is wrong', (map: any) => (map.profile.load.scale *= 2), /profile/],
  ['optimal, which it is not', (map: any) => (map.lower_bound -= 1), /lower_bound|optimal/],
  ['savings that do not add up', (map: any) => (map.savings[0].saves += 1), /savings\[0\]/],
  ['tensors that meet', (map: any) => (map.tensors.offset.scale /= 2), /share bytes|inside/],
] as [string, (map: any) => void, RegExp][]) {
  test(`a false claim, ${name}`, () => {
    const { status, errors } = read(pack(small(), 'smallest', (header) => spoil(header.maps[0])));
    assert.equal(status, 1);
    assert.match(errors, fault);
  });
}
