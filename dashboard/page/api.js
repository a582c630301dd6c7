// @ts-check
// Requests to the server. Paths are relative, so that the page works below any address.

import { t } from './strings.js';

/** @typedef {import('./types.d.ts').Answer} Answer */

/** @type {() => void} */
let signedOut = () => {};

/** @param {() => void} listener called when the server asks for the token */
export function onSignedOut(listener) {
  signedOut = listener;
}

export const askForToken = () => signedOut();

/** A key that no other request has; works without a secure context. */
export function requestKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<Answer>}
 */
export async function call(method, path, body, headers = {}) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store',
    });
  } catch {
    return { ok: false, status: 0, data: undefined, problem: t('refused.network'), code: 'network' };
  }
  const data = await response.json().catch(() => undefined);
  if (response.ok) return { ok: true, status: response.status, data, problem: '', code: '' };
  if (response.status === 401 && path !== 'api/v1/session') signedOut();
  return { ok: false, status: response.status, data, problem: problemText(response.status, data), code: data?.code ?? '' };
}

/**
 * What a problem document says to a person.
 * @param {number} status
 * @param {any} data
 */
function problemText(status, data) {
  const sentences = [data?.detail ?? data?.title, data?.remedy].filter((text) => typeof text === 'string' && text !== '');
  return sentences.length > 0 ? sentences.map(sentence).join(' ') : t('refused.other', { status });
}

/** @param {string} text */
function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
}
