// Which map the lists are of, where there are several. Stands on `elements.ts`, `map.ts` and
// `format.ts`.

import { byId, element } from './elements';
import { visible } from './format';
import type { MemoryMap } from './map';

export class MapChoice {
  chosen = 0;
  readonly #buttons: readonly HTMLInputElement[];

  /** `changed` is called once the reader chose another map. */
  constructor(maps: readonly MemoryMap[], changed: () => void) {
    const box = byId('map-choice', HTMLElement);
    box.hidden = maps.length < 2;
    this.#buttons = maps.map(({ title }, i) => {
      const button = element('input', '');
      button.type = 'radio';
      button.name = 'map-choice';
      button.checked = i === 0;
      button.addEventListener('change', () => {
        this.chosen = i;
        changed();
      });
      const name = element('bdi', '', visible(title));
      const label = element('label', '', button, name);
      label.title = visible(title);
      box.append(label);
      return button;
    });
  }

  /** Chooses a map; true if it was another one before. */
  choose(map: number): boolean {
    const isOther = map !== this.chosen;
    this.chosen = map;
    this.#buttons[map].checked = true;
    return isOther;
  }
}
