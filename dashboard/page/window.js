// @ts-check
// Arithmetic of the virtual list: which rows are in sight, and which to ask the server for.

/** @typedef {import('./types.d.ts').Window} Window */

export const COUNT_MAX = 200;
// Rows that are kept ready on either side.
const SPARE = 40;

/**
 * Rows in sight, as [first, end).
 * @param {number} top distance from the top of the list to the top of what is seen, pixels
 * @param {number} height pixels seen
 * @param {number} rowHeight pixels
 * @param {number} total rows that there are
 * @returns {[number, number]}
 */
export function inSight(top, height, rowHeight, total) {
  const first = Math.floor(Math.max(0, top) / rowHeight);
  const end = Math.ceil(Math.max(0, top + height) / rowHeight);
  return [Math.min(first, total), Math.min(Math.max(end, first), total)];
}

/**
 * The window to subscribe to; the same object as `current` while that one still does.
 * @param {Window} current
 * @param {number} first
 * @param {number} end
 * @param {number} total
 * @returns {Window}
 */
export function windowFor(current, first, end, total) {
  const needFrom = Math.max(0, first - SPARE);
  const needEnd = Math.min(total, end + SPARE);
  if (current.count > 0 && needFrom >= current.from && needEnd <= current.from + current.count) {
    return current;
  }
  const seen = Math.max(0, end - first);
  const count = Math.min(COUNT_MAX, Math.max(60, Math.ceil((seen + 4 * SPARE) / 20) * 20));
  const middle = first + seen / 2;
  const from = Math.max(0, Math.min(Math.round(middle - count / 2), Math.max(0, total - count)));
  return { from, count };
}
