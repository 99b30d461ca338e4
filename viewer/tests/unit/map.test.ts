// A map, its boxes and their picture, compared with the plainest way to find the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Window } from '../../src/boxes';
import { aliveAt, boxesOf } from '../../src/parts';
import { ascending } from '../../src/radix';
import { coloursOf, pixel } from '../../src/colours';
import { Lists } from '../../src/columns';
import type { Document } from '../../src/data';
import { read } from '../../src/document';
import { inverse, MemoryMap } from '../../src/map';
import { Pairs } from '../../src/pairs';
import { Raster } from '../../src/raster';
import { find, fits } from '../../src/search';
import { LIGHT } from '../../src/theme';
import * as samples from '../sample';

function document(sample: samples.Sample): Document {
  const bytes = samples.pack(sample);
  return read(Uint8Array.from(bytes).buffer);
}

function map(sample: samples.Sample): MemoryMap {
  const found = document(sample);
  return new MemoryMap(found.maps[0], found.strings);
}

const network = samples.network();
const maps = {
  small: samples.small(),
  network,
  random: samples.random(3000),
  windows: samples.withWindows(2000),
};

for (const [name, sample] of Object.entries(maps)) {
  test(`${name}: loads, the peak and what is alive are as summed box by box`, () => {
    const found = map(sample);
    const loads = samples.loads(sample);
    assert.equal(found.fullest, Math.max(...loads));
    assert.equal(found.peakStep - sample.firstStep, loads.indexOf(found.fullest));
    for (let step = sample.firstStep; step < sample.endStep; step += 3) {
      assert.equal(found.loadAt(step), loads[step - sample.firstStep]);
      const names = found.aliveAt(step).map((tensor) => found.name(tensor));
      assert.equal(names.length, new Set(names).size);
      let sum = 0;
      for (const tensor of found.aliveAt(step)) {
        sum += found.bytesAt(tensor, step);
        const expected = samples.bytesAt(sample.tensors[tensor]!, step);
        assert.equal(found.bytesAt(tensor, step), expected);
      }
      assert.equal(sum, found.loadAt(step));
    }
  });

  test(`${name}: the largest load of a range of steps`, () => {
    const found = map(sample);
    const loads = samples.loads(sample);
    for (let i = 0; i < 200; i++) {
      const a = sample.firstStep + Math.floor((i / 200) * (sample.endStep - sample.firstStep));
      const b = Math.min(a + 1 + (i * 37) % 90, sample.endStep);
      const part = loads.slice(a - sample.firstStep, b - sample.firstStep);
      assert.equal(found.largestLoad(a, b), Math.max(...part), `${a}..${b}`);
      assert.equal(found.largestLoad(a + 0.25, b - 0.25), Math.max(...part), `${a}..${b}`);
    }
  });

  test(`${name}: boxes that meet a window are those that a walk over all finds`, () => {
    const { solid, insets, gaps } = boxesOf(map(sample));
    const peak = samples.peak(sample);
    for (const boxes of [solid, insets, gaps]) {
      for (let i = 0; i < 60; i++) {
        const lower = sample.firstStep + ((i * 7) % 50) / 50 * (sample.endStep - sample.firstStep);
        const window: Window = {
          lower,
          upper: lower + 0.5 + (i % 9) * 2,
          bottom: (peak * (i % 5)) / 6,
          top: (peak * ((i % 5) + 1 + (i % 3))) / 6,
        };
        const met: number[] = [];
        boxes.meeting(window, (box) => {
          met.push(box);
        });
        const walked: number[] = [];
        for (let box = 0; box < boxes.count; box++) {
          const isMet =
            boxes.lower[box] < window.upper &&
            boxes.upper[box] > window.lower &&
            boxes.bottom[box] < window.top &&
            boxes.top[box] > window.bottom;
          if (isMet) walked.push(box);
        }
        assert.deepEqual(met, walked);
      }
    }
  });
}

