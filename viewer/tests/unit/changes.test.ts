// What differs between two maps, beside an oracle that compares tensors by name one by one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changesOf, settings, figure, lifetime, movement, summary } from '../../src/changes';
import { coloursOf } from '../../src/colours';
import { read } from '../../src/document';
import { MemoryMap } from '../../src/map';
import { paired, Pairs } from '../../src/pairs';
import { find, nothingOf } from '../../src/search';
import { LIGHT } from '../../src/theme';
import * as samples from '../sample';

function maps(...all: samples.Sample[]): MemoryMap[] {
  const packed = samples.packAll(all);
  const copy = packed.buffer.slice(packed.byteOffset, packed.byteOffset + packed.byteLength);
  const found = read(copy as ArrayBuffer);
  return found.maps.map((map) => new MemoryMap(map, found.strings));
}

/** Other names, places, steps and sizes for some tensors, in another order. */
function changed(sample: samples.Sample, seed: number): samples.Sample {
  const dice = new samples.Dice(seed);
  const tensors = sample.tensors.map((tensor) => {
    const other = { ...tensor };
    if (dice.below(4) === 0) other.offset += 64 * dice.below(9);
    if (dice.below(5) === 0) other.size = Math.max(0, other.size - 16 * dice.below(9));
    if (dice.below(5) === 0 && other.upper - other.lower > 2) other.upper -= dice.below(3);
    if (dice.below(9) === 0) other.name = `${other.name}, renamed`;
    if (dice.below(9) === 0) other.name = 'one of many';
    return other;
  });
  const shuffled = tensors.map((tensor) => ({ tensor, key: dice.next() }));
  shuffled.sort((a, b) => a.key - b.key);
  return { ...sample, operators: null, tensors: shuffled.map(({ tensor }) => tensor) };
}

const occupies = ({ size, lower, upper }: samples.Tensor) => size > 0 && lower < upper;

test('changes are those of tensors with the same name, in any order', () => {
  for (let seed = 0; seed < 40; seed++) {
    const before = { ...changed(samples.random(60, seed), seed + 100), title: 'a' };
    const after = { ...changed(before, seed), title: 'b' };
    const [a, b] = maps(before, after);
    const pairs = paired(a!, b!);
    const back = paired(b!, a!);
    const named = (sample: samples.Sample, name: string) =>
      sample.tensors.flatMap((tensor, i) => (tensor.name === name ? [i] : []));
    // The oracle: a search through all tensors for each of them.
    let common = 0;
    let moved = 0;
    let ended = 0;
    let gone = 0;
    before.tensors.forEach((tensor, i) => {
      const here = named(before, tensor.name);
      const there = named(after, tensor.name);
      const other = here.length === there.length ? there[here.indexOf(i)]! : -1;
      assert.equal(pairs[i], other);
      if (other >= 0) assert.equal(back[other], i);
      const now = other < 0 ? null : after.tensors[other]!;
      if (!occupies(tensor)) return;
      if (now === null || !occupies(now)) gone += 1;
      else {
        common += 1;
        if (now.offset !== tensor.offset) moved += 1;
        if (now.upper < tensor.upper) ended += 1;
      }
    });
    const found = changesOf(a!, b!, pairs);
    const count = (holds: (change: (typeof found.all)[number]) => boolean) =>
      found.all.filter(holds).length;
    assert.equal(found.common, common);
    assert.equal(count((change) => change.moved !== 0), moved);
    assert.equal(count((change) => change.ends < 0), ended);
    assert.equal(count((change) => change.after === null), gone);
    const fresh = after.tensors.filter(occupies).length - common;
    assert.equal(count((change) => change.before === null), fresh);
    const sizes = found.all.map(({ size }) => size);
    assert.deepEqual(sizes, [...sizes].sort((one, other) => other - one));
  }
});

test('a plan beside itself has no changes', () => {
  const [a, b] = maps(samples.network(), { ...samples.network(), title: 'again' });
  const found = changesOf(a!, b!, paired(a!, b!));
  const { all, common } = found;
  assert.equal(all.length, 0);
  assert.deepEqual(summary(found), [
    `all ${common} tensors have the same offsets in both`,
  ]);
});

