// Long names of one list.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tellApart } from '../../src/names';
import { Dice } from '../sample';

const texts = (names: string[], limit: number) => tellApart(names, limit).map(({ text }) => text);

test('names that differ in the middle keep the part in which they do', () => {
  const names = [1, 7, 12].map((layer) => `/model/encoder/layers.${layer}/attention/MatMul_output_0`);
  const found = tellApart(names, 28);
  assert.deepEqual(
    found.map(({ text }) => text),
    ['/model…layers.1…Mul_output_0', '/model…layers.7…Mul_output_0', '/mode…layers.12…Mul_output_0'],
  );
  const seen = found.map(({ text, before }) => [...text].slice(before!).join(''));
  assert.ok(seen.every((text) => text.startsWith('layers.')), `${seen}`);
});

test('names that are told apart by their ends are cut in the middle', () => {
  const names = ['/model/encoder/layers.1/attention/first', '/model/encoder/layers.1/attention/second'];
  assert.deepEqual(texts(names, 20), ['/model/enc…ion/first', '/model/enc…on/second']);
  assert.deepEqual(texts(['x', 'y'], 20), ['x', 'y']);
  assert.deepEqual(texts([names[0]!, names[0]!], 20), ['/model/enc…ion/first', '/model/enc…ion/first']);
});

test('no name is longer than its limit, and those of one list differ', () => {
  const word = (dice: Dice) => ['block', 'attention', 'mlp', 'conv', 'norm_out'][dice.below(5)]!;
  for (let seed = 0; seed < 200; seed++) {
    const dice = new Dice(seed);
    const limit = 20 + dice.below(20);
    const [head, tail] = [`/${word(dice)}/${word(dice)}/`, `/${word(dice)}/output_0`];
    const names = Array.from({ length: 8 }, (_, i) => `${head}layers.${i}.${word(dice)}${tail}`);
    const found = texts(names, limit);
    for (const [i, text] of found.entries()) {
      assert.ok([...text].length <= limit, `${text} of ${limit}`);
      const alone = /layers\.(\d)/.exec(text)?.[1] ?? String(i);
      assert.equal(alone, String(i), text);
    }
    assert.equal(new Set(found).size, names.length, `seed ${seed}: ${found}`);
  }
});

test('names of any letters are cut between letters, and a huge one takes no time', () => {
  const emoji = ['a', 'b'].map((letter) => `${'😀'.repeat(60)}${letter}${'😀'.repeat(60)}`);
  for (const { text } of tellApart(emoji, 20)) assert.ok(!/\p{Cs}/u.test(text), text);
  assert.equal(new Set(texts(emoji, 20)).size, 2);
  const huge = ['a', 'b'].map((letter) => `${'x'.repeat(5e6)}${letter}${'x'.repeat(5e6)}`);
  assert.deepEqual(texts(huge, 9), ['xxxx…xxxx', 'xxxx…xxxx']);
  const turned = tellApart(['a\u202eb', 'c'], 20);
  assert.equal(turned[0]!.text, 'a\\u{202e}b');
});
