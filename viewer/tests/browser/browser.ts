// Opens pages in chromium, for the tests beside it.
//
// Owns the browser of a test file and what is asserted of every page: nothing is asked of the
// network, and nothing is logged as an error. Stands on `../sample.ts` and playwright-core.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { pathToFileURL } from 'node:url';
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
} from 'playwright-core';
import { encode, pack, page as pageOf, template, type Sample } from '../sample.ts';
import { decode, type Colour, type Picture } from './png.ts';

const EXECUTABLE = process.env.ORIONRT_CHROMIUM ?? '/usr/bin/chromium';
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLE, args: ARGUMENTS });
}

let browser: Browser;
let folder: string;
let pages = 0;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'orionrt-pages-'));
  browser = await launch();
});

after(async () => {
  await browser.close();
  rmSync(folder, { recursive: true });
});

/** Writes the page of a document and returns its URL. */
export function write(document: Buffer): string {
  return writeText(pageOf(template(), encode(document)));
}

export function writeText(text: string): string {
  const file = join(folder, `${pages++}.html`);
  writeFileSync(file, text);
  return pathToFileURL(file).href;
}

export interface Window {
  lower: number;
  upper: number;
  bottom: number;
  top: number;
}

/** A page, and all that was logged and asked for since it was opened. */
export class Opened {
  readonly errors: string[] = [];
  readonly requests: string[] = [];
  /** Requests that the page's policy refused, so that they were not sent. */
  readonly refused: string[] = [];

  constructor(
    readonly page: Page,
    readonly context: BrowserContext,
  ) {
    page.on('pageerror', (error) => this.errors.push(error.message));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.errors.push(message.text());
    });
    page.on('request', (request) => this.requests.push(request.url()));
    page.on('requestfailed', (request) => {
      if (request.failure()?.errorText === 'csp') this.refused.push(request.url());
    });
    page.on('dialog', (dialog) => {
      this.errors.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }

  /** Goes to a page and waits until it shows its data or an error. */
  async go(url: string): Promise<void> {
    await this.page.goto(url);
    await until('the page is ready', () =>
      this.page.evaluate(() => {
        const shown = (window as any).orionrt;
        return shown !== undefined || !document.getElementById('error')!.hidden;
      }),
    );
    await this.settle();
  }

  /** Waits until everything asked for was painted. */
  async settle(): Promise<void> {
    await this.page.evaluate(async () => {
      const frames = (): number => (window as any).orionrt?.frames.length ?? 0;
      const frame = () => new Promise((done) => requestAnimationFrame(done));
      for (let calm = 0, seen = -1; calm < 3; calm++) {
        if (frames() !== seen) [calm, seen] = [0, frames()];
        await frame();
      }
    });
  }

  /** Where a position in steps and bytes lies in the window. */
  at(step: number, byte: number): Promise<{ x: number; y: number }> {
    return this.page.evaluate(
      ([step, byte]) => {
        const { view } = (window as any).orionrt;
        const { left, top } = document.getElementById('map')!.getBoundingClientRect();
        return { x: left + view.x(step), y: top + view.y(byte) };
      },
      [step, byte] as const,
    );
  }

  /** A whole pixel near there: all that a pointer can be at. */
  async near(step: number, byte: number): Promise<{ x: number; y: number }> {
    const { x, y } = await this.at(step, byte);
    return { x: Math.round(x), y: Math.round(y) };
  }

  /** The position in steps and bytes at a place in the window. */
  under(x: number, y: number): Promise<{ step: number; byte: number }> {
    return this.page.evaluate(
      ([x, y]) => {
        const { view } = (window as any).orionrt;
        const { left, top } = document.getElementById('map')!.getBoundingClientRect();
        return { step: view.step(x - left), byte: view.byte(y - top) };
      },
      [x, y] as const,
    );
  }

  /** The steps and bytes that are visible. */
  window(): Promise<Window> {
    return this.page.evaluate(() => ({ ...(window as any).orionrt.view.window }));
  }

  async hover(step: number, byte: number): Promise<void> {
    const { x, y } = await this.at(step, byte);
    await this.page.mouse.move(x, y);
    await this.settle();
  }

  async click(step: number, byte: number): Promise<void> {
    const { x, y } = await this.at(step, byte);
    await this.page.mouse.click(x, y);
    await this.settle();
  }

  async press(...keys: string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
    await this.settle();
  }

  /** The cells of the rows of a table's body. */
  rows(selector: string): Promise<string[][]> {
    return this.page.locator(`${selector} tbody tr`).evaluateAll((rows) =>
      rows.map((row) => [...row.children].map((cell) => cell.textContent!.trim())),
    );
  }

  text(selector: string): Promise<string> {
    return this.page.locator(selector).innerText();
  }

  /** What a user sees of the map, one pixel for each of the page. */
  async picture(): Promise<Picture> {
    await this.settle();
    return decode(await this.page.locator('#map').screenshot({ scale: 'css' }));
  }

  /** Asserts that the page did nothing that no page of ours does, and closes it. */
  async close(): Promise<void> {
    assert.deepEqual(this.errors, []);
    const outside = this.requests.filter(
      (url) => !/^(file|data|blob):/.test(url) && !this.refused.includes(url),
    );
    assert.deepEqual(outside, []);
    assert.equal(await this.page.evaluate(() => (window as any).hacked), undefined);
    await this.context.close();
  }
}

/** A new window, nothing in it. */
export async function blank(options: BrowserContextOptions = {}): Promise<Opened> {
  const viewport = { width: 1200, height: 800 };
  const context = await browser.newContext({ viewport, reducedMotion: 'reduce', ...options });
  return new Opened(await context.newPage(), context);
}

/** Opens the page of a sample. */
export async function open(
  sample: Sample,
  options: BrowserContextOptions = {},
  fragment = '',
): Promise<Opened> {
  const opened = await blank(options);
  await opened.go(write(pack(sample)) + fragment);
  return opened;
}

/** Waits for something to become true. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 15_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new assert.AssertionError({ message: `never: ${what}` });
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** How far two colours are apart: 0 for the same one, 441 from black to white. */
export function distance(a: Colour, b: Colour): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}
