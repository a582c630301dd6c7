// @ts-check
// What speaks up by itself: dialogs, toasts, notifications.

import { app, go, part, remember, remembered, withOutput } from './app.js';
import { moment, now } from './clock.js';
import { button, h, icon, memo, pill, reconcile, setText, show } from './dom.js';
import { onMessage } from './stream.js';
import { plain, t } from './strings.js';

// Dialogs. The browser keeps the focus inside and gives it back afterwards.

let counter = 0;

/**
 * Opens a dialog with a heading, a body and a row of buttons. It is taken away when it closes.
 * `leave` is what somebody who turns away from it does, if that is more than to close it.
 * @param {{title: string, body: (Node | string | false)[], foot?: Node[], wide?: boolean, name?: string, onclose?: () => void, leave?: () => void}} parts
 */
export function openDialog({ title, body, foot = [], wide = false, name, onclose, leave }) {
  counter += 1;
  const id = `dialog-${counter}`;
  const box = h('dialog', { 'aria-labelledby': id, class: wide ? 'wide' : undefined, 'data-testid': name },
    h('div', { class: 'dialog-head' }, h('h2', { id }, title), button('close', t('ask.close'), () => away())),
    h('div', { class: 'dialog-body' }, ...body),
    foot.length > 0 && h('div', { class: 'dialog-foot' }, ...foot));
  const away = leave ?? (() => box.close());
  const before = document.activeElement;
  box.addEventListener('close', () => {
    box.remove();
    onclose?.();
    // The element of before may have been drawn anew; then the main part of the page is next.
    if (document.activeElement === document.body) {
      const back = before instanceof HTMLElement && before.isConnected ? before : document.getElementById('main');
      back?.focus();
    }
  });
  box.addEventListener('click', (event) => {
    if (event.target === box) away();
  });
  box.addEventListener('cancel', (event) => {
    event.preventDefault();
    away();
  });
  document.body.append(box);
  box.showModal();
  // Who drags out of a field does not mean to leave.
  let began = false;
  box.addEventListener('pointerdown', (event) => { began = event.target === box; });
  box.addEventListener('click', (event) => {
    if (event.target === box && !began) event.stopImmediatePropagation();
  }, true);
  return box;
}

/** Whether a dialog is open, so that keys belong to it. */
export const dialogOpen = () => document.querySelector('dialog[open]') !== null;

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {(string | Node)[]} text
 * @property {string} go what the button that does it says
 * @property {boolean} [danger]
 * @property {boolean} [reason] asks for a reason
 * @property {boolean} [output] asks for a JSON value
 * @property {boolean} [freeze] asks whether timeouts stop as well
 * @property {boolean} [lasts] asks for how long
 */

/** For how long something holds, milliseconds; 0 is until somebody ends it. */
const LASTS = [0, 600_000, 3_600_000];

/**
 * Asks before something is done; `undefined` if the person goes back.
 * @param {Question} question
 * @returns {Promise<{reason?: string, freeze_timers?: boolean, lasts_ms?: number} | string | undefined>} the body of the request; a text
 *   if it holds an output, which must come through as it was typed
 */
export function ask(question) {
  return new Promise((resolve) => {
    /** @type {{reason?: string, freeze_timers?: boolean, lasts_ms?: number} | string | undefined} */
    let result;
    const reason = h('input', { type: 'text', id: 'ask-reason', maxlength: '500', autocomplete: 'off' });
    const output = h('textarea', { id: 'ask-output', rows: '4', spellcheck: 'false', 'aria-describedby': 'ask-bad' });
    const freeze = h('input', { type: 'checkbox', id: 'ask-freeze' });
    const lasts = h('select', { id: 'ask-lasts' }, ...LASTS.map((ms) => h('option', { value: ms }, t(`ask.lasts.${ms}`))));
    const bad = h('p', { id: 'ask-bad', class: 'error-text', role: 'alert' });
    const send = h('button', { type: 'submit', class: question.danger ? 'btn danger' : 'btn primary' }, question.go);
    const back = h('button', { type: 'button', class: 'btn', autofocus: question.danger && !question.output }, t('ask.back'));
    const form = h('form', { id: 'ask-form' },
      ...question.text.map((text) => (typeof text === 'string' ? h('p', {}, text) : text)),
      question.output === true && h('label', { for: 'ask-output' }, t('ask.output')),
      question.output === true && output, question.output === true && bad,
      question.lasts === true && h('label', { for: 'ask-lasts' }, t('ask.lasts')), question.lasts === true && lasts,
      question.reason === true && h('label', { for: 'ask-reason' }, t('ask.reason')),
      question.reason === true && reason,
      question.freeze === true && h('div', { class: 'switch' }, freeze, h('label', { for: 'ask-freeze' }, t('ask.freeze'))));
    send.setAttribute('form', 'ask-form');
    const box = openDialog({ title: question.title, body: [form], foot: [back, send], name: 'ask', onclose: () => resolve(result) });
    back.addEventListener('click', () => box.close());
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const why = question.output === true ? notJson(output.value) : undefined;
      if (why !== undefined) {
        bad.textContent = why;
        output.focus();
        return;
      }
      const more = { ...(reason.value === '' ? {} : { reason: reason.value }), ...(freeze.checked ? { freeze_timers: true } : {}), ...(lasts.value > '0' ? { lasts_ms: Number(lasts.value) } : {}) };
      result = question.output === true ? withOutput(output.value, more) : more;
      box.close();
    });
  });
}

