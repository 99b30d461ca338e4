// Padding: the bytes between a tensor and the next multiple of the alignment.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { padded, small } from '../sample.ts';
import { distance, open, type Opened } from './browser.ts';
import type { Picture } from './png.ts';

/** The share of a rectangle's pixels that differ from the colour of free bytes. */
async function drawn(
  opened: Opened,
  picture: Picture,
  [lower, upper]: [number, number],
  [bottom, top]: [number, number],
): Promise<number> {
  const frame = (await opened.page.locator('#map').boundingBox())!;
  const at = async (step: number, byte: number) => {
    const { x, y } = await opened.at(step, byte);
    return [Math.round(x - frame.x), Math.round(y - frame.y)] as const;
  };
  const free = picture.at(...(await at(1.3, 1500)));
  const [[left, low], [right, high]] = [await at(lower, bottom), await at(upper, top)];
  let found = 0;
  for (let y = high; y < low; y++) {
    for (let x = left; x < right; x++) {
      if (distance(picture.at(x, y), free) > 20) found += 1;
    }
  }
  return found / ((right - left) * (low - high));
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`padding is hatched above the tensors that have some, ${colorScheme}`, async () => {
    const opened = await open(padded(), { colorScheme });
    const picture = await opened.picture();
    const share = (steps: [number, number], bytes: [number, number]) =>
      drawn(opened, picture, steps, bytes);
    for (const [steps, bytes] of [
      [[0.2, 1.8], [300, 1000]],
      [[4.2, 5.8], [560, 1000]],
    ] as [[number, number], [number, number]][]) {
      const hatched = await share(steps, bytes);
      assert.ok(hatched > 0.15 && hatched < 0.7, `${hatched} at steps ${steps}`);
    }
    assert.ok((await share([0.2, 1.8], [1100, 1900])) < 0.1, 'free bytes are not hatched');
    await opened.close();
  });
}

test('legend, card and peak say what padding takes', async () => {
  const opened = await open(padded());
  assert.match(await opened.text('#legend'), /padding/);
  const lines = opened.page.locator('#peak .sum');
  const terms = await lines.locator('dt').allInnerTexts();
  const values = await lines.locator('dd').allInnerTexts();
  assert.deepEqual(terms, ['Tensors', 'Padding up to multiples of 1 KiB', 'Peak']);
  assert.deepEqual(values, ['1,836 bytes', '512 bytes', '2,348 bytes']);
  await opened.click(1, 128);
  assert.match(await opened.text('#card'), /low[^]*Padding\s+768 B up to a multiple of 1 KiB/);
  await opened.click(3, 1500);
  assert.match(await opened.text('#card'), /full/);
  assert.doesNotMatch(await opened.text('#card'), /Padding/);
  await opened.close();
});

test('without padding nothing is said of it', async () => {
  const opened = await open(small());
  assert.doesNotMatch(await opened.text('#legend'), /padding/i);
  assert.doesNotMatch(await opened.text('#peak'), /padding/i);
  await opened.close();
});
