// A recording beside a plan of it: what was reserved, live and not in use, where the free
// bytes are, and what was refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heap, packAll, recording, type Sample, streams } from '../sample.ts';
import { blank, distance, type Opened, write } from './browser.ts';
import { decode, type Picture } from './png.ts';

const KIB = 1024;

async function openRecording(options = {}, samples: Sample[] = recording()): Promise<Opened> {
  const opened = await blank({ viewport: { width: 1400, height: 850 }, ...options });
  await opened.go(write(packAll(samples)));
  return opened;
}

/** A map as it is seen, and where a position lies on it. */
async function map(opened: Opened, number: number) {
  const canvas = opened.page.locator('#panels canvas').nth(number);
  const picture: Picture = decode(await canvas.screenshot({ scale: 'css' }));
  const place = (step: number, byte: number) =>
    opened.page.evaluate(
      ([number, step, byte]) => {
        const view = (window as any).orionrt.views[number];
        return { x: Math.round(view.x(step)), y: Math.round(view.y(byte)) };
      },
      [number, step, byte] as const,
    );
  return { picture, place };
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`what was reserved and not in use is seen between the boxes, ${colorScheme}`, async () => {
    const opened = await openRecording({ colorScheme });
    const { picture, place } = await map(opened, 0);
    const at = async (step: number, byte: number) => {
      const { x, y } = await place(step, byte);
      return picture.at(x, y);
    };
    const free = await at(1.5, 10.3 * KIB);
    const unused = await at(1.5, 6.3 * KIB);
    const box = await at(1.5, 0.5 * KIB);
    assert.ok(distance(free, unused) > 15, `${free} and ${unused}`);
    assert.ok(distance(unused, box) > 30, `${unused} and ${box}`);
    assert.deepEqual(await at(8.6, 9.5 * KIB), unused, 'reserved later, and free again');
    await opened.close();
  });
}

test('the line of what was reserved rises where more was', async () => {
  const opened = await openRecording();
  const { picture, place } = await map(opened, 0);
  const red = async (step: number, byte: number) => {
    const { x, y } = await place(step, byte);
    let found = 0;
    for (let dx = -20; dx <= 20; dx++) {
      for (let dy = -1; dy <= 1; dy++) {
        const [r, g, b] = picture.at(x + dx, y + dy);
        if (r > 140 && g < 120 && b < 120) found += 1;
      }
    }
    return found;
  };
  assert.ok((await red(1, 8 * KIB)) > 8, '8 KiB at step 1');
  assert.equal(await red(8.8, 8 * KIB), 0, 'and not at step 8');
  assert.ok((await red(8.8, 16 * KIB)) > 8, '16 KiB at step 8');
  await opened.close();
});

test('what is not in use has a curve, as high as it is', async () => {
  const opened = await openRecording();
  const { picture, place } = await map(opened, 0);
  const { y: top } = await place(0, 16 * KIB * 1.06);
  // The strip ends some pixels above the map. Of its height at two steps:
  const height = async (step: number) => {
    const { x } = await place(step, 0);
    let found = 0;
    for (let y = top - 34; y < top - 6; y++) {
      const [r, , b] = picture.at(x, y);
      if (r - b > 60) found += 1;
    }
    return found;
  };
  // Of 16 KiB 8 at step 2, twelve at step 4: words hide the end of the strip.
  const [half, most] = [await height(2.5), await height(4.5)];
  assert.ok(half >= 9 && Math.abs(most / half - 1.5) < 0.2, `${half} and ${most}`);
  await opened.close();
});

test('figures, refused requests and the line of changes say what was reserved', async () => {
  const opened = await openRecording();
  const heads = await opened.page.locator('.panel-head').allInnerTexts();
  assert.match(heads[0]!, /Reserved\s+16 KiB\s+Live\s+8 KiB\s+Not in use\s+12 KiB \(75\.0 %\) at most\s+When fullest\s+8 KiB \(50\.0 %\)/);
  assert.match(heads[1]!, /Peak\s+8 KiB/);
  const line = await opened.text('#summary');
  assert.match(line, /Reserved 16 KiB → planned 8 KiB \(−50 %\); 2 of 3 blocks lie elsewhere/);
  assert.match(await opened.text('#legend'), /reserved, not in use/);
  assert.match(await opened.text('#moved'), /2 blocks .*Block\s+Size/s);
  const label = await opened.page.locator('#map').getAttribute('aria-label');
  assert.match(label!, /At most 16 KiB were reserved and 8 KiB live.*step 7 a request was refused/);
  await opened.close();
});

