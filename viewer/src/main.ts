// Starts the page: unpacks the document, and says why where it cannot be read. Stands on `page.ts`
// and `stacks.ts`.

import { Address } from './address';
import { Malformed } from './columns';
import type { Document } from './data';
import { read, unpack } from './document';
import { byId } from './elements';
import { Page } from './page';
import { Stacks } from './stacks';
import type { Viewport } from './viewport';

declare global {
  interface Window {
    /** For tests: the windows of all maps, of which the first is `view`. */
    orionrt?: { document: Document; view: Viewport; views: Viewport[]; frames: number[] };
  }
}

async function start(): Promise<void> {
  const data = document.getElementById('orionrt-data');
  if (data === null) throw new Malformed('page', 'it carries no data');
  const found = read(await unpack(data.textContent ?? ''));
  data.remove();
  const address = new Address();
  const page = new Page(found, address);
  if (found.profiles.length > 0) new Stacks(found, address);
  const views = page.panels.map(({ view }) => view);
  window.orionrt = { document: found, view: views[0], views, frames: page.frames.times };
}

start().catch((error: unknown) => {
  const place = byId('error', HTMLElement);
  place.textContent =
    error instanceof Malformed
      ? `The data of this page cannot be read. ${error.message}.`
      : `The page failed: ${error instanceof Error ? error.message : String(error)}.`;
  place.hidden = false;
  document.documentElement.classList.add('failed');
});
