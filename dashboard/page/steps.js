// @ts-check
// The steps of an operation, one below the other, also those that are not reached yet.

import { countDown, countUp, still } from './clock.js';
import { byIndex, h, memo, reconcile, setAttr, setText, show } from './dom.js';
import { duration } from './format.js';
import { stepStatus } from './graph.js';
import { setPill } from './icons.js';
import { bar, numbers, setBar } from './row.js';
import { t } from './strings.js';

/** @typedef {import('./types.d.ts').Step} Step */
/** @typedef {import('./types.d.ts').Problem} Problem */

/**
 * An error: what it is, what to do about it, and the raw text folded away.
 */
export function makeProblem() {
  const title = h('strong');
  const message = h('p', { class: 'raw' });
  const hint = h('p', { class: 'hint' });
  const fold = h('details', { class: 'fold' }, h('summary', {}, t('detail.raw')), message);
  const el = h('div', { class: 'problem', hidden: true }, title, hint, fold);
  return {
    el,
    update: memo((/** @type {Problem | undefined} */ problem) => {
      show(el, problem !== undefined);
      if (problem === undefined) return;
      setText(title, problem.title ?? problem.class ?? '');
      setText(hint, problem.hint ?? '');
      show(hint, problem.hint !== undefined);
      const raw = [problem.message, [problem.class, problem.kind].filter(Boolean).join(' / ')].filter(Boolean);
      setText(message, raw.join('\n'));
      show(fold, raw.length > 0);
    }),
  };
}

/** @param {string} title */
export function makeFold(title) {
  const text = h('pre', { tabindex: 0 });
  const el = h('details', { hidden: true }, h('summary', {}, title), text);
  return { el, update: memo((/** @type {string | undefined} */ value) => { show(el, value !== undefined); setText(text, value ?? ''); }) };
}

/** A list of sentences: the way to the delay.  @param {boolean} [open] */
export function makeArithmetic(open = false) {
  const lines = h('ol');
  const el = h('details', { class: 'arithmetic', hidden: true, open }, h('summary', {}, t('detail.arithmetic')), lines);
  return {
    el,
    update: memo((/** @type {string[] | undefined} */ sums) => {
      show(el, sums !== undefined && sums.length > 0);
      reconcile(lines, (sums ?? []).map((_, at) => String(at)), () => h('li'), (line, _, at) => setText(line, sums?.[at] ?? ''));
    }),
  };
}

/** @param {string} name */
function makeStep(name) {
  const status = h('span');
  const facts = h('span', { class: 'muted facts' });
  const due = h('span', { class: 'wait' });
  const since = h('span', { class: 'muted' });
  const line = bar(t('row.progress', { name }));
  const nums = h('span', { class: 'nums' });
  const progress = h('div', { class: 'prog' }, line, nums);
  const text = h('p', { class: 'step-text' });
  const arithmetic = makeArithmetic();
  const problem = makeProblem();
  const output = makeFold(t('step.output'));
  const el = h('li', { class: 'step', 'data-step': name, 'data-testid': 'step', tabindex: -1 },
    h('div', { class: 'step-head' }, h('h4', {}, name), status, due, since, facts), progress, text, arithmetic.el, problem.el, output.el);
  const update = memo((/** @type {Step} */ step, /** @type {string | undefined} */ told) => {
    setAttr(el, 'data-status', step.status);
    setPill(status, step.status, stepStatus(step.status));
    setText(facts, factsOf(step));
    if (step.due_at === undefined) { still(due); setText(due, ''); }
    else countDown(due, step.due_at, (left) => t('step.next', { left }), t('step.next.due'));
    if (step.status === 'running' && step.started_at !== undefined) countUp(since, step.started_at, (time) => t('step.running.for', { time }));
    else { still(since); setText(since, ''); }
    show(progress, step.progress !== undefined);
    const words = numbers(step);
    const { done = 0, total } = step.progress ?? {};
    setBar(line, total === undefined || total === 0 ? undefined : (100 * done) / total, words || t('progress.unknown'));
    setText(nums, words);
    setText(text, step.text ?? '');
    show(text, step.text !== undefined && step.text !== '');
    arithmetic.update(step.arithmetic);
    // What stands at the top of the details already is not said twice.
    problem.update(step.error?.message !== undefined && step.error.message === told ? undefined : step.error);
    output.update(step.output);
  });
  return { el, update };
}

/** @param {Step} step */
function factsOf(step) {
  const parts = [];
  if (step.attempt !== undefined && step.attempts_max !== undefined) parts.push(t('row.attempt', { n: step.attempt, max: step.attempts_max }));
  else if (step.attempts !== undefined && step.attempts > 0) parts.push(t('step.attempts', { n: step.attempts }));
  if (step.needs !== undefined && step.needs.length > 0) parts.push(t('step.after', { steps: step.needs.join(', ') }));
  if (step.timeout_ms !== undefined) parts.push(t('step.timeout', { time: duration(step.timeout_ms) }));
  if (step.held_by !== undefined && step.held_by.length > 0) parts.push(t('step.held', { what: step.held_by.join(', ') }));
  return parts.join(' · ');
}

export function makeSteps() {
  const el = h('ol', { class: 'steps' });
  /** @type {Map<string, ReturnType<typeof makeStep>>} */
  const made = new Map();
  return {
    el,
    /** @param {string} name */
    reveal(name) {
      const step = made.get(name)?.el;
      step?.scrollIntoView({ block: 'nearest' });
      step?.focus({ preventScroll: true });
    },
    update: memo((/** @type {Record<string, Step> | undefined} */ steps, /** @type {string | undefined} */ told) => {
      reconcile(el, byIndex(steps), (name) => {
        const step = makeStep(name);
        made.set(name, step);
        return step.el;
      }, (_, name) => {
        const step = steps?.[name];
        if (step !== undefined) made.get(name)?.update(step, told);
      });
    }),
  };
}
