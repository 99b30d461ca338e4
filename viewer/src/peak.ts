// Why this peak: the fullest step, what is alive there, and what would lower it. Stands on
// `alive.ts`, `elements.ts`, `map.ts` and `format.ts`.

import { fillTable, type Listed } from './alive';
import { byId, element, link, operatorLink } from './elements';
import { bytes, percent, plural, visible, whole } from './format';
import type { MemoryMap } from './map';

export function showPeak({ map, acts, colour }: Listed): void {
  const section = byId('peak', HTMLElement);
  const heading = element('h2', '', 'Why this peak');
  heading.id = 'peak-title';
  const step = map.peakStep;
  const tensors = map.aliveAt(step);
  if (tensors.length === 0) {
    section.replaceChildren(heading, element('p', '', 'No tensor occupies bytes at any step.'));
    return;
  }
  const fullest = element('p', '', link(`Step ${whole(step)}`, () => acts.visit(step)));
  fullest.append(
    ` is the fullest: ${plural(tensors.length, 'tensor')} with ${bytes(map.fullest)} `,
    tensors.length === 1 ? 'is alive' : 'are alive',
  );
  const operator = map.operatorAt(step);
  if (operator !== null) {
    const type = visible(map.operatorType(operator)).slice(0, 60);
    fullest.append(` while ${type} `, operatorLink(map, operator, acts), ' runs');
  }
  fullest.append('. ', verdict(map));
  const table = element('table', '');
  const caption = `Alive at step ${whole(step)}, by size`;
  fillTable(table, map, acts, { caption, tensors, total: map.fullest, colour });
  section.replaceChildren(heading, fullest, ...savings(map), table);
}

/** How the peak compares with what no plan can be below. */
export function verdict({ data, reserved, fullest }: MemoryMap): string {
  if (reserved !== null) {
    const lost = bytes(reserved.most - fullest);
    return `The allocator had reserved at most ${bytes(reserved.most)}, ${lost} more.`;
  }
  const above = data.peak - data.lowerBound;
  if (above <= 0) return 'The peak equals the lower bound: no plan of these lifetimes is smaller.';
  const share = percent(above, data.lowerBound);
  return `The peak is ${bytes(above)} (${share}) above the lower bound.`;
}

function savings(map: MemoryMap): Node[] {
  const { savings: all } = map.data;
  if (all.length === 0) return [];
  const list = element('ul', 'savings');
  for (const { kind, load, saves, text } of [...all].sort((a, b) => b.saves - a.saves)) {
    list.append(
      element(
        'li',
        '',
        element('span', 'kind', visible(kind)),
        ' ',
        visible(text),
        '. At most ',
        bytes(load),
        ' are alive at once then, ',
        element('strong', '', `${bytes(saves)} less`),
        '.',
      ),
    );
  }
  return [element('h3', '', 'What would lower it'), list];
}
