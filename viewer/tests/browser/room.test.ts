// All that the page says can be read: in heads of maps, on names that lines pass through, and on a
// phone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KIB, network, packAll, pair, plain, type Sample, small } from '../sample.ts';
import { blank, distance, open, type Opened, write } from './browser.ts';

/** Six maps with all figures that a head can have. */
function six(): Sample[] {
  const execution = { order: 'memory', aliasing: 'in-place', fileLoad: 12_345, weights: 5e8 };
  return Array.from({ length: 6 }, (_, i) => ({
    ...small(),
    title: `/home/somebody/models/number_${i}/that/has/a/long/path/network.onnx`,
    notes: [],
    execution,
    strategy: 'auto: squeaky-wheel, then skyline',
  }));
}

/** The texts of elements that are cut off, by their own box or by one around them. */
const cut = (opened: Opened, selector: string) =>
  opened.page.locator(selector).evaluateAll((all) =>
    all.flatMap((one) => {
      const { left, right, top, bottom } = one.getBoundingClientRect();
      const isCut = (around: Element) => {
        if (getComputedStyle(around).overflow === 'visible') return false;
        const box = around.getBoundingClientRect();
        const isScrolled = around.id === 'panels' && around.scrollHeight > around.clientHeight;
        const isBelow = !isScrolled && (bottom > box.bottom + 1 || top < box.top - 1);
        return isBelow || right > box.right + 1 || left < box.left - 1;
      };
      const hasMore = one.scrollWidth > one.clientWidth + 1;
      const around: Element[] = [];
      for (let at = one.parentElement; at !== null; at = at.parentElement) around.push(at);
      return hasMore || around.some(isCut) ? [one.textContent!] : [];
    }),
  );

for (const [width, height] of [[1280, 800], [1440, 900]] as const) {
  for (const count of [2, 3, 6]) {
    test(`the heads of ${count} maps are read in full at ${width} × ${height}`, async () => {
      const opened = await blank({ viewport: { width, height } });
      await opened.go(write(packAll(six().slice(0, count))));
      assert.deepEqual(await cut(opened, '.panel-head h2, .panel-head li, #facts h1'), []);
      const boxes = await opened.page.locator('#panels canvas').evaluateAll((all) =>
        all.map((canvas) => {
          const { top, height } = canvas.getBoundingClientRect();
          return { top, height };
        }),
      );
      assert.equal(boxes.length, count);
      // Two of them stand side by side.
      assert.deepEqual(boxes[0], boxes[1], 'maps beside each other are equal');
      for (const box of boxes) assert.ok(box.height >= 180, `${box.height} pixels`);
      await opened.close();
    });
  }
}

test('heads of different lengths leave maps of one size', async () => {
  const [before, after] = pair();
  const execution = { order: 'memory', aliasing: 'in-place', fileLoad: 9 * KIB, weights: 1e6 };
  const opened = await blank({ viewport: { width: 1280, height: 800 } });
  await opened.go(write(packAll([before, { ...after, execution }])));
  const [one, other] = await opened.page.locator('#panels canvas').evaluateAll((all) =>
    all.map((canvas) => {
      const { top, height } = canvas.getBoundingClientRect();
      return [top, height];
    }),
  );
  assert.deepEqual(one, other);
  await opened.close();
});

test('the first notes are seen at once, and the others open', async () => {
  const notes = Array.from({ length: 12 }, (_, i) => `operator_${i} is left out: no size`);
  notes[0] = `first ${'and so on, '.repeat(60)}to the end`;
  const opened = await open({ ...small(), notes });
  const { page } = opened;
  const folded = page.locator('.notes > li > details');
  assert.deepEqual(await folded.locator('> summary').allInnerTexts(), [
    `${notes[0].slice(0, 399)}…`,
    '10 more notes',
  ]);
  assert.ok(await page.getByText('operator_1 is left out').isVisible());
  const last = page.getByText('operator_11 is left out');
  assert.equal(await last.isVisible(), false);
  await folded.nth(1).locator('summary').focus();
  await page.keyboard.press('Enter');
  await last.scrollIntoViewIfNeeded();
  assert.ok(await last.isVisible());
  await folded.nth(0).locator('summary').click();
  assert.ok(await page.getByText('so on, to the end').isVisible());
  // Printing opens what is folded, and folds it again.
  const print = (event: string) => page.evaluate((name) => dispatchEvent(new Event(name)), event);
  await folded.nth(1).locator('summary').click();
  await print('beforeprint');
  assert.ok(await last.isVisible());
  await print('afterprint');
  assert.equal(await last.isVisible(), false);
  assert.ok(await page.getByText('so on, to the end').isVisible(), 'the reader had opened it');
  await folded.nth(1).locator('summary').click();
  // What is open leaves room for the map.
  const { height } = (await page.locator('#map').boundingBox())!;
  assert.ok(height > 180, `the map is ${height} pixels high`);
  await opened.close();
});

