// @ts-check
// One operation in the list, and what can be done to it.

import { app, command, go, invalidate, isStale, mayAct } from './app.js';
import { amount, bytes, countDown, duration, estimate, moment, now, rate, still } from './clock.js';
import { button, h, reconcile, setAttr, setPill, setText, show } from './dom.js';
import { ask, toast } from './messages.js';
import { plain, t } from './strings.js';
import { format } from './url.js';

// What a person can do to an operation. The server says what is possible and what each does.

export const VERBS = ['pause', 'resume', 'retry', 'cancel-recovery', 'force-retry', 'cancel'];
// These end or overrule something, so they ask first.
const ASKS = new Set(['cancel', 'cancel-recovery', 'force-retry', 'skip']);
const PENDING_MS = 5000;

/** Asked for, and not yet seen to happen: the position in the journal to wait for. @type {Map<string, number>} */
const pending = new Map();

/** @param {string} verb "pause" or "skip:<step>" */
export const isDangerous = (verb) => ASKS.has(verb.split(':')[0] ?? '');

/** @param {string} verb */
export function verbName(verb) {
  const [kind = '', step = ''] = split(verb);
  return t(`verb.${kind}`, { step });
}

/** @param {string} verb @returns {[string, string]} */
function split(verb) {
  const colon = verb.indexOf(':');
  return colon < 0 ? [verb, ''] : [verb.slice(0, colon), verb.slice(colon + 1)];
}

/**
 * Whether this was asked for and the answer is not in sight yet.
 * @param {string} id
 * @param {string} verb
 */
export function isPending(id, verb) {
  const seq = pending.get(`${id} ${verb}`);
  return seq !== undefined && (app.view?.seq ?? 0) < seq;
}

/** The two or three that a row offers.  @param {Row} row */
export function quick(row) {
  const can = row.can ?? [];
  return ['retry', 'resume', 'pause', 'cancel'].filter((verb) => can.includes(verb)).slice(0, 3);
}

/** @param {string} id */
function rowOf(id) {
  return app.view?.list.rows[id] ?? (app.view?.detail?.id === id ? app.view.detail.row : undefined);
}

/**
 * Does it, after asking where that is due.
 * @param {string} id
 * @param {string} verb "pause", "skip:<step>"
 * @param {boolean} [more] asks for the particulars of what is usually done at once
 */
export async function act(id, verb, more = false) {
  const row = rowOf(id);
  if (row === undefined || !mayAct() || isPending(id, verb)) return;
  const [kind, step] = split(verb);
  /** @type {object | string | undefined} */
  let body = {};
  if (more || isDangerous(verb)) {
    const told = app.view?.detail?.id === id ? app.view.detail.actions?.[verb]?.text : undefined;
    body = await ask({
      title: t('ask.title', { verb: verbName(verb), name: row.name }),
      text: [told === undefined ? t(`verb.${kind}.text`) : actionText(verb, told), t('ask.now', { label: row.label })],
      go: verbName(verb), danger: isDangerous(verb) && kind !== 'skip', reason: true, output: kind === 'skip', freeze: kind === 'pause',
    });
    if (body === undefined) return;
  }
  // What somebody looked at when they chose is what it holds for, however long they thought about it.
  await send(id, verb, kind === 'skip' ? `steps/${encodeURIComponent(step)}/skip` : kind, body, row);
}

/**
 * What a verb does; its name in front is left out, the button beside it says that.
 * @param {string} key
 * @param {string | undefined} told
 */
export function actionText(key, told) {
  if (told === undefined) return t(`verb.${key}.text`);
  const isVerb = VERBS.includes(key) || key.startsWith('skip:');
  return sentence(isVerb ? told.slice(told.indexOf(': ') < 0 ? 0 : told.indexOf(': ') + 2) : told);
}

/** @param {string} text */
export const sentence = (text) => plain(text.charAt(0).toUpperCase() + text.slice(1));

/**
 * @param {string} id
 * @param {string} verb
 * @param {string} path
 * @param {object | string} body
 * @param {Row} row as it was seen
 */
async function send(id, verb, path, body, row) {
  const key = `${id} ${verb}`;
  pending.set(key, Infinity);
  invalidate();
  const address = `api/v1/operations/${encodeURIComponent(id)}/${path}`;
  let answer = await command(address, body, { 'If-Match': `W/"${row.version}"` });
  // What harms nothing need not be pressed twice because a byte count moved on.
  if (answer.status === 412 && !isDangerous(verb)) answer = await command(address, body);
  if (answer.ok) {
    pending.set(key, Number(answer.data?.seq ?? 0));
    setTimeout(() => { pending.delete(key); invalidate(); }, PENDING_MS);
    toast(t(`done.${split(verb)[0]}`, { name: row.name }), { kind: 'done' });
  } else {
    pending.delete(key);
    toast(answer.status === 412 ? t('refused.moved') : answer.problem, { kind: 'bad', title: `${verbName(verb)}: ${t('refused.title')}` });
  }
  invalidate();
}

