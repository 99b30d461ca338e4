// The address of a page: it keeps what is seen, and a link shows the same to another reader.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heaps } from '../heap.ts';
import { arena, network, pack, packAll, small } from '../sample.ts';
import { blank, open, until, write, type Opened } from './browser.ts';

const hashOf = (opened: Opened) => opened.page.evaluate(() => location.hash);

/** Waits until the address says something. */
async function says(opened: Opened, ...parts: string[]): Promise<void> {
  for (const part of parts) {
    await until(`${part} in the address`, async () => (await hashOf(opened)).includes(part));
  }
}

/** Opens the address of a page in another window. */
async function shared(opened: Opened): Promise<Opened> {
  const other = await blank();
  await other.go(opened.page.url());
  return other;
}

test('the address keeps window, cursor, pinned tensor and colouring', async () => {
  const url = write(pack(network()));
  const one = await blank();
  await one.go(url);
  const { x, y } = await one.near(120, 70_000);
  await one.page.mouse.move(x, y);
  await one.page.mouse.wheel(0, -500);
  await one.settle();
  await one.page.mouse.click(x, y);
  await one.page.locator('#colour').selectOption('age');
  await one.settle();
  await one.page.locator('#map').focus();
  await one.press(']');
  // The click was on this step, and the key went on by one.
  const cursor = Math.floor((await one.under(x, y)).step) + 1;
  await says(one, 'view=', `cursor=${cursor}`, 'colour=age');
  const two = await shared(one);
  const [here, there] = [await one.window(), await two.window()];
  for (const side of ['lower', 'upper'] as const) {
    assert.ok(Math.abs(here[side] - there[side]) < 0.01, `${side}: ${here[side]}, ${there[side]}`);
  }
  for (const side of ['bottom', 'top'] as const) assert.ok(Math.abs(here[side] - there[side]) <= 1);
  assert.equal(await two.text('#alive'), await one.text('#alive'));
  assert.equal(await two.page.locator('#colour').inputValue(), 'age');
  const card = one.page.locator('#card');
  assert.equal(await two.page.locator('#card').isVisible(), await card.isVisible());
  if (await card.isVisible()) assert.equal(await two.text('#card'), await one.text('#card'));
  await one.close();
  await two.close();
});

test('a changed fragment is followed, and one of nonsense is left alone', async () => {
  const opened = await open(network());
  const { page } = opened;
  await page.evaluate(() => (location.hash = 'view=10,20,0,50000&cursor=12&colour=size'));
  await until('the view is the one of the fragment', async () => {
    const { lower, upper } = await opened.window();
    return Math.abs(lower - 10) < 0.01 && Math.abs(upper - 20) < 0.01;
  });
  assert.equal(await page.locator('#colour').inputValue(), 'size');
  await opened.close();
  for (const nonsense of [
    '#view=a,b,c,d',
    '#view=9,1,9,1',
    '#cursor=-5',
    '#cursor=1e99&tensor=99999',
    '#tensor=-1&colour=<b>',
    '#view=1e308,2e308,0,1',
    '#theme=purple&muted=nobody&tab=stacks&call=1&measure=atEnd&profile=3',
    '#%',
  ]) {
    const other = await open(small(), {}, nonsense);
    assert.ok(await other.page.locator('#error').isHidden(), nonsense);
    const { lower, upper } = await other.window();
    assert.ok(lower >= 0 && upper <= 10 && lower < upper, `${nonsense}: ${lower}..${upper}`);
    await other.close();
  }
});

test('the address keeps a theme that was chosen, and leaves the system its own', async () => {
  const one = await open(small());
  const themeOf = (opened: Opened) => opened.page.locator('html').getAttribute('data-theme');
  await one.page.locator('#theme').selectOption('dark');
  await says(one, 'theme=dark');
  const two = await shared(one);
  assert.equal(await themeOf(two), 'dark');
  assert.equal(await two.page.locator('#theme').inputValue(), 'dark');
  await one.page.locator('#theme').selectOption('system');
  await until('no theme in the address', async () => !(await hashOf(one)).includes('theme'));
  assert.equal(await themeOf(one), 'light');
  await two.page.evaluate(() => (location.hash = ''));
  await until('the theme of the system', async () => (await themeOf(two)) === 'light');
  await one.close();
  await two.close();
});

