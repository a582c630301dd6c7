// @ts-check
// What takes the place of the list: breakers and statistics.

import { app, command, go, invalidate, mayAct, onTravel, part } from './app.js';
import { count, countDown, duration, moment, now, percent, still } from './clock.js';
import { byIndex, h, memo, reconcile, s, setAttr, setPill, setText, show } from './dom.js';
import { ask, toast } from './messages.js';
import { bar, sentence, setBar } from './row.js';
import { t } from './strings.js';

// The breakers: how each host stands, when the next probe goes out, what is held back, and what can be done by hand.

const ASKS = new Set(['isolate', 'disable']);

const breakerCards = h('ul', { class: 'cards', 'data-testid': 'breakers' });
const noBreakers = h('p', { class: 'muted' }, t('breakers.none'));
export const breakersPart = h('section', { class: 'panel', 'aria-labelledby': 'breakers-title', hidden: true },
  h('h2', { id: 'breakers-title', tabindex: -1 }, t('breakers.title')), h('p', { class: 'muted' }, t('breakers.intro')), breakerCards, noBreakers);

/** Asked, and not answered yet. @type {Set<string>} */
const busy = new Set();

/** @param {string} host */
const nameOf = (host) => app.view?.breakers?.[host]?.name ?? host;

/**
 * How it stands for what wants to pass: a hand beats what it has counted.
 * @param {Breaker} of
 */
const standing = ({ mode = 'enforced', state }) => (mode === 'enforced' ? state : mode === 'isolated' ? mode : 'passes');

/** Whether it holds anything back.  @param {Breaker} of */
export const isAlarm = (of) => !['closed', 'passes'].includes(standing(of));

/**
 * @param {string} host
 * @param {string} verb
 */
async function act(host, verb) {
  if (busy.has(`${host} ${verb}`)) return;
  /** @type {object | string | undefined} */
  let body = {};
  if (ASKS.has(verb)) {
    body = await ask({ title: `${t(`breaker.${verb}`)}: ${nameOf(host)}?`, text: [t(`breaker.${verb}.text`)], go: t(`breaker.${verb}`), danger: true, reason: true, lasts: verb === 'isolate' });
    if (body === undefined) return;
  }
  busy.add(`${host} ${verb}`);
  invalidate();
  const answer = await command(`api/v1/breakers/${encodeURIComponent(host)}/${verb}`, body);
  busy.delete(`${host} ${verb}`);
  if (answer.ok) toast(t('breaker.done', { verb: t(`breaker.${verb}`).toLowerCase(), host: nameOf(host) }), { kind: 'done' });
  else toast(answer.problem, { kind: 'bad', title: `${t(`breaker.${verb}`)}: ${t('refused.title')}` });
  invalidate();
}

const FACTS = ['since', 'until', 'window', 'held', 'trips', 'probe', 'mode', 'by'];

