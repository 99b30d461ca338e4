// Operators in two orders, beside an oracle that looks each of them up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reordered } from '../../src/reordered';
import { Dice } from '../sample';

test('operators at other steps are found by their names, those that moved furthest first', () => {
  for (let seed = 0; seed < 60; seed++) {
    const dice = new Dice(seed);
    const one = Array.from({ length: 30 }, () => dice.below(24));
    const other = [...one];
    for (let i = other.length - 1; i > 0; i--) {
      const j = dice.below(i + 1);
      [other[i], other[j]] = [other[j]!, other[i]!];
    }
    if (seed % 3 === 0) other.push(dice.below(24));
    const found = reordered(Uint32Array.from(one), Uint32Array.from(other));
    const places = (order: number[], name: number) =>
      order.flatMap((of, step) => (of === name ? [step] : []));
    const expected = one.flatMap((name, before) => {
      const [here, there] = [places(one, name), places(other, name)];
      const after = there[here.indexOf(before)];
      return here.length !== there.length || after === before ? [] : [{ name, before, after }];
    });
    const key = ({ before, after }: { before: number; after?: number }) => `${before} ${after}`;
    assert.deepEqual(found.map(key).sort(), expected.map(key).sort());
    const away = found.map(({ before, after }) => Math.abs(after - before));
    assert.deepEqual(away, [...away].sort((a, b) => b - a));
  }
});
