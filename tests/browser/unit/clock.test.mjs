// @ts-check
/** The engine's clock, as messages tell it that come sooner or later. */

import { mock, test } from 'node:test';
import assert from 'node:assert/strict';
import { adjust, there } from '../../../dashboard/page/clock.js';

/** @param {number} at @param {number} late */
function hear(at, late) {
  mock.timers.setTime(at + late);
  adjust(new Date(at + 60_000).toISOString());
}

test('a message that comes late changes nothing, and a clock that was set is followed', () => {
  mock.timers.enable({ apis: ['Date'], now: 0 });
  hear(1_000_000, 5);
  assert.ok(Math.abs(there(0) - 60_000) < 100, String(there(0)));
  hear(1_001_000, 5_000);
  assert.ok(Math.abs(there(0) - 60_000) < 100, 'five seconds late');
  // The machine's clock is set forward by an hour: what was heard before is soon forgotten.
  for (let second = 0; second < 8; second += 1) hear(1_010_000 + second * 1_000, 3_600_000);
  assert.ok(Math.abs(there(0) + 3_540_000) < 100, String(there(0)));
  mock.timers.reset();
});
