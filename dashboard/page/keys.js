// @ts-check
// The keyboard.

import { app, go } from './app.js';
import { clearPicked, hasPicked } from './bulk.js';
import { act } from './controls.js';
import { closeDetail } from './detail.js';
import { dialogOpen, openDialog } from './dialog.js';
import { h } from './dom.js';
import { move, pickCurrent } from './list.js';
import { openActivity } from './notices.js';
import { t } from './strings.js';
import { nextTheme } from './theme.js';
import { search } from './toolbar.js';

const SHEET = [
  ['j k ↓ ↑', 'move'], ['Home End', 'first'], ['Enter', 'enter'], ['Esc', 'esc'], ['/', 'search'], ['x', 'select'], ['p', 'pause'], ['r', 'retry'],
  ['c', 'cancel'], ['n', 'recovery'], ['f', 'force'], ['g l', 'list'], ['b', 'breakers'], ['s', 'stats'], [',', 'settings'], ['a', 'activity'], ['h', 'hold'], ['t', 'theme'], ['?', 'help'],
];
const CHORD_MS = 1200;

let chord = 0;

export function openSheet() {
  openDialog({
    title: t('keys.title'), name: 'keys',
    body: [h('dl', { class: 'sheet' }, ...SHEET.map(([keys = '', what = '']) => h('div', {}, h('dt', {}, ...keys.split(' ').map((key) => h('kbd', {}, key))), h('dd', {}, t(`keys.${what}`)))))],
  });
}

/** The operation that a key is meant for. */
const target = () => app.state.operation || app.current;

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
  Escape: escape, x: pickCurrent, '/': () => { go({ panel: '' }); search.focus(); search.select(); },
  p: () => press('pause', 'resume'), r: () => press('retry'), c: () => press('cancel'), n: () => press('cancel-recovery'), f: () => press('force-retry'),
  b: () => toggle('breakers'), s: () => toggle('stats'), ',': () => toggle('settings'), a: openActivity, h: hold, t: nextTheme, '?': openSheet,
  g: () => { chord = Date.now(); },
});

/** @param {() => void} hold */
export function startKeys(hold) {
  const keys = table(hold);
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || dialogOpen()) return;
    const at = /** @type {Element} */ (event.target);
    if (at.matches('input:not([type=checkbox]), textarea, select')) {
      if (event.key === 'Escape') /** @type {HTMLElement} */ (at).blur();
      return;
    }
    if (event.key === 'l' && Date.now() - chord < CHORD_MS) {
      go({ panel: '', operation: '' });
      return;
    }
    // What has a meaning for the element itself keeps it.
    const own = event.key === 'Enter' && at.matches('a, button, summary, input');
    const scrolls = ['ArrowDown', 'ArrowUp', 'Home', 'End'].includes(event.key) && at.closest('#detail, .panel, pre') !== null;
    const listed = app.state.panel !== 'breakers' && app.state.panel !== 'stats';
    if (own || scrolls || (!listed && event.key.startsWith('Arrow'))) return;
    const action = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined;
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
}
