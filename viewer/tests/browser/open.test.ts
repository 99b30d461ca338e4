// A page opens: its title, its facts, and what a screen reader finds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  empty,
  encode,
  type Form,
  network,
  pack,
  page as pageOf,
  random,
  small,
  template,
} from '../sample.ts';
import { blank, open, write, writeText } from './browser.ts';

test('the title, the peak, the bound and the notes are shown', async () => {
  const opened = await open(small());
  assert.match(await opened.page.title(), /small\.onnx/);
  const facts = await opened.text('#facts');
  for (const part of [/small\.onnx/, /10(\.0)? KiB/, /optimal/i, /1 tensor is left out/]) {
    assert.match(facts, part);
  }
  assert.ok(await opened.page.locator('#error').isHidden());
  await opened.close();
});

for (const form of ['smallest', 'delta', 'f64'] as Form[]) {
  test(`columns written as ${form} say the same`, async () => {
    const opened = await blank();
    await opened.go(write(pack(small(), form)));
    const other = await open(small());
    for (const part of ['#facts', '#peak', '#alive']) {
      assert.equal(await opened.text(part), await other.text(part));
    }
    await opened.close();
    await other.close();
  });
}

test('a browser that has no decoder of base64 opens a page, and says what is none', async () => {
  const opened = await blank();
  await opened.page.addInitScript(() => delete (Uint8Array as { fromBase64?: unknown }).fromBase64);
  await opened.go(write(pack(small())));
  assert.match(await opened.text('#facts'), /small\.onnx/);
  await opened.go(writeText(pageOf(template(), 'no*base64')));
  assert.match(await opened.text('#error'), /base64/);
  await opened.close();
});

test('boxes of a large map are found before and after they are in order', async () => {
  const sample = random(200_001);
  const [tensor] = sample.tensors.filter(({ lower, upper }) => upper - lower > 60);
  const { lower, upper, offset, size } = tensor!;
  const view = [lower - 50, upper + 50, offset - 4000, offset + size + 4000].join(',');
  const opened = await open(sample, {}, `#view=${view}`);
  const [step, byte] = [(lower + upper) / 2, offset + size / 2];
  const found = async () => {
    await opened.hover(step, byte);
    return opened.text('#card h2');
  };
  assert.equal(await found(), tensor!.name);
  const first = await opened.picture();
  await opened.page.waitForTimeout(500);
  assert.equal(await found(), tensor!.name);
  const second = await opened.picture();
  for (let x = 80; x < first.width - 20; x += 7) {
    for (let y = 60; y < first.height - 45; y += 7) {
      assert.deepEqual(first.at(x, y), second.at(x, y), `${x}, ${y}`);
    }
  }
  await opened.close();
});

test('a page of nothing says so instead of failing', async () => {
  const opened = await open(empty());
  assert.ok(await opened.page.locator('#error').isHidden());
  assert.match(await opened.text('#facts'), /empty\.csv/);
  await opened.close();
});

for (const sample of [network(), random(5000)]) {
  test(`${sample.title} opens`, async () => {
    const opened = await open(sample);
    assert.ok(await opened.page.locator('#error').isHidden());
    assert.ok(await opened.page.locator('#map').isVisible());
    await opened.close();
  });
}

/** A page whose data is large enough for a worker. */
const LARGE = encode(pack(random(200_000)));
const large = () => writeText(pageOf(template(), LARGE));

test('a large page is unpacked by a worker, and a small one by itself', async () => {
  const opened = await blank();
  let workers = 0;
  opened.page.on('worker', () => (workers += 1));
  await opened.go(write(pack(small())));
  assert.equal(workers, 0);
  await opened.go(large());
  assert.equal(workers, 1);
  assert.match(await opened.text('#facts'), /200,000 tensors/);
  assert.equal(await opened.page.locator('#orionrt-data').count(), 0, 'the text is let go');
  await opened.close();
});

const refusals = {
  'refuses workers': () => {
    (window as any).Worker = class {
      constructor() {
        throw new DOMException('no workers here', 'SecurityError');
      }
    };
  },
  'does not start its worker': () => {
    const { Worker } = window;
    (window as any).Worker = function () {
      return new Worker('blob:null/none');
    };
  },
  'gives its worker too little memory': () => {
    const { Blob } = window;
    const spoilt = 'Response.prototype.arrayBuffer = async () => { throw new RangeError("full"); };';
    (window as any).Blob = class extends Blob {
      constructor(parts: string[], options: BlobPropertyBag) {
        super([spoilt, ...parts], options);
      }
    };
  },
  'has a worker that cannot take an answer': () => {
    const { Worker } = window;
    (window as any).Worker = function (url: string) {
      const worker = new Worker(url);
      const set = () => setTimeout(() => worker.dispatchEvent(new Event('messageerror')));
      return Object.defineProperty(worker, 'onmessage', { set });
    };
  },
};
for (const [name, refuse] of Object.entries(refusals)) {
  test(`a large page whose browser ${name} opens all the same`, async () => {
    const opened = await blank();
    await opened.page.addInitScript(refuse);
    await opened.go(large());
    assert.match(await opened.text('#facts'), /200,000 tensors/);
    // The browser logs the file that is not there.
    opened.errors.splice(0, opened.errors.filter((text) => /ERR_FILE_NOT_FOUND/.test(text)).length);
    await opened.close();
  });
}

test('a large page whose data is broken says so', async () => {
  const good = LARGE;
  const opened = await blank();
  for (const [data, problem] of [
    [`${good.slice(0, 3_200_000)}*${good.slice(3_200_001)}`, /base64/],
    [good.slice(0, 3_200_000), /gzip/],
  ] as const) {
    await opened.go(writeText(pageOf(template(), data)));
    assert.match(await opened.text('#error'), problem);
  }
  await opened.close();
});
