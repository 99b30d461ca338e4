// A map under fingers: two of them zoom and move it, one moves it or chooses.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { network, small } from '../sample.ts';
import { open, type Opened } from './browser.ts';

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Fingers on a page, as the browser has them from a touch screen. */
class Fingers {
  #points: readonly Point[] = [];
  /** Fingers have the numbers from `first` on. */
  #send!: (type: string, points: readonly Point[], first?: number) => Promise<void>;

  static async on(opened: Opened): Promise<Fingers> {
    const session = await opened.context.newCDPSession(opened.page);
    const fingers = new Fingers();
    fingers.#send = async (type, points, first = 0) => {
      const touchPoints = points.map(({ x, y }, i) => ({ x, y, id: first + i }));
      await session.send('Input.dispatchTouchEvent', { type: type as 'touchStart', touchPoints });
    };
    return fingers;
  }

  /** Puts fingers down and moves them to other places. */
  async move(from: readonly Point[], to: readonly Point[]): Promise<void> {
    // One after the other, as they arrive.
    for (let count = 1; count <= from.length; count++) {
      await this.#send('touchStart', from.slice(0, count));
    }
    await this.drag(from, to);
  }

  /** Moves fingers that are down. */
  async drag(from: readonly Point[], to: readonly Point[]): Promise<void> {
    const STEPS = 8;
    for (let step = 1; step <= STEPS; step++) {
      const between = (a: number, b: number) => Math.round(a + ((b - a) * step) / STEPS);
      const points = from.map(({ x, y }, i) => {
        return { x: between(x, to[i]!.x), y: between(y, to[i]!.y) };
      });
      await this.#send('touchMove', points);
    }
    this.#points = to;
  }

  /** Lifts all fingers, or those beyond the first `left`. */
  async lift(left = 0): Promise<void> {
    // An end that names no finger is the end of all.
    await this.#send('touchEnd', left === 0 ? [] : this.#points.slice(left), left);
  }
}

const touch = (sample = network()): Promise<Opened> => open(sample, { hasTouch: true });

/** Two points on both sides of a middle. */
const around = ({ x, y }: Point, aside: number, above: number): Point[] => [
  { x: x - aside, y: y - above },
  { x: x + aside, y: y + above },
];

/** Asserts that a position is at a point, to about two pixels. */
async function assertAt(opened: Opened, { x, y }: Point, step: number, byte: number) {
  const at = await opened.at(step, byte);
  const away = Math.hypot(at.x - x, at.y - y);
  assert.ok(away < 2.5, `${step}, ${byte} is at ${at.x}, ${at.y} instead of ${x}, ${y}`);
}

test('two fingers that move apart zoom in about their middle, and together zoom out', async () => {
  const opened = await touch();
  const whole = await opened.window();
  const middle = await opened.near(150, 80_000);
  const { step, byte } = await opened.under(middle.x, middle.y);
  const fingers = await Fingers.on(opened);
  await fingers.move(around(middle, 40, 30), around(middle, 120, 90));
  await fingers.lift();
  await opened.settle();
  const near = await opened.window();
  const share = (near.upper - near.lower) / (whole.upper - whole.lower);
  assert.ok(Math.abs(share - 1 / 3) < 0.02, `${share} of the steps`);
  assert.ok(Math.abs((near.top - near.bottom) / (whole.top - whole.bottom) - share) < 0.001);
  await assertAt(opened, middle, step, byte);
  assert.ok(await opened.page.locator('#card').isHidden(), 'nothing is chosen');
  assert.equal(await opened.page.evaluate(() => visualViewport!.scale), 1, 'the page stays');
  await fingers.move(around(middle, 120, 90), around(middle, 20, 15));
  await fingers.lift();
  await opened.settle();
  assert.deepEqual(await opened.window(), whole);
  await opened.close();
});

test('two fingers that move side by side move the map', async () => {
  const opened = await touch();
  const middle = await opened.near(150, 80_000);
  const { step, byte } = await opened.under(middle.x, middle.y);
  const fingers = await Fingers.on(opened);
  await fingers.move(around(middle, 30, 20), around(middle, 150, 100));
  await fingers.lift();
  const to = { x: middle.x + 60, y: middle.y - 40 };
  const near = await opened.window();
  await fingers.move(around(middle, 50, 0), around(to, 50, 0));
  await fingers.lift();
  await opened.settle();
  await assertAt(opened, to, step, byte);
  const { lower, upper } = await opened.window();
  const ratio = (upper - lower) / (near.upper - near.lower);
  assert.ok(Math.abs(ratio - 1) < 0.03, `zoomed by ${ratio}`);
  assert.ok(await opened.page.locator('#card').isHidden());
  await opened.close();
});

test('the finger that is left of two goes on to move the map', async () => {
  const opened = await touch();
  const middle = await opened.near(150, 80_000);
  const fingers = await Fingers.on(opened);
  const apart = around(middle, 120, 90);
  await fingers.move(around(middle, 40, 30), apart);
  await fingers.lift(1);
  await opened.settle();
  const left = apart[0]!;
  const { step, byte } = await opened.under(left.x, left.y);
  const to = { x: left.x + 50, y: left.y + 20 };
  await fingers.drag([left], [to]);
  await fingers.lift();
  await opened.settle();
  await assertAt(opened, to, step, byte);
  await opened.close();
});

test('two fingers over an axis zoom along it alone', async () => {
  const opened = await touch();
  const whole = await opened.window();
  const { y } = await opened.near(0, whole.bottom);
  const { x } = await opened.near(150, 0);
  const fingers = await Fingers.on(opened);
  await fingers.move(around({ x, y: y + 12 }, 40, 0), around({ x, y: y + 12 }, 80, 0));
  await fingers.lift();
  await opened.settle();
  const { lower, upper, bottom, top } = await opened.window();
  assert.ok(Math.abs((upper - lower) / (whole.upper - whole.lower) - 0.5) < 0.03);
  assert.deepEqual([bottom, top], [whole.bottom, whole.top]);
  await opened.close();
});

test('one finger moves the map, and a tap chooses what is there', async () => {
  const opened = await touch(small());
  const { x, y } = await opened.near(2.5, 5 * 1024);
  await opened.page.touchscreen.tap(x, y);
  await opened.settle();
  assert.match(await opened.text('#card'), /wide/);
  await opened.page.locator('#card .close').tap();
  const fingers = await Fingers.on(opened);
  await fingers.move(around({ x, y }, 30, 0), around({ x, y }, 90, 0));
  await fingers.lift();
  await opened.settle();
  const before = await opened.under(x, y);
  await fingers.move([{ x, y }], [{ x: x + 70, y }]);
  await fingers.lift();
  await opened.settle();
  await assertAt(opened, { x: x + 70, y }, before.step, before.byte);
  assert.ok(await opened.page.locator('#card').isHidden());
  await opened.close();
});
