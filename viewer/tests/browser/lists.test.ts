// What the page lists: what is alive at the cursor, why the peak is what it is, and what a search
// finds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  aliveAt,
  load,
  loads,
  network,
  pack,
  peak,
  plain,
  small,
  type Sample,
  type Tensor,
} from '../sample.ts';
import { blank, open, type Opened, write } from './browser.ts';

/** Sizes as the page writes them, with the digits that it shows. */
function bytesOf(text: string): number {
  const found = /([\d.,  ]+)\s*(B|bytes?|KiB|MiB|GiB)/.exec(text);
  assert.ok(found, `no size in ${text}`);
  const factor = { K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[found[2]![0]!] ?? 1;
  return Number(found[1]!.replace(/[,\s ]/g, '')) * factor;
}

/** Asserts that a table lists these tensors in this order, with names and sizes. */
async function assertLists(opened: Opened, selector: string, sample: Sample, step: number) {
  const rows = await opened.rows(selector);
  const alive = aliveAt(sample, step);
  assert.ok(rows.length > 0 || alive.length === 0, `${selector} is empty at step ${step}`);
  assert.ok(rows.length === alive.length || rows.length >= 20, `${rows.length} rows`);
  for (const [i, row] of rows.entries()) {
    const [tensor, text] = [alive[i]!, row.join(' | ')];
    assert.ok(text.includes(tensor.name), `row ${i} at step ${step}: ${text}`);
    const size = row.slice(1).map((cell) => (/\d.*(B|bytes?)$/.test(cell) ? bytesOf(cell) : NaN));
    const isShown = size.some((bytes) => Math.abs(bytes - tensor.size) <= tensor.size / 100);
    assert.ok(isShown, `${tensor.name} has ${tensor.size} bytes: ${text}`);
  }
}

test('the cursor lists what is alive, by size, and the load', async () => {
  const sample = network();
  const opened = await open(sample);
  const last = sample.endStep - 1;
  for (const step of [0, 7, 100, 203, last]) {
    await opened.page.evaluate((step) => (location.hash = `cursor=${step}`), step);
    await opened.settle();
    await assertLists(opened, '#alive', sample, step);
    const caption = await opened.text('#alive caption');
    assert.ok(caption.replace(/[,\s ]/g, '').includes(String(step)), caption);
    const isClose = Math.abs(bytesOf(caption) - loads(sample)[step]!) <= loads(sample)[step]! / 100;
    assert.ok(isClose, `${loads(sample)[step]} bytes: ${caption}`);
  }
  await opened.close();
});

test('the keys [ and ] move the cursor, and p goes to the peak', async () => {
  const sample = small();
  const opened = await open(sample);
  await opened.page.locator('#map').focus();
  const caption = () => opened.text('#alive caption');
  await opened.press('p');
  assert.match(await caption(), /step 3\b/i);
  await assertLists(opened, '#alive', sample, 3);
  await opened.press(']', ']', ']');
  assert.match(await caption(), /step 6\b/i);
  await assertLists(opened, '#alive', sample, 6);
  assert.ok(!(await opened.text('#alive')).includes('resting'), 'not alive in its gap');
  await opened.press('[');
  assert.match(await caption(), /step 5\b/i);
  await assertLists(opened, '#alive', sample, 5);
  // It ends at the first and the last step.
  for (let i = 0; i < 12; i++) await opened.press(']');
  assert.match(await caption(), /step 9\b/i);
  for (let i = 0; i < 12; i++) await opened.press('[');
  assert.match(await caption(), /step 0\b/i);
  await opened.close();
});

test('a click on the map sets the cursor to the step under the pointer', async () => {
  const sample = small();
  const opened = await open(sample);
  await opened.click(8.5, 9 * 1024);
  assert.match(await opened.text('#alive caption'), /step 8\b/i);
  await assertLists(opened, '#alive', sample, 8);
  await opened.close();
});

test('the operator at the cursor is named, with what it reads and writes', async () => {
  const opened = await open(small(), {}, '#cursor=7');
  const text = await opened.text('#cursor');
  assert.match(text, /operator_7/);
  assert.match(text, /Relu/);
  assert.match(text, /wide/);
  await opened.close();
});

for (const sample of [small(), network()]) {
  test(`why this peak, of ${sample.title}: fullest step, tensors and savings`, async () => {
    const opened = await open(sample);
    const section = await opened.text('#peak');
    const fullest = loads(sample).indexOf(load(sample));
    assert.match(section, /peak/i);
    assert.match(section, new RegExp(`step ${fullest}\\b`, 'i'));
    await assertLists(opened, '#peak table:first-of-type', sample, fullest);
    const [largest] = aliveAt(sample, fullest);
    const share = (100 * largest!.size) / load(sample);
    const [row] = await opened.rows('#peak table:first-of-type');
    const shown = /([\d.]+)\s*%/.exec(row!.join(' '));
    assert.ok(shown && Math.abs(Number(shown[1]) - share) <= 0.6, `${share} %: ${row}`);
    for (const { text, saves } of sample.savings) {
      assert.ok(section.includes(text), `${text} is not in ${section}`);
      const close = [...section.matchAll(/[\d.,]+\s*(B|bytes|KiB|MiB)\b/g)].some(
        ([size]) => Math.abs(bytesOf(size) - saves) <= saves / 50,
      );
      assert.ok(close, `${saves} bytes saved: ${section}`);
    }
    assert.equal(section.split('the lower bound falls from').length - 1, sample.savings.length);
    // Above the lower bound it names the tensor that ends at the peak.
    const isTop = ({ within, offset, size }: Tensor) =>
      within === undefined && offset + size === peak(sample);
    const [top] = sample.tensors.filter(isTop).sort((a, b) => a.lower - b.lower);
    const isSaid = section.includes(`reaches its peak with ${top!.name}, at step`);
    assert.equal(isSaid, peak(sample) > load(sample), section);
    await opened.close();
  });
}

test('what nothing was tried for says nothing, and what nothing helps says so', async () => {
  const none = /No other order or aliasing that was tried lowers the lower bound/;
  const tried = await open({ ...network(), savings: [] });
  assert.match(await tried.text('#peak'), none);
  await tried.close();
  const opened = await blank();
  await opened.go(write(pack(network(), 'smallest', (header) => delete header.maps[0].savings)));
  assert.doesNotMatch(await opened.text('#peak'), /No other order|What would lower it/);
  await opened.close();
});

test('the facts state peak and bound', async () => {
  const sample = network();
  const opened = await open(sample);
  const facts = await opened.text('#facts');
  for (const value of [peak(sample), load(sample)]) {
    const close = [...facts.matchAll(/[\d.,]+\s*(B|bytes|KiB|MiB)\b/g)].some(
      ([size]) => Math.abs(bytesOf(size) - value) <= value / 100,
    );
    assert.ok(close, `${value} bytes: ${facts}`);
  }
  assert.doesNotMatch(facts, /\boptimal\b(?! is not)/i);
  await opened.close();
});

test('/ searches tensors, and Enter goes to the one that was found', async () => {
  const sample = network();
  const opened = await open(sample);
  const { page } = opened;
  const wanted = sample.tensors.findIndex(({ name }) => name === 'block_37/conv_b/output');
  const tensor = sample.tensors[wanted]!;
  await page.locator('#map').focus();
  await opened.press('/');
  assert.equal(await page.evaluate(() => document.activeElement!.id), 'search');
  await page.keyboard.type('block_37/conv_b/out');
  await opened.settle();
  const found = page.locator('#found [role=option]');
  assert.ok((await found.count()) >= 1);
  assert.ok((await found.first().innerText()).includes(tensor.name));
  await opened.press('Enter');
  assert.ok((await opened.text('#card')).includes(tensor.name));
  const { lower, upper, bottom, top } = await opened.window();
  assert.ok(lower <= tensor.lower && tensor.upper <= upper, 'its steps are visible');
  assert.ok(bottom <= tensor.offset && tensor.offset + tensor.size <= top, 'its bytes are visible');
  const [from, to] = [
    await opened.at(tensor.lower, tensor.offset),
    await opened.at(tensor.upper, tensor.offset + tensor.size),
  ];
  assert.ok(to.x - from.x > 5 && from.y - to.y > 5, 'it is large enough to be seen');
  await opened.close();
});

test('a search finds operators and moves the cursor to their step', async () => {
  const sample = network();
  const opened = await open(sample);
  const step = sample.operators!.findIndex(({ name }) => name === 'block_21/add');
  await opened.page.locator('#map').focus();
  await opened.press('/');
  await opened.page.keyboard.type('block_21/add');
  await opened.settle();
  const options = opened.page.locator('#found [role=option]');
  const texts = await options.allInnerTexts();
  const operator = texts.findIndex((text) => /operator|\bAdd\b|step/i.test(text));
  assert.ok(operator >= 0, texts.join('; '));
  for (let i = 0; i < operator; i++) await opened.press('ArrowDown');
  const active = await opened.page.locator('#search').getAttribute('aria-activedescendant');
  assert.ok(active);
  const isOne = opened.page.locator(`[id="${active}"]`);
  assert.equal(await isOne.innerText(), texts[operator]);
  await opened.press('Enter');
  assert.match(await opened.text('#alive caption'), new RegExp(`step ${step}\\b`, 'i'));
  await assertLists(opened, '#alive', sample, step);
  await opened.close();
});

for (const width of [400, 800, 1100, 1400]) {
  test(`all that a search lists is in a window of ${width} pixels`, async () => {
    const opened = await open(network(), { viewport: { width, height: 800 } });
    await opened.page.locator('#search').fill('conv');
    const list = await opened.page.locator('#found').boundingBox();
    assert.ok(list !== null && list.x >= 0 && list.x + list.width <= width, JSON.stringify(list));
    const names = opened.page.locator('#found [role=option] bdi');
    assert.ok((await names.count()) > 0);
    for (const name of await names.all()) {
      const box = await name.boundingBox();
      assert.ok(box !== null && box.width >= list.width / 3, JSON.stringify(box));
    }
    await opened.close();
  });
}

test('a search that finds nothing says so, and Escape closes it', async () => {
  const opened = await open(small());
  await opened.page.locator('#search').fill('nothing like this');
  await opened.settle();
  assert.equal(await opened.page.locator('#found [role=option]').count(), 0);
  assert.match(await opened.text('#found'), /no|nothing/i);
  await opened.press('Escape');
  assert.ok(await opened.page.locator('#found').isHidden());
  await opened.close();
});

test('long names that differ in the middle can be told apart in a list', async () => {
  const names = [3, 7, 12].map((i) => `/model/encoder/layers.${i}/attention/self/MatMul_output_0`);
  const tensors = names.map((name, i) => {
    return { name, lower: 0, upper: 4, offset: i * 1024, size: 1024 - 8 * i };
  });
  const opened = await open({ ...plain('long.onnx'), endStep: 4, tensors });
  for (const width of [1280, 390]) {
    await opened.page.setViewportSize({ width, height: 800 });
    await opened.settle();
    const seen = await opened.page.locator('#peak tbody th .folded').evaluateAll((all) =>
      all.map((name) => {
        const last = name.lastElementChild!;
        const [part, cell] = [last, name.closest('th')!].map((e) => e.getBoundingClientRect());
        return part.right <= cell.right + 1 ? last.textContent : 'cut off';
      }),
    );
    assert.deepEqual(seen.map((text) => /layers\.\d+/.exec(text!)?.[0]), [
      'layers.3',
      'layers.7',
      'layers.12',
    ], `${seen}`);
  }
  const titles = opened.page.locator('#peak tbody th');
  assert.equal(await titles.first().getAttribute('title'), names[0]);
  await opened.close();
});

test("the page of a plan's file names the operators in their order", async () => {
  const sample = small();
  const operators = sample.operators!.map(({ name }) => name);
  const execution = { order: 'file', aliasing: 'off', operators };
  const opened = await open({ ...sample, operators: null, execution }, {}, '#cursor=7');
  assert.match(await opened.text('#cursor'), /operator_7/);
  assert.match(await opened.text('#peak'), /are alive while operator_3 runs/);
  await opened.page.locator('#search').fill('operator_5');
  assert.match(await opened.text('#found'), /operator\s*operator_5\s*step 5/);
  await opened.press('Enter');
  assert.match(await opened.text('#alive caption'), /step 5\b/);
  await opened.close();
});

test('gaps are lines of the sum that the peak is', async () => {
  const tensors = [
    { name: 'low', lower: 0, upper: 2, offset: 64, size: 4096 },
    { name: 'high', lower: 0, upper: 2, offset: 8192, size: 1000 },
    { name: 'later', lower: 2, upper: 4, offset: 6000, size: 4000 },
  ];
  const opened = await open({ ...plain('gaps.csv'), endStep: 4, tensors });
  const lines = opened.page.locator('#peak .sum');
  const [terms, values] = [lines.locator('dt'), lines.locator('dd')];
  const expected = ['Tensors', 'Gap below high', 'Gap below the peak', 'Gap below low', 'Peak'];
  assert.deepEqual(await terms.allInnerTexts(), expected);
  const numbers = (await values.allInnerTexts()).map((text) => Number(text.replace(/\D/g, '')));
  assert.deepEqual(numbers, [5096, 4032, 808, 64, 10_000]);
  await opened.close();
});
