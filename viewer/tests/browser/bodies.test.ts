// Bodies of control flow: seen along the top of the map, and opened from there and from the list.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { looped, pack, small } from '../sample.ts';
import { blank, distance, type Opened, write } from './browser.ts';

async function openLooped(options = {}): Promise<Opened> {
  const opened = await blank({ viewport: { width: 1300, height: 800 }, ...options });
  await opened.go(write(pack(looped())));
  return opened;
}

/** The middle of the bar of a body, in pixels of the window. */
async function bar(opened: Opened, step: number, depth: number) {
  const { top } = await opened.window();
  const { x, y } = await opened.at(step, top);
  return { x, y: y + 8 + 15 * depth };
}

async function steps(opened: Opened): Promise<[number, number]> {
  const { lower, upper } = await opened.window();
  return [lower, upper];
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`bars lie where the bodies are, ${colorScheme}`, async () => {
    const opened = await openLooped({ colorScheme });
    const picture = await opened.picture();
    const canvas = (await opened.page.locator('#map').boundingBox())!;
    // The pixels of a row in which there is an edge of a bar, or text.
    const marked = async (from: number, to: number, depth: number) => {
      const [left, right] = [await bar(opened, from, depth), await bar(opened, to, depth)];
      const y = Math.round(left.y - canvas.y);
      let found = 0;
      for (let x = Math.round(left.x - canvas.x); x < right.x - canvas.x; x++) {
        if (distance(picture.at(x, y), picture.at(x, y - 7)) > 20) found += 1;
      }
      return found;
    };
    assert.ok((await marked(1.1, 7.9, 0)) > 20, 'the loop');
    assert.ok((await marked(2.1, 3.9, 1)) > 20, 'a branch in it');
    await opened.close();
  });
}

test('a click on a bar opens the body, and another one closes it', async () => {
  const opened = await openLooped();
  const click = async (step: number, depth: number) => {
    const { x, y } = await bar(opened, step, depth);
    await opened.page.mouse.click(x, y);
    await opened.settle();
  };
  await click(7.5, 0);
  assert.deepEqual(await steps(opened), [1, 8]);
  await click(5.5, 1);
  assert.deepEqual(await steps(opened), [4, 7]);
  await click(5.5, 1);
  assert.deepEqual(await steps(opened), [1, 8]);
  await click(7.5, 0);
  assert.deepEqual(await steps(opened), [0, 10]);
  await opened.close();
});

test('the list says what is alive in a body and opens it with the keyboard', async () => {
  const opened = await openLooped();
  const items = opened.page.locator('#bodies li');
  assert.deepEqual(await items.allInnerTexts(), [
    'loop (repeated) 7 operators, at most 10 KiB alive',
    'loop/body/if/then_branch 2 operators, at most 10 KiB alive',
    'loop/body/if/else_branch 3 operators, at most 10 KiB alive',
  ]);
  await items.nth(1).locator('button').focus();
  await opened.press('Enter');
  assert.deepEqual(await steps(opened), [2, 4]);
  await opened.close();
});

test('without control flow there is no list', async () => {
  const opened = await blank();
  await opened.go(write(pack(small())));
  assert.ok(await opened.page.locator('#bodies').isHidden());
  await opened.close();
});