test('the summary says what the drawing shows', () => {
  const [a, b] = maps(...samples.pair());
  const changes = changesOf(a!, b!, paired(a!, b!));
  assert.equal(figure('peak', a!.data.peak, b!.data.peak), 'peak 10 KiB → 8 KiB (−20 %)');
  assert.equal(figure('peak', 10000, 9999), 'peak 9.77 KiB → 9.76 KiB (less than 0.1 % less)');
  assert.deepEqual(summary(changes), [
    '4 of 5 tensors lie elsewhere',
    '1 ends earlier',
    '1 is larger',
    '2 are gone',
    '1 is new',
  ]);
  const words = changes.all.map((change) => {
    const map = change.after === null ? a! : b!;
    const name = map.name((change.after ?? change.before)!);
    return [name, movement(change), lifetime(change, 'same')];
  });
  assert.deepEqual(words, [
    ['first', 'stays', 'ends 1 earlier'],
    ['wide', 'up 1 KiB', 'same'],
    ['late', 'down 7 KiB', 'same'],
    ['last', 'up 3 KiB', 'same'],
    ['resting', 'gone', 'same'],
    ['guest', 'down 3 KiB', 'same'],
    ['half', 'gone', 'same'],
    ['extra', 'new', 'same'],
  ]);
});

test('with another order of operators, lengths of lifetimes are compared instead of steps', () => {
  const [before, after] = samples.pair();
  const [one, other] = after.operators!.slice(0, 2);
  after.operators!.splice(0, 2, { ...one!, name: other!.name }, { ...other!, name: one!.name });
  const [a, b] = maps(before, after);
  const changes = changesOf(a!, b!, paired(a!, b!));
  assert.equal(changes.order, 'other');
  assert.deepEqual(summary(changes).slice(1, 3), [
    'operators run in another order',
    '1 lives for fewer steps',
  ]);
  assert.equal(lifetime(changes.all[0]!, 'other'), '1 shorter');
});

test('the order of a plan is that which its file states', () => {
  const [before, after] = samples.pair();
  const names = before.operators!.map(({ name }) => name);
  const orderOf = (operators: string[] | undefined, other = after) => {
    const stated = { order: 'file', aliasing: 'off', ...(operators && { operators }) };
    const [a, b] = maps({ ...before, operators: null, execution: stated }, other);
    return changesOf(a!, b!, paired(a!, b!));
  };
  assert.equal(orderOf(names).order, 'same');
  assert.equal(orderOf([...names].reverse()).order, 'other');
  assert.equal(orderOf(names.slice(1)).order, 'other');
  const unknown = orderOf(undefined);
  assert.equal(unknown.order, 'unknown');
  assert.deepEqual(summary(unknown).slice(1, 3), [
    'the order of one plan is not known',
    '1 lives for fewer steps',
  ]);
  // Where all tensors are alive at the same steps, nothing is left to be known.
  assert.equal(orderOf(undefined, { ...before, title: 'again' }).order, 'same');
  // Of lifetimes and recordings, which have no operators, steps are those of the input.
  const [a, b] = maps({ ...before, operators: null }, { ...after, operators: null });
  assert.equal(changesOf(a!, b!, paired(a!, b!)).order, 'same');
});

/** A result that lies apart in the first plan and over its operand in the second one. */
function inPlace(): [samples.Sample, samples.Sample] {
  const conv = { name: 'conv', lower: 0, upper: 2, offset: 0, size: 64 };
  const clip = { name: 'clip', lower: 1, upper: 3, offset: 64, size: 64 };
  const operators = [
    { name: 'a', type: 'Conv', reads: [], writes: [0] },
    { name: 'b', type: 'Clip', reads: [0], writes: [1] },
    { name: 'c', type: 'Relu', reads: [1], writes: [] },
  ];
  const common = { ...samples.empty(), endStep: 3, operators };
  const names = operators.map(({ name }) => name);
  const [off, on] = ['off', 'in-place'].map((aliasing) => ({ order: 'file', aliasing }));
  const execution = { ...off!, operators: names };
  const over = { ...clip, offset: 0, within: 0 };
  return [
    { ...common, title: 'apart', operators: null, execution, tensors: [conv, clip] },
    { ...common, title: 'over', execution: on!, tensors: [{ ...conv, upper: 3 }, over] },
  ];
}

test('a tensor that lives on for what lies within it is no loss', () => {
  const [a, b] = maps(...inPlace());
  const changes = changesOf(a!, b!, paired(a!, b!));
  assert.deepEqual(summary(changes), [
    '1 of 2 tensors lies elsewhere',
    '1 lives longer for what lies within it',
  ]);
  assert.equal(lifetime(changes.all[0]!, changes.order), '1 longer');
  assert.deepEqual(settings(a!, b!), ['aliasing off → in-place']);
  assert.deepEqual(settings(a!, a!), []);
});

