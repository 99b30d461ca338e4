// Unpacks a document for the page: in a worker if it is large, else by itself. Stands on
// `columns.ts`, `unpack.ts` and `worker.ts`.
//
// A page whose browser refuses workers, as some do for pages from files, unpacks by itself; so it
// does if a worker fails in any way and answers null.

import { Malformed } from './columns';
import { Unpacker } from './unpack';
import type { Answer } from './worker';

/**
 * The letters of a text that is worth a worker, which takes some time to start: a page of 100,000
 * boxes has 1.7 million, and opens sooner without one.
 */
const LARGE = 3_000_000;

/** Unpacks a large document in a worker that runs `script`, a small one here. */
export class Unpacking {
  readonly #pieces: string[] = [];
  #length = 0;
  #worker: Helper | null = null;

  constructor(readonly script: string) {}

  push(piece: string): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#worker !== null) this.#worker.push(piece);
    else if (this.#length > LARGE) {
      this.#worker = new Helper(this.script);
      for (const piece of this.#pieces) this.#worker.push(piece);
    }
  }

  /** The bytes of the document, once all pieces are there. */
  async finish(): Promise<ArrayBuffer> {
    const answer = (await this.#worker?.finish()) ?? null;
    if (answer instanceof ArrayBuffer) return answer;
    if (answer !== null) throw new Malformed(...answer);
    const unpacker = new Unpacker();
    for (const piece of this.#pieces) unpacker.push(piece);
    return unpacker.finish();
  }
}

/** A worker, which need not start. */
class Helper {
  readonly #worker: Worker | null;
  /** Null also from a worker that does not start. */
  readonly #answer: Promise<Answer>;

  constructor(script: string) {
    const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
    const worker = begun(url);
    this.#worker = worker;
    this.#answer = new Promise((done) => {
      if (worker === null) {
        done(null);
        return;
      }
      worker.onmessage = ({ data }: MessageEvent<Answer>) => done(data);
      // Not every browser has a property for it.
      worker.addEventListener('messageerror', () => done(null));
      worker.onerror = (event) => {
        event.preventDefault();
        done(null);
      };
    });
    void this.#answer.then(() => {
      worker?.terminate();
      URL.revokeObjectURL(url);
    });
  }

  push(piece: string): void {
    this.#worker?.postMessage(piece);
  }

  finish(): Promise<Answer> {
    this.#worker?.postMessage(null);
    return this.#answer;
  }
}

function begun(url: string): Worker | null {
  try {
    return new Worker(url);
  } catch {
    return null;
  }
}
