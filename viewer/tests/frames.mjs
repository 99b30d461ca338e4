// The bench of frame times: `node tests/frames.mjs [TENSORS...]`, by default 100,000 and a million.
// `2x100000` are two maps of 100,000 tensors each, and `r100000` is a recording with as many ranges
// that were reserved as there are blocks.
//
// Opens a page of random tensors in chromium, moves the pointer over the map and the cursor by
// steps, and prints how long the page took for each, without painting. Then zooms in and out and
// pans for some seconds by one event a frame, and prints how long frames took: from one to the next
// as chromium shows them, and the part of it in which the page painted. Also the time until the
// map is seen, and the file's size. Chromium renders by software. Nothing is asserted: figures
// depend on the machine.
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const SECONDS = 6;
const counts = process.argv.slice(2);
if (counts.length === 0) counts.push('100000', '1000000');
process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const folder = await mkdtemp(join(tmpdir(), 'orionrt-frames-'));

/** The samples, which are TypeScript. */
async function samples() {
  const outfile = join(folder, 'sample.mjs');
  await build({
    entryPoints: ['tests/sample.ts'],
    bundle: true,
    format: 'esm',
    outfile,
    platform: 'node',
  });
  return import(pathToFileURL(outfile).href);
}

/** A sample as what an allocator did: each block has the lower half of a range of its own. */
function recorded(sample) {
  const ranges = sample.tensors.map(({ lower, upper, offset, size }) => {
    return { lower, upper, offset, size };
  });
  const most = sample.tensors.reduce((top, { offset, size }) => Math.max(top, offset + size), 0);
  const tensors = sample.tensors.map((tensor) => ({ ...tensor, size: Math.ceil(tensor.size / 2) }));
  return { ...sample, tensors, recorded: { reserved: [[0, most]], ranges } };
}

/** Runs in the page: zooms and pans, and returns the milliseconds of frames. */
async function gesture(seconds) {
  const map = document.getElementById('map');
  const { left, top, width, height } = map.getBoundingClientRect();
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const { frames } = window.orionrt;
  const painted = frames.length;
  const between = [];
  const begin = await frame();
  let last = begin;
  for (let i = 0; last - begin < seconds * 1000; i++) {
    // Two seconds: nearer for a while, aside, further away. The pointer wanders meanwhile.
    const turn = i % 120;
    const isPan = turn >= 50 && turn < 70;
    map.dispatchEvent(
      new WheelEvent('wheel', {
        deltaY: isPan ? 40 : turn < 50 ? -40 : 40,
        shiftKey: isPan,
        clientX: left + width * (0.5 + 0.35 * Math.sin(i / 97)),
        clientY: top + height * (0.5 + 0.3 * Math.cos(i / 61)),
        bubbles: true,
        cancelable: true,
      }),
    );
    const now = await frame();
    between.push(now - last);
    last = now;
  }
  return { between, painted: frames.slice(painted) };
}

/** Runs in the page: moves the pointer or the cursor; the milliseconds of each move. */
async function moves(kind, count) {
  const map = document.getElementById('map');
  const { left, top, width, height } = map.getBoundingClientRect();
  const at = (i) => ({
    clientX: left + 80 + (width - 100) * ((i * 0.618) % 1),
    clientY: top + 60 + (height - 110) * ((i * 0.414) % 1),
  });
  const times = [];
  for (let i = 0; i < count; i++) {
    await new Promise((done) => requestAnimationFrame(done));
    const event =
      kind === 'hover'
        ? new PointerEvent('pointermove', { ...at(i), bubbles: true })
        : new KeyboardEvent('keydown', { key: i % 10 < 9 ? ']' : '[', bubbles: true });
    const begin = performance.now();
    map.dispatchEvent(event);
    times.push(performance.now() - begin);
  }
  return times;
}

function line(name, times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  // A screen's period is 16.67 ms, and the page's clock has steps of 0.1 ms at both ends.
  const inTime = sorted.filter((time) => time < 16.9).length / sorted.length;
  const [median, most, worst] = [at(0.5), at(0.95), at(1)].map((time) => time?.toFixed(1));
  const share = (100 * inTime).toFixed(1);
  console.log(
    `  ${name}: median ${median} ms, 95th percentile ${most} ms, longest ${worst} ms, ` +
      `within 16.7 ms ${share} % of ${sorted.length}`,
  );
}

const browser = await chromium.launch({
  executablePath: process.env.ORIONRT_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync'],
});
try {
  const { encode, packAll, page: pageOf, random, template } = await samples();
  console.log(`chromium ${browser.version()}, software rendering, 1200 x 800`);
  for (const count of counts) {
    const isRecording = count.startsWith('r');
    const [tensors, maps = 1] = count.replace('r', '').split('x').map(Number).reverse();
    const drawn = Array.from({ length: maps }, (_, i) => {
      const sample = random(tensors, i + 1);
      return isRecording ? recorded(sample) : sample;
    });
    const document = packAll(drawn);
    const text = pageOf(template(), encode(document));
    const file = join(folder, `${count}.html`);
    await writeFile(file, text);
    const { size } = await stat(file);
    const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
    const begin = performance.now();
    await page.goto(pathToFileURL(file).href);
    await page.evaluate(async () => {
      while (!(window.orionrt?.frames.length > 0)) {
        await new Promise((done) => setTimeout(done, 5));
      }
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    });
    const opened = performance.now() - begin;
    const hovers = await page.evaluate(`(${moves})('hover', 150)`);
    const walks = await page.evaluate(`(${moves})('cursor', 150)`);
    const { between, painted } = await page.evaluate(gesture, SECONDS);
    const megabytes = (size / 1e6).toFixed(2);
    const length = drawn.map((sample) => sample.tensors.length).join(' and ');
    console.log(`${length} tensors: ${megabytes} MB, opened in ${Math.round(opened)} ms`);
    line('from frame to frame', between);
    line('painting', painted);
    line('hovering', hovers);
    line('moving the cursor', walks);
    await page.close();
  }
} finally {
  await browser.close();
  await rm(folder, { recursive: true });
}
