// Several maps on one page: they move together, and the page says what differs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aliveAt, packAll, pair, plain, random, type Sample } from '../sample.ts';
import { blank, distance, type Opened, until, write } from './browser.ts';
import { decode } from './png.ts';

const KIB = 1024;

async function openAll(samples: Sample[], options = {}, fragment = ''): Promise<Opened> {
  const opened = await blank({ viewport: { width: 1400, height: 850 }, ...options });
  await opened.go(write(packAll(samples)) + fragment);
  return opened;
}

/** Where a position lies on the map of that number, and its canvas. */
async function at(opened: Opened, map: number, step: number, byte: number) {
  const canvas = opened.page.locator('#panels canvas').nth(map);
  const box = (await canvas.boundingBox())!;
  const inside = await opened.page.evaluate(
    ([map, step, byte]) => {
      const view = (window as any).orionrt.views[map];
      return { x: view.x(step), y: view.y(byte) };
    },
    [map, step, byte] as const,
  );
  return { canvas, inside, x: box.x + inside.x, y: box.y + inside.y };
}

async function colourAt(opened: Opened, map: number, step: number, byte: number) {
  const { canvas, inside } = await at(opened, map, step, byte);
  const picture = decode(await canvas.screenshot({ scale: 'css' }));
  return picture.at(Math.round(inside.x), Math.round(inside.y));
}

test('both maps are drawn, each with its own boxes and on the same scale', async () => {
  const samples = pair();
  const opened = await openAll(samples);
  assert.equal(await opened.page.locator('#panels canvas').count(), 2);
  const colours = new Map<string, number[]>();
  for (const [map, sample] of samples.entries()) {
    for (const [step, byte] of [[1, 1], [9, 2.5], [5, 6.8], [7, 1.5], [3, 2.5]] as const) {
      const names = aliveAt(sample, step);
      const owner = names.find(({ offset, size }) => {
        return offset <= byte * KIB && byte * KIB < offset + size;
      });
      const colour = await colourAt(opened, map, step + 0.75, byte * KIB);
      const name = owner?.name ?? 'free';
      if (name === 'wide' && map === 0) continue; // it is hatched there
      const known = colours.get(name);
      if (known !== undefined) assert.deepEqual(colour, known, `${name} in map ${map}`);
      colours.set(name, [...colour]);
    }
  }
  assert.ok(colours.has('free') && colours.size > 3, [...colours.keys()].join());
  // As many bytes are as high in both, and steps are as wide.
  const places = await Promise.all([0, 1].map((map) => at(opened, map, 4, 4 * KIB)));
  assert.ok(Math.abs(places[0]!.inside.y - places[1]!.inside.y) < 0.01);
  assert.ok(places[1]!.x - places[0]!.x > 300, 'side by side');
  assert.ok(Math.abs(places[0]!.y - places[1]!.y) < 0.01, 'at the same height');
  await opened.close();
});

test('zoom, pan and cursor of one map are those of the other', async () => {
  const opened = await openAll(pair());
  const { page } = opened;
  const place = await at(opened, 1, 5, 4 * KIB);
  await page.mouse.move(place.x, place.y);
  await page.mouse.wheel(0, -400);
  await opened.settle();
  const windows = () =>
    page.evaluate(() => (window as any).orionrt.views.map((view: any) => ({ ...view.window })));
  const [one, other] = await windows();
  assert.deepEqual(one, other);
  assert.ok(one.upper - one.lower < 6, `${one.lower}..${one.upper}`);
  const colours = () => Promise.all([0, 1].map((map) => colourAt(opened, map, 5, 4.5 * KIB)));
  const before = await colours();
  const after = await at(opened, 1, 5.5, 6 * KIB);
  await page.mouse.click(after.x, after.y);
  await opened.settle();
  for (const [map, cursor] of (await colours()).entries()) {
    assert.ok(distance(before[map]!, cursor) > 30, `the cursor stands in map ${map}`);
  }
  assert.match(await opened.text('#alive'), /Alive at step 5/);
  await opened.close();
});