test('ranges with free bytes are listed at the cursor, with the blocks in them', async () => {
  const opened = await openRecording();
  const section = () => opened.text('#unused');
  // Without a cursor: the step at which most is not in use.
  assert.match(
    await section(),
    /At step 4, where most is not in use: 12 KiB of 16 KiB reserved are free/,
  );
  await opened.page.locator('#unused').getByText('step 2', { exact: true }).click();
  assert.match(await section(), /At step 2, the fullest: 8 KiB of 16 KiB reserved are free: all/);
  const held = [
    ['old', '8 KiB', '4 KiB', '4 KiB'],
    ['new', '8 KiB', '4 KiB', '4 KiB'],
  ];
  assert.deepEqual(await opened.rows('#unused'), held);
  await opened.page.locator('#unused tbody').getByRole('button', { name: 'new' }).click();
  assert.equal(await opened.text('#card h2'), 'new');
  const label = await opened.page.locator('#card').getAttribute('aria-label');
  assert.equal(label, 'Block new');
  await opened.press('Escape');
  await opened.click(9.5, 15 * KIB);
  assert.match(await section(), /At step 9: 12 KiB of .* 8 KiB in an empty range, which could be/);
  assert.deepEqual(await opened.rows('#unused'), [
    ['no block', '8 KiB', '8 KiB', '8 KiB'],
    ['last', '8 KiB', '4 KiB', '4 KiB'],
  ]);
  await opened.page.getByRole('radio', { name: 'as planned' }).click();
  assert.equal(await opened.page.locator('#unused').isVisible(), false, 'a plan has no ranges');
  await opened.close();
});

test('a refused request says what was free, and leads to its step', async () => {
  const opened = await openRecording();
  const refused = opened.page.locator('#unused .refused li');
  const words = 'out of memory: asked for 8.00 KiB; 8 KiB reserved and free, largest piece 8 KiB';
  assert.deepEqual(await refused.allInnerTexts(), [`Step 7: ${words}`]);
  await refused.getByRole('button').click();
  assert.match(await opened.text('#cursor'), /Alive at step 7: 2 blocks/);
  await opened.close();
});

test('of a heap it is said that blocks lie in memory pages, not that those are held', async () => {
  const opened = await openRecording({}, heap());
  const heads = await opened.page.locator('.panel-head').allInnerTexts();
  assert.match(heads[0]!, /In pages\s+16 KiB\s+Live\s+8 KiB\s+Not in use\s+8 KiB \(50\.0 %\)\s+Touched/);
  assert.match(heads[0]!, /Touched\s+16 KiB/);
  assert.match(await opened.text('#summary'), /In pages 16 KiB → planned 8 KiB/);
  assert.match(await opened.text('#legend'), /in pages, not in use/);
  assert.match(
    await opened.text('#peak'),
    /Blocks lay in up to 16 KiB of memory pages of 8 KiB, 8 KiB more than was ever live/,
  );
  assert.match(
    await opened.text('#unused'),
    /In pages, not in use\s+At step 2, the fullest, where most is not in use: 8 KiB of 16 KiB in/,
  );
  assert.doesNotMatch(await opened.text('body'), /reserved/i);
  await opened.close();
});

test('the page leads to the step at which most is not in use', async () => {
  const opened = await openRecording();
  const before = await opened.text('#unused');
  assert.match(before, /When fullest, at step 2: 8 KiB of 16 KiB\./);
  await opened.page.locator('#unused').getByText('step 2', { exact: true }).click();
  await opened.settle();
  const fullest = await opened.text('#unused');
  assert.match(fullest, /Most is not in use at step 4: 12 KiB of 16 KiB\./);
  await opened.page.locator('#unused').getByText('step 4', { exact: true }).click();
  await opened.settle();
  const there = await opened.text('#unused');
  assert.match(there, /At step 4: 12 KiB of 16 KiB reserved are free/);
  assert.doesNotMatch(there, /Most is not in use/);
  await opened.close();
});

test('the card names the segment and the stream of a block', async () => {
  const opened = await openRecording({}, streams());
  await opened.click(3.5, 9 * KIB);
  const card = await opened.text('#card');
  assert.match(card, /new[^]*Stream\s+stream 0x7f00[^]*Segment\s+8 KiB from 8 KiB, steps 2 to 9/);
  await opened.page.getByRole('radio', { name: 'as planned' }).click();
  assert.doesNotMatch(await opened.text('#card'), /Segment/, 'a plan has none');
  await opened.click(9.5, 13 * KIB);
  assert.doesNotMatch(await opened.text('#card'), /Segment/, 'it is not known');
  await opened.close();
});

