// @ts-check
// Dialogs. The browser keeps the focus inside and gives it back afterwards.

import { h } from './dom.js';
import { button } from './icons.js';
import { t } from './strings.js';

let counter = 0;

/**
 * Opens a dialog with a heading, a body and a row of buttons. It is taken away when it closes.
 * @param {{title: string, body: (Node | string | false)[], foot?: Node[], wide?: boolean, name?: string, onclose?: () => void}} parts
 */
export function openDialog({ title, body, foot = [], wide = false, name, onclose }) {
  counter += 1;
  const id = `dialog-${counter}`;
  const box = h('dialog', { 'aria-labelledby': id, class: wide ? 'wide' : undefined, 'data-testid': name },
    h('div', { class: 'dialog-head' }, h('h2', { id }, title), button('close', t('ask.back'), () => box.close())),
    h('div', { class: 'dialog-body' }, ...body),
    foot.length > 0 && h('div', { class: 'dialog-foot' }, ...foot));
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
    if (event.target === box) box.close();
  });
  document.body.append(box);
  box.showModal();
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
 */

/**
 * Asks before something is done; `undefined` if the person goes back.
 * @param {Question} question
 * @returns {Promise<{reason?: string, output?: unknown} | undefined>}
 */
export function ask(question) {
  return new Promise((resolve) => {
    /** @type {{reason?: string, output?: unknown} | undefined} */
    let result;
    const reason = h('input', { type: 'text', id: 'ask-reason', maxlength: '500', autocomplete: 'off' });
    const output = h('textarea', { id: 'ask-output', rows: '4', spellcheck: 'false', 'aria-describedby': 'ask-bad' });
    output.value = 'null';
    const bad = h('p', { id: 'ask-bad', class: 'error-text', role: 'alert' });
    const send = h('button', { type: 'submit', class: question.danger ? 'btn danger' : 'btn primary' }, question.go);
    const back = h('button', { type: 'button', class: 'btn', autofocus: question.danger && !question.output }, t('ask.back'));
    const form = h('form', { id: 'ask-form' },
      ...question.text.map((text) => (typeof text === 'string' ? h('p', {}, text) : text)),
      question.output === true && h('label', { for: 'ask-output' }, t('ask.output')),
      question.output === true && output, question.output === true && bad,
      question.reason === true && h('label', { for: 'ask-reason' }, t('ask.reason')),
      question.reason === true && reason);
    send.setAttribute('form', 'ask-form');
    const box = openDialog({ title: question.title, body: [form], foot: [back, send], name: 'ask', onclose: () => resolve(result) });
    back.addEventListener('click', () => box.close());
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      /** @type {unknown} */
      let value;
      if (question.output === true) {
        try {
          value = JSON.parse(output.value);
        } catch (error) {
          bad.textContent = t('ask.output.bad', { why: error instanceof Error ? error.message : '' });
          output.focus();
          return;
        }
      }
      result = { ...(question.output === true ? { output: value } : {}), ...(reason.value === '' ? {} : { reason: reason.value }) };
      box.close();
    });
  });
}
