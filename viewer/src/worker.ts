// The worker of a large page, which runs the script of the page and unpacks the document. Stands on
// `columns.ts` and `unpack.ts`.
//
// To a worker go the pieces of the text and then null; from it comes one answer.

import { Malformed } from './columns';
import { Unpacker } from './unpack';

/**
 * The bytes of a document, or the place and the problem of a `Malformed`; null from a worker that
 * cannot say.
 */
export type Answer = ArrayBuffer | readonly [place: string, problem: string] | null;

/** What a worker has of its global object. */
interface WorkerScope {
  postMessage(message: Answer, transfer: readonly Transferable[]): void;
  onmessage: ((event: MessageEvent<string | null>) => void) | null;
  addEventListener(name: 'messageerror', listener: () => void): void;
}

/** Serves the page, in a worker. */
export function serve(): void {
  const scope = self as unknown as WorkerScope;
  const unpacker = new Unpacker();
  const answer = (of: Answer) => scope.postMessage(of, of instanceof ArrayBuffer ? [of] : []);
  const refuse = (error: unknown) => {
    scope.onmessage = null;
    answer(error instanceof Malformed ? [error.place, error.problem] : null);
  };
  scope.addEventListener('messageerror', () => refuse(null));
  scope.onmessage = ({ data: piece }) => {
    try {
      if (piece === null) unpacker.finish().then(answer).catch(refuse);
      else unpacker.push(piece);
    } catch (error) {
      refuse(error);
    }
  };
}
