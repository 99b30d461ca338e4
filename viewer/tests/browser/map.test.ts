// The map: boxes are where their bytes and steps are, and it moves as people expect.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aliveAt, looped, network, pack, random, type Sample, small, windowed } from '../sample.ts';
import { blank, distance, open, type Opened, type Window, write } from './browser.ts';
import type { Colour, Picture } from './png.ts';

const KIB = 1024;

type Position = { step: number; byte: number };

/** The colours in a rectangle of steps and bytes, the most frequent first. */
async function colours(
  opened: Opened,
  picture: Picture,
  [lower, upper]: [number, number],
  [bottom, top]: [number, number],
): Promise<Colour[]> {
  const frame = (await opened.page.locator('#map').boundingBox())!;
  const low = await opened.at(lower, bottom);
  const high = await opened.at(upper, top);
  const counts = new Map<string, { colour: Colour; count: number }>();
  for (let y = Math.ceil(high.y - frame.y); y < low.y - frame.y; y++) {
    for (let x = Math.ceil(low.x - frame.x); x < high.x - frame.x; x++) {
      const colour = picture.at(x, y);
      const entry = counts.get(String(colour)) ?? { colour, count: 0 };
      entry.count += 1;
      counts.set(String(colour), entry);
    }
  }
  return [...counts.values()].sort((a, b) => b.count - a.count).map(({ colour }) => colour);
}

test('each box has its colour at its bytes and steps, and free bytes have none', async () => {
  const sample = small();
  const opened = await open(sample);
  const picture = await opened.picture();
  const seen = new Map<string, Colour[]>();
  for (let step = 0; step < 10; step++) {
    const alive = aliveAt(sample, step);
    for (let byte = 0; byte < 10 * KIB; byte += KIB) {
      const owner = alive.find(({ offset, size }) => offset <= byte && byte < offset + size);
      const steps: [number, number] = [step + 0.2, step + 0.9];
      const [first] = await colours(opened, picture, steps, [byte + 150, byte + KIB - 150]);
      const name = owner?.name ?? 'free';
      // What is hatched, or has a gap, is looked at below.
      if (name === 'wide' && step >= 5 && step < 7) continue;
      if (name === 'free' && step >= 6 && step < 8 && byte === 2 * KIB) continue;
      seen.set(name, [...(seen.get(name) ?? []), first!]);
    }
  }
  const [free] = seen.get('free')!;
  for (const [name, all] of seen) {
    for (const colour of all) assert.deepEqual(colour, all[0], `${name} has one colour`);
    if (name !== 'free') assert.ok(distance(all[0]!, free!) > 30, `${name} is seen`);
  }
  // By operator type: `first` and `late` come from a Conv, `wide` from a MatMul, `last` from a
  // Relu.
  const of = (name: string) => seen.get(name)![0]!;
  assert.deepEqual(of('first'), of('late'));
  assert.ok(distance(of('first'), of('wide')) > 30);
  assert.ok(distance(of('first'), of('last')) > 30);
  await opened.close();
});

test('boxes end where they end: in proportion to steps and bytes', async () => {
  const opened = await open(small());
  const picture = await opened.picture();
  const map = (await opened.page.locator('#map').boundingBox())!;
  const [left, low] = [await opened.at(0, 0), await opened.at(0, 10 * KIB)].map(({ x, y }) => {
    return { x: x - map.x, y: y - map.y };
  }) as [{ x: number; y: number }, { x: number; y: number }];
  const right = (await opened.at(10, 0)).x - map.x;
  // Along the lowest bytes: `first` up to step 4, then `last` up to step 10.
  const y = Math.round(left.y + (low.y - left.y) * 0.02);
  const row: Colour[] = [];
  for (let x = 0; x < picture.width; x++) row.push(picture.at(x, y));
  const [first, last] = [row[Math.round(left.x + 20)]!, row[Math.round(right - 20)]!];
  const xs = (colour: Colour) => row.flatMap((c, x) => (distance(c, colour) === 0 ? [x] : []));
  const [ofFirst, ofLast] = [xs(first), xs(last)];
  const scale = (ofLast.at(-1)! - ofFirst[0]!) / 10;
  assert.ok(Math.abs(ofFirst.at(-1)! - ofFirst[0]! - 4 * scale) <= 4);
  assert.ok(Math.abs(ofLast.at(-1)! - ofLast[0]! - 6 * scale) <= 4);
  assert.ok(ofFirst.at(-1)! < ofLast[0]!);
  // Upwards at step 3: `first` 4 KiB, `wide` 3 KiB, `late` 3 KiB. Away from labels, which are left.
  const x = Math.round(left.x + (right - left.x) * 0.395);
  const column: Colour[] = [];
  for (let at = 0; at < picture.height; at++) column.push(picture.at(x, at));
  const perKib = (left.y - low.y) / 10;
  const height = (from: number, to: number) => {
    const middle = column[Math.round(left.y - ((from + to) / 2) * perKib)]!;
    const part = column.slice(Math.round(left.y - to * perKib), Math.round(left.y - from * perKib));
    return part.filter((colour) => distance(colour, middle) === 0).length / perKib;
  };
  for (const [from, to] of [[0, 4], [4, 7], [7, 10]] as const) {
    assert.ok(Math.abs(height(from, to) - (to - from)) < 0.2, `${from}..${to} KiB`);
  }
  await opened.close();
});