// One operation in the list.

/**
 * A thin bar. `name` is what it measures.
 * @param {string} name
 */
export function bar(name) {
  return h('div', { class: 'bar', role: 'progressbar', 'aria-label': name, 'aria-valuemin': 0, 'aria-valuemax': 100 }, h('i'));
}

/**
 * @param {HTMLElement} element
 * @param {number | undefined} percent nothing is known without it
 * @param {string} [text]
 */
export function setBar(element, percent, text) {
  const value = percent === undefined ? undefined : Math.max(0, Math.min(100, percent));
  setAttr(element, 'aria-valuenow', value === undefined ? undefined : Math.round(value));
  setAttr(element, 'aria-valuetext', text);
  const fill = /** @type {HTMLElement} */ (element.firstElementChild);
  const transform = `scaleX(${((value ?? 0) / 100).toFixed(4)})`;
  if (fill.style.transform !== transform) fill.style.transform = transform;
}

/**
 * "2.1 of 6.9 GB · 14.2 MB/s · 5 min left"
 * @param {{progress?: Progress, rate?: number, eta_ms?: number}} of
 */
export function numbers({ progress, rate: speed, eta_ms: eta }) {
  const parts = [];
  if (progress !== undefined) parts.push(amount(progress.done, progress.total));
  // How fast it is now is not known of what is no longer followed.
  if (speed !== undefined && !isStale()) parts.push(rate(speed));
  if (eta !== undefined && !isStale()) parts.push(t('bytes.left', { left: estimate(eta) }));
  return parts.join(' · ');
}

/**
 * Says what is waited for, counting down where there is a moment to wait for.
 * @param {HTMLElement} element
 * @param {Wait | undefined} wait
 */
export function setWait(element, wait) {
  if (wait === undefined) {
    still(element);
    setText(element, '');
    return;
  }
  const { kind, due_at: due } = wait;
  const said = wait.text || t(`wait.${kind}`);
  if (due === undefined) {
    still(element);
    setText(element, sentence(said));
    return;
  }
  // The machine has room again when others end, not at a moment.
  if (kind === 'slot') {
    still(element);
    setText(element, sentence(said));
    return;
  }
  const known = ['backoff', 'server_delay', 'budget'].includes(kind);
  const isolated = kind === 'breaker' && app.view?.breakers?.[wait.host ?? '']?.mode === 'isolated';
  const over = known ? t('wait.due') : sentence(said);
  countDown(element, due, (left) => t(known ? `wait.${kind}` : isolated ? 'wait.ends' : 'wait.other', { left, text: known ? said : sentence(said) }), over);
}

/** @param {Row} row */
export function attemptText(row) {
  // Nothing has begun yet.
  if (row.attempt === undefined || row.attempt === 0) return '';
  if (row.attempts_max === undefined || row.attempts_max === 0) return t('row.attempt.open', { n: row.attempt });
  return t('row.attempt', { n: row.attempt, max: row.attempts_max });
}

/** Elements of a row that change. @typedef {ReturnType<typeof build>} Parts */

/** @type {WeakMap<Element, Parts>} */
const known = new WeakMap();

/** @param {string} id */
function build(id) {
  const box = h('input', { type: 'checkbox', class: 'pick' });
  const status = h('span');
  const name = h('a', { class: 'name' });
  const sub = h('span', { class: 'sub' });
  const line = bar('');
  const nums = h('span', { class: 'nums' });
  const attempt = h('span', { class: 'attempt' });
  const wait = h('span', { class: 'wait' });
  const error = h('span', { class: 'err' });
  const alt = h('span', { class: 'alt' });
  const acts = h('div', { class: 'acts' });
  const el = h('li', { class: 'row', 'data-id': id, 'data-testid': 'row' },
    h('label', { class: 'pickbox' }, box), h('div', { class: 'stat' }, status, attempt), h('div', { class: 'who' }, name, sub),
    h('div', { class: 'prog' }, line, nums), h('div', { class: 'note' }, wait, error, alt), acts);
  return { el, id, box, status, name, sub, line, nums, attempt, wait, error, alt, acts,
    /** @type {Row | undefined} */ row: undefined, asked: '',
    /** @type {State | undefined} */
    state: undefined };
}

