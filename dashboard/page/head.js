// @ts-check
// The head of the page and the banner below it: whose engine this is, whether the page is live, where else to go.

import { call } from './api.js';
import { app, go, invalidate, mayAct, part } from './app.js';
import { countDown, now, still } from './clock.js';
import { ask } from './dialog.js';
import { byIndex, h, memo, reconcile, setAttr, setText, show } from './dom.js';
import { moment } from './format.js';
import { button, icon } from './icons.js';
import { openSheet } from './keys.js';
import { activityButton, announce, toast } from './notices.js';
import { again, onReturn, release } from './stream.js';
import { t } from './strings.js';
import { nextTheme } from './theme.js';

/** @typedef {import('./types.d.ts').View} View */
/** @typedef {import('./app.js').Link} Link */

const name = h('span', { class: 'engine' });
const link = h('span', { class: 'link-state', 'data-testid': 'link' });
const alarm = h('span', { class: 'badge', hidden: true });
const extra = h('div', { class: 'extra', 'data-testid': 'buttons' });
const TABS = /** @type {const} */ (['', 'breakers', 'stats']);
const tabs = TABS.map((panel) => {
  const key = panel || 'list';
  return h('button', { type: 'button', class: 'tab', 'data-panel': key, onclick: () => go({ panel }) }, icon(key), h('span', {}, t(`nav.${key}`)));
});
const alarmText = h('span', { class: 'sr' });
tabs[1]?.append(alarm, alarmText);

export function hold() {
  app.held = !app.held;
  if (!app.held) release();
  announce(t(app.held ? 'hold.held' : 'link.live'));
  invalidate();
  drawHold();
}
const holdButton = button('hold', t('hold.on'), hold, { 'data-testid': 'hold' });

function drawHold() {
  const words = t(app.held ? 'hold.off' : 'hold.on');
  setAttr(holdButton, 'aria-label', words);
  setAttr(holdButton, 'title', words);
  holdButton.replaceChildren(icon(app.held ? 'live' : 'hold'));
}

export const head = h('header', { class: 'head' },
  h('div', { class: 'brand' }, h('h1', {}, t('app.title')), name, link),
  h('nav', { 'aria-label': t('app.title') }, ...tabs),
  extra,
  h('div', { class: 'tools' }, holdButton, activityButton, button('settings', t('nav.settings'), () => go({ panel: 'settings' }), { 'data-testid': 'open-settings' }),
    button('theme', t('nav.theme'), nextTheme, { 'data-testid': 'theme' }), button('keys', t('nav.keys'), openSheet, { class: 'only-wide', 'data-testid': 'open-keys' })));

const goneTitle = h('strong');
const goneText = h('span');
const goneNext = h('span');
export const banner = h('div', { class: 'banner', hidden: true, 'data-testid': 'banner' }, icon('warn'), h('p', { role: 'status' }, goneTitle, ' ', goneText), goneNext,
  h('button', { type: 'button', class: 'btn', onclick: again }, t('gone.try')));

/** Follows the stream also before there is a view, unlike the parts. */
const drawLink = memo((/** @type {Link} */ state, /** @type {boolean} */ held) => {
  const kind = held ? 'held' : state.kind;
  setAttr(link, 'data-link', kind);
  setText(link, held ? t('hold.held') : t(`link.${state.kind}`));
  show(banner, state.kind === 'gone');
  document.body.classList.toggle('stale', state.kind === 'gone');
  if (state.kind !== 'gone') { still(goneNext); return; }
  setText(goneTitle, state.busy === true ? '' : t('gone.title'));
  setText(goneText, state.busy === true ? t('gone.busy') : app.view === undefined ? '' : t('gone.since', { at: moment(new Date(state.since ?? 0).toISOString(), Date.now()) }));
  if (state.next === undefined) { still(goneNext); setText(goneNext, t('gone.now')); }
  else countDown(goneNext, new Date(state.next + now() - Date.now()).toISOString(), (left) => t('gone.next', { left }), t('gone.now'));
});

const drawEngine = memo((/** @type {View['engine']} */ engine) => {
  setText(name, engine.name + (engine.state === undefined || engine.state === 'running' ? '' : ` (${engine.state})`));
  setAttr(name, 'title', engine.version);
  document.title = `${t('app.title')} · ${engine.name}`;
});

const drawAlarm = memo((/** @type {View['breakers']} */ breakers) => {
  const open = Object.values(breakers ?? {}).filter((each) => each.state !== 'closed').length;
  show(alarm, open > 0);
  setText(alarm, String(open));
  // The number that is seen is part of the name, as is said.
  setText(alarmText, open > 0 ? t('breakers.alert') : '');
});

const drawExtra = memo((/** @type {View['buttons']} */ buttons, /** @type {boolean} */ may) => {
  reconcile(extra, may ? byIndex(buttons) : [], (id) => h('button', { type: 'button', class: 'btn', 'data-button': id, onclick: () => void pressExtra(id) }), (el, id) => {
    setText(el, buttons?.[id]?.label ?? id);
    setAttr(el, 'title', buttons?.[id]?.title);
  });
});

/** @param {string} id */
async function pressExtra(id) {
  const of = app.view?.buttons?.[id];
  if (of === undefined) return;
  if (of.confirm !== undefined && (await ask({ title: of.label, text: [of.confirm], go: of.label, danger: true })) === undefined) return;
  const answer = await call('POST', `api/v1/buttons/${encodeURIComponent(id)}`);
  // A button may end the server that would have answered.
  if (answer.ok || answer.status === 0) toast(t('button.done', { label: of.label }), { kind: 'done' });
  else toast(answer.problem, { kind: 'bad', title: of.label });
}

export function startHead() {
  onReturn((events) => toast(t('gone.back', { n: events }), { kind: 'done' }));
  part((view) => {
    drawEngine(view.engine);
    drawAlarm(view.breakers);
    drawExtra(view.buttons, mayAct());
    for (const [at, tab] of tabs.entries()) {
      const here = app.state.panel === TABS[at] || (app.state.panel === 'settings' && at === 0);
      setAttr(tab, 'aria-current', here ? 'page' : undefined);
    }
  });
  return () => drawLink(app.link, app.held);
}