test('the address keeps the map that lists are of, and the models that are muted', async () => {
  const one = await blank();
  await one.go(write(packAll(arena())));
  const pressed = (opened: Opened) =>
    opened.page.locator('.filter').evaluateAll((buttons) => buttons.map((b) => b.ariaPressed));
  await one.page.locator('.filter', { hasText: 'eyes' }).click();
  await one.page.getByRole('radio').nth(1).check();
  await says(one, 'muted=eyes', 'map=1');
  const two = await shared(one);
  assert.deepEqual(await pressed(two), ['true', 'false']);
  assert.ok(await two.page.getByRole('radio').nth(1).isChecked());
  assert.deepEqual((await two.picture()).at(300, 300), (await one.picture()).at(300, 300));
  await one.close();
  await two.close();
});

test('the address keeps the tab, the recording, the measure and the zoomed call', async () => {
  const one = await blank();
  await one.go(write(packAll(heaps())));
  const seen = async (opened: Opened) => ({
    crumbs: await opened.page.locator('#crumbs li').allInnerTexts(),
    frames: await opened.page.locator('.frame').evaluateAll((frames) =>
      frames.map((frame) => [frame.textContent, Math.round(frame.getBoundingClientRect().width)]),
    ),
    measure: await opened.page.getByLabel('Width').inputValue(),
    isMap: await opened.page.locator('#map').isVisible(),
  });
  await one.page.getByRole('tab', { name: 'Call stacks' }).click();
  await says(one, 'tab=stacks');
  await one.page.getByLabel('of', { exact: true }).selectOption({ label: 'before' });
  await one.page.getByLabel('Width').selectOption('allocated');
  await one.page.locator('.frame', { hasText: 'forward' }).click();
  await says(one, 'profile=1', 'measure=allocated', 'call=');
  const two = await shared(one);
  const there = await seen(two);
  assert.deepEqual(there, await seen(one));
  assert.deepEqual(there.crumbs, ['all', 'main', 'train.py:7 train', 'model.py:20 forward']);
  assert.deepEqual([there.measure, there.isMap], ['allocated', false]);
  // As at the beginning, there is nothing to say.
  await one.press('Escape');
  await one.page.getByLabel('of', { exact: true }).selectOption({ index: 0 });
  await one.page.getByLabel('Width').selectOption('atPeak');
  await one.page.getByRole('tab', { name: 'Memory map' }).click();
  await until('an empty address', async () => (await hashOf(one)) === '');
  await two.page.evaluate(() => (location.hash = ''));
  await until('the map', async () => (await seen(two)).isMap);
  await one.close();
  await two.close();
});

test('the address keeps what is searched among the calls', async () => {
  const one = await blank();
  await one.go(write(packAll(heaps())));
  await one.page.getByRole('tab', { name: 'Call stacks' }).click();
  await one.page.locator('#call-search').fill('py:7 train');
  await says(one, 'tab=stacks', 'find=py%3A7+train');
  const found = await one.text('#call-found');
  assert.match(found, /1 call/);
  const two = await shared(one);
  assert.equal(await two.page.locator('#call-search').inputValue(), 'py:7 train');
  assert.equal(await two.text('#call-found'), found);
  assert.equal(await two.page.locator('.frame.found').count(), 1);
  await two.page.locator('#call-search').fill('');
  await until('it is gone', async () => !(await hashOf(two)).includes('find='));
  assert.equal(await two.page.locator('.frame.found, .frame.dim').count(), 0);
  await one.close();
  await two.close();
});
