// @ts-check
// What stands above the list and below it.

import { app, call, command, go, invalidate, isStale, mayAct, onTravel, part } from './app.js';
import { amount, count, estimate, rate } from './clock.js';
import { button, h, icon, memo, reconcile, s, setAttr, setText, show } from './dom.js';
import { listCount, onPick } from './list.js';
import { announce, openDialog, toast } from './messages.js';
import { VERBS, bar, isDangerous, setBar, verbName } from './row.js';
import { t } from './strings.js';
import { SORTS, STATUSES, filterOf, isFiltered, listKey } from './url.js';

// Above the list: everything under way in one line, the chips, search and order, the filters that hold.

const SEARCH_MS = 200;
const SAMPLES = 120;
const SAMPLE_MS = 1000;
const SHOWN_FROM = 5;

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

const drawTotals = memo((
  /** @type {View['totals']} */
  of,
  /** @type {boolean} */
  stale,
) => {
  setText(active, of.active === 0 ? t('totals.none') : t('totals.active', { n: of.active }));
  const parts = [];
  if (of.active > 0 && of.total !== undefined && of.total > 0) parts.push(amount(of.done ?? 0, of.total));
  if (of.active > 0 && of.rate !== undefined && !stale) parts.push(rate(of.rate));
  if (of.eta_ms !== undefined && !stale) parts.push(t('totals.left', { left: estimate(of.eta_ms) }));
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
  if (samples.length < SHOWN_FROM) return;
  curve.setAttribute('points', samples.map((each, at) => `${start + at},${(19 - (18 * each) / most).toFixed(1)}`).join(' '));
}

const chips = h('div', { class: 'chips', role: 'group', 'aria-label': t('chips.label'), 'data-testid': 'chips' });

/** @param {string} status */
function toggle(status) {
  const before = app.state.state;
  const state = status === 'all' ? [] : STATUSES.filter((each) => before.includes(each) !== (each === status));
  go({ state });
}

const drawChips = memo((
  /** @type {View['counts']} */
  counts,
  /** @type {string[]} */
  chosen,
) => {
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

const drawTokens = memo((
  /** @type {State} */
  state,
) => {
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
    drawTotals(view.totals, isStale());
    if (!isStale()) sample(view.totals.rate ?? 0);
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

// Many operations at once: those that are picked, or all that fit the filters. The server does the work.

/** @typedef {{filter: object, verb: string, many: number}} Order */

const POLL_MS = 700;
const STAGGERS = [0, 10_000, 60_000, 600_000];

let everything = false;
/** @typedef {{id: string, verb: string, matched: number, done: number, refused: Record<string, string>, finished: boolean}} Running */
/** @type {Running | undefined} */
let running;
/** Whether an order is on its way. */
let launching = false;

const selected = h('strong');
const verbs = h('div', { class: 'bulk-verbs' });
const all = h('button', { type: 'button', class: 'link', onclick: () => { everything = true; invalidate(); } });
const clear = button('close', t('bulk.clear'), () => clearPicked());
const choice = h('div', { class: 'bulk-row' }, selected, verbs, all, clear);
const words = h('span');
const bulkLine = bar('');
const refused = h('details', {}, h('summary'), h('ul'));
const stop = h('button', { type: 'button', class: 'btn', onclick: () => void stopRest() }, t('bulk.stop'));
const done = h('button', { type: 'button', class: 'btn', onclick: () => { running = undefined; invalidate(); } }, t('bulk.close'));
const progress = h('div', { class: 'bulk-row' }, words, bulkLine, refused, stop, done);
export const bulkBar = h('section', { class: 'bulk', 'aria-label': t('bulk.label'), hidden: true, 'data-testid': 'bulk' }, choice, progress);

/** Opens the bar for everything that fits. */
export const pickAllButton = button('success', t('bulk.pick'), () => { everything = true; invalidate(); }, { text: t('bulk.pick'), 'data-testid': 'pick-all' });

export function clearPicked() {
  app.selected.clear();
  everything = false;
  invalidate();
}

/** Whether there is a choice that Esc could drop. */
export const hasPicked = () => app.selected.size > 0 || everything;

/** @param {string} verb */
async function begin(verb) {
  const filter = everything ? filterOf(app.state) : { ids: [...app.selected] };
  if (!everything && !isDangerous(verb)) {
    await launch({ filter, verb, many: app.selected.size }, 0, '');
    return;
  }
  const matched = h('p', { role: 'status' }, t('bulk.counting'));
  const stagger = h('select', { id: 'stagger' }, ...STAGGERS.map((ms) => h('option', { value: ms }, t(`bulk.stagger.${ms}`))));
  const reason = h('input', { type: 'text', id: 'bulk-reason', maxlength: '500', autocomplete: 'off' });
  const send = h('button', { type: 'button', class: isDangerous(verb) ? 'btn danger' : 'btn primary', disabled: true }, t('bulk.go', { verb: verbName(verb) }));
  const back = h('button', { type: 'button', class: 'btn' }, t('ask.back'));
  const box = openDialog({
    title: t('bulk.title', { verb: verbName(verb) }), name: 'bulk-dialog',
    body: [h('p', {}, t(`verb.${verb}.text`)), matched, h('label', { for: 'stagger' }, t('bulk.stagger')), stagger, h('label', { for: 'bulk-reason' }, t('ask.reason')), reason],
    foot: [back, send],
  });
  back.addEventListener('click', () => box.close());
  const answer = await call('POST', 'api/v1/batches', { filter, action: verb, dry_run: true });
  let many = Number(answer.data?.matched ?? 0);
  matched.textContent = !answer.ok ? answer.problem : many === 0 ? t('bulk.none') : t('bulk.matched', { n: many });
  send.disabled = !answer.ok || many === 0;
  send.addEventListener('click', async () => {
    send.disabled = true;
    // More than were told are not asked: that is found out again, and said.
    const now = await call('POST', 'api/v1/batches', { filter, action: verb, dry_run: true });
    const found = Number(now.data?.matched ?? many);
    if (!box.open) return;
    if (now.ok && found > many) {
      many = found;
      matched.textContent = t('bulk.more', { n: many });
      send.disabled = false;
      return;
    }
    box.close();
    void launch({ filter, verb, many }, Number(stagger.value), reason.value);
  });
}

/**
 * @param {Order} order
 * @param {number} jitter
 * @param {string} reason
 */
async function launch({ filter, verb, many }, jitter, reason) {
  const body = { filter, action: verb, ...(jitter > 0 ? { jitter_ms: jitter } : {}), ...(reason === '' ? {} : { reason }) };
  if (launching) return;
  launching = true;
  const answer = await command('api/v1/batches', body);
  launching = false;
  if (!answer.ok) {
    toast(answer.problem, { kind: 'bad', title: `${verbName(verb)}: ${t('refused.title')}` });
    return;
  }
  clearPicked();
  running = { id: String(answer.data?.batch ?? ''), verb, matched: Number(answer.data?.matched ?? many), done: 0, refused: {}, finished: false };
  invalidate();
  await poll(running);
}

/** @param {Running} batch */
async function poll(batch) {
  while (running === batch && !batch.finished) {
    const answer = await call('GET', `api/v1/batches/${encodeURIComponent(batch.id)}`);
    if (answer.ok) {
      const { matched = batch.matched, done = 0, refused = {}, finished = false } = answer.data ?? {};
      Object.assign(batch, { matched, done, refused, finished });
    } else if (answer.status !== 0) {
      batch.finished = true;
      toast(answer.problem, { kind: 'bad', title: verbName(batch.verb) });
    }
    const no = Object.keys(batch.refused).length;
    if (batch.finished) announce(no === 0 ? progressText(batch) : `${progressText(batch)}, ${t('bulk.refused', { n: no })}`);
    invalidate();
    if (!batch.finished) await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
  }
}

async function stopRest() {
  if (running === undefined) return;
  const answer = await call('DELETE', `api/v1/batches/${encodeURIComponent(running.id)}`);
  if (!answer.ok) toast(answer.problem, { kind: 'bad' });
}

/** What was refused was asked, but not done.  @param {Running} batch */
const progressText = (batch) => t(batch.finished ? 'bulk.finished' : 'bulk.progress', {
  verb: verbName(batch.verb), done: count(batch.finished ? batch.done - Object.keys(batch.refused).length : batch.done), n: count(batch.matched),
});

/** @param {View} view */
function draw(view) {
  const listed = app.state.panel !== 'breakers' && app.state.panel !== 'stats';
  const choosing = mayAct() && listed && hasPicked() && running === undefined;
  show(bulkBar, choosing || running !== undefined);
  show(choice, choosing);
  show(progress, running !== undefined);
  show(pickAllButton, mayAct() && view.list.total > 0);
  const { total } = view.list;
  if (choosing) {
    setText(selected, everything ? t('bulk.allpicked', { n: total === 1 ? 1 : count(total) }) : t('bulk.selected', { n: app.selected.size }));
    setText(all, t('bulk.all', { n: count(total) }));
    show(all, !everything && total > app.selected.size);
    reconcile(verbs, VERBS, (verb) => button(verb, verbName(verb), () => void begin(verb), { text: verbName(verb), 'data-verb': verb, class: verb === 'cancel' ? 'danger' : '' }), () => {});
  }
  if (running === undefined) return;
  setText(words, progressText(running));
  setAttr(bulkLine, 'aria-label', verbName(running.verb));
  setBar(bulkLine, running.matched === 0 ? 100 : (100 * running.done) / running.matched);
  const no = Object.entries(running.refused);
  show(refused, no.length > 0);
  setText(/** @type {Element} */ (refused.firstElementChild), t('bulk.refused', { n: no.length }));
  const names = app.view?.list.rows ?? {};
  reconcile(/** @type {Element} */ (refused.lastElementChild), no.slice(0, 50).map(([id]) => id), () => h('li'),
    (item, id) => setText(item, `${names[id]?.name ?? id}: ${running?.refused[id] ?? ''}`));
  show(stop, !running.finished);
  show(done, running.finished);
}

export function startBulk() {
  // What was meant by everything is not what stands there now.
  onTravel((before) => { if (listKey(before) !== listKey(app.state)) everything = false; });
  onPick(() => { everything = false; });
  part(draw);
}
