// @ts-check
// What a person can do to an operation. The server says what is possible and what each does.

import { call, requestKey } from './api.js';
import { app, invalidate, mayAct } from './app.js';
import { ask } from './dialog.js';
import { toast } from './notices.js';
import { t } from './strings.js';

/** @typedef {import('./types.d.ts').Row} Row */

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
 */
export async function act(id, verb) {
  const row = rowOf(id);
  if (row === undefined || !mayAct() || isPending(id, verb)) return;
  const [kind, step] = split(verb);
  /** @type {{reason?: string, output?: unknown} | undefined} */
  let body = {};
  if (isDangerous(verb)) {
    const told = app.view?.detail?.id === id ? app.view.detail.actions?.[verb]?.text : undefined;
    body = await ask({
      title: t('ask.title', { verb: verbName(verb), name: row.name }),
      text: [sentence(told ?? t(`verb.${kind}.text`)), t('ask.now', { label: row.label })],
      go: verbName(verb), danger: kind !== 'skip', reason: true, output: kind === 'skip',
    });
    if (body === undefined) return;
  }
  await send(id, verb, kind === 'skip' ? `steps/${encodeURIComponent(step)}/skip` : kind, body);
}

/** @param {string} text */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/**
 * @param {string} id
 * @param {string} verb
 * @param {string} path
 * @param {object} body
 */
async function send(id, verb, path, body) {
  const row = rowOf(id);
  const key = `${id} ${verb}`;
  pending.set(key, Infinity);
  invalidate();
  const address = `api/v1/operations/${encodeURIComponent(id)}/${path}`;
  const once = { 'Idempotency-Key': requestKey() };
  /** @type {Record<string, string>} */
  const seen = row === undefined ? {} : { 'If-Match': `W/"${row.version}"` };
  let answer = await call('POST', address, body, { ...once, ...seen });
  // What harms nothing need not be pressed twice because a byte count moved on.
  if (answer.status === 412 && !isDangerous(verb)) answer = await call('POST', address, body, { 'Idempotency-Key': requestKey() });
  if (answer.ok) {
    pending.set(key, Number(answer.data?.seq ?? 0));
    setTimeout(() => { pending.delete(key); invalidate(); }, PENDING_MS);
    toast(t(`done.${split(verb)[0]}`, { name: row?.name ?? id }), { kind: 'done' });
  } else {
    pending.delete(key);
    toast(answer.status === 412 ? t('refused.moved') : answer.problem, { kind: 'bad', title: `${verbName(verb)}: ${t('refused.title')}` });
  }
  invalidate();
}
