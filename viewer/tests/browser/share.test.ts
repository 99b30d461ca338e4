// Models that share an arena: each in a colour of its own, which can be muted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arena, packAll } from '../sample.ts';
import { blank, distance, type Opened, until, write } from './browser.ts';
import { decode } from './png.ts';

const KIB = 1024;

/** The colours of the two models on the map of all of them. */
async function colours(opened: Opened) {
  const canvas = opened.page.locator('#panels canvas').nth(1);
  const picture = decode(await canvas.screenshot({ scale: 'css' }));
  const places = await opened.page.evaluate(
    (byte) => {
      const view = (window as any).orionrt.views[1];
      return [1.7, 6.7].map((step) => [view.x(step), view.y(byte)].map(Math.round));
    },
    0.4 * KIB,
  );
  const [ears, eyes] = places.map(([x, y]) => picture.at(x!, y!));
  return { ears: ears!, eyes: eyes! };
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`each model has a colour, and a button mutes one, ${colorScheme}`, async () => {
    const opened = await blank({ viewport: { width: 1400, height: 850 }, colorScheme });
    await opened.go(write(packAll(arena())));
    const before = await colours(opened);
    assert.ok(distance(before.ears, before.eyes) > 30, `${before.ears} and ${before.eyes}`);
    assert.equal(await opened.page.locator('#colour').inputValue(), 'group');
    const buttons = opened.page.locator('#legend button');
    assert.deepEqual(await buttons.allInnerTexts(), ['ears', 'eyes']);
    await buttons.nth(1).focus();
    await opened.page.keyboard.press('Enter');
    await opened.settle();
    assert.equal(await buttons.nth(1).getAttribute('aria-pressed'), 'false');
    const muted = await colours(opened);
    assert.deepEqual(muted.ears, before.ears);
    assert.ok(distance(muted.eyes, before.eyes) > 25, `${muted.eyes} and ${before.eyes}`);
    // The same key again, without moving the focus.
    await opened.page.keyboard.press('Enter');
    await opened.settle();
    assert.deepEqual(await colours(opened), before);
    await opened.close();
  });
}

test('the card names the model, and the line says what sharing saves', async () => {
  const opened = await blank({ viewport: { width: 1400, height: 850 } });
  await opened.go(`${write(packAll(arena()))}#map=1&tensor=2`);
  assert.match(await opened.text('#card'), /eyes\/in[^]*Model\s+eyes/);
  assert.deepEqual((await opened.rows('#card .each'))[1], ['Offset', '6 KiB', '0 B']);
  const line = await opened.text('#summary');
  assert.match(line, /Peak 12 KiB → 6 KiB \(−50 %\); 2 of 4 tensors lie elsewhere/);
  await opened.close();
});

test('two models of one name have colours and buttons of their own', async () => {
  const samples = arena().map((sample) => {
    return { ...sample, groups: { ...sample.groups!, names: ['net', 'net'] } };
  });
  const opened = await blank({ viewport: { width: 1400, height: 850 } });
  await opened.go(write(packAll(samples)));
  const buttons = opened.page.locator('#legend button');
  assert.deepEqual(await buttons.allInnerTexts(), ['1: net', '2: net']);
  const before = await colours(opened);
  assert.ok(distance(before.ears, before.eyes) > 30, `${before.ears} and ${before.eyes}`);
  await buttons.nth(1).click();
  await opened.settle();
  const muted = await colours(opened);
  assert.deepEqual(muted.ears, before.ears);
  assert.ok(distance(muted.eyes, before.eyes) > 25);
  await until('the address names it', async () => opened.page.url().includes('muted=2%3A+net'));
  await opened.close();
});

test('a name in a list opens the card of a shared arena', async () => {
  const opened = await blank({ viewport: { width: 1400, height: 850 } });
  await opened.go(write(packAll(arena())));
  await opened.page.locator('#peak tbody').getByRole('button').first().click();
  assert.ok(await opened.page.locator('#card').isVisible());
  await opened.press('Escape');
  await opened.page.locator('#moved tbody').getByRole('button').first().click();
  assert.ok(await opened.page.locator('#card').isVisible());
  assert.match(await opened.text('#card'), /eyes\/(in|out)[^]*Model\s+eyes/);
  await opened.close();
});
