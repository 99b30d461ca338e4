// Reads groups of tensors: models, or streams. Stands on `columns.ts`, `data.ts` and `format.ts`.
//
// No two groups that are returned look alike, so that a name says which one is meant.

import { type Columns, type Fields, list, text } from '../columns';
import type { Groups } from '../data';
import { apart } from '../format';

/** The letters of a group's name in the legend. */
const NAME = 40;

export function groupsOf(value: Fields, place: string, columns: Columns, tensors: number): Groups {
  const names = list(value['names'], `${place}.names`).map((name, i) =>
    text(name, `${place}.names[${i}]`),
  );
  const of = columns.indices(value['of'], `${place}.of`, names.length, tensors);
  return { names: apart(names, NAME), of };
}
