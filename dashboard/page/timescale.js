// @ts-check
// Where a moment stands on the timeline, with long idle gaps drawn short if that is asked for. Pure.

/** @typedef {{from: number, to: number}} Span */
/** @typedef {Span & {at: number, wide: number}} Gap */

// A gap is long if it takes more than this part of the whole; then it is drawn this wide.
const LONG = 0.1;
const DRAWN = 0.03;
const LONG_MS = 5000;

/**
 * Spans joined where they touch, in order.
 * @param {Span[]} spans
 */
export function union(spans) {
  /** @type {Span[]} */
  const joined = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const last = joined.at(-1);
    if (last !== undefined && span.from <= last.to) last.to = Math.max(last.to, span.to);
    else joined.push({ ...span });
  }
  return joined;
}

/**
 * The long times in which nothing was busy.
 * @param {Span} whole
 * @param {Span[]} busy
 */
export function idle(whole, busy) {
  const length = whole.to - whole.from;
  /** @type {Span[]} */
  const gaps = [];
  let at = whole.from;
  for (const span of [...union(busy), { from: whole.to, to: whole.to }]) {
    const gap = { from: at, to: Math.min(span.from, whole.to) };
    if (gap.to - gap.from > Math.max(LONG_MS, length * LONG)) gaps.push(gap);
    at = Math.max(at, span.to);
  }
  return gaps;
}

/**
 * A function from moments to 0..1, and where the collapsed gaps are drawn.
 * @param {Span} whole
 * @param {Span[]} gaps
 * @returns {{place: (at: number) => number, gaps: Gap[]}}
 */
export function scale(whole, gaps) {
  const length = Math.max(1, whole.to - whole.from);
  const cut = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0);
  const room = 1 - DRAWN * gaps.length;
  const perMs = cut >= length ? 0 : room / (length - cut);
  const drawn = cut >= length && gaps.length > 0 ? 1 / gaps.length : DRAWN;
  /** @type {Gap[]} */
  const placed = [];
  for (const gap of gaps) {
    const before = placed.at(-1);
    const at = before === undefined ? (gap.from - whole.from) * perMs : before.at + before.wide + (gap.from - before.to) * perMs;
    placed.push({ ...gap, at, wide: drawn });
  }
  /** @param {number} moment */
  const place = (moment) => {
    const at = Math.max(whole.from, Math.min(whole.to, moment));
    const gap = placed.findLast((each) => each.from <= at);
    if (gap === undefined) return (at - whole.from) * perMs;
    if (at <= gap.to) return gap.at + (gap.wide * (at - gap.from)) / Math.max(1, gap.to - gap.from);
    return Math.min(1, gap.at + gap.wide + (at - gap.to) * perMs);
  };
  return { place, gaps: placed };
}

const NICE = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000,
  7_200_000, 21_600_000, 43_200_000, 86_400_000,
];

/**
 * Moments since the start to write on the axis, about `most` of them.
 * @param {number} length milliseconds
 * @param {number} most
 */
export function ticks(length, most) {
  const step = NICE.find((each) => length / each <= most) ?? 86_400_000 * Math.ceil(length / 86_400_000 / most);
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, at) => at * step);
}