/** What is wrong with it, if anything is.  @param {string} text */
function notJson(text) {
  if (text.trim() === '') return t('ask.output.none');
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return t('ask.output.bad', { why: error instanceof Error ? error.message : '' });
  }
}

// Short messages: toasts, what a screen reader announces, notifications of the system, the activity list.

const TOAST_MS = 7000;
const TOASTS_MAX = 4;
const ANNOUNCE_MS = 1500;

const toasts = h('section', { id: 'toasts', 'aria-label': t('toast.label') });
const announcer = h('div', { class: 'sr', role: 'status', 'aria-live': 'polite', 'data-testid': 'announcer' });
/** Newest notice that there was when the page was opened, or has been told since. @type {string | undefined} */
let told;
/** @type {string[]} */
let sayings = [];
/** @type {ReturnType<typeof setTimeout> | undefined} */
let speaking;

/**
 * Reads a text out, not more often than somebody can listen.
 * @param {string} text
 */
export function announce(text) {
  sayings.push(text);
  if (speaking !== undefined) return;
  const speak = () => {
    speaking = undefined;
    if (sayings.length === 0) return;
    announcer.textContent = sayings.slice(-3).join(' ');
    sayings = [];
    speaking = setTimeout(speak, ANNOUNCE_MS);
  };
  speaking = setTimeout(speak, 50);
}

/**
 * Shows a message for a while, and reads it out.
 * @param {string} text
 * @param {{kind?: 'done' | 'bad' | 'info', title?: string, operation?: string, name?: string}} [more]
 */
export function toast(text, more = {}) {
  const kind = more.kind ?? 'info';
  const close = () => box.remove();
  const { operation, name } = more;
  const box = h('div', { class: `toast ${kind}`, 'data-testid': 'toast' },
    icon(kind === 'bad' ? 'warn' : kind === 'done' ? 'success' : 'info'),
    h('div', { class: 'toast-text' }, more.title !== undefined && h('strong', {}, more.title), h('span', {}, text),
      operation !== undefined && h('button', { type: 'button', class: 'link', onclick: () => { go({ operation }); close(); } },
        t('toast.open', { name: name ?? operation }))),
    button('close', t('toast.close'), close));
  toasts.append(box);
  while (toasts.children.length > TOASTS_MAX) toasts.firstElementChild?.remove();
  announce(more.title === undefined ? text : `${more.title}: ${text}`);
  const fade = () => {
    // What somebody reads or stands on stays.
    if (box.matches(':hover, :focus-within')) setTimeout(fade, 2000);
    else close();
  };
  setTimeout(fade, kind === 'bad' ? TOAST_MS * 2 : TOAST_MS);
}

/** @param {View['notices']} of */
const keysOf = (of = {}) => Object.keys(of).sort((a, b) => Number(a) - Number(b));

/**
 * When it was, as what comes later is greater: numbers start again with another journal.
 * @param {View['notices']} of
 * @param {string | undefined} key
 */
const momentOf = (of, key = '') => (of?.[key] === undefined ? '' : `${of[key]?.at} ${key.padStart(16, '0')}`);

/** @param {View['notices']} of */
const newestOf = (of) => keysOf(of).map((key) => momentOf(of, key)).sort().at(-1) ?? '';

/** Looks at what is new with every message, in the background too.  @param {View} view */
function look(view) {
  const { notices } = view;
  const last = newestOf(notices);
  const before = told ?? last;
  if (told === undefined || last > told) told = last;
  for (const key of keysOf(notices).filter((key) => momentOf(notices, key) > before)) {
    const notice = notices?.[key];
    if (notice !== undefined) tell(notice);
  }
}