/** @param {string} host */
function makeCard(host) {
  const status = h('span');
  const heading = h('h3', { title: host });
  const text = h('p');
  const line = bar(t('breakers.window'));
  const values = Object.fromEntries(FACTS.map((name) => [name, h('dd')]));
  const list = h('dl', { class: 'facts-list' }, ...FACTS.map((name) => h('div', {}, h('dt', {}, t(`breakers.${name}`)), /** @type {Node} */ (values[name]))));
  const held = h('button', { type: 'button', class: 'link', onclick: () => go({ panel: '', host, operation: '' }) });
  const probe = h('button', { type: 'button', class: 'link' });
  values.held?.append(held);
  values.probe?.append(probe);
  const verbs = h('ul', { class: 'actions' });
  const el = h('li', { class: 'card breaker', 'data-host': host, 'data-testid': 'breaker' }, h('div', { class: 'card-head' }, heading, status), text, line, list, verbs);
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
  const update = memo((
    /** @type {Breaker} */
    of,
    /** @type {string} */
    _busy,
  ) => {
    const stands = standing(of);
    setText(heading, of.name ?? host);
    setAttr(el, 'data-state', stands);
    setPill(status, stands, t(`breakers.${stands}`));
    setText(text, sentence(of.text ?? ''));
    show(text, of.text !== undefined);
    const { failures_in_row: failures, threshold, probe: operation } = of;
    // They are counted while it is closed.
    const known = of.state === 'closed' && failures !== undefined && threshold !== undefined && threshold > 0;
    show(line, known);
    if (known) setBar(line, (100 * failures) / threshold, t('breakers.window.value', { n: failures, max: threshold }));
    fact('window', known ? t('breakers.window.value', { n: failures, max: threshold }) : undefined);
    fact('since', of.opened_at === undefined ? undefined : moment(of.opened_at, now()));
    fact('trips', of.trips === undefined || of.trips === 0 ? undefined : String(of.trips));
    fact('mode', of.mode === undefined || of.mode === 'enforced' ? undefined : t(`mode.${of.mode === 'shadow' ? 'metrics_only' : of.mode}`));
    const by = of.set_by;
    fact('by', by === undefined ? undefined : [by.actor, by.reason, by.until === undefined ? '' : t('breakers.lasts', { at: moment(by.until, now()) })].filter(Boolean).join(', '));
    fact('held', of.held === undefined || of.held === 0 ? undefined : '');
    setText(held, t('breakers.held.value', { n: of.held ?? 0 }));
    fact('probe', operation === undefined ? undefined : '');
    setText(probe, operation === undefined ? '' : (app.view?.list.rows[operation]?.name ?? operation));
    probe.onclick = () => go({ operation: operation ?? '' });
    const until = /** @type {HTMLElement} */ (values.until);
    const due = stands === 'isolated' ? by?.until : stands === 'open' ? of.until : undefined;
    fact('until', due === undefined ? undefined : until.textContent ?? '');
    setText(/** @type {Element} */ (until.previousElementSibling), t(stands === 'isolated' ? 'breakers.ends' : 'breakers.until'));
    if (due === undefined) still(until);
    else countDown(until, due, (left) => t('breakers.in', { left }), t('breakers.until.due'));
    reconcile(verbs, mayAct() ? (of.can ?? []) : [], (verb) => h('li', {},
      h('button', { type: 'button', class: 'btn', 'data-verb': verb, 'aria-label': `${t(`breaker.${verb}`)}: ${nameOf(host)}`, onclick: () => void act(host, verb) }, t(`breaker.${verb}`)),
      h('span', { class: 'action-text' }, t(`breaker.${verb}.text`))), (item, verb) => setAttr(/** @type {Element} */ (item.firstElementChild), 'aria-disabled', busy.has(`${host} ${verb}`) ? 'true' : undefined));
  });
  return { el, update };
}

export function startBreakers() {
  /** @type {Map<string, ReturnType<typeof makeCard>>} */
  const made = new Map();
  for (const [panel, element] of /** @type {[string, HTMLElement][]} */ ([['breakers', breakersPart], ['stats', statsPart]])) {
    onTravel((before) => {
      show(element, app.state.panel === panel);
      if (app.state.panel === panel && before.panel !== panel) element.querySelector('h2')?.focus({ preventScroll: true });
    });
  }
  part((view) => {
    show(breakersPart, app.state.panel === 'breakers');
    if (app.state.panel !== 'breakers') return;
    const keys = byIndex(view.breakers);
    show(noBreakers, keys.length === 0);
    reconcile(breakerCards, keys, (host) => {
      const card = makeCard(host);
      made.set(host, card);
      return card.el;
    }, (_, host) => {
      const breaker = view.breakers?.[host];
      if (breaker !== undefined) made.get(host)?.update(breaker, [...busy].join());
    });
  });
}

// Statistics: cards and three charts, drawn by hand.

/** @type {[name: string, value: (stats: Stats) => string | undefined, more?: string][]} */
const CARDS = [
  ['total', (of) => number(of.total)],
  ['succeeded', (of) => number(of.succeeded)],
  ['recovered', (of) => number(of.recovered), 'stats.recovered.text'],
  ['failed', (of) => number(of.failed), 'stats.failed.text'],
  ['rate', (of) => (of.success_rate === undefined ? undefined : percent(of.success_rate)), 'stats.rate.text'],
  ['average', (of) => (of.average_recovery_ms === undefined ? undefined : duration(of.average_recovery_ms, true)), 'stats.average.text'],
  ['retries', (of) => number(of.retry_attempts)],
  ['trips', (of) => number(of.breaker_trips)],
];

