// @ts-check
// The start: the session, then the page.

import { app, call, onFrame, onSignedOut, onTravel, watchHistory } from './app.js';
import { watchVisibility } from './clock.js';
import { startDetail } from './detail.js';
import { h, setText } from './dom.js';
import { applyTheme, banner, head, hold, startHead, startKeys } from './head.js';
import { listPart, startList } from './list.js';
import { startNotices, toast } from './messages.js';
import { breakersPart, startBreakers, startStats, statsPart } from './panels.js';
import { startSettings } from './settings.js';
import { again, resubscribe, start } from './stream.js';
import { t } from './strings.js';
import { bulkBar, makeToolbar, pickAllButton, startBulk } from './toolbar.js';

// The token: taken out of the address once, then kept by the browser as a cookie that no script can read.

/** Takes the token out of the address, so that it is neither seen nor bookmarked. */
export function tokenOfAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null) return undefined;
  history.replaceState(null, '', location.pathname + location.search);
  return token;
}

/**
 * @param {string} token
 * @returns {Promise<Answer>}
 */
export const signIn = (token) => call('POST', 'api/v1/session', undefined, { Authorization: `Bearer ${token}` });

/** @type {HTMLDialogElement | undefined} */
let box;
const wrong = h('p', { class: 'error-text', id: 'token-wrong', role: 'alert' });

/**
 * Signs in; what goes wrong is told where it is seen.
 * @param {string} token
 * @param {() => void} entered
 */
async function enter(token, entered) {
  const answer = await signIn(token);
  const why = answer.status === 401 ? t('login.wrong') : answer.status === 429 ? t('login.slow') : answer.problem;
  if (answer.ok) {
    box?.remove();
    box = undefined;
    entered();
  } else if (box === undefined) toast(why, { kind: 'bad' });
  else setText(wrong, why);
}

/**
 * Asks for the token; one dialog at a time.
 * @param {() => void} entered
 */
export function askToken(entered) {
  if (box !== undefined) return;
  const input = h('input', { type: 'password', id: 'token', autocomplete: 'off', spellcheck: 'false', required: true, 'aria-describedby': 'token-wrong' });
  setText(wrong, '');
  const form = h('form', {}, h('h2', { id: 'login-title' }, t('login.title')), h('p', {}, t('login.text')), h('label', { for: 'token' }, t('login.label')), input, wrong,
    h('button', { type: 'submit', class: 'btn primary' }, t('login.go')));
  const login = h('dialog', { 'aria-labelledby': 'login-title', class: 'login', 'data-testid': 'login' }, form);
  box = login;
  // There is nothing to go back to, also if a browser lets nobody be kept.
  login.addEventListener('cancel', (event) => event.preventDefault());
  login.addEventListener('close', () => login.isConnected && login.showModal());
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const text = input.value.trim();
    await enter(new URLSearchParams(text.slice(text.indexOf('#') + 1)).get('token') ?? text, entered);
    input.select();
  });
  document.body.append(login);
  login.showModal();
}

// Puts the page together and starts it.

/** @param {string} id */
function place(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

function build() {
  const main = place('main');
  const detail = place('detail');
  place('top').replaceChildren(head, banner);
  main.replaceChildren(makeToolbar([pickAllButton]), listPart, breakersPart, statsPart);
  place('bottom').replaceChildren(bulkBar);
  onFrame(startHead());
  startList(main);
  startBreakers();
  startStats();
  startSettings();
  startDetail(detail, main);
  startBulk();
  startNotices();
  startKeys(hold);
  onTravel((before) => {
    resubscribe();
    // The focus follows to a panel that takes the place of the list.
    if (before.panel !== app.state.panel) main.scrollTop = 0;
  });
  place('skip').addEventListener('click', (event) => {
    event.preventDefault();
    main.focus();
  });
}

async function boot() {
  applyTheme();
  const token = tokenOfAddress();
  build();
  watchVisibility();
  watchHistory();
  let started = false;
  const run = () => {
    if (started) again();
    else start();
    started = true;
  };
  onSignedOut(() => askToken(run));
  // The address with the token may be pasted where the page is open already.
  addEventListener('hashchange', () => {
    const pasted = tokenOfAddress();
    if (pasted !== undefined) void enter(pasted, run);
  });
  if (token !== undefined) {
    const answer = await signIn(token);
    if (answer.status === 401) {
      askToken(run);
      return;
    }
    if (!answer.ok && answer.status !== 0) toast(answer.problem, { kind: 'bad' });
  }
  run();
}

void boot();
