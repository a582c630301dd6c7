// @ts-check
// The head of the page, with the theme and the keyboard.

import { app, command, go, invalidate, isStale, mayAct, part, remember, remembered } from './app.js';
import { freeze, left, moment, still, tick } from './clock.js';
import { closeDetail } from './detail.js';
import { button, byIndex, h, icon, memo, reconcile, setAttr, setText, show } from './dom.js';
import { move, pickCurrent } from './list.js';
import { activityButton, announce, ask, dialogOpen, openActivity, openDialog, toast } from './messages.js';
import { isAlarm } from './panels.js';
import { act } from './row.js';
import { again, onReturn, release } from './stream.js';
import { t } from './strings.js';
import { clearPicked, hasPicked, search } from './toolbar.js';

// Light, dark, or as the system has it.

/** @typedef {import('./app.js').Link} Link */

const THEMES = ['', 'light', 'dark'];

export function applyTheme() {
  const theme = remembered('theme');
  setAttr(document.documentElement, 'data-theme', THEMES.includes(theme) && theme !== '' ? theme : undefined);
}

export function nextTheme() {
  const next = THEMES[(THEMES.indexOf(remembered('theme')) + 1) % THEMES.length] ?? '';
  remember('theme', next);
  applyTheme();
  announce(t(`theme.${next || 'auto'}`));
}

// The keyboard.

const SHEET = [
  ['j k ↓ ↑', 'move'], ['Home End', 'first'], ['Enter', 'enter'], ['Esc', 'esc'], ['/', 'search'], ['x', 'select'], ['p', 'pause'], ['r', 'retry'],
  ['c', 'cancel'], ['n', 'recovery'], ['f', 'force'], ['g l', 'list'], ['b', 'breakers'], ['s', 'stats'], [',', 'settings'], ['a', 'activity'], ['h', 'hold'], ['t', 'theme'], ['?', 'help'],
];
const CHORD_MS = 1200;

let chord = 0;

export function openSheet() {
  const box = h('input', { type: 'checkbox', id: 'letters' });
  box.checked = remembered('letters') !== 'off';
  box.addEventListener('change', () => remember('letters', box.checked ? '' : 'off'));
  openDialog({
    title: t('keys.title'), name: 'keys', wide: true,
    body: [h('div', { class: 'switch' }, box, h('label', { for: 'letters' }, t('keys.letters'))), h('p', { class: 'muted' }, t('keys.where')), h('dl', { class: 'sheet' }, ...SHEET.map(([keys = '', what = '']) => h('div', {}, h('dt', {}, ...keys.split(' ').map((key) => h('kbd', {}, key))), h('dd', {}, t(`keys.${what}`)))))],
  });
}

/** The operation that a key is meant for: that of the row or of the details that have the focus. */
function target() {
  const at = document.activeElement;
  if (at?.closest('#detail') != null) return app.state.operation;
  return at?.closest('[data-id]')?.getAttribute('data-id') ?? '';
}

function pick() {
  const id = target();
  if (id === '') return;
  app.current = id;
  pickCurrent();
}

/** @param {string[]} verbs the first that is possible is done */
function press(...verbs) {
  const id = target();
  const row = app.view?.list.rows[id] ?? (app.view?.detail?.id === id ? app.view.detail.row : undefined);
  const verb = verbs.find((each) => row?.can?.includes(each));
  if (verb !== undefined) void act(id, verb);
}

/** @param {'breakers' | 'stats' | 'settings'} panel */
const toggle = (panel) => go({ panel: app.state.panel === panel ? '' : panel });

function escape() {
  if (app.state.operation !== '') closeDetail();
  else if (hasPicked()) clearPicked();
  else if (app.state.panel !== '') go({ panel: '' });
}

/**
 * @param {() => void} hold
 * @returns {Record<string, () => void>}
 */
const table = (hold) => ({
  j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1), Home: () => move(-Infinity), End: () => move(Infinity),
  Enter: () => { if (app.current !== '') go({ operation: app.current }); },
  Escape: escape, x: pick, '/': () => { go({ panel: '' }); search.focus(); search.select(); },
  p: () => press('pause', 'resume'), r: () => press('retry'), c: () => press('cancel'), n: () => press('cancel-recovery'), f: () => press('force-retry'),
  b: () => toggle('breakers'), s: () => toggle('stats'), ',': () => toggle('settings'), a: openActivity, h: hold, t: nextTheme, '?': openSheet,
  g: () => { chord = Date.now(); },
});

/** @param {() => void} hold */
export function startKeys(hold) {
  const keys = table(hold);
  // A browser lets nobody be kept from closing with the second stroke, and may close several at once.
  addEventListener('keydown', (event) => {
    const box = [...document.querySelectorAll('dialog[open]')].at(-1);
    if (event.key !== 'Escape' || box === undefined || /** @type {Element} */ (event.target).matches('select')) return;
    event.preventDefault();
    box.dispatchEvent(new Event('cancel', { cancelable: true }));
  });
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || dialogOpen()) return;
    const at = /** @type {Element} */ (event.target);
    if (at.matches('input:not([type=checkbox]), textarea, select')) {
      if (event.key === 'Escape') /** @type {HTMLElement} */ (at).blur();
      return;
    }
    if (event.key === 'l' && remembered('letters') !== 'off' && Date.now() - chord < CHORD_MS) {
      go({ panel: '', operation: '' });
      return;
    }
    // What has a meaning for the element itself keeps it.
    const own = event.key === 'Enter' && at.matches('a, button, summary, input, [role=button]');
    const scrolls = ['ArrowDown', 'ArrowUp', 'Home', 'End'].includes(event.key) && at.closest('#detail, .panel, pre') !== null;
    const listed = app.state.panel !== 'breakers' && app.state.panel !== 'stats';
    if (own || scrolls || (!listed && event.key.startsWith('Arrow'))) return;
    if (event.key.length === 1 && remembered('letters') === 'off') return;
    const action = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined;
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
}

