// Lines over a map: where they are, and which texts they pass through, beside a walk over pixels.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Curve } from '../../src/curve';
import { crosses, heightsOf } from '../../src/lines';
import { SharedWindow, Viewport } from '../../src/viewport';
import { Dice } from '../sample';

function view(width: number): Viewport {
  const shown = new Viewport(new SharedWindow({ lower: 0, upper: 40, bottom: 0, top: 100 }));
  shown.area = { left: 74, top: 54, width, height: 300 };
  return shown;
}

test('a curve is as high in a column as its largest value there', () => {
  const dice = new Dice(5);
  const load = Float64Array.from({ length: 40 }, () => dice.below(100));
  const curve = new Curve(Float64Array.from(load.keys()), load, 40);
  const shown = view(200);
  const heights = heightsOf(curve, shown);
  assert.equal(heights.length, 200);
  // Five columns to a step.
  heights.forEach((height, i) => {
    assert.ok(Math.abs(height - shown.y(load[Math.floor(i / 5)]!)) < 1e-9, `column ${i}`);
  });
});

test('a text is crossed if a line or a level has a point in it, or within a pixel of it', () => {
  const dice = new Dice(9);
  const shown = view(120);
  const { left } = shown.area;
  for (let round = 0; round < 500; round++) {
    const heights = Float64Array.from({ length: 120 }, () => 60 + 20 * dice.below(14));
    const [x, y] = [left + dice.below(100), 61 + dice.below(280)];
    const text = { left: x, top: y, width: 1 + dice.below(4), height: 14 };
    const isIn = (height: number) => height > y - 1 && height < y + 15;
    // A line goes straight up or down where its height changes.
    let isCrossed = false;
    for (let i = x - left; i < Math.min(120, x - left + text.width); i++) {
      const [from, to] = [heights[Math.max(0, i - 1)]!, heights[i]!].sort((a, b) => a - b);
      for (let at = from!; at <= to!; at += 0.5) isCrossed ||= isIn(at);
    }
    const where = `${JSON.stringify(text)} in round ${round}`;
    assert.equal(crosses({ curves: [heights], levels: [] }, shown.area, text), isCrossed, where);
    const level = 60 + dice.below(300);
    assert.equal(crosses({ curves: [], levels: [level] }, shown.area, text), isIn(level), where);
  }
});
