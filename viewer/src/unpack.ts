// Unpacks a document from the base64 of its gzip stream, which comes in pieces. Stands on
// `columns.ts`.
//
// Pieces may end anywhere. What is wrong with them becomes a `Malformed`, at the latest when the
// stream is finished.

import { Malformed } from './columns';

/** A part of ECMAScript 2026 that not every browser has. */
type FromBase64 = (base64: string) => Uint8Array<ArrayBuffer>;

export class Unpacker {
  readonly #stream = new DecompressionStream('gzip');
  readonly #writer = this.#stream.writable.getWriter();
  readonly #bytes = new Response(this.#stream.readable).arrayBuffer();
  /** Letters that are too few for a byte, until the next piece. */
  #rest = '';

  constructor() {
    // `finish` says so.
    this.#bytes.catch(() => {});
  }

  push(piece: string): void {
    const text = this.#rest + piece.trim();
    const whole = text.length - (text.length % 4);
    this.#rest = text.slice(whole);
    if (whole > 0) this.#write(text.slice(0, whole));
  }

  /** The bytes of the document, once all pieces are there. */
  async finish(): Promise<ArrayBuffer> {
    if (this.#rest !== '') this.#write(this.#rest);
    this.#writer.close().catch(() => {});
    try {
      return await this.#bytes;
    } catch (error) {
      // Another error, as of memory that is refused, says nothing of the data.
      if (!(error instanceof TypeError)) throw error;
      throw new Malformed('data', 'it is no complete gzip stream');
    }
  }

  #write(base64: string): void {
    // Where this fails, so does what is read.
    this.#writer.write(decoded(base64)).catch(() => {});
  }
}

function decoded(base64: string): Uint8Array<ArrayBuffer> {
  const { fromBase64 } = Uint8Array as { fromBase64?: FromBase64 };
  try {
    if (fromBase64 !== undefined) return fromBase64.call(Uint8Array, base64);
    const letters = atob(base64);
    const bytes = new Uint8Array(letters.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
    return bytes;
  } catch {
    throw new Malformed('data', 'it is no base64');
  }
}
