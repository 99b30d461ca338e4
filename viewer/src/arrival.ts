// The text of an element that the browser is still parsing, handed on as it arrives. Stands on
// nothing.
//
// All of the text is handed on once and in its order, in pieces that end anywhere.

/** Hands on the text of an element until the page is parsed; false if it has no such element. */
export async function arrival(id: string, take: (piece: string) => void): Promise<boolean> {
  let node: Node | null = null;
  /** The letters of the node that were handed on: the last one may still grow. */
  let taken = 0;
  const more = () => {
    node ??= document.getElementById(id)?.firstChild ?? null;
    while (node !== null) {
      const text: string = node.textContent ?? '';
      if (text.length > taken) take(text.slice(taken));
      taken = text.length;
      if (node.nextSibling === null) return;
      node = node.nextSibling;
      taken = 0;
    }
  };
  if (document.readyState === 'loading') {
    const observer = new MutationObserver(more);
    const all = { childList: true, subtree: true, characterData: true };
    observer.observe(document.documentElement, all);
    await new Promise((done) => {
      document.addEventListener('DOMContentLoaded', done, { once: true });
    });
    observer.disconnect();
  }
  more();
  const found = document.getElementById(id);
  found?.remove();
  return found !== null;
}
