// What is unpacked from pieces, which end anywhere, is what was packed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Malformed } from '../../src/columns';
import { Unpacker } from '../../src/unpack';
import { Dice, encode, pack, random } from '../sample';

const document = pack(random(300));
const text = encode(document);

async function unpacked(pieces: readonly string[]): Promise<Buffer> {
  const unpacker = new Unpacker();
  for (const piece of pieces) unpacker.push(piece);
  return Buffer.from(await unpacker.finish());
}

test('pieces of any lengths give the bytes of the document', async () => {
  const dice = new Dice(3);
  for (const longest of [1, 2, 3, 5, 7, 64, 1000, text.length]) {
    const pieces: string[] = [];
    for (let at = 0; at < text.length; ) {
      const length = 1 + dice.below(longest);
      pieces.push(text.slice(at, at + length));
      at += length;
    }
    assert.ok((await unpacked(pieces)).equals(document), `pieces of up to ${longest} letters`);
  }
  assert.ok((await unpacked([`\n${text.slice(0, 50)}`, `${text.slice(50)}\n`])).equals(document));
});

// What is no complete gzip stream is refused in browsers' tests: node has errors of its own.
test('what is no base64 is refused', async () => {
  const refused = (pieces: readonly string[], problem: RegExp) =>
    assert.rejects(unpacked(pieces), (error) => {
      return error instanceof Malformed && error.place === 'data' && problem.test(error.problem);
    });
  await refused(['no*base64'], /base64/);
  await refused([text.slice(0, 400), 'äöü'], /base64/);
});