for (const [name, sample] of Object.entries(maps)) {
  test(`${name}: what is alive at a step is found through the boxes`, () => {
    const found = map(sample);
    const boxes = boxesOf(found);
    for (let step = sample.firstStep - 1; step <= sample.endStep; step += 1) {
      assert.deepEqual(aliveAt(found, boxes, step), found.aliveAt(step));
    }
  });

  test(`${name}: the nearest before and after are those that a walk over all finds`, () => {
    const found = map(sample);
    const { lower, upper, offset, size, count } = found.tensors;
    const { solid } = boxesOf(found);
    for (let tensor = 0; tensor < count; tensor += 1 + Math.floor(count / 200)) {
      const [bottom, top] = [offset[tensor]!, offset[tensor]! + size[tensor]!];
      const window = { lower: lower[tensor]!, upper: upper[tensor]!, bottom, top };
      for (const side of ['before', 'after'] as const) {
        const away = (box: number) =>
          side === 'before' ? window.lower - solid.upper[box]! : solid.lower[box]! - window.upper;
        const all = new Map<number, number>();
        for (let box = 0; box < solid.count; box++) {
          if (away(box) < 0 || solid.tensor[box] === tensor) continue;
          if (solid.top[box]! <= bottom || solid.bottom[box]! >= top) continue;
          const other = solid.tensor[box]!;
          all.set(other, Math.min(all.get(other) ?? Infinity, away(box)));
        }
        const met = solid.nearest(side, window, 3, tensor);
        const near = [...all.values()].sort((a, b) => a - b).slice(0, 3);
        assert.deepEqual(met.map(away), near);
        assert.equal(new Set(met.map((box) => solid.tensor[box])).size, met.length);
        for (const box of met) assert.equal(all.get(solid.tensor[box]!), away(box));
      }
    }
  });
}

test('a box is found at its middle, and near it within reach', () => {
  const { solid } = boxesOf(map(network));
  for (let box = 0; box < solid.count; box++) {
    const step = (solid.lower[box] + solid.upper[box]) / 2;
    const byte = (solid.bottom[box] + solid.top[box]) / 2;
    assert.equal(solid.at(step, byte, 0.1, 1), box);
  }
  assert.equal(solid.at(-50, 0, 1, 1), null);
});

for (const [name, sample] of Object.entries(maps)) {
  test(`${name}: boxes that are left unordered say the same`, () => {
    const found = map(sample);
    const { firstStep, endStep, peak } = found.data;
    const [ordered, unordered] = [boxesOf(found), boxesOf(found, false)];
    const dice = new samples.Dice(5);
    for (let i = 0; i < 100; i++) {
      const lower = firstStep + dice.below(endStep - firstStep);
      const bottom = dice.below(peak);
      const window = { lower, upper: lower + 1 + dice.below(20), bottom, top: bottom + peak / 9 };
      for (const kind of ['solid', 'insets', 'gaps'] as const) {
        const both = [ordered[kind], unordered[kind]].map((boxes) => {
          const met: number[] = [];
          boxes.meeting(window, (box) => {
            met.push(boxes.tensor[box]);
          });
          const nearest = (side: 'before' | 'after') =>
            boxes.nearest(side, window, 3, -1).map((box) => {
              return side === 'before' ? boxes.upper[box] : boxes.lower[box];
            });
          const at = boxes.at(lower, bottom, 0.5, 1);
          return {
            met: met.sort((a, b) => a - b),
            at: at === null ? null : boxes.tensor[at],
            before: nearest('before'),
            after: nearest('after'),
          };
        });
        assert.deepEqual(both[0], both[1]);
      }
      assert.deepEqual(aliveAt(found, unordered, lower), found.aliveAt(lower));
    }
    const pictures = [ordered, unordered].map((boxes) => {
      const raster = new Raster(boxes);
      const window = { lower: firstStep, upper: endStep, bottom: 0, top: peak };
      const colours = new Uint32Array(found.tensors.count).fill(pixel('#123456'));
      raster.start({ window, width: 200, height: 100, ratio: 1, colours, ground: 0, alignment: 1 });
      assert.ok(raster.advance(Infinity, () => 0));
      return raster.pixels;
    });
    assert.deepEqual(pictures[0], pictures[1]);
  });
}

