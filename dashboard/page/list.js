// @ts-check
// The list: only the rows in sight are elements, only a window around them is subscribed to.

import { app, go, invalidate, onTravel, part } from './app.js';
import { count } from './clock.js';
import { h, memo, reconcile, setAttr, setText, show } from './dom.js';
import { makeRow, updateRow } from './row.js';
import { resubscribe } from './stream.js';
import { t } from './strings.js';
import { COUNT_MAX, inSight, isFiltered, listKey, shift, windowFor } from './url.js';

const TALL = 118;
const LOW = 60;
const NARROW = 940;
const OVERSCAN = 6;
// Who has not scrolled for so long stands still.
const STILL_MS = 100;

const list = h('ul', { class: 'rows', 'data-testid': 'rows' });
const empty = h('div', { class: 'empty', hidden: true }, h('h3'), h('p'));
const countText = h('span', { class: 'muted', 'data-testid': 'list-count' });
const heading = h('h2', { class: 'sr', id: 'list-title' }, t('list.label'));
list.setAttribute('aria-labelledby', 'list-title');

export const listPart = h('section', { 'aria-labelledby': 'list-title', class: 'list' }, heading, list, empty);
export const listCount = countText;

/** @type {HTMLElement} */
let scroller;
let rowHeight = LOW;
/** The place that the keyboard goes to as soon as its row is there. @type {number | undefined} */
let wanted;
/** The place where the row was that had the focus and is gone. @type {number | undefined} */
let bereft;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let settling;
/** Where the list was drawn last, in rows and in time, and how many rows a millisecond it goes. */
let gone = { at: 0, when: 0, speed: 0 };
let lastPicked = '';

/** How far the list has gone by the upper edge of what is seen. */
function top() {
  return scroller.scrollTop + scroller.getBoundingClientRect().top - (list.getBoundingClientRect().top + scroller.scrollTop);
}

/** Height of what sticks to the upper edge and covers rows. */
function covered() {
  const bar = document.getElementById('toolbar');
  return bar !== null && getComputedStyle(bar).position === 'sticky' ? bar.offsetHeight : 0;
}

/** The rows that somebody reads, so that they stay where they are. @type {{list: string, of: object | undefined, first: number, ids: string[]}} */
let inPlace = { list: '', of: undefined, first: 0, ids: [] };

/** @param {View} view */
function draw(view) {
  const shown = app.state.panel !== 'breakers' && app.state.panel !== 'stats';
  show(listPart, shown);
  if (!shown) return;
  const { total, from, order, rows } = view.list;
  const height = `${total * rowHeight}px`;
  if (list.style.height !== height) list.style.height = height;
  if (scroller.scrollTop > 0 && inPlace.list === app.shown && inPlace.of !== view.list) scroller.scrollTop += rowHeight * shift(inPlace.ids, inPlace.first, order, from);
  const [first, end] = inSight(top(), scroller.clientHeight, rowHeight, total);
  follow(first, end, total);
  inPlace = { list: app.shown, of: view.list, first, ids: order.slice(Math.max(0, first - from), Math.max(0, end - from)) };
  const begin = Math.max(from, first - OVERSCAN);
  const keys = order.slice(begin - from, Math.max(0, end + OVERSCAN - from)).filter((id) => rows[id] !== undefined);
  const had = list.contains(document.activeElement) ? document.activeElement?.closest('.row') : undefined;
  reconcile(list, keys, (id) => makeRow(id, pick), (el, id, index) => {
    const row = rows[id];
    if (row !== undefined) updateRow(el, row, { position: begin + index, total, height: rowHeight });
  });
  const place = Number(had?.getAttribute('aria-posinset')) - 1;
  if (had?.isConnected === false && place >= begin && place <= begin + keys.length) bereft = place;
  // Until the rows of another filter are there, those of the one before must not pass for them.
  const late = app.shown !== listKey(app.state);
  setAttr(list, 'aria-busy', late || keys.length < Math.min(end, total) - first ? 'true' : undefined);
  list.classList.toggle('late', late);
  reach(from, order);
  if (late) setText(countText, t('list.loading'));
  else nothing(total, isFiltered(app.state));
  if (!late) setText(countText, t(isFiltered(app.state) ? 'list.fits' : 'list.count', { n: count(total) === '1' ? 1 : count(total) }));
}

const nothing = memo((
  /** @type {number} */
  total,
  /** @type {boolean} */
  filtered,
) => {
  show(empty, total === 0);
  show(list, total > 0);
  const [title, text] = /** @type {HTMLElement[]} */ ([...empty.children]);
  if (title === undefined || text === undefined) return;
  setText(title, t(filtered ? 'list.nothing' : 'list.empty'));
  setText(text, filtered ? '' : t('list.empty.text'));
});

