// @ts-check
// Above the list: everything under way in one line, the chips, search and order, the filters that hold.

import { app, go, onTravel, part } from './app.js';
import { h, memo, reconcile, s, setAttr, setText, show } from './dom.js';
import { amount, count, estimate, rate } from './format.js';
import { button, icon } from './icons.js';
import { listCount } from './list.js';
import { bar, setBar } from './row.js';
import { t } from './strings.js';
import { SORTS, STATUSES, isFiltered } from './url.js';

/** @typedef {import('./types.d.ts').View} View */

const SEARCH_MS = 200;
const SAMPLES = 120;
const SAMPLE_MS = 1000;

const active = h('strong', { 'data-testid': 'totals-active' });
const sums = h('span', { 'data-testid': 'totals-text' });
const line = bar(t('totals.label'));
const curve = s('polyline', { fill: 'none', 'vector-effect': 'non-scaling-stroke' });
const spark = s('svg', { class: 'spark', viewBox: `0 0 ${SAMPLES} 20`, preserveAspectRatio: 'none', role: 'img', 'aria-label': t('totals.rate') }, curve);

const totals = h('section', { class: 'totals', 'aria-label': t('totals.label'), 'data-testid': 'totals' },
  h('p', {}, active, sums), spark, line);

/** @type {number[]} */
const samples = [];
let sampledAt = 0;

const drawTotals = memo((/** @type {View['totals']} */ of) => {
  setText(active, of.active === 0 ? t('totals.none') : t('totals.active', { n: of.active }));
  const parts = [];
  if (of.active > 0 && of.total !== undefined && of.total > 0) parts.push(amount(of.done ?? 0, of.total));
  if (of.active > 0 && of.rate !== undefined) parts.push(rate(of.rate));
  if (of.eta_ms !== undefined) parts.push(t('totals.left', { left: estimate(of.eta_ms) }));
  const text = parts.join(' · ');
  setText(sums, text);
  const known = of.total !== undefined && of.total > 0;
  setBar(line, known ? (100 * (of.done ?? 0)) / (of.total ?? 1) : undefined, text || undefined);
});

/** @param {number} value */
function sample(value) {
  const at = performance.now();
  if (at - sampledAt < SAMPLE_MS) return;
  sampledAt = at;
  samples.push(value);
  if (samples.length > SAMPLES) samples.shift();
  const most = Math.max(1, ...samples);
  const start = SAMPLES - samples.length;
  curve.setAttribute('points', samples.map((each, at) => `${start + at},${(19 - (18 * each) / most).toFixed(1)}`).join(' '));
}

const chips = h('div', { class: 'chips', role: 'group', 'aria-label': t('chips.label'), 'data-testid': 'chips' });

/** @param {string} status */
function toggle(status) {
  const before = app.state.state;
  const state = status === 'all' ? [] : STATUSES.filter((each) => before.includes(each) !== (each === status));
  go({ state });
}

const drawChips = memo((/** @type {View['counts']} */ counts, /** @type {string[]} */ chosen) => {
  reconcile(chips, ['all', ...STATUSES], (status) => {
    const chip = h('button', { type: 'button', class: `chip s-${status}`, 'data-status': status, onclick: () => toggle(status) },
      status !== 'all' && icon(status), h('span', {}, t(`status.${status}`)), h('b'));
    return chip;
  }, (chip, status) => {
    const many = counts[status] ?? 0;
    setText(/** @type {Element} */ (chip.lastElementChild), count(many));
    setAttr(chip, 'aria-pressed', status === 'all' ? String(chosen.length === 0) : String(chosen.includes(status)));
    setAttr(chip, 'data-empty', many === 0);
  });
});

export const search = h('input', {
  type: 'search', id: 'search', placeholder: t('filter.placeholder'), 'aria-label': t('filter.search'), autocomplete: 'off', spellcheck: 'false',
});
search.value = app.state.q;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let typing;
search.addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(() => go({ q: search.value.trim() }, true), SEARCH_MS);
});

const sort = h('select', { id: 'sort', 'aria-label': t('filter.sort') }, ...SORTS.map((each) => h('option', { value: each }, t(`sort.${each}`))));
sort.value = app.state.sort;
sort.addEventListener('change', () => go({ sort: sort.value }));

const tokens = h('div', { class: 'tokens', 'aria-label': t('filter.active'), role: 'group' });

const drawTokens = memo((/** @type {import('./types.d.ts').State} */ state) => {
  const names = /** @type {const} */ (['workflow', 'error', 'host']).filter((name) => state[name] !== '');
  const keys = names.map((name) => `${name}\n${state[name]}`);
  show(tokens, isFiltered(state));
  reconcile(tokens, isFiltered(state) ? [...keys, ''] : [], (key) => {
    if (key === '') return h('button', { type: 'button', class: 'link', onclick: () => go({ state: [], workflow: '', error: '', host: '', q: '' }) }, t('filter.clear'));
    const [name = '', value = ''] = key.split('\n');
    const what = t(`filter.${name}`, { value });
    return h('span', { class: 'token' }, what, button('close', t('filter.remove', { what }), () => go({ [name]: '' })));
  }, () => {});
});

/** @param {HTMLElement[]} more what else stands beside the filters */
export function makeToolbar(more) {
  onTravel(() => {
    if (document.activeElement !== search) search.value = app.state.q;
    sort.value = app.state.sort;
  });
  part((view) => {
    drawTotals(view.totals);
    sample(view.totals.rate ?? 0);
    drawChips(view.counts, app.state.state);
    drawTokens(app.state);
    const listed = app.state.panel !== 'breakers' && app.state.panel !== 'stats';
    show(filters, listed);
    show(chips, listed);
  });
  const filters = h('div', { class: 'filters' },
    h('div', { class: 'searchbox', role: 'search' }, icon('search'), search), sort, ...more, tokens, listCount);
  return h('div', { id: 'toolbar' }, totals, chips, filters);
}