test('a view is hatched, a gap is a break, and both look different from the box', async () => {
  const opened = await open(small());
  const picture = await opened.picture();
  const plain = await colours(opened, picture, [7.2, 7.9], [5.6 * KIB, 6.9 * KIB]);
  const view = await colours(opened, picture, [6.2, 6.9], [5.6 * KIB, 6.9 * KIB]);
  assert.ok(view.length > plain.length, `${view.length} colours, ${plain.length} in the box`);
  const [box] = await colours(opened, picture, [9.2, 9.9], [2.2 * KIB, 2.9 * KIB]);
  const [gap] = await colours(opened, picture, [7.2, 7.9], [2.2 * KIB, 2.9 * KIB]);
  assert.ok(distance(box!, gap!) > 15);
  await opened.close();
});

test('a window is drawn as it is: others lie where their bytes are not needed', async () => {
  const opened = await open(windowed());
  const picture = await opened.picture();
  const of = async (steps: [number, number], from: number, to: number) =>
    (await colours(opened, picture, steps, [from * KIB, to * KIB]))[0]!;
  const whole = await of([0.2, 0.9], 0.3, 3.7);
  assert.deepEqual(await of([5.2, 5.8], 0.3, 1.7), whole, 'needed in the window');
  assert.deepEqual(await of([7.2, 7.8], 2.3, 3.7), whole, 'needed after it');
  const guest = await of([3.2, 3.8], 2.3, 2.7);
  const free = await of([5.2, 5.8], 2.3, 3.7);
  assert.ok(distance(free, whole) > 15, 'nothing lies beside the window after the guest');
  assert.ok(distance(free, guest) > 15, 'the guest lies beside the window');
  // The guest is what is under the pointer there.
  await opened.hover(3.5, 3 * KIB);
  assert.match(await opened.text('#card'), /guest/);
  await opened.click(3.5, KIB);
  const card = await opened.text('#card');
  assert.match(card, /Window\s+2 KiB from 0 B, steps\s+2\s+to\s+6/);
  assert.match(card, /Same bytes meanwhile\s+guest\s+steps 2 to 4/);
  await opened.close();
});

test('the picture is sharp on a screen of high density', async () => {
  const opened = await open(small(), { deviceScaleFactor: 2 });
  const size = await opened.page.locator('#map').evaluate((canvas: HTMLCanvasElement) => {
    return canvas.width / canvas.clientWidth;
  });
  assert.ok(Math.abs(size - 2) < 0.01);
  await opened.close();
});

interface Drawn {
  text: string;
  font: string;
  alpha: number;
  right: number;
}

/** Opens a page and returns the texts drawn on its canvas, with where they end. */
async function drawn(sample: Sample): Promise<{ opened: Opened; texts: Drawn[]; width: number }> {
  const opened = await blank();
  await opened.page.addInitScript(() => {
    const texts: Drawn[] = ((window as any).drawn = []);
    const { fillText } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
      const { width } = this.measureText(text);
      const part = { left: 1, center: 0.5, right: 0, start: 1, end: 0 }[this.textAlign];
      texts.push({ text, font: this.font, alpha: this.globalAlpha, right: x + width * part });
      fillText.call(this, text, x, y);
    };
  });
  await opened.go(write(pack(sample)));
  const texts = await opened.page.evaluate(() => (window as any).drawn as Drawn[]);
  const width = await opened.page.evaluate(() => document.getElementById('map')!.clientWidth);
  return { opened, texts, width };
}

