// @ts-check
// What has happened to an operation, newest first. Older pages come from the server when they are asked for.

import { call } from './api.js';
import { invalidate } from './app.js';
import { now } from './clock.js';
import { h, reconcile, setAttr, setText, show } from './dom.js';
import { moment } from './format.js';
import { announce, toast } from './notices.js';
import { t } from './strings.js';

/** @typedef {import('./types.d.ts').Happening} Happening */
/** @typedef {import('./timeline.js').Chosen} Chosen */

const PAGE = 100;

/** @param {string} operation */
export function makeEvents(operation) {
  const list = h('ol', { class: 'events', 'data-testid': 'events' });
  const older = h('button', { type: 'button', class: 'btn', hidden: true }, t('events.older'));
  const none = h('p', { class: 'muted' }, t('events.none'));
  const what = h('span');
  const all = h('button', { type: 'button', class: 'link' }, t('events.all'));
  const filter = h('p', { class: 'only', hidden: true }, what, ' ', all);
  const el = h('div', {}, filter, list, none, older);

  /** @type {Record<string, Happening>} */
  let loaded = {};
  /** @type {Record<string, Happening> | undefined} */
  let live;
  /** @type {Chosen | undefined} */
  let only;
  let more = false;
  let exhausted = false;

  all.addEventListener('click', () => choose(undefined));
  older.addEventListener('click', () => void load());

  async function load() {
    const known = [...Object.keys(loaded), ...Object.keys(live ?? {})].map(Number);
    const before = known.length > 0 ? `&before=${Math.min(...known)}` : '';
    setAttr(older, 'aria-disabled', 'true');
    setText(older, t('events.loading'));
    const answer = await call('GET', `api/v1/operations/${encodeURIComponent(operation)}/events?limit=${PAGE}${before}`);
    setAttr(older, 'aria-disabled', undefined);
    setText(older, t('events.older'));
    if (!answer.ok) {
      toast(t('events.failed', { why: answer.problem }), { kind: 'bad' });
      return;
    }
    /** @type {Happening[]} */
    const events = Array.isArray(answer.data?.events) ? answer.data.events : [];
    loaded = { ...loaded, ...Object.fromEntries(events.map((event) => [String(event.seq), event])) };
    exhausted = events.length < PAGE && answer.data?.next === undefined;
    announce(t('events.loaded', { n: events.length }));
    draw();
  }

  /** @param {Chosen | undefined} chosen */
  function choose(chosen) {
    only = chosen;
    if (chosen !== undefined) setText(what, t('events.only', { n: chosen.attempt, step: chosen.step }));
    draw();
    invalidate();
  }

  function draw() {
    const events = { ...loaded, ...live };
    const keys = Object.keys(events).sort((a, b) => Number(b) - Number(a))
      .filter((key) => only === undefined || (events[key]?.step === only.step && events[key]?.attempt === only.attempt));
    show(filter, only !== undefined);
    show(none, keys.length === 0);
    show(older, more && !exhausted);
    reconcile(list, keys, (key) => {
      const event = /** @type {Happening} */ (events[key]);
      const bad = /fail|lost|gave_up|exhaust|interrupt|trip|open/.test(event.event);
      return h('li', { class: bad ? 'bad' : undefined, 'data-event': event.event },
        h('time', { datetime: event.at, title: event.at }, moment(event.at, now())),
        event.step !== undefined && h('span', { class: 'tag' }, event.attempt === undefined ? event.step : `${event.step} #${event.attempt}`),
        h('span', { class: 'text' }, event.text ?? event.event.replaceAll('_', ' ')));
    }, () => {});
  }

  return {
    el, choose,
    /**
     * @param {Record<string, Happening> | undefined} events
     * @param {boolean} hasMore
     */
    update(events, hasMore) {
      if (events === live && hasMore === more) return;
      // What the server no longer sends stays on the page of somebody who reads it.
      if (live !== undefined) for (const key of Object.keys(live)) if (events?.[key] === undefined && live[key] !== undefined) loaded[key] = live[key];
      live = events;
      more = hasMore;
      draw();
    },
  };
}
