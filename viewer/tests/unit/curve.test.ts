// Curves beside an oracle that looks at each step.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { combined, Curve } from '../../src/curve';
import { Dice } from '../sample';

/** A random curve, and its value at each step of `0..end`. */
function random(dice: Dice, end: number): { curve: Curve; values: number[] } {
  const steps = Array.from({ length: end }, (_, i) => i).filter(() => dice.below(3) > 0);
  const heights = steps.map(() => dice.below(1000));
  const curve = new Curve(Float64Array.from(steps), Float64Array.from(heights), end);
  const values = Array.from({ length: end }, (_, step) => {
    const index = steps.filter((from) => from <= step).length - 1;
    return index < 0 ? 0 : heights[index]!;
  });
  return { curve, values };
}

test('values and largest values are those of single steps', () => {
  for (let seed = 0; seed < 20; seed++) {
    const dice = new Dice(seed);
    const end = 1 + dice.below(600);
    const { curve, values } = random(dice, end);
    assert.equal(curve.most, Math.max(0, ...curve.value));
    for (let i = -2; i < end + 3; i++) assert.equal(curve.at(i), values[i] ?? 0);
    for (let round = 0; round < 50; round++) {
      const from = dice.below(end);
      const to = from + 1 + dice.below(end);
      // Without the part before the first point, which has no value.
      const expected = Math.max(0, ...values.slice(from, to));
      assert.equal(curve.largest(from, to), expected, `${from}..${to} of ${end}`);
    }
  }
});

test('two curves are combined at each step at which one of them changes', () => {
  for (let seed = 0; seed < 20; seed++) {
    const dice = new Dice(seed);
    const [one, other] = [random(dice, 100), random(dice, 100)];
    const both = combined(one.curve, other.curve, (a, b) => 2 * a - b);
    const first = both.step[0] ?? 100;
    for (let i = first; i < 100; i++) {
      assert.equal(both.at(i), 2 * one.values[i]! - other.values[i]!);
    }
  }
});