test('the card says where a tensor is in each map, and both mark it', async () => {
  const opened = await openAll(pair());
  // The operator at step 4 uses other tensors, so that it outlines others.
  const edge = await colourAt(opened, 1, 3.5, 0.02 * KIB);
  const { x, y } = await at(opened, 0, 4.6, 9.5 * KIB);
  await opened.page.mouse.click(x, y);
  await opened.settle();
  assert.match(await opened.text('#card h2'), /late/);
  assert.deepEqual(await opened.rows('#card .each'), [
    ['Size', '3 KiB', '3 KiB'],
    ['Offset', '7 KiB', '0 B'],
    ['Alive', '3–5', '3–5'],
  ]);
  assert.equal(await opened.text('#card h3'), 'In before');
  const titles = await opened.page.locator('#card .each thead th').allInnerTexts();
  assert.deepEqual(titles, ['before', 'after']);
  assert.ok(distance(edge, await colourAt(opened, 1, 3.5, 0.02 * KIB)) > 30, 'outlined there too');
  await opened.close();
});

test('the page says what moved, largest first, and a row leads to its tensor', async () => {
  const opened = await openAll(pair());
  const line = await opened.text('#summary');
  assert.match(line, /Peak 10 KiB → 8 KiB \(−20 %\)/);
  assert.match(line, /4 of 5 tensors lie elsewhere; 1 ends earlier/);
  const rows = await opened.rows('#moved');
  assert.deepEqual(rows.map(([name, size, place]) => [name, size, place]), [
    ['first', '4 KiB', 'stays'],
    ['wide', '3 KiB', 'up 1 KiB'],
    ['late', '3 KiB', 'down 7 KiB'],
    ['last', '2 KiB', 'up 3 KiB'],
    ['resting', '2 KiB', 'gone'],
    ['guest', '2 KiB', 'down 3 KiB'],
    ['half', '1.5 KiB', 'gone'],
    ['extra', '1 KiB', 'new'],
  ]);
  assert.equal(rows[0]![3], 'ends 1 earlier');
  // By the keyboard: the links are buttons in a table with titles of rows and columns.
  assert.equal(await opened.page.locator('#moved tbody th[scope=row]').count(), rows.length);
  assert.equal(await opened.page.locator('#moved thead th[scope=col]').count(), 4);
  await opened.page.locator('#moved tbody button').nth(7).focus();
  await opened.page.keyboard.press('Enter');
  await opened.settle();
  assert.match(await opened.text('#card h2'), /extra/);
  assert.deepEqual((await opened.rows('#card .each'))[0], ['Size', '–', '1 KiB']);
  await opened.close();
});

test('lists are of the map that is chosen, and the URL keeps that', async () => {
  const opened = await openAll(pair());
  const { page } = opened;
  assert.match(await opened.text('#peak'), /10 KiB/);
  await page.locator('#map-choice input').nth(1).check();
  await opened.settle();
  assert.match(await opened.text('#peak'), /Step 4 is the fullest: 3 tensors with 8 KiB/);
  const { x, y } = await at(opened, 1, 8.5, 0.5 * KIB);
  await page.mouse.click(x, y);
  for (const part of ['map=1', 'tensor=5', 'cursor=8']) {
    await until(part, async () => page.url().includes(part));
  }
  const again = await blank({ viewport: { width: 1400, height: 850 } });
  await again.go(page.url());
  assert.match(await again.text('#card h2'), /extra/);
  assert.equal(await again.text('#peak'), await opened.text('#peak'));
  assert.ok(await again.page.locator('#map-choice input').nth(1).isChecked());
  await again.close();
  const nonsense = await openAll(pair(), {}, '#map=9&tensor=2');
  assert.match(await nonsense.text('#card h2'), /last/);
  await nonsense.close();
  await opened.close();
});

test('what the second map alone has is found by the search and pinned there', async () => {
  const opened = await openAll(pair());
  await opened.page.locator('#search').fill('extra');
  assert.match(await opened.text('#found'), /extra.*in after/s);
  await opened.press('Enter');
  assert.match(await opened.text('#card h2'), /extra/);
  assert.ok(await opened.page.locator('#map-choice input').nth(1).isChecked());
  await opened.close();
});

test('an operator of the second map alone turns the lists to that map', async () => {
  const [before, after] = pair();
  const execution = { order: 'file', aliasing: 'off', operators: ['other'] };
  const opened = await openAll([{ ...before, operators: null, execution }, after]);
  await opened.page.locator('#search').fill('operator_4');
  await opened.press('Enter');
  assert.ok(await opened.page.locator('#map-choice input').nth(1).isChecked());
  assert.match(await opened.text('#operator'), /operator_4/);
  assert.match(await opened.text('#summary'), /operators run in another order/);
  await opened.close();
});