/** @param {number | undefined} value */
const number = (value) => (value === undefined ? undefined : count(value));

const cards = h('dl', { class: 'stat-cards', 'data-testid': 'stat-cards' });
const values = CARDS.map(([name, , more]) => {
  const value = h('dd', { 'data-stat': name });
  cards.append(h('div', { class: 'stat-card' }, h('dt', {}, t(`stats.${name}`)), value, more !== undefined && h('dd', { class: 'muted' }, t(more))));
  return value;
});
const recent = h('div', { class: 'chart-box', 'data-testid': 'chart-recent' });
const causes = h('ul', { class: 'bars', 'data-testid': 'chart-causes' });
const hosts = h('tbody');
const table = h('table', { 'data-testid': 'stat-hosts' }, h('thead', {}, h('tr', {}, ...['stats.host', 'stats.alive', 'stats.failing', 'stats.trips.short'].map((key) => h('th', { scope: 'col' }, t(key))))), hosts);
const none = () => h('p', { class: 'muted', hidden: true }, t('stats.none'));
const [noCauses, noHosts] = [none(), none()];

export const statsPart = h('section', { class: 'panel', 'aria-labelledby': 'stats-title', hidden: true },
  h('h2', { id: 'stats-title', tabindex: -1 }, t('stats.title')), cards,
  h('div', { class: 'charts' },
    h('section', { class: 'card wide', 'aria-labelledby': 'recent-title' }, h('h3', { id: 'recent-title' }, t('stats.recent')), recent),
    h('section', { class: 'card', 'aria-labelledby': 'causes-title' }, h('h3', { id: 'causes-title' }, t('stats.causes')), causes, noCauses),
    h('section', { class: 'card', 'aria-labelledby': 'hosts-title' }, h('h3', { id: 'hosts-title' }, t('stats.hosts')), table, noHosts)));

const drawCards = memo((
  /** @type {Stats} */
  stats,
) => {
  CARDS.forEach(([, value], at) => setText(/** @type {Element} */ (values[at]), value(stats) ?? '–'));
});

const HIGH = 120;
const SLOT = 20;
// Minutes on the chart; the server names only those in which something happened.
const SLOTS = 30;
// Where the clock is told below it.
const TENS = [0, 10, 20, 30];
const SERIES = /** @type {const} */ (['succeeded', 'retries', 'failed']);

const MINUTE_MS = 60_000;

