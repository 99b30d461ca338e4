// The axes: bytes upwards, and steps or the types of their operators to the right. Stands on
// `scene.ts`, `pen.ts`, `viewport.ts` and `format.ts`.

import { tickBytes, whole } from './format';
import { FONT } from './pen';
import type { Scene } from './scene';
import { byteTick, multiples, stepTicks } from './viewport';

export function drawAxes(scene: Scene): void {
  const { pen, view, theme, map } = scene;
  const { context } = pen;
  const { area, window } = view;
  const { lower, upper, bottom, top } = window;
  const tick = byteTick(bottom, top, area.height / 44);
  context.fillStyle = theme.grid;
  const levels = multiples(bottom, top, tick);
  for (const byte of levels) context.fillRect(area.left, pen.line(view.y(byte)), area.width, 1);
  context.fillStyle = theme.faint;
  context.textAlign = 'right';
  for (const byte of levels) {
    context.fillText(tickBytes(byte, tick), area.left - 8, view.y(byte));
  }
  const below = area.top + area.height;
  const stepWidth = area.width / (upper - lower);
  const isWide = stepWidth >= 26;
  context.textAlign = 'center';
  for (const step of stepTicks(lower, upper, area.width / 70)) {
    if (step >= map.data.endStep && isWide) continue;
    const x = view.x(isWide ? step + 0.5 : step);
    const text = whole(step);
    // The last one would end beyond the canvas if its number is long.
    context.fillText(text, Math.min(x, pen.width - pen.widthOf(text) / 2 - 2), below + 12);
    if (!isWide) context.fillRect(pen.line(x), below, 1, 4);
  }
  if (map.operators !== null && stepWidth >= 34) {
    drawOperatorTypes(scene, below + 27, stepWidth);
  } else {
    context.textAlign = 'center';
    context.fillText('step', area.left + area.width / 2, below + 28);
  }
}

function drawOperatorTypes({ pen, view, map }: Scene, y: number, stepWidth: number): void {
  const { area, window } = view;
  for (let step = Math.floor(window.lower); step < window.upper; step++) {
    const operator = map.operatorAt(step);
    const x = view.x(step + 0.5);
    const room = Math.min(stepWidth - 4, 2 * (x - area.left + 8), 2 * (pen.width - x));
    if (operator === null || room < 20) continue;
    pen.context.fillText(pen.begun(map.operatorType(operator), room, FONT), x, y);
  }
}