test('plans that run alike differ in the search that found them', () => {
  const [before, after] = inPlace();
  const strategies = ['linear-scan', 'greedy-area'];
  const [a, b] = maps(
    { ...before!, strategy: strategies[0]! },
    { ...before!, strategy: strategies[1]! },
  );
  assert.deepEqual(settings(a!, b!), ['strategy linear-scan → greedy-area']);
  const [c] = maps({ ...after!, strategy: strategies[1]! });
  assert.deepEqual(settings(a!, c!), ['aliasing off → in-place']);
});

test('a map without operators has the types of what writes its own tensors', () => {
  const pairs = new Pairs(maps(...inPlace()));
  const { pixels, legend } = coloursOf(pairs, 'type', LIGHT);
  assert.deepEqual(legend.map(({ text }) => text).sort(), ['Clip', 'Conv']);
  const [apart, over] = pixels;
  assert.notEqual(apart![1], apart![0]);
  assert.deepEqual([...over!], [apart![0], apart![0]]);
});

test('the legend of sizes has sizes of tensors', () => {
  const pairs = new Pairs(maps(...samples.pair()));
  const { legend } = coloursOf(pairs, 'size', LIGHT);
  assert.deepEqual(legend.map(({ text }) => text), ['1 KiB', '1.5 KiB', '3 KiB', '4 KiB']);
  const two = { ...samples.pair()[0], tensors: samples.pair()[0].tensors.slice(0, 1) };
  const one = coloursOf(new Pairs(maps({ ...two, operators: null })), 'size', LIGHT);
  assert.deepEqual(one.legend.map(({ text }) => text), ['4 KiB']);
});

test('a search that finds nothing says where operators are, if the page has none', () => {
  const [apart, over] = inPlace();
  assert.match(nothingOf('plan', maps(apart)), /^Nothing.*no types of operators.* --model MODEL/);
  const unnamed = { ...apart, execution: { order: 'file', aliasing: 'off' } };
  assert.match(nothingOf('plan', maps(unnamed)), /^No tensor.*no operators.* --model MODEL/);
  assert.equal(nothingOf('compare', maps(apart, over)), 'Nothing has this name.');
  const recorded = maps(...samples.recording());
  assert.equal(nothingOf('plan', recorded), 'No tensor has this name.');
  assert.match(nothingOf('check', recorded), /no operators/);
});

test('a figure says by how much of itself it changed', () => {
  assert.equal(figure('peak', 1024, 1024), 'peak 1 KiB in both');
  assert.equal(figure('peak', 0, 2048), 'peak 0 B → 2 KiB');
  assert.equal(figure('load', 1000, 1042), 'load 1,000 B → 1.02 KiB (+4.2 %)');
});

test('a type has one colour in all maps', () => {
  const all = maps(...samples.pair());
  const pairs = new Pairs(all);
  const { pixels } = coloursOf(pairs, 'type', LIGHT);
  for (const name of ['first', 'wide', 'last', 'late', 'guest']) {
    const tensor = samples.pair()[0].tensors.findIndex((of) => of.name === name);
    assert.equal(pixels[0]![tensor], pixels[1]![pairs.other(0, tensor, 1)!], name);
  }
  const { legend } = coloursOf(pairs, 'size', LIGHT);
  assert.equal(legend.at(-1)!.text, '4 KiB');
});

test('a map without operators has the colours of the map that has some', () => {
  const [before, after] = samples.pair();
  const pairs = new Pairs(maps(before, { ...after, operators: null }));
  const { pixels } = coloursOf(pairs, 'type', LIGHT);
  const first = before.tensors.findIndex(({ name }) => name === 'first');
  assert.equal(pixels[1]![pairs.other(0, first, 1)!], pixels[0]![first]);
  assert.notEqual(pixels[1]![pairs.other(0, first, 1)!], pixels[1]![5]);
});

test('a search finds what is in several maps once, and what is in the second alone there', () => {
  const pairs = new Pairs(maps(...samples.pair()));
  const places = (query: string) => find(pairs, query).best.map(({ kind, map }) => [kind, map]);
  assert.deepEqual(places('first'), [['tensor', 0]]);
  assert.deepEqual(places('extra'), [['tensor', 1]]);
  assert.deepEqual(places('operator_3'), [['operator', 0]]);
});
