// A tree of calls as a table whose rows open: the calls of a call below it, by their size. Stands
// on `calltree.ts`, `elements.ts` and `format.ts`.
//
// A row is made when the one above it is opened, and of each call at most `FIRST` at first. One row
// takes part in the order of the tab key; arrow keys move from row to row, open and close them.

import type { CallTree } from './calltree';
import type { Measure } from './data';
import { element, named } from './elements';
import { bytes, exactBytes, percent, shortened, whole } from './format';

const FIRST = 100;
/** The letters of a name in a row. */
const LETTERS = 160;

/** A figure of a measure as people read it. */
export const figure = (number: number, measure: Measure): string =>
  measure === 'allocations' ? whole(number) : bytes(number);

/** A change with its sign. */
export const signed = (number: number, measure: Measure): string =>
  number === 0 ? '0' : `${number > 0 ? '+' : '−'}${figure(Math.abs(number), measure)}`;

interface Row {
  readonly call: number;
  readonly level: number;
  readonly element: HTMLTableRowElement;
}

export class CallTable {
  #tree!: CallTree;
  #measure: Measure = 'atPeak';
  readonly #rows = new Map<HTMLTableRowElement, Row>();

  constructor(
    private readonly table: HTMLTableElement,
    private readonly nameOf: (call: number) => string,
    private readonly zoom: (call: number) => void,
  ) {
    table.addEventListener('keydown', (event) => this.#press(event));
    table.addEventListener('click', (event) => {
      const { target } = event;
      if (!(target instanceof Element)) return;
      const row = this.#rows.get(target.closest('tr')!);
      if (row === undefined) return;
      this.#focus(row.element);
      if (target.closest('.twisty') !== null) this.#toggle(row);
    });
    table.addEventListener('dblclick', (event) => {
      const row = event.target instanceof Element ? event.target.closest('tr') : null;
      const found = row === null ? undefined : this.#rows.get(row);
      if (found !== undefined) this.zoom(found.call);
    });
  }

  /** Shows the calls of the root; they are closed. */
  show(tree: CallTree, measure: Measure): void {
    this.#tree = tree;
    this.#measure = measure;
    this.#rows.clear();
    const titles = tree.isDifference
      ? ['Call', 'Before', 'After', 'Change']
      : ['Call', 'Total', 'Share', 'Self', 'Allocations'];
    const cells = titles.map((title, i) => {
      const cell = element('th', i === 0 ? '' : 'number', title);
      cell.scope = 'col';
      return cell;
    });
    const body = element('tbody', '');
    this.table.replaceChildren(element('thead', '', element('tr', '', ...cells)), body);
    this.#add(0, 1, (row) => body.append(row), 0);
    const first = body.querySelector('tr');
    if (first !== null) first.tabIndex = 0;
  }

  /** Puts rows for the calls within a call, from the `from`th on. */
  #add(call: number, level: number, put: (row: HTMLTableRowElement) => void, from: number): void {
    const calls = this.#tree.sorted(call, this.#measure);
    const end = Math.min(calls.length, from + FIRST);
    for (let i = from; i < end; i++) {
      put(this.#row(calls[i], level, i + 1, calls.length));
    }
    if (end === calls.length) return;
    const button = element('button', 'link', `${whole(calls.length - end)} more`);
    button.type = 'button';
    const cell = element('td', '', button);
    cell.colSpan = this.#tree.isDifference ? 4 : 5;
    cell.style.paddingLeft = indent(level);
    const more = element('tr', 'more', cell);
    more.ariaLevel = `${level}`;
    button.addEventListener('click', () => {
      this.#add(call, level, (row) => more.before(row), end);
      const next = more.previousElementSibling;
      more.remove();
      if (next instanceof HTMLTableRowElement) this.#focus(next);
    });
    put(more);
  }

  #row(call: number, level: number, place: number, of: number): HTMLTableRowElement {
    const tree = this.#tree;
    const measure = this.#measure;
    const hasMore = tree.within(call).length > 0;
    const twisty = element('span', 'twisty', hasMore ? '▸' : '');
    twisty.ariaHidden = 'true';
    const name = this.nameOf(call);
    const cell = element('th', '', element('div', '', twisty, named(shortened(name, LETTERS))));
    cell.scope = 'row';
    cell.style.paddingLeft = indent(level);
    const row = element('tr', '', cell, ...this.#figures(call));
    row.tabIndex = -1;
    row.ariaLevel = `${level}`;
    row.ariaPosInSet = `${place}`;
    row.ariaSetSize = `${of}`;
    if (hasMore) row.ariaExpanded = 'false';
    const total = tree.total(call, measure);
    row.title = measure === 'allocations' ? whole(total) : exactBytes(total);
    this.#rows.set(row, { call, level, element: row });
    return row;
  }

  #figures(call: number): HTMLElement[] {
    const tree = this.#tree;
    const measure = this.#measure;
    const total = tree.total(call, measure);
    if (tree.isDifference) {
      const change = tree.change(call, measure);
      const kind = change > 0 ? ' grown' : change < 0 ? ' shrunk' : '';
      return [
        element('td', 'number', figure(tree.total(call, measure, 0), measure)),
        element('td', 'number', figure(total, measure)),
        element('td', `number${kind}`, signed(change, measure)),
      ];
    }
    return [
      element('td', 'number', figure(total, measure)),
      element('td', 'number', percent(total, tree.total(0, measure))),
      element('td', 'number', figure(tree.own(call, measure), measure)),
      element('td', 'number', whole(tree.total(call, 'allocations'))),
    ];
  }