test('what stands in for a name that does not fit looks different from a name', async () => {
  const sample = small();
  sample.tensors[6]!.name = 'guest_with_a_name_that_is_far_too_long_for_its_box_to_be_of_use';
  sample.operators![6]!.type = 'Softmax';
  sample.operators!.forEach((operator, i) => i !== 6 && (operator.type = 'Conv'));
  sample.tensors[6]!.lower = 6;
  sample.tensors[6]!.upper = 7;
  const { opened, texts } = await drawn(sample);
  const labels = texts.filter(({ text, font }) => text === 'Softmax' && font.includes('italic'));
  assert.ok(labels.length > 0 && labels.every(({ alpha }) => alpha < 1));
  const names = texts.filter(({ text }) => text === 'first');
  assert.ok(names.length > 0);
  for (const { font, alpha } of names) assert.ok(!font.includes('italic') && alpha === 1);
  await opened.close();
});

test('the last number of the axis of steps is not cut off', async () => {
  const sample = { ...random(50), endStep: 1_000_000 };
  const { opened, texts, width } = await drawn(sample);
  const ticks = texts.filter(({ text }) => text === '1,000,000');
  assert.ok(ticks.length > 0);
  for (const { right } of ticks) assert.ok(right <= width, `${right} of ${width}`);
  await opened.close();
});

test('hovering over a box shows its card, and a click pins it until Escape', async () => {
  const opened = await open(small());
  const card = opened.page.locator('#card');
  await opened.hover(2.5, 5 * KIB);
  assert.ok(await card.isVisible());
  const text = await card.innerText();
  const parts = ['wide', 'f32', '3 KiB', '4 KiB', 'operator_2', 'operator_7', 'half', 'MatMul'];
  for (const part of parts) assert.ok(text.includes(part), `${part} is not in the card: ${text}`);
  await opened.hover(9, 8 * KIB);
  assert.ok(await card.isHidden(), 'it goes away over free bytes');
  await opened.click(0.5, KIB);
  await opened.hover(9, 8 * KIB);
  assert.ok(await card.isVisible(), 'a pinned one stays');
  assert.ok((await card.innerText()).includes('first'));
  await opened.press('Escape');
  assert.ok(await card.isHidden(), 'Escape closes it');
  await opened.close();
});

/** Asserts that two positions are the same one, to about a pixel. */
function assertSame(a: Position, b: Position, { lower, upper, bottom, top }: Window): void {
  const apart = [(a.step - b.step) / (upper - lower), (a.byte - b.byte) / (top - bottom)];
  const text = `${JSON.stringify(a)} is not ${JSON.stringify(b)}`;
  assert.ok(Math.hypot(...apart) < 1 / 300, text);
}

test('the wheel zooms at the pointer, with Shift it pans', async () => {
  const opened = await open(network());
  const whole = await opened.window();
  const { x, y } = await opened.near(100, 60_000);
  await opened.page.mouse.move(x, y);
  const before = await opened.under(x, y);
  for (let turn = 0; turn < 4; turn++) await opened.page.mouse.wheel(0, -200);
  await opened.settle();
  const near = await opened.window();
  const span = near.upper - near.lower;
  assert.ok(span < (whole.upper - whole.lower) / 2, `${span} steps`);
  assert.ok(near.top - near.bottom < whole.top - whole.bottom);
  const after = await opened.under(x, y);
  assertSame(after, before, near);
  await opened.page.keyboard.down('Shift');
  await opened.page.mouse.wheel(0, 100);
  await opened.page.keyboard.up('Shift');
  await opened.settle();
  const aside = await opened.window();
  assert.ok(Math.abs(aside.upper - aside.lower - span) < 1e-6, 'the same number of steps');
  assert.notEqual(aside.lower, near.lower);
  for (let turn = 0; turn < 40; turn++) await opened.page.mouse.wheel(0, 300);
  await opened.settle();
  assert.deepEqual(await opened.window(), whole, 'it ends at the whole map');
  await opened.close();
});

