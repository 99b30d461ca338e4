// What the page never does: run a name, ask the network, or show nothing where data is broken.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import {
  HOSTILE_NAMES,
  broken,
  encode,
  hostile,
  pack,
  page as pageOf,
  small,
  template,
} from '../sample.ts';
import { blank, open, until, write, writeText } from './browser.ts';

test('broken data is an error that names the place', async () => {
  const opened = await blank();
  for (const { name, document, place } of broken()) {
    await opened.go(write(document));
    assert.ok(await opened.page.locator('#error').isVisible(), name);
    assert.match(await opened.text('#error'), place, name);
  }
  await opened.close();
});

test('data that is not base64, not gzip or not there is an error', async () => {
  const good = encode(pack(small()));
  const pages = [
    pageOf(template(), '?'),
    pageOf(template(), Buffer.from('no gzip').toString('base64')),
    pageOf(template(), good.slice(0, 200)),
    pageOf(template(), ''),
    template(),
  ];
  const opened = await blank();
  for (const text of pages) {
    await opened.go(writeText(text));
    assert.ok(await opened.page.locator('#error').isVisible());
    assert.match(await opened.text('#error'), /\w+ \w+/);
  }
  await opened.close();
});

test('hostile names are shown as text and never run', async () => {
  const opened = await open(hostile());
  const { page } = opened;
  assert.ok(await page.locator('#error').isHidden());
  assert.ok((await page.title()).startsWith(HOSTILE_NAMES[2]!));
  const scripts = await page.locator('script').count();
  // Every part of the page that shows names, for every name.
  for (const [i, name] of HOSTILE_NAMES.entries()) {
    await page.locator('#search').fill(name.slice(0, 40));
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('img, iframe, object, embed, b').count(), 0, name);
    assert.equal(await page.locator('script').count(), scripts, name);
    if (i === 1) assert.ok((await page.locator('body').innerText()).includes(name));
  }
  await opened.close();
});

test('no element of the template carries a style, a handler or an address', () => {
  const markup = template().replace(/<(script|style)>[^]*?<\/\1>/g, '');
  assert.doesNotMatch(markup, /\sstyle=|\son\w+=/);
  assert.doesNotMatch(markup, /\s(src|href)=/);
});

test('injected scripts, styles and requests are refused', async (context) => {
  const received: string[] = [];
  const server = createServer((request, response) => {
    received.push(`${request.method} ${request.url}`);
    response.end();
  });
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const opened = await open(small());
  const { page } = opened;
  const refused = () => page.evaluate((): string[] => (window as any).blocked);
  await page.evaluate(async (address) => {
    const blocked: string[] = ((window as any).blocked = []);
    document.addEventListener('securitypolicyviolation', (event) => {
      blocked.push(event.effectiveDirective);
    });
    const add = (name: string, set: Record<string, string>) => {
      const element = Object.assign(document.createElement(name), set);
      document.body.append(element);
      return element;
    };
    add('script', { textContent: 'window.hacked = 1' });
    add('script', { src: `http://${address}/a.js` });
    add('script', { src: 'data:text/javascript,window.hacked=1' });
    add('style', { textContent: 'body { display: none }' });
    add('link', { rel: 'stylesheet', href: `http://${address}/a.css` });
    add('img', { src: `http://${address}/a.png` });
    add('iframe', { src: `http://${address}/` });
    const button = document.createElement('button');
    button.setAttribute('onclick', 'window.hacked = 1');
    document.body.append(button);
    button.click();
    (add('form', { action: `http://${address}/` }) as HTMLFormElement).submit();
    navigator.sendBeacon(`http://${address}/`, 'x');
    await fetch(`http://${address}/`).catch(() => blocked.push('fetch'));
    const sent = `fetch('http://${address}/').catch(() => postMessage('fetch of a worker'))`;
    const worker = new Worker(URL.createObjectURL(new Blob([sent])));
    worker.onmessage = ({ data }) => blocked.push(data);
    try {
      new WebSocket(`ws://${address}/`);
    } catch {
      blocked.push('socket');
    }
    // By a timer, since what a debugger runs may evaluate text.
    setTimeout(() => {
      try {
        (0, eval)('window.hacked = 1');
      } catch {
        blocked.push('eval');
      }
    });
  }, `127.0.0.1:${port}`);
  for (const each of [
    'script-src-elem',
    'script-src-attr',
    'style-src-elem',
    'img-src',
    'frame-src',
    'connect-src',
    'form-action',
    'fetch',
    'fetch of a worker',
    'eval',
  ]) {
    await until(`${each} is refused`, async () => (await refused()).includes(each));
  }
  assert.deepEqual(received, [], 'nothing has reached the server');
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).display !== 'none'), true);
  // What was refused was logged.
  await until('the messages have come', async () => opened.errors.length > 0);
  opened.errors.length = 0;
  await opened.close();
});
