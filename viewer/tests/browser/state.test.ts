// How the page is shown: colours, light and dark, the keyboard alone, print, and what a screen
// reader says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { network, random, small } from '../sample.ts';
import { distance, open, until, type Opened } from './browser.ts';

const KIB = 1024;

const focused = (opened: Opened) =>
  opened.page.evaluate(() => {
    const { id, tagName } = document.activeElement!;
    return id || tagName;
  });

async function colourAt(opened: Opened, step: number, byte: number) {
  const map = (await opened.page.locator('#map').boundingBox())!;
  const { x, y } = await opened.at(step, byte);
  return (await opened.picture()).at(x - map.x, y - map.y);
}

test('boxes are coloured by operator type, size, lifetime and at the fullest step', async () => {
  const opened = await open(small());
  const select = opened.page.locator('#colour');
  const values = await select.locator('option').evaluateAll((options) =>
    options.map((option) => (option as HTMLOptionElement).value),
  );
  assert.deepEqual(values, ['type', 'size', 'age', 'peak']);
  const seen = new Set<string>();
  for (const value of values) {
    await select.selectOption(value);
    await opened.settle();
    // Places that no label, line or hatching covers.
    const first = await colourAt(opened, 3.9, 0.1 * KIB);
    const last = await colourAt(opened, 9.9, 0.1 * KIB);
    const late = await colourAt(opened, 5.9, 7.3 * KIB);
    assert.ok(distance(first, last) > 15, `${value}: ${first} and ${last}`);
    if (value === 'peak') {
      // Step 3 is the fullest: `first` and `late` are alive there, `last` is not.
      assert.ok(distance(first, late) < distance(first, last), `${first} ${late} ${last}`);
    }
    seen.add([first, last, late].join());
  }
  assert.equal(seen.size, values.length, 'no two ways look alike');
  await opened.close();
});

test('dark by the key d, by choice and by the system', async () => {
  const opened = await open(small());
  const { page } = opened;
  const ground = async () => {
    const shade = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    return (shade.match(/\d+/g) ?? []).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
  };
  const free = async () => (await colourAt(opened, 9, 8.2 * KIB)).reduce((a, b) => a + b, 0);
  assert.ok((await ground()) > 600 && (await free()) > 600);
  await page.locator('#map').focus();
  await opened.press('d');
  assert.ok((await ground()) < 200 && (await free()) < 200, 'the key makes page and map dark');
  assert.equal(await page.locator('#theme').inputValue(), 'dark');
  await page.locator('#theme').selectOption('light');
  await opened.settle();
  assert.ok((await ground()) > 600 && (await free()) > 600, 'the choice makes both light');
  await page.emulateMedia({ colorScheme: 'dark' });
  await opened.settle();
  assert.ok((await ground()) > 600, 'what is chosen stays');
  await page.locator('#theme').selectOption('system');
  await opened.settle();
  assert.ok((await ground()) < 200 && (await free()) < 200, 'the system is dark meanwhile');
  await page.emulateMedia({ colorScheme: 'light' });
  await until('the page follows the system', async () => (await ground()) > 600);
  await opened.close();
  const dark = await open(small(), { colorScheme: 'dark' });
  const shade = await dark.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const sum = (shade.match(/\d+/g) ?? []).slice(0, 3).reduce((all, part) => all + Number(part), 0);
  assert.ok(sum < 200, 'dark where the system is dark');
  await dark.close();
});

