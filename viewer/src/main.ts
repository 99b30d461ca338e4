// Starts the page: unpacks the document, and says why where it cannot be read. Stands on `page.ts`,
// `stacks.ts`, `arrival.ts`, `unpacking.ts` and `worker.ts`.
//
// The script stands before the data, so that these are unpacked while the browser still parses
// them. It is also what the worker of a large page runs.

import { Address } from './address';
import { arrival } from './arrival';
import { Malformed } from './columns';
import type { Document } from './data';
import { read } from './document';
import { byId } from './elements';
import { Page } from './page';
import { Stacks } from './stacks';
import { Unpacking } from './unpacking';
import type { Viewport } from './viewport';
import { serve } from './worker';

declare global {
  interface Window {
    /** For tests: the windows of all maps, of which the first is `view`. */
    orionrt?: { document: Document; view: Viewport; views: Viewport[]; frames: number[] };
  }
}

/** Starts the page, whose script is this one. */
async function start(script: string): Promise<void> {
  const unpacking = new Unpacking(script);
  const isThere = await arrival('orionrt-data', (piece) => unpacking.push(piece));
  if (!isThere) throw new Malformed('page', 'it carries no data');
  const found = read(await unpacking.finish());
  const address = new Address();
  const page = new Page(found, address);
  if (found.profiles.length > 0) new Stacks(found, address);
  const views = page.panels.map(({ view }) => view);
  window.orionrt = { document: found, view: views[0], views, frames: page.frames.times };
}

function say(error: unknown): void {
  const place = byId('error', HTMLElement);
  place.textContent =
    error instanceof Malformed
      ? `The data of this page cannot be read. ${error.message}.`
      : `The page failed: ${error instanceof Error ? error.message : String(error)}.`;
  place.hidden = false;
  document.documentElement.classList.add('failed');
}

if (typeof document === 'undefined') serve();
else start(document.currentScript?.textContent ?? '').catch(say);
