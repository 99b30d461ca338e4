// Call stacks as a reader uses them: flame graph, path, search, card, and the tree by keyboard.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CALLS, heap, heaps, hostileHeap } from '../heap.ts';
import { HOSTILE_NAMES, packAll, small, type Sample } from '../sample.ts';
import { blank, distance, open, type Opened, write } from './browser.ts';
import { decode, type Colour } from './png.ts';

async function openStacks(samples: Sample[] = [heap()], options = {}): Promise<Opened> {
  const opened = await blank({ viewport: { width: 1200, height: 800 }, ...options });
  await opened.go(write(packAll(samples)));
  await opened.page.getByRole('tab', { name: 'Call stacks' }).click();
  await opened.settle();
  return opened;
}

/** The frames with their widths, as shares of the widest one. */
async function frames(opened: Opened): Promise<Record<string, number>> {
  const all = await opened.page.locator('#flame .frame').evaluateAll((list) =>
    list.map((frame) => [frame.textContent!, frame.getBoundingClientRect().width] as const),
  );
  const widest = Math.max(...all.map(([, width]) => width));
  return Object.fromEntries(all.map(([name, width]) => [name, Math.round((100 * width) / widest)]));
}

const frame = (opened: Opened, name: string) =>
  opened.page.locator('#flame .frame').filter({ hasText: name });

/** The names of the rows, the levels they have, and whether they are open. */
const rows = (opened: Opened) =>
  opened.page.locator('#calls tbody tr').evaluateAll((list) =>
    list.map((row) => {
      const name = row.querySelector('.name')!.textContent;
      return `${row.ariaLevel} ${name} ${row.ariaExpanded ?? '-'}`;
    }),
  );

test('a page without stacks has no tab for them', async () => {
  const opened = await open(small());
  assert.equal(await opened.page.locator('#tabs').isVisible(), false);
  await opened.close();
});

test('frames are as wide as what is alive at the fullest step, or as is chosen', async () => {
  const opened = await openStacks();
  assert.deepEqual(await frames(opened), {
    all: 100,
    main: 100,
    'train.py:7 train': 75,
    'data.py:3 load': 25,
    'model.py:20 forward': 50,
    'optim.py:5 step': 17,
    'model.py:31 attention': 33,
  });
  await opened.page.getByLabel('Width').selectOption('allocations');
  const counted = await frames(opened);
  assert.equal(counted['model.py:31 attention'], Math.round(900 / 13));
  await opened.page.getByLabel('Width').selectOption('atEnd');
  assert.deepEqual(Object.keys(await frames(opened)), ['all', 'main', 'train.py:7 train']);
  const help = await opened.text('#stack-help');
  assert.match(help, /Escape.*zoom out.*colours only tell calls apart/s);
  assert.equal(await opened.page.locator('#map').isVisible(), false);
  await opened.page.getByRole('tab', { name: 'Memory map' }).click();
  assert.equal(await opened.page.locator('#map').isVisible(), true);
  assert.equal(await opened.page.locator('#flame').isVisible(), false);
  await opened.close();
});

test('a click zooms into a call, and the path leads back', async () => {
  const opened = await openStacks();
  await frame(opened, 'forward').click();
  const zoomed = await frames(opened);
  assert.equal(zoomed['model.py:20 forward'], 100);
  assert.equal(zoomed['model.py:31 attention'], 67);
  assert.equal('data.py:3 load' in zoomed, false);
  const crumbs = opened.page.locator('#crumbs li');
  assert.deepEqual(await crumbs.allInnerTexts(), [
    'all', 'main', 'train.py:7 train', 'model.py:20 forward',
  ]);
  await crumbs.filter({ hasText: 'train' }).getByRole('button').click();
  assert.equal((await frames(opened))['optim.py:5 step'], 22);
  await opened.press('Escape');
  assert.equal((await frames(opened))['data.py:3 load'], 25);
  await opened.close();
});

test('the card has the whole name, the bytes, the share and what a call has itself', async () => {
  const opened = await openStacks();
  await frame(opened, 'train').hover();
  const card = await opened.text('#call-card');
  assert.match(card, /train\.py:7 train/);
  assert.match(card, /9 KiB \(9,216 bytes\)\s+share\s+75\.0 % of all\s+self\s+1,024 bytes/);
  await opened.page.mouse.move(5, 5);
  assert.equal(await opened.page.locator('#call-card').isVisible(), false);
  await opened.close();
});

test('a search marks calls and says their share', async () => {
  const opened = await openStacks();
  await opened.press('/');
  await opened.page.keyboard.type('MODEL');
  assert.equal(await opened.text('#call-found'), '2 calls: 6 KiB, 50.0 %');
  const marked = await opened.page.locator('.frame.found').allInnerTexts();
  assert.deepEqual(marked, ['model.py:20 forward', 'model.py:31 attention']);
  await frame(opened, 'forward').click();
  assert.equal(await opened.page.locator('.frame.found').count(), 2, 'also where it is zoomed');
  await opened.page.locator('#call-search').fill('');
  assert.equal(await opened.page.locator('.frame.found, .frame.dim').count(), 0);
  await opened.close();
});

