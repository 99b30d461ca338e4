// Tables of many rows: only the first ones are elements; a button adds more. Stands on
// `elements.ts` and `format.ts`.

import { element } from './elements';
import { whole } from './format';

/** Rows at first unless told, and rows that the button adds. */
const FIRST = 24;
const MORE = 200;

export interface Rows {
  readonly caption: string;
  /** The titles of the columns, of which all but the first are numbers. */
  readonly columns: readonly string[];
  readonly count: number;
  /** Rows at first. */
  readonly first?: number;
  /** Called before the rows `first..end` are made. */
  readonly begin?: (first: number, end: number) => void;
  readonly row: (index: number) => HTMLTableRowElement;
}

export function fillRows(table: HTMLTableElement, rows: Rows): void {
  const { caption, columns, count, row, first = FIRST } = rows;
  const parts = [element('caption', count === 0 ? 'hint' : '', caption)];
  if (count === 0) {
    table.replaceChildren(...parts);
    return;
  }
  const body = element('tbody', '');
  const head = element('tr', '');
  columns.forEach((title, i) => {
    const cell = element('th', i === 0 ? '' : 'number', title);
    cell.scope = 'col';
    head.append(cell);
  });
  const foot = element('tfoot', '');
  let shown = 0;
  const more = (some: number) => {
    const end = Math.min(count, shown + some);
    rows.begin?.(shown, end);
    for (; shown < end; shown++) body.append(row(shown));
    if (shown === count) foot.replaceChildren();
  };
  if (count > first) {
    const button = element('button', 'link', `Show more of ${whole(count)}`);
    button.type = 'button';
    button.addEventListener('click', () => more(MORE));
    const cell = element('td', '', button);
    cell.colSpan = columns.length;
    foot.append(element('tr', '', cell));
  }
  more(first);
  table.replaceChildren(...parts, element('thead', '', head), body, foot);
}