test('streams have colours on all maps, and a button mutes one', async () => {
  const opened = await openRecording({}, streams());
  assert.equal(await opened.page.locator('#colour').inputValue(), 'stream');
  const buttons = opened.page.locator('#legend button');
  assert.deepEqual(await buttons.allInnerTexts(), ['stream 0', 'stream 0x7f00']);
  const colours = async (number: number, bytes: [number, number]) => {
    const { picture, place } = await map(opened, number);
    const at = async (step: number, byte: number) => {
      const { x, y } = await place(step, byte);
      return picture.at(x, y);
    };
    return [await at(1.2, bytes[0]), await at(4.7, bytes[1])];
  };
  const allocated = await colours(0, [0.6 * KIB, 8.6 * KIB]);
  const planned = await colours(1, [0.6 * KIB, 4.6 * KIB]);
  assert.deepEqual(allocated, planned);
  assert.ok(distance(allocated[0]!, allocated[1]!) > 30, `${allocated}`);
  await buttons.nth(1).click();
  await opened.settle();
  const muted = await colours(0, [0.6 * KIB, 8.6 * KIB]);
  assert.deepEqual(muted[0], allocated[0]);
  assert.ok(distance(muted[1]!, allocated[1]!) > 25, `${muted}`);
  await opened.close();
});

test('streams are lanes above the map, in their colours and at their steps', async () => {
  const opened = await openRecording({}, streams());
  const { picture, place } = await map(opened, 0);
  const heights = await opened.page.evaluate(() => {
    const { area } = (window as any).orionrt.views[0];
    return { top: area.top as number };
  });
  // The lanes end 12 pixels above the map, and are 14 pixels apart: this is near their bottoms.
  const rows = [heights.top - 28, heights.top - 14].map(Math.round);
  const colour = async (lane: number, step: number) => {
    const { x } = await place(step, 0);
    return picture.at(x, rows[lane]!);
  };
  const [box, other] = [await place(1.2, 0.6 * KIB), await place(4.7, 8.6 * KIB)];
  const [first, second] = [picture.at(box.x, box.y), picture.at(other.x, other.y)];
  // `old` is of the first stream, alive at steps 0 to 3; the second stream has the rest from 2 on.
  assert.deepEqual(await colour(0, 1.5), first);
  assert.ok(distance(await colour(0, 6.5), first) > 25, 'nothing of it is alive');
  assert.deepEqual(await colour(1, 6.5), second);
  assert.ok(distance(await colour(1, 1.5), second) > 25, 'nothing of it is alive yet');
  await opened.page.locator('#legend button').nth(1).click();
  await opened.settle();
  const muted = (await map(opened, 0)).picture;
  const { x } = await place(6.5, 0);
  assert.ok(distance(muted.at(x, rows[1]!), second) > 25, 'muted in its lane, too');
  // In words: for a screen reader, and at the cursor.
  const label = await opened.page.locator('#map').getAttribute('aria-label');
  assert.match(label!, /Lanes above it are streams: stream 0, stream 0x7f00\./);
  await opened.page.locator('#map').focus();
  await opened.press('p');
  assert.match(await opened.text('#operator'), /by stream\s+stream 0 4 KiB\s*,\s*stream 0x7f00 4 KiB/);
  await opened.close();
});

test('a page without streams has no lanes', async () => {
  const opened = await openRecording();
  const other = await openRecording({}, streams());
  const top = (of: Opened) =>
    of.page.evaluate(() => (window as any).orionrt.views[0].area.top as number);
  assert.equal((await top(other)) - (await top(opened)), 2 * 14 + 4);
  await opened.close();
  await other.close();
});

test('a click on a lane moves the cursor to that step', async () => {
  const opened = await openRecording({}, streams());
  const canvas = opened.page.locator('#map');
  const { x, y } = await opened.page.evaluate(() => {
    const view = (window as any).orionrt.views[0];
    return { x: view.x(6.5) as number, y: (view.area.top as number) - 14 };
  });
  await canvas.click({ position: { x, y } });
  await opened.settle();
  assert.match(await opened.text('#cursor'), /Alive at step 6: 2 blocks/);
  // The strip above the lanes shows where the map is, and takes no clicks.
  const other = await opened.page.evaluate(() => (window as any).orionrt.views[0].x(1.5) as number);
  await canvas.click({ position: { x: other, y: 20 } });
  await opened.settle();
  assert.match(await opened.text('#cursor'), /Alive at step 6: 2 blocks/);
  await opened.close();
});

test('a refused request says what its pool has free', async () => {
  const [allocated, planned] = recording();
  const names = ['small blocks of stream 0', 'large blocks of stream 0'];
  const recorded = { ...allocated.recorded!, pools: { names, of: [1, 0] } };
  const marks = [{ ...allocated.marks![0]!, pool: 1 }];
  const opened = await openRecording({}, [{ ...allocated, recorded, marks }, planned]);
  const refused = opened.page.locator('#unused .refused li');
  const free = '8 KiB reserved and free; 8 KiB of it for large blocks of stream 0, largest piece 8 KiB';
  const words = `Step 7: out of memory: asked for 8.00 KiB; ${free}`;
  assert.deepEqual(await refused.allInnerTexts(), [words]);
  await opened.close();
});