test('dragging moves the map with the pointer, and pins nothing', async () => {
  const opened = await open(network());
  const { x, y } = await opened.near(150, 80_000);
  await opened.page.mouse.move(x, y);
  for (let turn = 0; turn < 6; turn++) await opened.page.mouse.wheel(0, -200);
  await opened.settle();
  const before = await opened.under(x, y);
  await opened.page.mouse.down();
  await opened.page.mouse.move(x + 60, y + 30, { steps: 5 });
  await opened.page.mouse.up();
  await opened.settle();
  const after = await opened.under(x + 60, y + 30);
  assertSame(after, before, await opened.window());
  await opened.page.mouse.move(1, 1);
  await opened.settle();
  assert.ok(await opened.page.locator('#card').isHidden());
  await opened.close();
});

test('a double click and the button Fit show everything again', async () => {
  const opened = await open(network());
  const whole = await opened.window();
  const { x, y } = await opened.near(150, 80_000);
  for (const fit of [
    () => opened.page.mouse.dblclick(x, y),
    () => opened.page.locator('#fit').click(),
  ]) {
    await opened.page.mouse.move(x, y);
    await opened.page.mouse.wheel(0, -400);
    await opened.settle();
    assert.notDeepEqual(await opened.window(), whole);
    await fit();
    await opened.settle();
    assert.deepEqual(await opened.window(), whole);
  }
  await opened.close();
});

test('a pinch zooms as the wheel with Ctrl does, instead of the page', async () => {
  const opened = await open(network());
  const whole = await opened.window();
  const { x, y } = await opened.near(150, 80_000);
  await opened.page.mouse.move(x, y);
  await opened.page.keyboard.down('Control');
  await opened.page.mouse.wheel(0, -200);
  await opened.page.keyboard.up('Control');
  await opened.settle();
  const near = await opened.window();
  assert.ok(near.upper - near.lower < whole.upper - whole.lower);
  assert.equal(await opened.page.evaluate(() => visualViewport!.scale), 1);
  await opened.close();
});

test('the legend says what lines and outlines mean, as far as a map has them', async () => {
  const opened = await open(small());
  const legend = await opened.text('#legend');
  for (const part of [
    'view or in place',
    'gap',
    'load',
    'fullest step',
    'chosen tensor',
    'read at the cursor',
    'written there',
  ]) {
    assert.ok(legend.includes(part), `${part} in ${legend}`);
  }
  assert.doesNotMatch(legend, /control flow|padding/);
  const marks = await opened.page.locator('#legend .mark').evaluateAll((all) =>
    all.map((mark) => `${mark.className} ${getComputedStyle(mark).borderTopStyle}`),
  );
  assert.ok(marks.includes('mark read dashed') && marks.includes('mark written solid'), `${marks}`);
  await opened.close();
  const without = await open({ ...small(), operators: null });
  assert.doesNotMatch(await without.text('#legend'), /cursor|written/);
  await without.close();
  const bodies = await open(looped());
  assert.match(await bodies.text('#legend'), /body of control flow/);
  await bodies.close();
});

test('plus and minus zoom about the cursor where it is seen', async () => {
  const opened = await open(network(), {}, '#cursor=40');
  const at = () =>
    opened.page.evaluate(() => {
      const { view } = (window as any).orionrt;
      return { x: view.x(40.5) as number, left: view.area.left, width: view.area.width };
    });
  const before = await at();
  await opened.page.locator('#map').focus();
  await opened.press('+', '+', '+');
  assert.ok(Math.abs((await at()).x - before.x) < 0.6, 'the cursor stays where it is');
  // Beside the window it has no say.
  for (let i = 0; i < 30; i++) await opened.press('ArrowRight');
  const middle = () =>
    opened.page.evaluate(() => {
      const { view } = (window as any).orionrt;
      return (view.window.lower + view.window.upper) / 2;
    });
  const [hidden, seen] = [await at(), await middle()];
  assert.ok(hidden.x < hidden.left, 'the cursor is not seen');
  await opened.press('+');
  assert.ok(Math.abs((await middle()) - seen) < 0.6, 'the middle stays');
  await opened.close();
});
