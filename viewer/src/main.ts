// Starts the page: unpacks the document and joins map, card, lists and search.

async function unpack(): Promise<ArrayBuffer> {
  const element = document.getElementById('orionrt-data');
  if (element === null) throw new Error('this page carries no data');
  const text = atob((element.textContent ?? '').trim());
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return await new Response(stream).arrayBuffer();
}

async function start(): Promise<void> {
  const bytes = await unpack();
  const size = new DataView(bytes).getUint32(8, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 12, size)));
  document.title = header.title;
  document.getElementById('facts')!.textContent = header.title;
}

start().catch((error: unknown) => {
  const place = document.getElementById('error')!;
  place.textContent = error instanceof Error ? error.message : String(error);
  place.hidden = false;
});