/**
 * @param {number} first
 * @param {number} end
 * @param {number} total
 */
function follow(first, end, total) {
  const when = performance.now();
  const by = first - gone.at;
  const took = Math.max(1, when - gone.when);
  // Who jumps is there; who scrolls goes on.
  const speed = Math.abs(by) > COUNT_MAX || took > STILL_MS ? 0 : by / took;
  if (by !== 0 || took > STILL_MS) gone = { at: first, when, speed: (gone.speed + speed) / 2 };
  const next = windowFor(app.window, first, end, total, settling === undefined ? 0 : Math.round(gone.speed * app.took));
  if (next === app.window) return;
  app.window = next;
  resubscribe();
}

/**
 * @param {number} from
 * @param {string[]} order
 */
function reach(from, order) {
  const id = wanted === undefined ? undefined : order[wanted - from];
  if (id === undefined) return;
  const link = list.querySelector(`[data-id="${CSS.escape(id)}"] .name`);
  if (!(link instanceof HTMLElement)) return;
  wanted = undefined;
  app.current = id;
  link.focus({ preventScroll: true });
  if (app.state.operation !== '' && app.state.operation !== id) go({ operation: id }, true);
  invalidate();
}

/**
 * Moves the keyboard's place by so many rows.
 * @param {number} by
 */
export function move(by) {
  const view = app.view;
  if (view === undefined || view.list.total === 0) return;
  const { total, from, order } = view.list;
  const at = wanted ?? (order.includes(app.current) ? order.indexOf(app.current) + from : undefined);
  const [first] = inSight(top() + covered(), 1, rowHeight, total);
  // Without a place to start from the first step goes to what is in sight, or to what has come to the place.
  const next = at === undefined && Number.isFinite(by) ? (bereft === undefined ? first : bereft + Math.min(0, by)) : (at ?? 0) + by;
  bereft = undefined;
  wanted = Math.max(0, Math.min(total - 1, next));
  reveal(wanted);
  // The next key is for this row, even if it comes before the next frame.
  app.current = order[wanted - from] ?? app.current;
  reach(from, order);
  // Until that row is there, a key is for none.
  if (wanted !== undefined) scroller.focus({ preventScroll: true });
  invalidate();
}

/** @param {number} index */
function reveal(index) {
  const above = index * rowHeight - (top() + covered());
  const below = (index + 1) * rowHeight - (top() + scroller.clientHeight);
  if (above < 0) scroller.scrollTop += above;
  else if (below > 0) scroller.scrollTop += below;
}

/** Gives the focus back to the row that it came from. */
export function focusCurrent() {
  const link = list.querySelector(`[data-id="${CSS.escape(app.current)}"] .name`);
  if (link instanceof HTMLElement) link.focus({ preventScroll: true });
  else document.getElementById('main')?.focus({ preventScroll: true });
}

/** @type {() => void} */
let picking = () => {};

/** @param {() => void} listener called before a box is ticked or cleared */
export function onPick(listener) {
  picking = listener;
}

/**
 * @param {string} id
 * @param {boolean} picked
 * @param {boolean} range with all between the last one and this
 */
function pick(id, picked, range) {
  picking();
  const order = app.view?.list.order ?? [];
  const [a, b] = [order.indexOf(lastPicked), order.indexOf(id)];
  const ids = range && a >= 0 && b >= 0 ? order.slice(Math.min(a, b), Math.max(a, b) + 1) : [id];
  for (const each of ids) {
    if (picked) app.selected.add(each);
    else app.selected.delete(each);
  }
  lastPicked = id;
  invalidate();
}

/** Picks the current row, or lets it go. */
export function pickCurrent() {
  if (app.current !== '') pick(app.current, !app.selected.has(app.current), false);
}

/** @param {HTMLElement} main that which scrolls */
export function startList(main) {
  scroller = main;
  main.addEventListener('scroll', () => {
    invalidate();
    clearTimeout(settling);
    settling = setTimeout(() => {
      settling = undefined;
      invalidate();
    }, STILL_MS);
  }, { passive: true });
  new ResizeObserver(() => {
    const narrow = main.clientWidth < NARROW;
    main.classList.toggle('narrow', narrow);
    rowHeight = narrow ? TALL : LOW;
    list.style.setProperty('--row', `${rowHeight}px`);
    invalidate();
  }).observe(main);
  onTravel((before) => {
    const now = app.state;
    const same = ['workflow', 'error', 'host', 'q', 'sort'].every((name) => Reflect.get(before, name) === Reflect.get(now, name));
    if (same && before.state.join() === now.state.join()) return;
    app.window = { from: 0, count: 60 };
    app.selected.clear();
    wanted = undefined;
    bereft = undefined;
    const above = top() + covered();
    if (above > 0) main.scrollTop -= above;
  });
  part(draw);
}
