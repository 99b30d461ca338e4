// A page opens: its title, its facts, and what a screen reader finds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { empty, network, pack, random, small, type Form } from '../sample.ts';
import { blank, open, write } from './browser.ts';

test('the title, the peak, the bound and the notes are shown', async () => {
  const opened = await open(small());
  assert.match(await opened.page.title(), /small\.onnx/);
  const facts = await opened.text('#facts');
  for (const part of [/small\.onnx/, /10(\.0)? KiB/, /optimal/i, /1 tensor is left out/]) {
    assert.match(facts, part);
  }
  assert.ok(await opened.page.locator('#error').isHidden());
  await opened.close();
});

for (const form of ['smallest', 'delta', 'f64'] as Form[]) {
  test(`columns written as ${form} say the same`, async () => {
    const opened = await blank();
    await opened.go(write(pack(small(), form)));
    const other = await open(small());
    for (const part of ['#facts', '#peak', '#alive']) {
      assert.equal(await opened.text(part), await other.text(part));
    }
    await opened.close();
    await other.close();
  });
}

test('a page of nothing says so instead of failing', async () => {
  const opened = await open(empty());
  assert.ok(await opened.page.locator('#error').isHidden());
  assert.match(await opened.text('#facts'), /empty\.csv/);
  await opened.close();
});

for (const sample of [network(), random(5000)]) {
  test(`${sample.title} opens`, async () => {
    const opened = await open(sample);
    assert.ok(await opened.page.locator('#error').isHidden());
    assert.ok(await opened.page.locator('#map').isVisible());
    await opened.close();
  });
}
