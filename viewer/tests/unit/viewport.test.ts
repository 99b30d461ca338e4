// The window: what it shows, how it moves, and how it is written down.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byteTick, multiples, SharedWindow, stepTicks, Viewport } from '../../src/viewport';

function view(): Viewport {
  const made = new Viewport(new SharedWindow({ lower: 0, upper: 100, bottom: 0, top: 1024 }));
  made.area = { left: 50, top: 10, width: 1000, height: 512 };
  return made;
}

test('steps go to the right and bytes upwards', () => {
  const { x, y } = { x: view().x(10), y: view().y(1024) };
  assert.deepEqual([x, y, view().y(0)], [150, 10, 522]);
  assert.equal(view().step(150), 10);
  assert.equal(view().byte(522), 0);
});

test('a map of another memory shows the same part of its own bytes', () => {
  const shown = new SharedWindow({ lower: 0, upper: 100, bottom: 0, top: 1024 });
  const [large, small] = [new Viewport(shown), new Viewport(shown, 96)];
  for (const view of [large, small]) view.area = { left: 0, top: 0, width: 200, height: 100 };
  assert.deepEqual(small.whole, { lower: 0, upper: 100, bottom: 0, top: 96 });
  assert.deepEqual([small.y(96), small.y(0), small.byte(50)], [0, 100, 48]);
  small.zoom(50, 50, 2);
  assert.deepEqual(small.window, { lower: 12.5, upper: 62.5, bottom: 24, top: 72 });
  assert.deepEqual(large.window, { lower: 12.5, upper: 62.5, bottom: 256, top: 768 });
  small.show({ ...small.whole, lower: 0, upper: 50 });
  assert.deepEqual(large.window, { lower: 0, upper: 50, bottom: 0, top: 1024 });
  assert.ok(!small.isWhole && !large.isWhole);
  assert.equal(small.window, small.window, 'one object, by which it is known that nothing moved');
  small.show(small.whole);
  assert.ok(small.isWhole && large.isWhole);
  // A scale that is no power of two: all is still all.
  const third = new Viewport(shown, 1000 / 3);
  third.show(third.whole);
  assert.ok(third.isWhole);
});

test('what is under the pointer stays there while the map grows', () => {
  const zoomed = view();
  const [step, byte] = [zoomed.step(300), zoomed.byte(200)];
  zoomed.zoom(300, 200, 3);
  assert.ok(Math.abs(zoomed.step(300) - step) < 1e-9);
  assert.ok(Math.abs(zoomed.byte(200) - byte) < 1e-9);
  assert.ok(Math.abs(zoomed.window.upper - zoomed.window.lower - 100 / 3) < 1e-9);
});

test('a zoom along one axis leaves the other', () => {
  const zoomed = view();
  zoomed.zoom(300, 200, 2, 1);
  assert.equal(zoomed.window.upper - zoomed.window.lower, 50);
  assert.deepEqual([zoomed.window.bottom, zoomed.window.top], [0, 1024]);
});

test('the window stays within the whole, and zooming out ends there', () => {
  const moved = view();
  moved.zoom(500, 250, 4);
  moved.pan(-100000, 100000);
  assert.deepEqual(moved.window, { lower: 75, upper: 100, bottom: 768, top: 1024 });
  moved.zoom(500, 250, 1 / 100);
  assert.ok(moved.isWhole);
});

test('the window is never shorter than two steps or sixteen bytes', () => {
  const zoomed = view();
  zoomed.zoom(500, 250, 1e9);
  const { lower, upper, bottom, top } = zoomed.window;
  assert.ok(Math.abs(upper - lower - 2) < 1e-9);
  assert.ok(Math.abs(top - bottom - 16) < 1e-9);
});

test('a drag to the right shows earlier steps, one downwards higher bytes', () => {
  const moved = view();
  moved.show({ lower: 40, upper: 60, bottom: 0, top: 512 });
  moved.pan(500, 256);
  assert.deepEqual(moved.window, { lower: 30, upper: 50, bottom: 256, top: 768 });
});

test('a small box is revealed with what is around it', () => {
  const moved = view();
  moved.reveal({ lower: 70, upper: 71, bottom: 512, top: 520 });
  const { lower, upper, bottom, top } = moved.window;
  assert.ok(lower < 70 && upper > 71 && upper - lower <= 100);
  assert.ok(bottom < 512 && top > 520 && top - bottom < 100);
});

test('a step is brought into view, and no nearer', () => {
  const moved = view();
  moved.show({ lower: 0, upper: 20, bottom: 0, top: 512 });
  moved.revealStep(70);
  assert.deepEqual(moved.window, { lower: 60.5, upper: 80.5, bottom: 0, top: 512 });
  moved.revealStep(62);
  assert.equal(moved.window.lower, 60.5);
});

test('a box that is seen well moves nothing', () => {
  const still = view();
  const { window } = still;
  still.reveal({ lower: 20, upper: 40, bottom: 0, top: 256 });
  assert.deepEqual(still.window, window);
});

test('ticks are round and no more than there is room for', () => {
  assert.deepEqual(stepTicks(0, 100, 6), [0, 20, 40, 60, 80, 100]);
  assert.deepEqual(stepTicks(3.5, 6.5, 100), [4, 5, 6]);
  assert.equal(byteTick(0, 1000, 4), 256);
  assert.equal(byteTick(0, 3, 40), 1);
  assert.deepEqual(multiples(100, 600, 256), [256, 512]);
});