test('the tree opens, moves and zooms by keys', async () => {
  const opened = await openStacks();
  assert.deepEqual(await rows(opened), ['1 main false']);
  await opened.page.locator('#calls tr[tabindex="0"]').focus();
  await opened.press('ArrowRight', 'ArrowDown', 'ArrowRight');
  assert.deepEqual(await rows(opened), [
    '1 main true',
    '2 train.py:7 train true',
    '3 model.py:20 forward false',
    '3 optim.py:5 step -',
    '2 data.py:3 load -',
  ]);
  const cells = await opened.page.locator('#calls tbody tr').nth(1).locator('td').allInnerTexts();
  assert.deepEqual(cells, ['9 KiB', '75.0 %', '1 KiB', '12']);
  await opened.press('ArrowRight', 'Enter');
  assert.equal((await frames(opened))['model.py:20 forward'], 100);
  await opened.press('ArrowLeft', 'ArrowLeft');
  assert.deepEqual(await rows(opened), [
    '1 main true', '2 train.py:7 train false', '2 data.py:3 load -',
  ]);
  await opened.press('End');
  const focused = await opened.page.evaluate(() => document.activeElement!.textContent);
  assert.match(focused!, /data\.py:3 load/);
  await opened.close();
});

test('two inputs are compared: what grew, what shrank, and what is gone', async () => {
  const opened = await openStacks(heaps());
  // Of 17 KiB: attention had 4, load 3, and keep has 5.
  assert.deepEqual(await frames(opened), {
    all: 100,
    main: 100,
    'train.py:7 train': 53,
    'cache.py:9 keep': 29,
    'data.py:3 load −3 KiB': 18,
    'model.py:20 forward': 35,
    'optim.py:5 step': 12,
    'model.py:31 attention': 24,
  });
  assert.deepEqual(await opened.page.locator('.frame.gone').allInnerTexts(), [
    'data.py:3 load −3 KiB',
  ]);
  assert.match(await opened.text('#stack-help'), /larger of before and after.*hatched: gone/);
  const colour = async (name: string): Promise<Colour> =>
    decode(await frame(opened, name).screenshot({ scale: 'css' })).at(3, 10);
  const [red, , blueOfRed] = await colour('cache');
  const [redOfBlue, , blue] = await colour('attention');
  assert.ok(red - blueOfRed > 40 && blue - redOfBlue > 40);
  const picture = decode(await frame(opened, 'load').screenshot({ scale: 'css' }));
  const hatching = new Set(Array.from({ length: 20 }, (_, x) => String(picture.at(x + 100, 4))));
  assert.ok(hatching.size > 1, 'what is gone is hatched');
  await frame(opened, 'load').hover();
  assert.match(await opened.text('#call-card'), /total\s+0 B.*before\s+3,072 bytes/s);
  await frame(opened, 'load').click();
  assert.equal((await frames(opened))['data.py:3 load −3 KiB'], 100, 'it can be zoomed');
  await opened.press('Escape');
  await opened.page.locator('#calls tr[tabindex="0"]').focus();
  await opened.press('ArrowRight');
  const table = await opened.rows('#calls');
  assert.deepEqual(table.map((row) => row.slice(1)), [
    ['12 KiB', '12 KiB', '0'],
    ['0 B', '5 KiB', '+5 KiB'],
    ['3 KiB', '0 B', '−3 KiB'],
    ['9 KiB', '7 KiB', '−2 KiB'],
  ]);
  await opened.page.getByLabel('of', { exact: true }).selectOption({ label: 'before' });
  assert.equal((await frames(opened))['data.py:3 load'], 25);
  await opened.close();
});

test('names are text, whatever they say, and deep stacks scroll', async () => {
  const opened = await openStacks([hostileHeap()]);
  assert.equal(await opened.page.locator('#stacks img, #stacks script').count(), 0);
  const names = await opened.page.locator('#calls tbody .name').allTextContents();
  assert.equal(names.length, HOSTILE_NAMES.length + 1);
  assert.ok(names.every((name) => [...name].length < 400), 'long names are cut');
  await frame(opened, 'long ').hover();
  const card = await opened.page.locator('#call-card h2').textContent();
  assert.equal(card!.length, 10_000);
  const heights = await opened.page.locator('#flame').evaluate((flame) => {
    return [flame.scrollHeight, flame.clientHeight];
  });
  assert.ok(heights[0]! >= 6000 && heights[1]! < 600, `${heights}`);
  await opened.close();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`names can be read on frames, ${colorScheme}`, async () => {
    const opened = await openStacks([heap()], { colorScheme });
    const picture = decode(await frame(opened, 'train').screenshot({ scale: 'css' }));
    const ground = picture.at(2, 2);
    let most = 0;
    for (let x = 4; x < 100; x++) {
      for (let y = 3; y < 16; y++) most = Math.max(most, distance(ground, picture.at(x, y)));
    }
    assert.ok(most > 150, `${most}`);
    await opened.close();
  });
}

test('End goes to the last call, where more than are listed follow', async () => {
  const many = Array.from({ length: 3000 }, (_, i) => {
    return { ...CALLS[1]!, name: `call ${i}`, within: 0, atPeak: 9000 - i };
  });
  const opened = await openStacks([heap([CALLS[0]!, ...many])]);
  await opened.page.locator('#calls tr[tabindex="0"]').focus();
  await opened.press('ArrowRight', 'End');
  const last = opened.page.locator('#calls tbody tr').last();
  assert.match(await last.innerText(), /more/);
  const focused = await opened.page.evaluate(() => document.activeElement!.textContent);
  assert.match(focused!, /^call \d+/);
  await opened.close();
});
