// The pictures of docs/viewer.md: pages of real models, as the command line writes them.
//
// Owns which pages are shown there, and what each picture has to show. Stands on
// `../browser/browser.ts`. `npm run pictures` takes from the environment the command line
// (`ORIONRT`), a folder with `unet.onnx` and `mobilenet.onnx`, which the examples of the command
// line write (`ORIONRT_MODELS`), and a folder for the pictures (`ORIONRT_PICTURES`).
//
// A picture is taken only after the page has shown, in its elements, what the picture is for; the
// map in it must not be blank. Bytes are not compared with those of the pictures in docs/: fonts
// and the versions of chromium differ between machines.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { blank, type Opened } from '../browser/browser.ts';
import { decode, encode } from '../browser/png.ts';

const VIEWPORT = { width: 1400, height: 700 };
/** The bytes that a picture may have, whatever the fonts. */
const MOST_BYTES = 150_000;
/** The share of a map that has a colour of the legend, at least. */
const LEAST_FILLED = 0.05;
const MIB = 1024 * 1024;

const orionrt = setting('ORIONRT');
const models = setting('ORIONRT_MODELS');
const folder = setting('ORIONRT_PICTURES');

let pages: string;

before(() => {
  mkdirSync(folder, { recursive: true });
  pages = mkdtempSync(join(tmpdir(), 'orionrt-pictures-'));
});

after(() => rmSync(pages, { recursive: true }));

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

/** The path of a file beside the pages. */
const beside = (name: string): string => join(pages, name);

function run(...args: string[]): string {
  return execFileSync(orionrt, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Plans the U-Net and opens its page. */
async function unet(options = {}): Promise<Opened> {
  const file = beside('unet.html');
  run('plan', join(models, 'unet.onnx'), '--html', file);
  return openFile(file, 'unet.onnx', '', options);
}

async function openFile(
  file: string,
  title: string,
  fragment: string,
  options = {},
): Promise<Opened> {
  const opened = await blank({ viewport: VIEWPORT, ...options });
  await opened.go(pathToFileURL(file).href + fragment);
  assert.equal(await opened.page.locator('#error').isHidden(), true, 'the page has an error');
  assert.equal(await opened.text('#facts h1'), title);
  return opened;
}

/** Asserts that all maps have boxes on them, then writes what a user sees. */
async function take(opened: Opened, name: string): Promise<void> {
  await opened.settle();
  for (const canvas of await opened.page.locator('#panels canvas').all()) {
    const filled = await canvas.evaluate(filledOf);
    assert.ok(filled >= LEAST_FILLED, `${name}: boxes fill ${filled} of a map`);
  }
  const seen = decode(await opened.page.screenshot({ scale: 'css' }));
  const picture = encode(seen);
  assert.deepEqual(decode(picture), seen);
  assert.ok(picture.length <= MOST_BYTES, `${name}: ${picture.length} bytes`);
  writeFileSync(join(folder, `${name}.png`), picture);
  await opened.close();
}

/** Runs in the page: the share of a canvas that has a colour of the legend. */
function filledOf(element: Element): number {
  const canvas = element as HTMLCanvasElement;
  const { width, height } = canvas;
  const { data } = canvas.getContext('2d')!.getImageData(0, 0, width, height);
  const swatches = [...document.querySelectorAll('#legend .swatch')];
  const known = new Set(swatches.map((swatch) => getComputedStyle(swatch).backgroundColor));
  let filled = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (known.has(`rgb(${data[at]}, ${data[at + 1]}, ${data[at + 2]})`)) filled += 1;
  }
  return filled / (width * height);
}

test('the map of a model', async () => {
  const opened = await unet();
  assert.match(await opened.text('#facts'), /Peak.*Lower bound.*Optimal/s);
  assert.match(await opened.text('#legend'), /Conv.*load/s);
  assert.match(await opened.text('#peak'), /is the fullest: \d+ tensors with .* Concat /);
  assert.ok((await opened.rows('#peak')).length > 1);
  await take(opened, 'map');
});

test('the peak, and the card of its largest tensor', async () => {
  const opened = await unet();
  await opened.page.locator('#colour').selectOption('peak');
  await opened.press('p', 'Enter');
  const [[name]] = await opened.rows('#alive');
  assert.equal(await opened.text('#card h2'), name);
  const card = await opened.text('#card');
  assert.match(card, /Written by.*Read by.*At the fullest step.*Same bytes later/s);
  assert.match(await opened.text('#cursor'), /Alive at step \d+/);
  await take(opened, 'card');
});

test('two plans beside each other', async () => {
  const model = join(models, 'mobilenet.onnx');
  const plan = beside('in-place.json');
  const file = beside('compare.html');
  run('plan', model, '--aliasing', 'in-place', '--output', plan);
  run('view', model, plan, '--html', file, '--no-open');
  // The first steps, in which the peak is.
  const opened = await openFile(file, 'mobilenet.onnx, in-place.json', `#view=0,40,0,${10 * MIB}`);
  assert.equal(await opened.page.locator('#panels canvas').count(), 2);
  assert.match(await opened.text('#summary'), /Peak .* → .* \(−\d+ %\)/);
  assert.match(await opened.text('#legend'), /view or in place/);
  assert.ok((await opened.rows('#moved')).length > 1);
  // A result at the peak, which the second plan has over its operand.
  await opened.click(7.5, 8 * MIB);
  assert.equal(await opened.text('#card h2'), 'block1.wide.relu6');
  const [, offset] = await opened.rows('#card .each');
  assert.deepEqual(offset, ['Offset', '4.59 MiB', '0 B']);
  await take(opened, 'compare');
});

test('the dark page, coloured by how long tensors live, with the card at the pointer', async () => {
  const opened = await unet({ colorScheme: 'dark' });
  assert.equal(await opened.page.locator('html').getAttribute('data-theme'), 'dark');
  await opened.page.locator('#colour').selectOption('age');
  assert.match(await opened.text('#legend'), /1 step.*\d+ steps/s);
  await opened.hover(20, 5 * MIB);
  assert.equal(await opened.text('#stage #card h2'), 'down0.second');
  await take(opened, 'dark');
});
