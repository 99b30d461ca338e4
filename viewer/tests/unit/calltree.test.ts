// Sums of a tree of calls, and the difference of two.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallTree } from '../../src/calltree';
import { Malformed } from '../../src/columns';
import { MEASURES } from '../../src/data';
import { read } from '../../src/document';
import { CALLS, heap, heaps } from '../heap.ts';
import { Dice, packAll, type Call, type Sample, type Spoil } from '../sample.ts';

const KIB = 1024;

function documentOf(samples: Sample[], spoil?: Spoil) {
  return read(new Uint8Array(packAll(samples, 'smallest', spoil)).buffer);
}

function treeOf(samples: Sample[]) {
  const { profiles, strings } = documentOf(samples);
  const tree = new CallTree(profiles, strings.count);
  const name = (call: number) => strings.of(tree.name[call]);
  const called = (wanted: string) => tree.name.findIndex((_, i) => name(i) === wanted);
  return { tree, name, called };
}

/** A tree in which a call is within one of those before it. */
function randomCalls(count: number): Call[] {
  const dice = new Dice(7);
  return Array.from({ length: count }, (_, i): Call => {
    const [atPeak, atEnd] = [dice.below(1000), dice.below(1000)];
    const within = i === 0 || dice.below(4) === 0 ? null : dice.below(i);
    return { name: `f${i}`, within, atPeak, atEnd, allocated: atPeak + atEnd, allocations: 1 };
  });
}

test('a total is what a call has itself and the totals of the calls within it', () => {
  const calls = randomCalls(200);
  const { tree } = treeOf([heap(calls)]);
  assert.equal(tree.count, 201);
  for (const measure of MEASURES) {
    for (let of = 0; of < tree.count; of++) {
      const within = [...tree.within(of)].map((inner) => tree.total(inner, measure));
      const sum = within.reduce((a, b) => a + b, tree.own(of, measure));
      assert.equal(tree.total(of, measure), sum);
    }
    const all = calls.reduce((sum, call) => sum + call[measure], 0);
    assert.equal(tree.total(0, measure), all);
  }
});

test('the calls within a call stand by their size, and a path leads to each', () => {
  const { tree, name, called } = treeOf([heap()]);
  const train = called('train.py:7 train');
  const names = tree.sorted(train, 'atPeak').map(name);
  assert.deepEqual(names, ['model.py:20 forward', 'optim.py:5 step']);
  const path = tree.path(called('optim.py:5 step')).map(name);
  assert.deepEqual(path, ['', 'main', 'train.py:7 train', 'optim.py:5 step']);
});

test('a search counts a call within another that is found once', () => {
  const { tree, name } = treeOf([heap()]);
  const found = (part: string) =>
    tree.sumOf((string) => name(tree.name.indexOf(string)).includes(part), 'atPeak');
  assert.deepEqual(found('model'), { calls: 2, sum: 6 * KIB });
  assert.deepEqual(found('data'), { calls: 1, sum: 3 * KIB });
  assert.deepEqual(found('nothing'), { calls: 0, sum: 0 });
});

test('two profiles are one tree with what changed', () => {
  const { tree, name, called } = treeOf(heaps());
  const changes = (names: string[]) => names.map((of) => tree.change(called(of), 'atPeak') / KIB);
  assert.equal(tree.count, CALLS.length + 2);
  assert.equal(tree.change(0, 'atPeak'), 0);
  const names = ['model.py:31 attention', 'data.py:3 load', 'cache.py:9 keep', 'main'];
  assert.deepEqual(changes(names), [-2, -3, 5, 0]);
  const sorted = tree.sorted(called('main'), 'atPeak').map(name);
  assert.deepEqual(sorted, ['cache.py:9 keep', 'data.py:3 load', 'train.py:7 train']);
});

test('a call of two profiles is as wide as the larger of its own figures and those within', () => {
  const { tree, name, called } = treeOf(heaps());
  const weights = CALLS.map((call) => tree.weight(called(call.name), 'atPeak') / KIB);
  assert.deepEqual(weights, [17, 9, 6, 4, 2, 3]);
  assert.equal(tree.weight(called('cache.py:9 keep'), 'atPeak'), 5 * KIB);
  const gone = Array.from({ length: tree.count }, (_, call) => call).filter((call) =>
    tree.isGone(call, 'atPeak'),
  );
  assert.deepEqual(gone.map(name), ['data.py:3 load']);
  const { tree: one } = treeOf([heap()]);
  for (let call = 0; call < one.count; call++) {
    assert.equal(one.weight(call, 'atPeak'), one.total(call, 'atPeak'));
    assert.ok(!one.isGone(call, 'atPeak'));
  }
});

test('calls of one name within the same call are one', () => {
  const twice = [CALLS[0]!, { ...CALLS[5]! }, { ...CALLS[5]! }];
  const { tree, called } = treeOf([heap(twice)]);
  assert.equal(tree.count, 3);
  assert.equal(tree.total(called('data.py:3 load'), 'atPeak'), 6 * KIB);
});

test('a profile that breaks the format is refused where it does', () => {
  const refused = (place: string, calls: Call[], spoil?: Spoil) =>
    assert.throws(
      () => documentOf([heap(calls)], spoil),
      (error) => error instanceof Malformed && error.place === place,
    );
  refused('profiles[0].parent[1]', [CALLS[0]!, { ...CALLS[1]!, within: 1 }]);
  refused('profiles[0].at_end[0]', [{ ...CALLS[0]!, atEnd: -1 }]);
  const most = { ...CALLS[0]!, allocated: 2 ** 53 - 1 };
  refused('profiles[0].allocated', [most, { ...most, name: 'other' }]);
  refused('profiles[0].map', CALLS, (header) => (header.profiles[0].map = 1));
  refused('profiles', CALLS, (header) => (header.profiles = {}));
  refused('maps[0].calls.profile', CALLS, (header) => (header.maps[0].calls = { profile: 1 }));
  const of = (of: unknown) => (header: any) => (header.maps[0].calls = { profile: 0, of });
  refused('maps[0].calls.of.count', CALLS, (header) => of(header.strings.ends)(header));
  refused('maps[0].calls.of[0]', CALLS, (header) => of(header.maps[0].tensors.name)(header));
  assert.equal(documentOf([heap()]).profiles[0]!.count, 6);
});
