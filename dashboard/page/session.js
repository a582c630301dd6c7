// @ts-check
// The token: taken out of the address once, then kept by the browser as a cookie that no script can read.

import { call } from './api.js';
import { h } from './dom.js';
import { t } from './strings.js';

/** Takes the token out of the address, so that it is neither seen nor bookmarked. */
export function tokenOfAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null) return undefined;
  history.replaceState(null, '', location.pathname + location.search);
  return token;
}

/**
 * @param {string} token
 * @returns {Promise<import('./types.d.ts').Answer>}
 */
export const signIn = (token) => call('POST', 'api/v1/session', undefined, { Authorization: `Bearer ${token}` });

/** @type {HTMLDialogElement | undefined} */
let box;

/**
 * Asks for the token; one dialog at a time.
 * @param {() => void} entered
 */
export function askToken(entered) {
  if (box !== undefined) return;
  const input = h('input', { type: 'password', id: 'token', autocomplete: 'off', spellcheck: 'false', required: true, 'aria-describedby': 'token-wrong' });
  const wrong = h('p', { class: 'error-text', id: 'token-wrong', role: 'alert' });
  const form = h('form', {}, h('h2', { id: 'login-title' }, t('login.title')), h('p', {}, t('login.text')), h('label', { for: 'token' }, t('login.label')), input, wrong,
    h('button', { type: 'submit', class: 'btn primary' }, t('login.go')));
  const login = h('dialog', { 'aria-labelledby': 'login-title', class: 'login', 'data-testid': 'login' }, form);
  box = login;
  // There is nothing to go back to.
  login.addEventListener('cancel', (event) => event.preventDefault());
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const text = input.value.trim();
    const answer = await signIn(new URLSearchParams(text.slice(text.indexOf('#') + 1)).get('token') ?? text);
    if (answer.ok) {
      login.close();
      login.remove();
      box = undefined;
      entered();
      return;
    }
    wrong.textContent = answer.status === 401 ? t('login.wrong') : answer.status === 429 ? t('login.slow') : answer.problem;
    input.select();
  });
  document.body.append(login);
  login.showModal();
}