const drawRecent = memo((
  /** @type {Stats['recent']} */
  of,
  /** @type {number} */
  minute,
) => {
  /** The place of a minute, the one that goes on at the right edge.  @param {{from: string}} bucket */
  const placeOf = ({ from }) => SLOTS - 1 - Math.max(0, minute - Math.floor(Date.parse(from) / MINUTE_MS));
  const buckets = Object.keys(of ?? {}).map((key) => /** @type {NonNullable<Stats['recent']>[string]} */ (of?.[key])).filter((each) => placeOf(each) >= 0).sort((a, b) => a.from.localeCompare(b.from));
  const most = Math.max(1, ...buckets.map((each) => SERIES.reduce((sum, name) => sum + (each[name] ?? 0), 0)));
  const sums = Object.fromEntries(SERIES.map((name) => [name, buckets.reduce((sum, each) => sum + (each[name] ?? 0), 0)]));
  const chart = s('svg', { viewBox: `0 0 ${SLOTS * SLOT} ${HIGH}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': t('stats.recent.label', sums), class: 'columns' },
    ...[0.25, 0.5, 0.75].map((at) => s('line', { x1: 0, x2: SLOTS * SLOT, y1: HIGH * at, y2: HIGH * at, class: 'rule' })),
    ...TENS.map((at) => s('line', { x1: at * SLOT, x2: at * SLOT, y1: 0, y2: HIGH, class: 'rule' })));
  for (const bucket of buckets) chart.append(column(bucket, placeOf(bucket), most));
  /** @param {number} at */
  const clock = (at) => moment(new Date(at * MINUTE_MS).toISOString(), now()).slice(-8, -3);
  recent.replaceChildren(
    h('div', { class: 'legend' }, ...SERIES.map((name) => h('span', { class: `k-${name}` }, `${t(`stats.${name}.short`)} ${count(sums[name] ?? 0)}`)), h('span', { class: 'muted' }, `↑ ${most}`)),
    chart,
    h('div', { class: 'ends', 'aria-hidden': 'true' }, ...TENS.map((at) => h('span', {}, clock(minute - SLOTS + 1 + at)))),
    h('table', { class: 'sr' }, h('caption', {}, t('stats.recent')), h('tr', {}, ...['stats.time', ...SERIES.map((name) => `stats.${name}.short`)].map((key) => h('th', { scope: 'col' }, t(key)))),
      ...buckets.map((bucket) => h('tr', {}, h('th', { scope: 'row' }, moment(bucket.from, now())), ...SERIES.map((name) => h('td', {}, String(bucket[name] ?? 0)))))));
});

/**
 * @param {{from: string, succeeded?: number, failed?: number, retries?: number}} bucket
 * @param {number} at
 * @param {number} most
 */
function column(bucket, at, most) {
  const numbers = { succeeded: bucket.succeeded ?? 0, failed: bucket.failed ?? 0, retries: bucket.retries ?? 0 };
  const group = s('g', {}, s('title', {}, t('stats.bucket', { at: moment(bucket.from, now()), ...numbers })), s('rect', { x: at * SLOT, y: 0, width: SLOT, height: HIGH, class: 'touch' }));
  let top = HIGH;
  for (const name of SERIES) {
    const high = ((HIGH - 6) * numbers[name]) / most;
    top -= high;
    if (high > 0) group.append(s('rect', { x: at * SLOT + 3, y: top, width: SLOT - 6, height: high, class: `c-${name}` }));
  }
  return group;
}

const drawCauses = memo((
  /** @type {Stats['causes']} */
  of,
) => {
  const keys = byIndex(of);
  show(noCauses, keys.length === 0);
  const most = Math.max(1, ...keys.map((key) => of?.[key]?.failures ?? 0));
  reconcile(causes, keys, (key) => h('li', {}, h('button', { type: 'button', class: 'link', title: t('stats.filter', { what: key }), onclick: () => go({ panel: '', error: key }) }, key), h('i'), h('span', { class: 'nums' })), (item, key) => {
    const { failures = 0, retried } = of?.[key] ?? {};
    const [, fill, text] = /** @type {HTMLElement[]} */ ([...item.children]);
    if (fill === undefined || text === undefined) return;
    fill.style.setProperty('--part', String(failures / most));
    setText(text, `${count(failures)}${retried === undefined ? '' : ` · ${t('stats.cause.retried').toLowerCase()} ${count(retried)}`}`);
  });
});

const drawHosts = memo((
  /** @type {Stats['hosts']} */
  of,
) => {
  const keys = byIndex(of);
  show(noHosts, keys.length === 0);
  show(table, keys.length > 0);
  reconcile(hosts, keys, (key) => h('tr', {}, h('th', { scope: 'row' }, h('button', { type: 'button', class: 'link', title: t('stats.filter', { what: key }), onclick: () => go({ panel: '', host: key }) }, of?.[key]?.name ?? key)), h('td'), h('td'), h('td')), (row, key) => {
    const numbers = [of?.[key]?.alive, of?.[key]?.failing, of?.[key]?.trips];
    [...row.children].slice(1).forEach((cell, at) => setText(cell, number(numbers[at]) ?? '–'));
  });
});

export function startStats() {
  part((view) => {
    const shown = app.state.panel === 'stats';
    show(statsPart, shown);
    if (!shown || view.stats === undefined) return;
    drawCards(view.stats);
    drawRecent(view.stats.recent, Math.floor(now() / MINUTE_MS));
    drawCauses(view.stats.causes);
    drawHosts(view.stats.hosts);
  });
}
