// @ts-check
// The breakers: how each host stands, when the next probe goes out, what is held back, and what can be done by hand.

import { call } from './api.js';
import { app, go, invalidate, mayAct, part } from './app.js';
import { countDown, now, still } from './clock.js';
import { sentence } from './controls.js';
import { ask } from './dialog.js';
import { byIndex, h, memo, reconcile, setAttr, setText, show } from './dom.js';
import { duration, moment } from './format.js';
import { setPill } from './icons.js';
import { toast } from './notices.js';
import { bar, setBar } from './row.js';
import { t } from './strings.js';

/** @typedef {import('./types.d.ts').Breaker} Breaker */

const ASKS = new Set(['isolate', 'disable']);

const cards = h('ul', { class: 'cards', 'data-testid': 'breakers' });
const none = h('p', { class: 'muted' }, t('breakers.none'));
export const breakersPart = h('section', { class: 'panel', 'aria-labelledby': 'breakers-title', hidden: true },
  h('h2', { id: 'breakers-title', tabindex: -1 }, t('breakers.title')), h('p', { class: 'muted' }, t('breakers.intro')), cards, none);

/**
 * @param {string} host
 * @param {string} verb
 */
async function act(host, verb) {
  /** @type {{reason?: string} | undefined} */
  let body = {};
  if (ASKS.has(verb)) {
    body = await ask({ title: `${t(`breaker.${verb}`)}: ${host}?`, text: [t(`breaker.${verb}.text`)], go: t(`breaker.${verb}`), danger: true, reason: true });
    if (body === undefined) return;
  }
  const answer = await call('POST', `api/v1/breakers/${encodeURIComponent(host)}/${verb}`, body);
  if (answer.ok) toast(t('breaker.done', { verb: t(`breaker.${verb}`).toLowerCase(), host }), { kind: 'done' });
  else toast(answer.problem, { kind: 'bad', title: `${t(`breaker.${verb}`)}: ${t('refused.title')}` });
  invalidate();
}

const FACTS = ['until', 'window', 'held', 'opened', 'timeout', 'trips', 'probe', 'mode', 'cause', 'by'];

/** @param {string} host */
function makeCard(host) {
  const status = h('span');
  const text = h('p');
  const line = bar(t('breakers.window'));
  const values = Object.fromEntries(FACTS.map((name) => [name, h('dd')]));
  const list = h('dl', { class: 'facts-list' }, ...FACTS.map((name) => h('div', {}, h('dt', {}, t(`breakers.${name}`)), /** @type {Node} */ (values[name]))));
  const held = h('button', { type: 'button', class: 'link', onclick: () => go({ panel: '', host, operation: '' }) });
  const probe = h('button', { type: 'button', class: 'link' });
  values.held?.append(held);
  values.probe?.append(probe);
  const verbs = h('ul', { class: 'actions' });
  const el = h('li', { class: 'card breaker', 'data-host': host, 'data-testid': 'breaker' }, h('div', { class: 'card-head' }, h('h3', {}, host), status), text, line, list, verbs);
  /**
   * @param {string} name
   * @param {string | undefined} value
   */
  const fact = (name, value) => {
    const place = values[name];
    if (place === undefined) return;
    show(/** @type {HTMLElement} */ (place.parentElement), value !== undefined);
    if (value !== undefined && name !== 'held' && name !== 'probe') setText(place, value);
  };
  const update = memo((/** @type {Breaker} */ of) => {
    setAttr(el, 'data-state', of.state);
    setPill(status, of.mode === 'isolated' ? 'isolated' : of.state, t(`breakers.${of.state}`));
    setText(text, sentence(of.text ?? ''));
    show(text, of.text !== undefined);
    const { failures_in_row: failures, threshold, timeout_ms: timeout } = of.window ?? {};
    const known = failures !== undefined && threshold !== undefined && threshold > 0;
    show(line, known);
    if (known) setBar(line, (100 * failures) / threshold, t('breakers.window.value', { n: failures, max: threshold }));
    fact('window', known ? t('breakers.window.value', { n: failures, max: threshold }) : undefined);
    fact('timeout', timeout === undefined ? undefined : duration(timeout));
    fact('opened', of.opened_at === undefined ? undefined : moment(of.opened_at, now()));
    fact('trips', of.trips === undefined ? undefined : String(of.trips));
    fact('mode', of.mode === undefined || of.mode === 'enforced' ? undefined : t(`mode.${of.mode}`));
    fact('cause', of.cause);
    const by = of.set_by;
    fact('by', by === undefined ? undefined : [by.actor, by.reason, by.until === undefined ? '' : t('breakers.lasts', { at: moment(by.until, now()) })].filter(Boolean).join(', '));
    fact('held', of.held === undefined || of.held === 0 ? undefined : '');
    setText(held, t('breakers.held.value', { n: of.held ?? 0 }));
    const { operation } = of.probe ?? {};
    fact('probe', operation === undefined ? undefined : '');
    setText(probe, operation === undefined ? '' : (app.view?.list.rows[operation]?.name ?? operation));
    probe.onclick = () => go({ operation: operation ?? '' });
    const until = /** @type {HTMLElement} */ (values.until);
    fact('until', of.until === undefined ? undefined : until.textContent ?? '');
    if (of.until === undefined) still(until);
    else countDown(until, of.until, (left) => t('breakers.in', { left }), t('breakers.until.due'));
    reconcile(verbs, mayAct() ? (of.can ?? []) : [], (verb) => h('li', {},
      h('button', { type: 'button', class: 'btn', 'data-verb': verb, 'aria-label': `${t(`breaker.${verb}`)}: ${host}`, onclick: () => void act(host, verb) }, t(`breaker.${verb}`)),
      h('span', { class: 'action-text' }, t(`breaker.${verb}.text`))), () => {});
  });
  return { el, update };
}

export function startBreakers() {
  /** @type {Map<string, ReturnType<typeof makeCard>>} */
  const made = new Map();
  part((view) => {
    show(breakersPart, app.state.panel === 'breakers');
    if (app.state.panel !== 'breakers') return;
    const keys = byIndex(view.breakers);
    show(none, keys.length === 0);
    reconcile(cards, keys, (host) => {
      const card = makeCard(host);
      made.set(host, card);
      return card.el;
    }, (_, host) => {
      const breaker = view.breakers?.[host];
      if (breaker !== undefined) made.get(host)?.update(breaker);
    });
  });
}
