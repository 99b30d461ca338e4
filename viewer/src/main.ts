// Starts the page: unpacks the document and joins map, card, lists and search.

import { read, unpack } from './document';

async function start(): Promise<void> {
  const element = document.getElementById('orionrt-data');
  if (element === null) throw new Error('This page carries no data.');
  const { title } = read(await unpack(element.textContent ?? ''));
  document.title = title;
  document.getElementById('facts')!.textContent = title;
}

start().catch((error: unknown) => {
  const place = document.getElementById('error')!;
  place.textContent = error instanceof Error ? error.message : String(error);
  place.hidden = false;
});
