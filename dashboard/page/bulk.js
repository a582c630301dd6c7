// @ts-check
// Many operations at once: those that are picked, or all that fit the filters. The server does the work.

import { call, requestKey } from './api.js';
import { app, invalidate, mayAct, part } from './app.js';
import { VERBS, isDangerous, verbName } from './controls.js';
import { openDialog } from './dialog.js';
import { h, reconcile, setAttr, setText, show } from './dom.js';
import { count } from './format.js';
import { button } from './icons.js';
import { announce, toast } from './notices.js';
import { bar, setBar } from './row.js';
import { t } from './strings.js';
import { filterOf } from './url.js';

/** @typedef {{filter: object, verb: string, many: number}} Order */

const POLL_MS = 700;
const STAGGERS = [0, 10_000, 60_000, 600_000];

let everything = false;
/** @type {{id: string, verb: string, matched: number, done: number, refused: Record<string, string>, finished: boolean} | undefined} */
let running;

const selected = h('strong');
const verbs = h('div', { class: 'bulk-verbs' });
const all = h('button', { type: 'button', class: 'link', onclick: () => { everything = true; invalidate(); } });
const clear = button('close', t('bulk.clear'), () => clearPicked());
const choice = h('div', { class: 'bulk-row' }, selected, verbs, all, clear);
const words = h('span');
const line = bar('');
const refused = h('details', {}, h('summary'), h('ul'));
const stop = h('button', { type: 'button', class: 'btn', onclick: () => void stopRest() }, t('bulk.stop'));
const done = h('button', { type: 'button', class: 'btn', onclick: () => { running = undefined; invalidate(); } }, t('bulk.close'));
const progress = h('div', { class: 'bulk-row' }, words, line, refused, stop, done);
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
  const many = Number(answer.data?.matched ?? 0);
  matched.textContent = !answer.ok ? answer.problem : many === 0 ? t('bulk.none') : t('bulk.matched', { n: many });
  send.disabled = !answer.ok || many === 0;
  send.addEventListener('click', () => {
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
  const answer = await call('POST', 'api/v1/batches', body, { 'Idempotency-Key': requestKey() });
  if (!answer.ok) {
    toast(answer.problem, { kind: 'bad', title: `${verbName(verb)}: ${t('refused.title')}` });
    return;
  }
  clearPicked();
  running = { id: String(answer.data?.batch ?? ''), verb, matched: Number(answer.data?.matched ?? many), done: 0, refused: {}, finished: false };
  invalidate();
  await poll(running);
}

/** @param {NonNullable<typeof running>} batch */
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
    if (batch.finished) announce(progressText(batch));
    invalidate();
    if (!batch.finished) await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
  }
}

async function stopRest() {
  if (running === undefined) return;
  const answer = await call('DELETE', `api/v1/batches/${encodeURIComponent(running.id)}`);
  if (!answer.ok) toast(answer.problem, { kind: 'bad' });
}

/** @param {NonNullable<typeof running>} batch */
const progressText = (batch) => t(batch.finished ? 'bulk.finished' : 'bulk.progress', { verb: verbName(batch.verb), done: count(batch.done), n: count(batch.matched) });

/** @param {import('./types.d.ts').View} view */
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
  setAttr(line, 'aria-label', verbName(running.verb));
  setBar(line, running.matched === 0 ? 100 : (100 * running.done) / running.matched);
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
  part(draw);
}