  #press(event: KeyboardEvent): void {
    const found = event.target instanceof HTMLTableRowElement ? event.target : null;
    const row = found === null ? undefined : this.#rows.get(found);
    if (row === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const { element: at } = row;
    const actions: Readonly<Record<string, () => void>> = {
      ArrowDown: () => this.#focus(this.#beside(at, 'nextElementSibling')),
      ArrowUp: () => this.#focus(this.#beside(at, 'previousElementSibling')),
      ArrowRight: () => {
        if (at.ariaExpanded === 'true') this.#focus(this.#beside(at, 'nextElementSibling'));
        else this.#open(row);
      },
      ArrowLeft: () => {
        if (at.ariaExpanded === 'true') this.#close(row);
        else this.#focus(this.#above(row));
      },
      Home: () => this.#focus(this.table.querySelector('tbody tr')),
      End: () => this.#focus(this.#last()),
      Enter: () => this.zoom(row.call),
      ' ': () => this.#toggle(row),
    };
    if (!Object.hasOwn(actions, event.key)) return;
    actions[event.key]();
    event.preventDefault();
    event.stopPropagation();
  }

  /** The next row of a call on one side. */
  #beside(
    row: HTMLTableRowElement,
    side: 'nextElementSibling' | 'previousElementSibling',
  ): Element | null {
    let at = row[side];
    while (at !== null && at.classList.contains('more')) at = at[side];
    return at;
  }

  /** The last row of a call. */
  #last(): Element | null {
    return [...this.table.querySelectorAll('tbody tr:not(.more)')].at(-1) ?? null;
  }

  #above({ element: row, level }: Row): Element | null {
    let at = row.previousElementSibling;
    while (at !== null && Number(at.ariaLevel) >= level) at = at.previousElementSibling;
    return at;
  }

  #focus(row: Element | null): void {
    if (!(row instanceof HTMLTableRowElement) || !this.#rows.has(row)) return;
    for (const other of this.table.querySelectorAll<HTMLElement>('tr[tabindex="0"]')) {
      other.tabIndex = -1;
    }
    row.tabIndex = 0;
    row.focus();
  }

  #toggle(row: Row): void {
    if (row.element.ariaExpanded === 'true') this.#close(row);
    else this.#open(row);
  }

  #open({ call, level, element: row }: Row): void {
    if (row.ariaExpanded !== 'false') return;
    row.ariaExpanded = 'true';
    row.querySelector('.twisty')!.textContent = '▾';
    let last: Element = row;
    const put = (made: HTMLTableRowElement) => {
      last.after(made);
      last = made;
    };
    this.#add(call, level + 1, put, 0);
  }

  #close({ level, element: row }: Row): void {
    row.ariaExpanded = 'false';
    row.querySelector('.twisty')!.textContent = '▸';
    for (let at = row.nextElementSibling; at !== null && Number(at.ariaLevel) > level; ) {
      const next = at.nextElementSibling;
      this.#rows.delete(at as HTMLTableRowElement);
      at.remove();
      at = next;
    }
  }
}

/** Deep rows stand below each other. */
const indent = (level: number): string => `${Math.min(level - 1, 40) * 14}px`;