test('what is reserved has its colour where no block lies, and nothing has one elsewhere', () => {
  const found = map(samples.recording()[0]);
  const [colours, ground] = [new Uint32Array(3).fill(pixel('#123456')), pixel('#dddddd')];
  const raster = new Raster(boxesOf(found));
  const window = { lower: 0, upper: 10, bottom: 0, top: 20 * 1024 };
  raster.start({ window, width: 100, height: 100, ratio: 1, colours, ground, alignment: 1 });
  assert.ok(raster.advance(Infinity, () => 0));
  const at = (step: number, kib: number) =>
    raster.pixels[Math.floor((1 - kib / 20) * 100) * 100 + Math.floor(step * 10)];
  assert.equal(at(1.5, 2), colours[0], 'the block `old`');
  assert.equal(at(1.5, 6), ground, 'reserved from the beginning, above `old`');
  assert.equal(at(1.5, 10), 0, 'reserved only later');
  assert.equal(at(2.5, 14), ground);
  assert.equal(at(2.5, 18), 0, 'never reserved');
  assert.deepEqual(raster.visible.solid.length, 3, 'ranges have no labels');
});

test('keys are in order, and equal ones stay as they were', () => {
  const keys = Float64Array.of(70000, 3, 2 ** 40, 3, 0, 70000);
  assert.deepEqual([...ascending(keys, Uint32Array.of(0, 1, 2, 3, 4, 5))], [4, 1, 3, 0, 5, 2]);
});

for (const most of [3, 70_000, 2 ** 40]) {
  test(`keys up to ${most} are sorted as by comparing them, and equal ones stay in order`, () => {
    const dice = new samples.Dice(most);
    const keys = Float64Array.from({ length: 2000 }, () => Math.floor(dice.next() * (most + 1)));
    const order = Uint32Array.from(keys.keys()).reverse();
    const expected = [...order].sort((a, b) => keys[a] - keys[b]);
    assert.deepEqual([...ascending(keys, order)], expected);
  });
}

test('the writer of a tensor is the first of all that write it', () => {
  const sample = samples.network();
  // A tensor that a later operator writes again, and one that none writes.
  sample.operators!.at(-1)!.writes.push(0);
  sample.operators![3]!.writes = [];
  const found = map(sample);
  for (let i = 0; i < found.tensors.count; i++) {
    assert.equal(found.writerOf(i), found.writersOf(i)[0] ?? null);
  }
});

test('an inverse has each list once', () => {
  const lists = new Lists(Uint32Array.of(3, 3, 5), Uint32Array.of(1, 1, 2, 2, 0));
  const found = inverse(lists, 3);
  assert.deepEqual([0, 1, 2].map((i) => [...found.of(i)]), [[2], [0], [0, 2]]);
});

test('writers and readers are those that the operators name', () => {
  const found = map(network);
  network.operators!.forEach(({ reads, writes }, operator) => {
    for (const tensor of reads) assert.ok(found.readersOf(tensor).includes(operator));
    for (const tensor of writes) assert.ok(found.writersOf(tensor).includes(operator));
  });
});

test('operator i runs at step i, also where the first step is another one', () => {
  const found = map({ ...network, firstStep: -2 });
  assert.equal(found.operatorAt(0), 0);
  assert.equal(found.operatorAt(-2), null);
  assert.equal(found.operatorAt(3), 3);
  assert.equal(found.operatorAt(network.operators!.length), null);
});