/**
 * @param {string} id
 * @param {(id: string, picked: boolean, range: boolean) => void} pick
 */
export function makeRow(id, pick) {
  const parts = build(id);
  known.set(parts.el, parts);
  let range = false;
  parts.box.addEventListener('click', (event) => { range = event.shiftKey; });
  parts.box.addEventListener('change', () => pick(id, parts.box.checked, range));
  parts.name.addEventListener('focus', () => { app.current = id; });
  parts.el.addEventListener('click', (event) => {
    const target = /** @type {Element} */ (event.target);
    if (target.closest('button, input, label') !== null || event.ctrlKey || event.metaKey || event.shiftKey) return;
    // Selecting text of a row is not a click on it.
    if (target.closest('a') === null && String(getSelection()) !== '') return;
    event.preventDefault();
    app.current = id;
    go({ operation: id }, app.state.operation !== '');
  });
  return parts.el;
}

/**
 * @param {Element} el
 * @param {Row} row
 * @param {{position: number, total: number, height: number}} place
 */
export function updateRow(el, row, { position, total, height }) {
  const parts = known.get(el);
  if (parts === undefined) return;
  const transform = `translateY(${position * height}px)`;
  if (parts.el.style.transform !== transform) parts.el.style.transform = transform;
  setAttr(el, 'aria-posinset', position + 1);
  setAttr(el, 'aria-setsize', total);
  setAttr(el, 'data-current', app.current === parts.id);
  if (parts.state !== app.state) {
    parts.state = app.state;
    setAttr(parts.name, 'href', format({ ...app.state, operation: parts.id }));
  }
  setAttr(parts.name, 'aria-current', app.state.operation === parts.id ? 'true' : undefined);
  const picked = app.selected.has(parts.id);
  if (parts.box.checked !== picked) parts.box.checked = picked;
  const asked = `${(row.can ?? []).filter((verb) => isPending(parts.id, verb)).join()} ${isStale()}`;
  if (parts.row === row && parts.asked === asked) return;
  parts.row = row;
  parts.asked = asked;
  fill(parts, row);
}

/**
 * @param {Parts} parts
 * @param {Row} row
 */
function fill(parts, row) {
  setAttr(parts.el, 'data-status', row.status);
  setAttr(parts.box, 'aria-label', t('list.select', { name: row.name }));
  setPill(parts.status, row.status, row.label);
  setText(parts.name, row.name);
  setText(parts.sub, subline(row));
  setAttr(parts.line, 'aria-label', t('row.progress', { name: row.name }));
  const text = numberLine(row);
  setBar(parts.line, row.percent, text);
  setText(parts.nums, text);
  setText(parts.attempt, attemptText(row));
  setWait(parts.wait, row.wait);
  show(parts.wait, row.wait !== undefined);
  const { title, message = '', hint } = row.error ?? {};
  setText(parts.error, row.error === undefined ? '' : [title, hint ?? message].filter(Boolean).join(' – '));
  show(parts.error, row.error !== undefined);
  setAttr(parts.error, 'title', message === '' ? undefined : message);
  // A narrow row has no other room for it.
  setText(parts.alt, subline(row));
  show(parts.alt, row.wait === undefined && row.error === undefined);
  actions(parts, row);
}

/** @param {Row} row */
function subline(row) {
  const { workflow, step, steps_done: done, steps_total: total } = row;
  if (step === undefined || total === undefined || row.ended_at !== undefined) return workflow;
  return `${workflow} · ${t('row.step', { step, done: done ?? 0, total })}`;
}

/** @param {Row} row */
function numberLine(row) {
  if (row.ended_at === undefined) return numbers(row);
  const parts = [];
  if (row.progress !== undefined) {
    const { done, total } = row.progress;
    parts.push(done === total ? bytes(done) : amount(done, total));
  }
  if (row.started_at !== undefined) {
    parts.push(t('row.took', { time: duration(Date.parse(row.ended_at) - Date.parse(row.started_at)) }));
  }
  parts.push(t('row.ended', { at: moment(row.ended_at, now()) }));
  return parts.join(' · ');
}

/**
 * @param {Parts} parts
 * @param {Row} row
 */
function actions(parts, row) {
  const verbs = mayAct() ? quick(row) : [];
  reconcile(parts.acts, verbs,
    (verb) => button(verb, '', () => void act(parts.id, verb), { 'data-verb': verb }),
    (el, verb) => {
      setAttr(el, 'aria-label', t('verb.of', { verb: verbName(verb), name: row.name }));
      setAttr(el, 'title', verbName(verb));
      setAttr(el, 'aria-disabled', isPending(parts.id, verb) ? 'true' : undefined);
    });
}
