// The card of a tensor that was clicked: what it says of the tensor and its bytes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CALLS, heap } from '../heap.ts';
import { plain, small, type Tensor } from '../sample.ts';
import { open } from './browser.ts';

const KIB = 1024;

test('the card of a size that is no multiple of the alignment names no padding', async () => {
  const sample = small();
  sample.tensors[1]!.size -= 100;
  const opened = await open(sample);
  await opened.click(2.5, 5 * KIB);
  const text = await opened.text('#card');
  assert.ok(text.includes('2,972 bytes') && !text.includes('padding'), text);
  await opened.close();
});

test('the card says what had the same bytes earlier, in a gap and later', async () => {
  const opened = await open(small());
  await opened.click(4.5, 3 * KIB);
  const resting = await opened.text('#card');
  assert.match(resting, /Same bytes earlier\s+first\s+steps 0 to 3/);
  assert.match(resting, /Same bytes in its gap\s+guest\s+steps 6 to 7/);
  await opened.click(6.5, 3.5 * KIB);
  const guest = await opened.text('#card');
  for (const part of [/earlier\s+resting\s+steps 4 to 5/, /later\s+resting\s+steps 8 to 9/]) {
    assert.match(guest, part);
  }
  await opened.close();
});

test('the card of a block has the calls that allocated it, the innermost first', async () => {
  const deep = Array.from({ length: 20 }, (_, i) => {
    return { ...CALLS[0]!, name: `f${i}`, within: i === 0 ? null : i - 1 };
  });
  const callOf = small().tensors.map((_, i) => 19 - i);
  const opened = await open({ ...heap(deep), callOf });
  await opened.click(2.5, 5 * KIB);
  const calls = opened.page.locator('#card .stack li');
  assert.deepEqual((await calls.allInnerTexts()).slice(0, 3), ['f18', 'f17', 'f16']);
  const folded = opened.page.locator('#card details:has(.stack)');
  assert.deepEqual(await folded.locator('summary').allInnerTexts(), ['11 outer calls']);
  assert.equal(await calls.count(), 19);
  await opened.close();
});

test('of a very deep stack the card has the inner calls, and counts the others', async () => {
  const deep = Array.from({ length: 300 }, (_, i) => {
    return { ...CALLS[0]!, name: `f${i}`, within: i === 0 ? null : i - 1 };
  });
  const callOf = small().tensors.map((_, i) => 299 - i);
  const opened = await open({ ...heap(deep), callOf });
  await opened.click(2.5, 5 * KIB);
  const folded = opened.page.locator('#card details:has(.stack)');
  assert.deepEqual(await folded.locator('summary').allInnerTexts(), ['291 outer calls']);
  const calls = await opened.page.locator('#card .stack li').allTextContents();
  assert.equal(calls.length, 8 + 200 + 1);
  assert.deepEqual(calls.slice(-2), ['f91', 'and 91 more']);
  await opened.close();
});

test('the card of a view names what it lies in', async () => {
  const opened = await open(small());
  await opened.click(6.5, 6 * KIB);
  const text = await opened.text('#card');
  for (const part of ['half', 'wide', '1.5 KiB', '5.5 KiB']) assert.ok(text.includes(part), text);
  await opened.close();
});

test('the card opens a list of all that had the same bytes, and says where it is a part', async () => {
  const steps = 20;
  const tensors: Tensor[] = Array.from({ length: steps }, (_, i) => ({
    name: `at_${i}`,
    lower: i,
    upper: i + 1,
    offset: 0,
    size: (i === 3 ? 1 : 4) * KIB,
  }));
  const opened = await open({ ...plain('turns'), endStep: steps, tensors });
  await opened.click(16.5, 2 * KIB);
  const folded = opened.page.locator('#card details');
  // Four of each side are named, and at_3 lies below the bytes of none.
  assert.deepEqual(await folded.locator('summary').allInnerTexts(), ['12 earlier ones']);
  assert.doesNotMatch(await opened.text('#card'), /at_9/);
  await folded.locator('summary').click();
  const text = await opened.text('#card');
  assert.match(text, /at_9\s+step 9/);
  assert.match(text, /at_3\s+step 3, 1 KiB of it/);
  assert.doesNotMatch(text, /step 9, 4 KiB of it/);
  await opened.close();
});

test('steps and operators on a card move the cursor there', async () => {
  const opened = await open(small());
  const { page } = opened;
  await opened.click(4.5, 3 * KIB);
  const goes = async (name: string, place: number, step: number) => {
    await page.locator('#card').getByRole('button', { name, exact: true }).nth(place).click();
    await opened.settle();
    assert.match(await opened.text('#alive caption'), new RegExp(`Alive at step ${step}`));
    assert.match(await opened.text('#card h2'), /resting/, 'the card stays');
  };
  // It is alive from step 4 to 9, with a gap from 6 to 7, and `first` had its bytes up to step 3.
  await goes('step 9', 0, 9);
  await goes('step 6', 0, 6);
  await goes('step 0', 0, 0);
  await goes('operator_4', 0, 4);
  await goes('step 7', 0, 7);
  await opened.close();
});

test('names of what has the same bytes are read in full', async () => {
  const name = (i: number) => `decoder.up${i}.second.normalized`;
  const tensors = Array.from({ length: 6 }, (_, i) => {
    return { name: name(i), lower: 2 * i, upper: 2 * i + 2, offset: 0, size: 2048 - i };
  });
  const opened = await open({ ...plain('named.csv'), endStep: 12, tensors }, {}, '#tensor=3');
  const lines = opened.page.locator('#card .lines .name');
  const all = await lines.evaluateAll((names) =>
    names.map((one) => [one.textContent!, one.scrollWidth - one.clientWidth] as const),
  );
  assert.deepEqual(all.slice(0, 3).map(([text]) => text), [name(2), name(1), name(0)]);
  for (const [text, hidden] of all) assert.ok(hidden <= 0, `${hidden} pixels of ${text}`);
  await opened.close();
});
