// Numbers and names as they are shown.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as format from '../../src/format';

test('bytes have three digits and a unit', () => {
  const texts = [0, 1, 1023, 1024, 1536, 10240, 12345678, 2 ** 40].map(format.bytes);
  const expected = ['0 B', '1 B', '1,023 B', '1 KiB', '1.5 KiB', '10 KiB', '11.8 MiB', '1 TiB'];
  assert.deepEqual(texts, expected);
  assert.equal(format.exactBytes(12345678), '12,345,678 bytes');
});

test('bytes are rounded as the command line does', () => {
  // What `orionrt plan` prints, without zeros at the end.
  for (const [number, text] of [
    [6.125 * 2 ** 20, '6.12 MiB'],
    [6.375 * 2 ** 20, '6.38 MiB'],
    [10.25 * 2 ** 20, '10.2 MiB'],
    [10.75 * 2 ** 20, '10.8 MiB'],
    [100.5 * 1024, '100 KiB'],
    [101.5 * 1024, '102 KiB'],
    [1023.4 * 1024, '1023 KiB'],
    [1023.75 * 1024, '1 MiB'],
    [1023.5 * 2 ** 20, '1 GiB'],
  ] as [number, string][]) {
    assert.equal(format.bytes(number), text);
  }
});

test('ticks have a unit in which they are short', () => {
  assert.equal(format.tickBytes(0, 256), '0');
  assert.equal(format.tickBytes(768 * 1024, 256 * 1024), '768 KiB');
  assert.equal(format.tickBytes(12 * 2 ** 20 + 4096, 4096), '12,292 KiB');
  assert.equal(format.tickBytes(1664 * 1024, 128 * 1024), '1.63 MiB');
  assert.equal(format.tickBytes(128 * 1024, 128 * 1024), '128 KiB');
  const tick = 2 ** 24;
  const near = Array.from({ length: 200 }, (_, i) => format.tickBytes(2 ** 30 + i * tick, tick));
  assert.equal(new Set(near).size, near.length, 'ticks can be told apart');
  assert.equal(format.tickBytes(48, 16), '48 B');
});

test('shares and steps', () => {
  assert.equal(format.percent(1, 3), '33.3 %');
  assert.equal(format.percent(3, 3), '100 %');
  assert.equal(format.percent(1, 100000), '< 0.1 %');
  assert.equal(format.percent(0, 0), '–');
  assert.equal(format.steps(4, 5), 'step 4');
  assert.equal(format.steps(4, 10), 'steps 4 to 9');
  assert.equal(format.plural(1, 'tensor'), '1 tensor');
});

test('control characters and those that turn text around are escaped', () => {
  assert.equal(format.visible('a\n\u202eb\u0000'), 'a\\u{a}\\u{202e}b\\u{0}');
  assert.equal(format.visible('\u061c\u{e0041}é😀'), '\\u{61c}\\u{e0041}é😀');
  assert.equal(format.visible('<b>"שלום"</b>'), '<b>"שלום"</b>');
});

test('the end of a long name that is always seen begins at a separator, if one is near', () => {
  const tail = (name: string) => [...name].slice(format.foldOf([...name], 14)).join('');
  assert.equal(tail('model.py:50 attention #1'), ' attention #1');
  assert.equal(tail('model.py:50 cache keep #11'), 'cache keep #11');
  assert.equal(tail('relu6'), 'relu6');
  assert.equal(tail('encoder.block1.wide.relu6'), '.wide.relu6');
  assert.equal(tail('/model/layers.0/Conv_output_0'), '/Conv_output_0');
  assert.equal(tail('abcdefghijklmnopqrstuvwxyz'), 'mnopqrstuvwxyz');
  // What follows the last separator alone would say nothing.
  assert.equal(tail('abcdefghijklmnopqrstuvw #1'), 'mnopqrstuvw #1');
});

test('long names keep both ends, and no half of a letter', () => {
  assert.equal(format.shortened('abcdefghij', 10), 'abcdefghij');
  assert.equal(format.shortened('abcdefghijk', 10), 'abcde…hijk');
  assert.equal(format.shortened('😀'.repeat(5000), 5), '😀😀…😀😀');
  assert.equal(format.beginning('BatchNormalization', 6), 'Batch…');
});

test('titles that look alike have their numbers in front, and others stay', () => {
  assert.deepEqual(format.apart(['a', 'b'], 8), ['a', 'b']);
  assert.deepEqual(format.apart(['a', 'b', 'a'], 8), ['1: a', 'b', '3: a']);
  const [one, other] = ['/models/first/long/net.onnx', '/models/later/long/net.onnx'];
  assert.deepEqual(format.apart([one, other], 12), [`1: ${one}`, `2: ${other}`]);
  assert.deepEqual(format.apart([one, other], 40), [one, other]);
  assert.deepEqual(format.apart(['', ''], 8), ['1: ', '2: ']);
  // A number in front may give a title that there is already.
  const expected = ['1: net', '2: net', '3: 1: net'];
  assert.deepEqual(format.apart(['net', 'net', '1: net'], 8), expected);
  const titles = ['net', 'net', '1: net', '3: 1: net', '10: net'];
  assert.equal(new Set(format.apart(titles, 24)).size, titles.length);
});