test('three notes need nothing to open', async () => {
  const notes = ['one is left out', 'two are left out', 'three are left out'];
  const opened = await open({ ...small(), notes });
  assert.equal(await opened.page.locator('.notes details').count(), 0);
  assert.match(await opened.text('.notes'), /three/);
  await opened.close();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`a name that the load passes through stands on a plate, ${colorScheme}`, async () => {
    // Nothing lies below the box, so that the load is as high as its middle.
    const [size, offset] = [64 * KIB, 32 * KIB];
    const tensors = [{ name: 'a name that is crossed', lower: 0, upper: 10, offset, size }];
    const opened = await open({ ...plain('crossed'), endStep: 10, tensors }, { colorScheme });
    const middle = await opened.near(0, size);
    const { x, y } = (await opened.page.locator('#map').boundingBox())!;
    const picture = await opened.picture();
    const [left, row] = [middle.x - x, middle.y - y];
    const ground = picture.at(left + 300, row - 40);
    const halo = colorScheme === 'light' ? [255, 255, 255] : [11, 13, 17];
    /** The share of columns with a line or a letter around the height of the load. */
    const share = (from: number, to: number) => {
      let marked = 0;
      for (let at = from; at < to; at++) {
        const isPlain = [-1, 0, 1].every((above) => {
          const colour = picture.at(left + at, row + above);
          return distance(colour, ground) < 40 || distance(colour, halo as typeof colour) < 90;
        });
        if (!isPlain) marked += 1;
      }
      return marked / (to - from);
    };
    assert.ok(share(200, 500) > 0.9, `the line is there: ${share(200, 500)}`);
    assert.ok(share(4, 100) < 0.4, `and not through the name: ${share(4, 100)}`);
    await opened.close();
  });
}

for (const how of ['touch', 'keyboard'] as const) {
  test(`on a phone the card that is kept is in view, by ${how}`, async () => {
    const viewport = { width: 390, height: 844 };
    const opened = await open(network(), { viewport, hasTouch: true, isMobile: how === 'touch' });
    const { page } = opened;
    if (how === 'touch') {
      const { x, y } = await opened.near(150, 30_000);
      await page.touchscreen.tap(x, y);
    } else {
      await page.locator('#map').focus();
      await opened.press('p', 'Enter');
    }
    await opened.settle();
    const card = page.locator('#card');
    const seen = async () => {
      const { y, height } = (await card.boundingBox())!;
      const bottom = await page.evaluate(() => window.innerHeight);
      return y >= 0 && y + height <= bottom + 1 && height > 100;
    };
    assert.ok(await card.isVisible());
    assert.ok(await seen(), JSON.stringify(await card.boundingBox()));
    // The map is seen above it, and the card stays while the page scrolls.
    const map = (await page.locator('#map').boundingBox())!;
    assert.ok(map.y + 100 < (await card.boundingBox())!.y);
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    assert.ok(await seen());
    // The end of the page can be read above the sheet.
    const end = await page.locator('#side > :not([hidden])').last().evaluate((last) =>
      last.getBoundingClientRect().bottom,
    );
    assert.ok(end <= (await card.boundingBox())!.y + 1, `${end}`);
    const focused = () => page.evaluate(() => document.activeElement!.id);
    if (how === 'keyboard') {
      assert.equal(await focused(), 'map');
      await page.locator('#card .link').first().focus();
      await opened.press('Escape');
    } else await page.locator('#card .close').tap();
    assert.equal(await card.isVisible(), false);
    await opened.close();
  });
}

test('on a phone, why the peak is what it is stands before what moved', async () => {
  const opened = await blank({ viewport: { width: 390, height: 800 } });
  await opened.go(write(packAll(pair())));
  const top = async (selector: string) => {
    return (await opened.page.locator(selector).boundingBox())!.y;
  };
  assert.ok((await top('#peak')) < (await top('#moved')), 'on a phone');
  await opened.page.setViewportSize({ width: 1280, height: 800 });
  await opened.settle();
  assert.ok((await top('#moved')) < (await top('#peak')), 'beside the maps');
  await opened.close();
});
