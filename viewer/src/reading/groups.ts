// Reads groups of tensors: models, or streams. Stands on `columns.ts` and `data.ts`.

import { type Columns, type Fields, list, text } from '../columns';
import type { Groups } from '../data';

export function groupsOf(value: Fields, place: string, columns: Columns, tensors: number): Groups {
  const names = list(value['names'], `${place}.names`).map((name, i) =>
    text(name, `${place}.names[${i}]`),
  );
  return { names, of: columns.indices(value['of'], `${place}.of`, names.length, tensors) };
}