test('each map says in which order operators run, and with which aliasing', async () => {
  const [before, after] = pair();
  const one = { order: 'file', aliasing: 'off' };
  const other = { order: 'memory', aliasing: 'off', fileLoad: 9 * KIB };
  const opened = await openAll([
    { ...before, execution: one },
    { ...after, execution: other },
  ]);
  const heads = await opened.page.locator('.panel-head').allInnerTexts();
  assert.match(heads[0]!, /Order\s+file\s+Aliasing\s+off/);
  assert.match(heads[1]!, /Order\s+memory \(9 KiB in the file's order\)\s+Aliasing\s+off/);
  assert.match(await opened.text('#summary'), /\(−20 %\);.* order file → memory; 4 of 5/);
  await opened.close();
});

test('a map of a model says how much its weights take', async () => {
  const [before, after] = pair();
  const execution = { order: 'file', aliasing: 'off', weights: 5 * 2 ** 20 };
  const opened = await openAll([{ ...before, execution }, after]);
  const heads = await opened.page.locator('.panel-head').allInnerTexts();
  assert.match(heads[0]!, /5 MiB of weights, not planned/);
  assert.doesNotMatch(heads[1]!, /weights/);
  await opened.close();
});

test('maps of one title are told apart wherever they are named', async () => {
  const [before, after] = pair();
  const opened = await openAll([before, { ...after, title: 'before' }, after]);
  const expected = ['1: before', '2: before', 'after'];
  const { page } = opened;
  assert.deepEqual(await page.locator('.panel-head h2').allInnerTexts(), expected);
  assert.deepEqual(await page.locator('#map-choice label').allInnerTexts(), expected);
  assert.match(await opened.text('#summary'), /^1: before → 2: before/);
  const { x, y } = await at(opened, 0, 4.6, 9.5 * KIB);
  await page.mouse.click(x, y);
  await opened.settle();
  assert.deepEqual(await page.locator('#card .each thead th').allInnerTexts(), expected);
  await opened.close();
});

test('operators that run in another order are named with both steps', async () => {
  const [before, after] = pair();
  const operators = before.operators!.map(({ name }) => name);
  const moved = [...operators.slice(1, 8), operators[0]!, ...operators.slice(8)];
  const execution = { order: 'file', aliasing: 'off' };
  const opened = await openAll([
    { ...before, operators: null, execution: { ...execution, operators } },
    { ...after, operators: null, execution: { ...execution, order: 'memory', operators: moved } },
  ]);
  assert.match(await opened.text('#moved h3'), /^7 operators run earlier, 1 later$/);
  const items = opened.page.locator('.reordered li');
  assert.equal(await items.count(), 8);
  assert.equal(await items.first().innerText(), 'operator_0: step 0 → 7 (7 steps later)');
  assert.equal(await items.nth(1).innerText(), 'operator_1: step 1 → 0 (1 step earlier)');
  await items.first().locator('.link').nth(1).click();
  await opened.settle();
  assert.match(await opened.text('#alive caption'), /Alive at step 7/);
  await opened.close();
  const same = await openAll(pair());
  assert.equal(await same.page.locator('.reordered').count(), 0);
  await same.close();
});

test('of many operators in another order the ten that moved most are named', async () => {
  const [before, after] = pair();
  const operators = Array.from({ length: 30 }, (_, i) => `operator_${i}`);
  const execution = { order: 'file', aliasing: 'off', operators };
  const reverse = { ...execution, order: 'memory', operators: [...operators].reverse() };
  const opened = await openAll([
    { ...before, operators: null, execution },
    { ...after, operators: null, execution: reverse },
  ]);
  const texts = await opened.page.locator('.reordered li').allInnerTexts();
  assert.equal(texts.length, 10);
  assert.match(texts[0]!, /operator_0: step 0 → 29 \(29 steps later\)/);
  assert.match(await opened.text('#moved'), /and 20 more/);
  await opened.close();
});

test('one above the other in a narrow window, and dark in the dark', async () => {
  const viewport = { width: 500, height: 900 };
  const opened = await openAll(pair(), { viewport, colorScheme: 'dark' });
  const [one, other] = await Promise.all([0, 1].map((map) => at(opened, map, 4, 4 * KIB)));
  assert.ok(other!.y - one!.y > 200, `${one!.y} and ${other!.y}`);
  assert.ok(Math.abs(one!.x - other!.x) < 1);
  const wide = await opened.page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 500, `${wide} pixels`);
  for (const map of [0, 1]) {
    const free = await colourAt(opened, map, 9.8, 9.5 * KIB);
    assert.ok(free[0] + free[1] + free[2] < 200, `map ${map} is dark`);
  }
  await opened.close();
});

test('many tensors in three maps: the first is compared with the one looked at', async () => {
  const titled = (seed: number, title: string): Sample => ({ ...random(3000, seed), title });
  const opened = await openAll([titled(1, 'one'), titled(2, 'two'), titled(1, 'three')]);
  assert.equal(await opened.page.locator('#panels canvas').count(), 3);
  assert.match(await opened.text('#summary'), /one → two/);
  await opened.page.locator('#map-choice input').nth(2).check();
  await opened.settle();
  assert.match(await opened.text('#summary'), /one → three.*in both.*have the same offsets in both/);
  assert.match(await opened.text('#moved'), /Every tensor is the same in three as in one/);
  await opened.close();
});

test('maps of different devices are not compared', async () => {
  const [before, after] = pair();
  const samples = [
    { ...before!, title: 'gpu0' },
    { ...after!, title: 'gpu1', memory: 1 },
    { ...after!, title: 'gpu0 again' },
  ];
  const opened = await openAll(samples);
  const { page } = opened;
  assert.match(await opened.text('#summary'), /gpu0 → gpu0 again/);
  await page.getByRole('radio', { name: 'gpu1' }).check();
  assert.ok(await page.locator('#summary').isHidden());
  assert.ok(await page.locator('#moved').isHidden());
  // A tensor of the other device has the same name, and is not outlined.
  const edge = await colourAt(opened, 1, 3.5, 0.02 * KIB);
  const { x, y } = await at(opened, 0, 4.6, 9.5 * KIB);
  await page.mouse.click(x, y);
  await opened.settle();
  assert.match(await opened.text('#card h2'), /late/);
  const titles = await page.locator('#card .each thead th').allInnerTexts();
  assert.deepEqual(titles, ['gpu0', 'gpu0 again']);
  assert.ok(distance(edge, await colourAt(opened, 1, 3.5, 0.02 * KIB)) < 10, 'not outlined there');
  assert.match(await opened.text('#moved'), /What moved/);
  await page.getByRole('radio', { name: 'gpu1' }).check();
  assert.ok(await page.locator('#card').isHidden(), 'it is not on that device');
  await opened.close();
  const devices = await openAll(samples.slice(0, 2));
  assert.ok(await devices.page.locator('#summary').isHidden());
  assert.ok(await devices.page.locator('#moved').isHidden());
  const place = await at(devices, 0, 4.6, 9.5 * KIB);
  await devices.page.mouse.click(place.x, place.y);
  await devices.settle();
  assert.match(await devices.text('#card'), /In gpu0[^]*Size\s+3 KiB/);
  assert.equal(await devices.page.locator('#card .each').count(), 0);
  await devices.close();
});

test('a small device has a scale of its own, and its steps are those of the others', async () => {
  const tensors = (size: number) => [{ name: 'one', lower: 0, upper: 8, offset: 0, size }];
  const large = { ...plain('gpu0'), endStep: 10, tensors: tensors(1024 * KIB) };
  const less = { ...plain('gpu1'), endStep: 10, memory: 1, tensors: tensors(4 * KIB) };
  const opened = await blank({ viewport: { width: 1280, height: 800 } });
  await opened.go(write(packAll([large, less])));
  const heights = () =>
    opened.page.evaluate(() => {
      const { views } = (window as any).orionrt;
      return views.map((view: any, i: number) => {
        const bytes = i === 0 ? 1024 * 1024 : 4096;
        return [(view.y(0) - view.y(bytes)) / view.area.height, view.window.lower] as const;
      });
    });
  const before = await heights();
  for (const [share] of before) assert.ok(share > 0.9 && share < 1, `${before}`);
  await opened.page.locator('#map').focus();
  await opened.press('+', 'ArrowRight');
  const [first, second] = await heights();
  assert.ok(Math.abs(first![0] - second![0]) < 1e-9 && first![0] > 1.2, `${first}, ${second}`);
  assert.equal(first![1], second![1]);
  await opened.close();
});
