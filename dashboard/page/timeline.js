// @ts-check
// The timeline, and its scale.

import { invalidate } from './app.js';
import { duration, moment, now, still, tick } from './clock.js';
import { byIndex, h, reconcile, s, setAttr, setText, show } from './dom.js';
import { has, t } from './strings.js';

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

// The timeline: a lane for each step, in it one bar for each attempt and a hatched one for each wait.

/** @typedef {{step: string, attempt: number}} Chosen */

const LANE = 26;
const GROW_MS = 1000;
// Room for one word of the axis, pixels.
const LABEL = 78;

/** @param {string} name */
const hatch = (name) => s('pattern', { id: name, class: name, width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
  s('rect', { width: 6, height: 6 }), s('line', { x1: 0, y1: 0, x2: 0, y2: 6 }));

/** @param {(chosen: Chosen | undefined) => void} choose called with the attempt whose history is to be shown */
export function makeTimeline(choose) {
  const plot = s('svg', { class: 'plot', role: 'group', 'aria-label': t('detail.timeline') });
  const defs = s('defs', {}, hatch('hatch-wait'), hatch('hatch-pause'));
  const grid = s('g', { class: 'grid', 'aria-hidden': 'true' });
  const cuts = s('g', { class: 'cuts' });
  const lanes = s('g');
  plot.append(defs, grid, cuts, lanes);
  const names = h('div', { class: 'lane-names', 'aria-hidden': 'true' });
  const axis = h('div', { class: 'axis', 'aria-hidden': 'true' });
  const collapse = h('input', { type: 'checkbox', id: 'collapse' });
  const about = h('p', { class: 'about', 'data-testid': 'segment-text' }, t('timeline.choose'));
  const dropped = h('p', { class: 'muted' });
  const only = h('button', { type: 'button', class: 'link', hidden: true }, t('timeline.history'));
  const box = h('label', { class: 'inline', for: 'collapse' }, collapse, t('timeline.idle'));
  const el = h('div', { class: 'timeline' },
    h('div', { class: 'legend' }, h('span', { class: 'k-ok' }, t('legend.attempt')), h('span', { class: 'k-bad' }, t('legend.failed')),
      h('span', { class: 'k-wait' }, t('legend.wait')), h('span', { class: 'k-pause' }, t('legend.pause')), box),
    h('p', { class: 'sr' }, t('timeline.help')),
    h('div', { class: 'chart' }, names, h('div', { class: 'field' }, plot, axis)), h('div', { class: 'about-line' }, about, only), dropped);

  /** @type {Timeline | undefined} */
  let shown;
  let touched = false;
  let drawnAt = 0;
  /** Which bar the arrow keys stand on. */
  let at = '';
  /** @type {{key: string, step: string, segment: Segment} | undefined} */
  let chosen;

  collapse.addEventListener('change', () => {
    touched = true;
    if (shown !== undefined) draw(shown);
  });
  only.addEventListener('click', () => {
    if (chosen?.segment.attempt !== undefined) choose({ step: chosen.step, attempt: chosen.segment.attempt });
  });
  plot.addEventListener('keydown', (event) => {
    const bars = /** @type {SVGElement[]} */ ([...plot.querySelectorAll('.seg')]);
    const here = bars.indexOf(/** @type {SVGElement} */ (document.activeElement));
    if (here < 0) return;
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -bars.length, End: bars.length }[event.key];
    if (by !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      bars[Math.max(0, Math.min(bars.length - 1, here + by))]?.focus();
    } else if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      event.stopPropagation();
      bars[here]?.dispatchEvent(new MouseEvent('click', { bubbles: true }));
    }
  });

  /** @param {Timeline} timeline */
  function draw(timeline) {
    drawnAt = Date.now();
    const end = timeline.to === undefined ? now() : Date.parse(timeline.to);
    const whole = { from: Date.parse(timeline.from), to: Math.max(end, Date.parse(timeline.from) + 1) };
    const steps = byIndex(timeline.lanes);
    const attempts = steps.flatMap((step) => timeline.lanes[step]?.segments ?? []).filter((each) => each.kind === 'attempt')
      .map((each) => ({ from: Date.parse(each.from), to: each.to === undefined ? whole.to : Date.parse(each.to) }));
    const gaps = idle(whole, attempts);
    const cut = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0);
    show(box, gaps.length > 0);
    if (!touched) collapse.checked = cut > (whole.to - whole.from) * 0.6;
    const { place, gaps: cutGaps } = scale(whole, collapse.checked ? gaps : []);
    setAttr(plot, 'height', steps.length * LANE);
    drawGrid(whole, place, cutGaps, steps.length * LANE);
    reconcile(names, steps, () => h('span'), (name, step) => { setText(name, step); setAttr(name, 'title', step); });
    reconcile(lanes, steps, (step) => s('g', { role: 'group', 'aria-label': t('timeline.label', { step }) }), (lane, step, index) =>
      drawLane(lane, step, index, timeline.lanes[step]?.segments ?? [], place, whole.to));
    const missing = steps.map((step) => ({ step, n: timeline.lanes[step]?.dropped ?? 0 })).filter((each) => each.n > 0);
    setText(dropped, missing.map((each) => t('timeline.dropped', each)).join(', '));
    rove();
  }

  /**
   * @param {Span} whole
   * @param {(at: number) => number} place
   * @param {Gap[]} gaps
   * @param {number} height
   */
  function drawGrid(whole, place, gaps, height) {
    const marks = ticks(whole.to - whole.from, 5).filter((ms) => !gaps.some((gap) => whole.from + ms > gap.from && whole.from + ms < gap.to));
    /** @type {number[]} */
    const kept = [];
    const wide = plot.clientWidth;
    for (const ms of marks) {
      const x = place(whole.from + ms) * wide;
      const after = kept.length === 0 ? -LABEL : place(whole.from + (kept.at(-1) ?? 0)) * wide;
      if (x - after >= LABEL && (ms === 0 || x + LABEL <= wide)) kept.push(ms);
    }
    const keys = kept.map(String);
    reconcile(grid, keys, () => s('line', { y1: 0 }), (mark, key) => {
      const x = `${(100 * place(whole.from + Number(key))).toFixed(2)}%`;
      setAttr(mark, 'x1', x);
      setAttr(mark, 'x2', x);
      setAttr(mark, 'y2', height);
    });
    reconcile(axis, keys, () => h('span'), (mark, key) => {
      const x = place(whole.from + Number(key));
      mark.style.left = `${(100 * x).toFixed(2)}%`;
      setText(mark, Number(key) === 0 ? moment(new Date(whole.from).toISOString(), now()) : `+${duration(Number(key), true)}`);
    });
    reconcile(cuts, gaps.map((gap) => String(gap.from)), () => s('rect', { y: 0 }, s('title')), (cut, _, index) => {
      const gap = gaps[index];
      if (gap === undefined) return;
      setAttr(cut, 'x', `${(100 * gap.at).toFixed(2)}%`);
      setAttr(cut, 'width', `${(100 * gap.wide).toFixed(2)}%`);
      setAttr(cut, 'height', height);
      setText(/** @type {Element} */ (cut.firstElementChild), t('timeline.collapsed', { time: duration(gap.to - gap.from) }));
    });
  }

  /**
   * @param {Element} lane
   * @param {string} step
   * @param {number} index
   * @param {Segment[]} segments
   * @param {(at: number) => number} place
   * @param {number} end
   */
  function drawLane(lane, step, index, segments, place, end) {
    const keys = keysOf(segments);
    reconcile(lane, keys, (key) => {
      const bar = s('rect', { class: 'seg', role: 'button', height: LANE - 8, rx: 2, tabindex: -1 }, s('title'));
      bar.addEventListener('click', () => pick(`${step} ${key}`));
      bar.addEventListener('focus', () => { at = `${step} ${key}`; rove(); tell(`${step} ${key}`); });
      bar.addEventListener('pointerenter', () => tell(`${step} ${key}`));
      bar.addEventListener('pointerleave', () => tell(chosen?.key ?? ''));
      return bar;
    }, (bar, _, number) => {
      const segment = segments[number];
      if (segment === undefined) return;
      const from = place(Date.parse(segment.from));
      const to = place(segment.to === undefined ? end : Date.parse(segment.to));
      const text = describe(step, segment, end);
      setAttr(bar, 'data-key', `${step} ${keys[number]}`);
      setAttr(bar, 'class', `seg ${segment.kind} ${segment.outcome ?? (segment.to === undefined ? 'running' : '')}`);
      setAttr(bar, 'x', `${(100 * from).toFixed(3)}%`);
      setAttr(bar, 'y', index * LANE + 4);
      setAttr(bar, 'width', `${Math.max(0.6, 100 * (to - from)).toFixed(3)}%`);
      setAttr(bar, 'aria-label', text);
      setText(/** @type {Element} */ (bar.firstElementChild), text);
      setAttr(bar, 'aria-pressed', String(chosen?.key === `${step} ${keys[number]}`));
    });
  }

  function rove() {
    const bars = [...plot.querySelectorAll('.seg')];
    const here = bars.find((bar) => bar.getAttribute('data-key') === at) ?? bars.at(-1);
    for (const bar of bars) setAttr(bar, 'tabindex', bar === here ? 0 : -1);
  }

  /** @param {string} key */
  function find(key) {
    for (const [step, lane] of Object.entries(shown?.lanes ?? {})) {
      const segment = lane.segments[keysOf(lane.segments).indexOf(key.slice(step.length + 1))];
      if (!key.startsWith(`${step} `)) continue;
      if (segment !== undefined) return { key, step, segment };
    }
    return undefined;
  }

  /** @param {string} key */
  function tell(key) {
    const found = find(key);
    setText(about, found === undefined ? t('timeline.choose') : describe(found.step, found.segment, now()));
  }

  /** @param {string} key */
  function pick(key) {
    chosen = chosen?.key === key ? undefined : find(key);
    show(only, chosen?.segment.kind === 'attempt' && chosen.segment.attempt !== undefined);
    tell(chosen?.key ?? '');
    if (chosen === undefined) choose(undefined);
    if (shown !== undefined) draw(shown);
    invalidate();
  }

  return {
    el,
    /** @param {Timeline} timeline */
    update(timeline) {
      if (shown === timeline) return;
      shown = timeline;
      draw(timeline);
      if (timeline.to !== undefined) still(el);
      // What goes on grows, once a second is enough.
      else tick(el, () => { if (Date.now() - drawnAt >= GROW_MS) draw(timeline); });
    },
  };
}

/**
 * A name for each bar that stays while others come and go; two may begin in the same millisecond.
 * @param {Segment[]} segments
 */
export function keysOf(segments) {
  /** @type {Map<string, number>} */
  const seen = new Map();
  return segments.map(({ kind, from, attempt }) => {
    const key = `${kind} ${from} ${attempt ?? ''}`;
    const n = seen.get(key) ?? 0;
    seen.set(key, n + 1);
    return `${key} ${n}`;
  });
}

/**
 * A bar in words.
 * @param {string} step
 * @param {Segment} segment
 * @param {number} end
 */
function describe(step, segment, end) {
  const to = segment.to === undefined ? end : Date.parse(segment.to);
  const time = duration(Math.max(0, to - Date.parse(segment.from)), true);
  const text = segment.text === undefined || segment.text === '' ? '' : `: ${segment.text}`;
  if (segment.kind !== 'attempt') return t('timeline.wait', { step, what: t(`timeline.${segment.kind}`), time, text });
  const outcome = segment.outcome ?? 'running';
  return t('timeline.bar', {
    step, what: t('timeline.attempt', { n: segment.attempt ?? '?' }), time, text, outcome: has(`outcome.${outcome}`) ? t(`outcome.${outcome}`) : outcome,
  });
}
