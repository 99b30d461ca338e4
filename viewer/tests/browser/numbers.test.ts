// The numbers that the page shows are those that the independent reader in Python finds in it: of
// samples, and of each page in the folder ORIONRT_PAGES, which the command line has made.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { network, pack, packAll, pair, random, shifted, small } from '../sample.ts';
import { blank, write } from './browser.ts';

const folder = process.env.ORIONRT_PAGES;
const files = folder === undefined ? [] : readdirSync(folder);
const pages = files.filter((name) => name.endsWith('.html'));

function read(url: string): any {
  const file = fileURLToPath(url);
  const run = spawnSync('python3', ['tests/read_page.py', file], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout);
}

/** Text with numbers as code writes them: 1,024 is 1024. */
const plain = (text: string) => text.replace(/(\d)[,\u2009\u202F](?=\d{3}\b)/g, '$1');

/** Asserts that a text has each of these whole numbers. */
function assertHas(text: string, numbers: number[], what: string): void {
  for (const number of numbers) {
    const isThere = new RegExp(`(?<![\\d.])${number}(?![\\d.]*\\d)`).test(plain(text));
    assert.ok(isThere, `${number} is not in ${what}: ${text}`);
  }
}

async function compare(url: string): Promise<void> {
  const facts = read(url);
  const [map] = facts.maps;
  const opened = await blank();
  await opened.go(`${url}#cursor=${map.fullest_step ?? 0}`);
  const { page } = opened;
  assert.ok(await page.locator('#error').isHidden());
  assert.ok((await opened.text('#facts')).includes(facts.title));
  const rows = await opened.rows('#alive');
  for (const [i, { name }] of map.largest_at_fullest_step.entries()) {
    const start = name.slice(0, 16);
    assert.ok(rows[i]!.join(' ').includes(start), `row ${i} is of ${name}: ${rows[i]}`);
  }
  for (const of of [...map.cards, ...map.largest_at_fullest_step.slice(0, 3)]) {
    await page.evaluate((tensor) => (location.hash = `tensor=${tensor}`), of.tensor);
    await opened.settle();
    // Of several maps a table has the places, and to the byte as its cells' titles.
    const titles = await page.locator('#card .each td').evaluateAll((cells) =>
      cells.map((cell) => (cell as HTMLElement).title).join(' '),
    );
    const card = `${await opened.text('#card')} ${titles}`;
    const parts = [of.name.slice(0, 16), of.shape, of.element, (of.within ?? '').slice(0, 16)];
    for (const part of parts) assert.ok(card.includes(part), `${part} is not in ${card}`);
    assertHas(card, [of.size, of.offset, of.lower, of.upper - 1], `the card of ${of.name}`);
    for (const operator of [...(of.written_by ?? []), ...(of.read_by ?? [])].slice(0, 4)) {
      assert.ok(card.includes(operator.slice(0, 16)), `${operator} is not in ${card}`);
    }
  }
  const [changes] = facts.changes;
  if (changes !== undefined) assertSums(await opened.text('#summary'), changes);
  await opened.close();
}

/** Asserts that the line of changes has the numbers that the reader counted. */
function assertSums(line: string, changes: any): void {
  const says = (number: number, words: string) =>
    assert.match(plain(line), new RegExp(`(^|\\D)${number} ${words}`), JSON.stringify(changes));
  if (changes.moved > 0) says(changes.moved, `of ${changes.common} tensors? lies? elsewhere`);
  else if (changes.common > 0) says(changes.common, 'tensors have the same offsets in both');
  if (changes.gone > 0) says(changes.gone, '(is|are) gone');
  if (changes.new > 0) says(changes.new, '(is|are) new');
  if (changes.order === 'unknown') assert.match(line, /the order of one plan is not known/);
  else if (changes.order === 'other') assert.match(line, /another order/);
  else if (changes.ends_earlier > 0) says(changes.ends_earlier, 'ends? earlier');
}

for (const sample of [small(), shifted(-4), network(), random(3000)]) {
  test(`the numbers of ${sample.title}`, () => compare(write(pack(sample))));
}

test('the numbers of two maps', () => compare(write(packAll(pair()))));

for (const name of pages) {
  test(`the numbers of ${name}`, () => compare(pathToFileURL(resolve(folder!, name)).href));
}