test('everything is reached by the keyboard alone', async () => {
  const opened = await open(network(), {}, '#cursor=5');
  const { page } = opened;
  const reached = new Set<string>();
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab');
    reached.add(await focused(opened));
  }
  for (const id of ['search', 'colour', 'fit', 'theme', 'map']) {
    assert.ok(reached.has(id), `${id} is not among ${[...reached]}`);
  }
  await page.locator('#map').focus();
  const whole = await opened.window();
  await opened.press('+', '+', '+');
  const near = await opened.window();
  assert.ok(near.upper - near.lower < whole.upper - whole.lower, '+ zooms in');
  await opened.press('ArrowRight');
  const right = await opened.window();
  assert.ok(right.lower > near.lower, 'the right arrow shows what is to the right');
  await opened.press('ArrowLeft');
  assert.ok((await opened.window()).lower < right.lower);
  await opened.press('ArrowUp');
  const up = await opened.window();
  assert.ok(up.bottom > right.bottom, 'the upper arrow shows what is above');
  await opened.press('ArrowDown');
  assert.ok((await opened.window()).bottom < up.bottom);
  await opened.press('-');
  const far = await opened.window();
  assert.ok(far.upper - far.lower > near.upper - near.lower, '- zooms out');
  await opened.press('0');
  assert.deepEqual(await opened.window(), whole);
  // Keys that are typed into the search are text.
  await opened.press('/');
  await page.keyboard.type('d0p+[');
  assert.equal(await page.locator('#search').inputValue(), 'd0p+[');
  assert.deepEqual(await opened.window(), whole);
  await opened.press('Escape');
  await opened.close();
});

test('Enter pins the tensor that the keyboard has found', async () => {
  const opened = await open(small());
  await opened.page.locator('#search').focus();
  await opened.page.keyboard.type('late');
  await opened.settle();
  await opened.press('Enter');
  assert.ok(await opened.page.locator('#card').isVisible());
  assert.ok((await opened.text('#card')).includes('late'));
  await opened.press('Escape');
  assert.ok(await opened.page.locator('#card').isHidden());
  await opened.close();
});

test('what is printed has the map, the tables and all notes, and no tools', async () => {
  const sample = network();
  sample.notes = Array.from({ length: 12 }, (_, i) => `${i + 1} operators are left out`);
  const opened = await open(sample, {}, '#cursor=5');
  const { page } = opened;
  await page.emulateMedia({ media: 'print' });
  await opened.settle();
  assert.ok(await page.locator('#map').isVisible());
  assert.ok(await page.locator('#peak').isVisible());
  assert.ok(await page.locator('#facts').isVisible());
  assert.ok(await page.locator('#search').isHidden());
  assert.ok(await page.locator('#theme').isHidden());
  // Notes that scroll on a screen are all there on paper.
  const cut = await page.locator('.notes').evaluateAll((lists) =>
    lists.filter((list) => list.scrollHeight > list.clientHeight + 1).length,
  );
  assert.equal(cut, 0);
  const pdf = await page.pdf({ format: 'A4', landscape: true, printBackground: true });
  assert.equal(pdf.subarray(0, 5).toString(), '%PDF-');
  assert.ok(pdf.length > 10_000, `${pdf.length} bytes`);
  await opened.close();
});

test('a screen reader finds the map, the tables and the tools by name', async () => {
  const opened = await open(small(), {}, '#cursor=3');
  const { page } = opened;
  const map = page.getByRole('img');
  assert.equal(await map.count(), 1);
  const label = (await map.getAttribute('aria-label'))!;
  for (const part of [/peak is 10 KiB/, /7 tensors/, /step 3/]) assert.match(label, part);
  for (const [role, name] of [
    ['combobox', /search/i],
    ['combobox', /colour/i],
    ['button', /fit/i],
    ['combobox', /theme/i],
    ['table', /step 3/i],
    ['region', /peak/i],
  ] as const) {
    assert.ok((await page.getByRole(role, { name }).count()) >= 1, `${role} ${name}`);
  }
  for (const table of ['#alive', '#peak table']) {
    const headings = page.locator(`${table} thead th[scope=col]`);
    assert.ok((await headings.count()) >= 2, `${table} has headings of its columns`);
  }
  await opened.click(3.5, 8 * KIB);
  assert.ok((await page.getByRole('dialog').count()) === 1);
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'en');
  await opened.close();
});

test('the page fits a small window without a bar at the bottom', async () => {
  const opened = await open(random(5000), { viewport: { width: 480, height: 700 } });
  const [width, inner] = await opened.page.evaluate(() => [
    document.documentElement.scrollWidth,
    innerWidth,
  ]);
  assert.ok(width! <= inner!, `${width} of ${inner} pixels`);
  await opened.close();
});