/** @param {Notice} notice */
function tell(notice) {
  const bad = notice.kind === 'gave_up';
  if (!document.hidden) {
    toast(plain(notice.text), { kind: bad ? 'bad' : 'done', operation: notice.operation, name: notice.name });
  }
  if (!bad || remembered('notify') !== 'on' || !('Notification' in window) || Notification.permission !== 'granted') return;
  try {
    const shown = new Notification(t('kind.gave_up'), { body: plain(notice.text), tag: notice.operation, icon: 'icon.svg' });
    shown.onclick = () => {
      window.focus();
      go({ operation: notice.operation });
      shown.close();
    };
  } catch {
    // Some browsers let only a worker notify.
  }
}

const badge = h('span', { class: 'badge', hidden: true });
const bell = button('bell', t('nav.activity'), () => openActivity(), { 'data-testid': 'open-activity' });
bell.append(badge);

/** The bell of the head. */
export const activityButton = bell;

const drawBadge = memo((
  /** @type {View['notices']} */
  notices,
  /** @type {string} */
  seen,
) => {
  const fresh = keysOf(notices).filter((key) => momentOf(notices, key) > seen).length;
  show(badge, fresh > 0);
  setText(badge, String(fresh));
  const name = fresh > 0 ? `${t('nav.activity')}: ${t('activity.unread', { n: fresh })}` : t('nav.activity');
  bell.setAttribute('aria-label', name);
});

/** @type {HTMLElement | undefined} */
let openList;

/** @param {HTMLElement} list */
function drawActivity(list) {
  const keys = keysOf(app.view?.notices).reverse();
  if (keys.length === 0) list.replaceChildren(h('li', { class: 'muted' }, t('activity.none')));
  else if (list.firstElementChild?.hasAttribute('data-key') !== true) list.replaceChildren();
  reconcile(list, keys, (key) => {
    const notice = app.view?.notices?.[key];
    if (notice === undefined) return h('li');
    return h('li', { 'data-key': key },
      pill(notice.kind, t(`kind.${notice.kind}`)), h('time', { datetime: notice.at, class: 'muted' }, moment(notice.at, now())),
      h('button', { type: 'button', class: 'link', onclick: () => openFrom(notice.operation) }, plain(notice.text)));
  }, () => {});
}

/** @param {string} operation */
function openFrom(operation) {
  openList?.closest('dialog')?.close();
  go({ operation });
}

/** Shows what has ended lately, and the switch for notifications. */
export function openActivity() {
  const list = h('ul', { class: 'activity' });
  const box = h('input', { type: 'checkbox', id: 'notify', 'aria-describedby': 'notify-text' });
  box.checked = remembered('notify') === 'on';
  const note = h('p', { id: 'notify-text', class: 'muted' }, t('activity.notify.text'));
  box.addEventListener('change', () => void chooseNotify(box, note));
  openList = list;
  drawActivity(list);
  openDialog({
    title: t('activity.title'), name: 'activity',
    body: [h('div', { class: 'switch' }, box, h('label', { for: 'notify' }, t('activity.notify'))), note, list],
    onclose: () => { openList = undefined; },
  });
  remember('seen', newestOf(app.view?.notices) || remembered('seen'));
  drawBadge(app.view?.notices, remembered('seen'));
}

/**
 * @param {HTMLInputElement} box
 * @param {HTMLElement} note
 */
async function chooseNotify(box, note) {
  if (!box.checked) {
    remember('notify', '');
    return;
  }
  const allowed = 'Notification' in window && (await Notification.requestPermission()) === 'granted';
  remember('notify', allowed ? 'on' : '');
  box.checked = allowed;
  if (!allowed) note.textContent = t('activity.denied');
}

export function startNotices() {
  // Above whatever stands at the bottom, which must stay in reach.
  document.getElementById('bottom')?.append(toasts);
  document.body.append(announcer);
  onMessage(look);
  /** @type {View['notices']} */
  let drawn;
  let seen = remembered('seen');
  part((view) => {
    if (view.notices === drawn) return;
    drawn = view.notices;
    if (openList !== undefined) {
      drawActivity(openList);
      remember('seen', newestOf(view.notices) || remembered('seen'));
    }
    seen = remembered('seen');
    drawBadge(view.notices, seen);
  });
}