test('a picture has a colour where the middle of a box is, in slices as at once', () => {
  const found = map(samples.small());
  const boxes = boxesOf(found);
  const { firstStep, endStep, peak } = found.data;
  const [width, height] = [400, 300];
  const { pixels: [colours] } = coloursOf(new Pairs([found]), 'type', LIGHT);
  const window = { lower: firstStep, upper: endStep, bottom: 0, top: peak };
  const raster = new Raster(boxes);
  raster.start({ window, width, height, ratio: 1, colours, ground: 0, alignment: 1 });
  let now = 0;
  let slices = 1;
  while (!raster.advance(0, () => now++)) slices += 1;
  assert.ok(slices > 1);
  const sliced = raster.pixels.slice();
  const { solid } = boxes;
  for (let i = 0; i < solid.count; i++) {
    const step = (solid.lower[i] + solid.upper[i]) / 2;
    const byte = (solid.bottom[i] + solid.top[i]) / 2;
    const x = Math.floor(((step - firstStep) / (endStep - firstStep)) * width);
    const y = Math.floor((1 - byte / peak) * height);
    assert.equal(sliced[y * width + x], colours[solid.tensor[i]]);
  }
  raster.start({ window, width, height, ratio: 1, colours, ground: 0, alignment: 1 });
  assert.ok(raster.advance(Infinity, () => 0));
  assert.deepEqual(raster.pixels, sliced);
});

test('padding is what lies between a tensor and the next multiple, below the peak', () => {
  const found = map(samples.padded());
  const padding = Array.from({ length: 4 }, (_, i) => [found.name(i), found.padding(i)]);
  assert.deepEqual(padding, [['low', 768], ['full', 0], ['next', 512], ['top', 0]]);
  assert.ok(found.hasPadding);
  assert.ok(!map({ ...samples.padded(), leastAlignment: 1 }).hasPadding);
  // A view of something has none of its own.
  const viewed = samples.padded();
  viewed.tensors.push({ name: 'view', lower: 0, upper: 4, offset: 0, size: 100, within: 0 });
  assert.equal(map(viewed).padding(4), 0);
});

test('boxes with padding that can be seen are handed on, also where they lie below', () => {
  const found = map(samples.padded());
  const boxes = boxesOf(found);
  const colours = new Uint32Array(4).fill(pixel('#123456'));
  const raster = new Raster(boxes);
  const names = (window: Window, height: number, alignment: number) => {
    raster.start({ window, width: 300, height, ratio: 1, colours, alignment, ground: 0 });
    raster.advance(Infinity, () => 0);
    const { padded } = raster.visible;
    return padded.map((box) => found.name(boxes.solid.tensor[box])).sort();
  };
  const all = { lower: 0, upper: 6, bottom: 0, top: 2400 };
  assert.deepEqual(names(all, 200, 1024), ['low', 'next', 'top']);
  assert.deepEqual(names(all, 200, 1), []);
  // All of it is a pixel high.
  assert.deepEqual(names(all, 3, 1024), []);
  const above = { ...all, bottom: 600, top: 1000 };
  assert.deepEqual(names(above, 200, 1024), ['low', 'next']);
  assert.ok(raster.pixels.every((value) => value === 0), 'no box is drawn where it is not');
});

test('with more types than fills, those of the tensors at the peak have one each', () => {
  const sample = samples.random(3000);
  // Fifty types, of which three write a little at the peak, and all others much at other steps.
  const found = map(sample);
  const { peakStep, tensors } = found;
  const few = found.aliveAt(peakStep).slice(-3);
  sample.operators!.forEach((operator, i) => (operator.type = `type_${i % 50}`));
  for (const operator of sample.operators!) {
    operator.writes = operator.writes.filter((tensor) => !found.isAlive(tensor, peakStep));
  }
  few.forEach((tensor, i) => {
    const step = tensors.lower[tensor]!;
    sample.operators![step]!.type = `rare_${i}`;
    sample.operators![step]!.writes = [tensor];
  });
  const rare = map(sample);
  const { pixels: [pixels], legend } = coloursOf(new Pairs([rare]), 'type', LIGHT);
  const grey = pixel(LIGHT.kinds.at(-1)!);
  assert.equal(legend.length, LIGHT.kinds.length);
  for (const tensor of rare.aliveAt(peakStep)) assert.notEqual(pixels[tensor], grey);
  const types = new Set(few.map((tensor) => rare.operatorType(rare.writerOf(tensor)!)));
  for (const type of types) assert.ok(legend.some(({ text }) => text === type), type);
});