// The head of the page and the banner below it: whose engine this is, whether the page is live, where else to go.

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
const goneButton = h('button', { type: 'button', class: 'btn', onclick: () => (app.link.old ? location.reload() : again()) });
export const banner = h('section', { class: 'banner', hidden: true, 'aria-label': t('gone.label'), 'data-testid': 'banner' }, icon('warn'), h('p', { role: 'status' }, goneTitle, ' ', goneText), goneNext, goneButton);

/** Follows the stream also before there is a view, unlike the parts. */
const drawLink = memo((
  /** @type {Link} */
  state,
  /** @type {boolean} */
  held,
) => {
  const kind = held ? 'held' : state.kind;
  setAttr(link, 'data-link', kind);
  setText(link, held ? t('hold.held') : t(state.stopped === true ? 'link.stopped' : `link.${state.kind}`));
  show(banner, state.kind === 'gone');
  document.body.classList.toggle('stale', isStale());
  // Nobody knows what is left of a wait that is not followed.
  freeze(isStale() ? state.since : undefined);
  if (state.kind !== 'gone') { still(goneNext); return; }
  setText(goneButton, t(state.old ? 'gone.load' : 'gone.try'));
  if (state.old || state.why !== undefined) {
    setText(goneTitle, state.why === undefined ? t('gone.version') : `${t('gone.refused')} ${state.why}`);
    for (const element of [goneText, goneNext]) { still(element); setText(element, ''); }
    return;
  }
  setText(goneTitle, state.busy === true ? '' : t(state.stopped === true ? 'gone.stopped' : 'gone.title'));
  const at = state.since === undefined ? undefined : moment(new Date(state.since).toISOString(), Date.now());
  setText(goneText, state.busy === true ? t('gone.busy') : app.view === undefined || at === undefined ? '' : t(state.stopped === true ? 'gone.until' : 'gone.since', { at }));
  const next = state.next;
  // The time of the engine stands meanwhile.
  if (next !== undefined) tick(goneNext, () => setText(goneNext, Date.now() >= next ? t('gone.now') : t('gone.next', { left: left(next - Date.now()) })));
  else { still(goneNext); setText(goneNext, t('gone.now')); }
});

const drawEngine = memo((
  /** @type {View['engine']} */
  engine,
) => {
  setText(name, engine.name + (engine.state === undefined || engine.state === 'running' ? '' : ` (${engine.state})`));
  setAttr(name, 'title', engine.version);
  document.title = `${t('app.title')} · ${engine.name}`;
});

const drawAlarm = memo((
  /** @type {View['breakers']} */
  breakers,
) => {
  const open = Object.values(breakers ?? {}).filter(isAlarm).length;
  show(alarm, open > 0);
  setText(alarm, String(open));
  // The number that is seen is part of the name, as is said.
  setText(alarmText, open > 0 ? t('breakers.alert') : '');
});

/** Buttons that have been pressed and not answered for. @type {Set<string>} */
const pressing = new Set();

const drawExtra = memo((
  /** @type {View['buttons']} */
  buttons,
  /** @type {boolean} */
  may,
  /** @type {string} */
  _pressed,
) => {
  reconcile(extra, may ? byIndex(buttons) : [], (id) => h('button', { type: 'button', class: 'btn', 'data-button': id, onclick: () => void pressExtra(id) }), (el, id) => {
    setText(el, buttons?.[id]?.label ?? id);
    setAttr(el, 'title', buttons?.[id]?.title);
    setAttr(el, 'aria-disabled', pressing.has(id) ? 'true' : undefined);
  });
});

/** @param {string} id */
async function pressExtra(id) {
  const of = app.view?.buttons?.[id];
  if (of === undefined || pressing.has(id)) return;
  if (of.confirm !== undefined && (await ask({ title: of.label, text: [of.confirm], go: of.label, danger: true })) === undefined) return;
  if (pressing.has(id)) return;
  pressing.add(id);
  invalidate();
  const wasLive = app.link.kind === 'live';
  const answer = await command(`api/v1/buttons/${encodeURIComponent(id)}`);
  pressing.delete(id);
  invalidate();
  // A button may end the server that would have answered.
  if (answer.ok || (answer.status === 0 && wasLive)) toast(t('button.done', { label: of.label }), { kind: 'done' });
  else toast(answer.problem, { kind: 'bad', title: of.label });
}

export function startHead() {
  onReturn((events) => toast(t('gone.back', { n: events }), { kind: 'done' }));
  part((view) => {
    drawEngine(view.engine);
    drawAlarm(view.breakers);
    drawExtra(view.buttons, mayAct(), [...pressing].join());
    for (const [at, tab] of tabs.entries()) {
      const here = app.state.panel === TABS[at] || (app.state.panel === 'settings' && at === 0);
      setAttr(tab, 'aria-current', here ? 'page' : undefined);
    }
  });
  return () => drawLink(app.link, app.held);
}
