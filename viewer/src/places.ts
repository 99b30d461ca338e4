// Where a tensor is in each map of its memory. Stands on `alive.ts`, `elements.ts`, `pairs.ts` and
// `format.ts`.

import type { ListedMap } from './alive';
import { element, spanLinks } from './elements';
import { bytes, exactBytes, shortened, visible } from './format';
import type { Pairs } from './pairs';

/** A tensor, and the number of its map. */
export interface Tensor {
  readonly map: number;
  readonly tensor: number;
}

/** Where a tensor is in each map of its memory. */
export function inEach(listed: readonly ListedMap[], pairs: Pairs, of: Tensor): HTMLElement {
  const head = element('tr', '', element('td', ''));
  const rows = ['Size', 'Offset', 'Alive'].map((term) => {
    const title = element('th', '', term);
    title.scope = 'row';
    return element('tr', '', title);
  });
  for (const which of pairs.ofMemory(of.map)) {
    const { map, actions } = listed[which];
    const title = element('th', 'number', shortened(map.title, 30));
    title.scope = 'col';
    title.title = visible(map.title);
    head.append(title);
    const other = pairs.other(of.map, of.tensor, which);
    const { size, offset, lower, upper } = map.tensors;
    const texts: (Node | string)[] =
      other === null
        ? ['–', '–', '–']
        : [
            bytes(size[other]),
            bytes(offset[other]),
            spanLinks(lower[other], upper[other], actions),
          ];
    const exact = other === null ? [] : [exactBytes(size[other]), exactBytes(offset[other])];
    texts.forEach((text, i) => {
      const cell = element('td', 'number', text);
      if (exact[i] !== undefined) cell.title = exact[i];
      rows[i].append(cell);
    });
  }
  return element('table', 'each', element('thead', '', head), element('tbody', '', ...rows));
}