test('a box smaller than a pixel has one pixel, also at the edges', () => {
  const found = map(samples.random(3000));
  const boxes = boxesOf(found);
  const { firstStep, endStep, peak } = found.data;
  const colours = new Uint32Array(found.tensors.count).fill(pixel('#123456'));
  const raster = new Raster(boxes);
  const window = { lower: firstStep, upper: endStep, bottom: 0, top: peak };
  for (const [width, height] of [[1, 1], [3, 2], [50, 40]]) {
    raster.start({ window, width, height, ratio: 1, colours, ground: 0, alignment: 1 });
    raster.advance(Infinity, () => 0);
    assert.ok(raster.pixels.every((value) => value === 0 || value === pixel('#123456')));
    assert.ok(raster.pixels.some((value) => value !== 0));
  }
});

test('a search finds names and types, and the best first', () => {
  const found = map(network);
  const pairs = new Pairs([found]);
  const { best, count } = find(pairs, 'CONV_A');
  assert.ok(count > 0 && best.length > 0);
  for (const { kind, index } of best) {
    const name = kind === 'tensor' ? found.name(index) : found.operatorName(index);
    assert.ok(name.includes('conv_a'));
  }
  assert.ok(find(pairs, 'softmax').best.some(({ kind }) => kind === 'operator'));
  assert.equal(find(pairs, 'no such name').count, 0);
  assert.equal(find(pairs, '').count, 0);
});

test('a word fits better than letters within one', () => {
  const encoder = new TextEncoder();
  const names = ['', 'conv', 'myconv', 'my/conv_1', 'cön', 'con'];
  const bytes = encoder.encode(names.join(''));
  let end = 0;
  const ends = Uint32Array.from(names, (name) => (end += encoder.encode(name).length));
  const strings = { bytes, ends } as unknown as Document['strings'];
  assert.deepEqual([...fits(strings, 'Conv')], [3, 0, 2, 1, 3, 3]);
});

/** Tensors of three alignments, each at the lowest offset that it may have in turn. */
function aligned(seed: number): samples.Sample {
  const dice = new samples.Dice(seed);
  const tensors: samples.Tensor[] = [];
  for (let i = 0; i < 40; i++) {
    const [lower, size] = [dice.below(20), 1 + dice.below(200)];
    const [upper, unit] = [lower + 1 + dice.below(8), 8 << dice.below(4)];
    const beside = tensors.filter((other) => other.lower < upper && lower < other.upper);
    const meets = (at: number) =>
      beside.some((other) => at < other.offset + other.size && other.offset < at + size);
    let offset = 0;
    while (meets(offset)) offset += unit;
    tensors.push({ name: `${i}`, lower, upper, offset, size });
  }
  return { ...samples.plain('aligned'), leastAlignment: 8, endStep: 28, tensors };
}

test('tensors, padding and gaps are all bytes below the peak, and each byte is one of them', () => {
  for (let seed = 1; seed < 12; seed++) {
    const found = map(aligned(seed));
    const { peak } = found.data;
    const { offset, size } = found.tensors;
    let padded = 0;
    for (let step = 0; step < 28; step++) {
      const held = new Uint8Array(peak);
      const take = (begin: number, end: number, what: number) => {
        assert.ok(begin >= 0 && end <= peak, `${begin}..${end} below ${peak}`);
        for (let at = begin; at < end; at++) {
          assert.equal(held[at], 0, `byte ${at} at step ${step}`);
          held[at] = what;
        }
      };
      const alive = found.aliveAt(step);
      for (const tensor of alive) {
        const end = offset[tensor] + size[tensor];
        take(offset[tensor], end, 1);
        take(end, end + found.padding(tensor), 2);
      }
      // Where a gap begins, a tensor of the least alignment could.
      for (let at = 0; at < peak; at++) {
        const begins = held[at] === 0 && (at === 0 || held[at - 1] !== 0);
        assert.ok(!begins || at % 8 === 0, `a gap from ${at} at step ${step}`);
      }
      const count = (what: number) => held.filter((byte) => byte === what).length;
      assert.equal(count(1), found.loadAt(step));
      assert.equal(count(0) + count(1) + count(2), peak);
      padded += count(2);
    }
    assert.ok(padded > 0);
  }
});
