// @ts-check
// Parts of the details: the graph, the steps, the history.

import { call, invalidate } from './app.js';
import { countDown, countUp, moment, now, still } from './clock.js';
import { byIndex, h, memo, pathOf, reconcile, s, setAttr, setPill, setText, show } from './dom.js';
import { announce, toast } from './messages.js';
import { bar, numbers, setBar } from './row.js';
import { has, plain, t } from './strings.js';

// The graph of steps. The server says where each one stands.

/** @typedef {import('./timeline.js').Chosen} Chosen */

const PAD = 8;

/** @param {string} status */
export const stepStatus = (status) => {
  const key = status === 'held' ? 'step.held.status' : `step.${status}`;
  return has(key) ? t(key) : status;
};

/** @param {(step: string) => void} choose */
export function makeGraph(choose) {
  const edges = s('g', { class: 'edges' });
  const nodes = s('g');
  const arrow = s('marker', { id: 'arrow', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto' },
    s('path', { d: 'M0 0 8 4 0 8z' }));
  const svg = s('svg', { role: 'group', class: 'graph' }, s('defs', {}, arrow), edges, nodes);
  const el = h('div', { class: 'graph-box' }, svg);

  const layout = memo((
    /** @type {Graph} */
    graph,
  ) => {
    const { width, height } = graph;
    setAttr(svg, 'viewBox', `${-PAD} ${-PAD} ${width + 2 * PAD} ${height + 2 * PAD}`);
    // Never blown up; made smaller as long as it can be read, then scrolled in its own box.
    svg.style.width = `${width + 2 * PAD}px`;
    svg.style.minWidth = `${Math.min(width + 2 * PAD, Math.round(width * 0.7))}px`;
    edges.replaceChildren(...graph.edges.map((d) => s('path', { d, 'marker-end': 'url(#arrow)' })));
  });

  const states = memo((
    /** @type {Graph} */
    graph,
    /** @type {Record<string, Step>} */
    steps,
  ) => {
    const names = Object.keys(graph.nodes);
    const words = names.map((name) => `${name}: ${stepStatus(steps[name]?.status ?? 'blocked')}`);
    setAttr(svg, 'aria-label', t('graph.label', { steps: words.join(', ') }));
    reconcile(nodes, names, (name) => {
      const node = s('g', { tabindex: 0, role: 'button' }, s('title'), s('rect', { rx: 6 }), s('path', { class: 'mark' }), s('text', { class: 'title' }), s('text', { class: 'state' }));
      node.addEventListener('click', () => choose(name));
      node.addEventListener('keydown', (event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return;
        event.preventDefault();
        choose(name);
      });
      return node;
    }, (node, name) => place(node, name, graph, steps[name]));
  });

  return {
    el,
    /**
     * @param {Graph} graph
     * @param {Record<string, Step>} steps
     */
    update(graph, steps) {
      layout(graph);
      states(graph, steps);
    },
  };
}

/**
 * @param {Element} node
 * @param {string} name
 * @param {Graph} graph
 * @param {Step | undefined} step
 */
function place(node, name, graph, step) {
  const { x, y, w, h: high } = graph.nodes[name] ?? { x: 0, y: 0, w: 0, h: 0 };
  const [hint, rect, mark, title, state] = /** @type {SVGElement[]} */ ([...node.children]);
  if (hint === undefined || rect === undefined || mark === undefined || title === undefined || state === undefined) return;
  const status = step?.status ?? 'blocked';
  setAttr(node, 'class', `node st-${status}`);
  setText(hint, `${name}: ${stepStatus(status)}`);
  for (const [key, value] of Object.entries({ x, y, width: w, height: high })) setAttr(rect, key, value);
  setAttr(mark, 'd', pathOf(status));
  setAttr(mark, 'transform', `translate(${x + 9} ${y + high / 2 - 8})`);
  const most = Math.max(3, Math.floor((w - 40) / 7));
  setAttr(title, 'x', x + 32);
  setAttr(title, 'y', y + high / 2 - 3);
  setText(title, name.length > most ? `${name.slice(0, most - 1)}…` : name);
  setAttr(state, 'x', x + 32);
  setAttr(state, 'y', y + high / 2 + 12);
  setText(state, stepStatus(status));
}

// The steps of an operation, one below the other, also those that are not reached yet.

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
    update: memo((
      /** @type {Problem | undefined} */
      problem,
    ) => {
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
  return { el, update: memo((
    /** @type {string | undefined} */
    value,
  ) => { show(el, value !== undefined); setText(text, value ?? ''); }) };
}

/** A list of sentences: the way to the delay.  @param {boolean} [open] */
export function makeArithmetic(open = false) {
  const lines = h('ol');
  const el = h('details', { class: 'arithmetic', hidden: true, open }, h('summary', {}, t('detail.arithmetic')), lines);
  return {
    el,
    update: memo((
      /** @type {string[] | undefined} */
      sums,
    ) => {
      show(el, sums !== undefined && sums.length > 0);
      reconcile(lines, (sums ?? []).map((_, at) => String(at)), () => h('li'), (line, _, at) => setText(line, plain(sums?.[at] ?? '')));
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
  const update = memo((
    /** @type {Step} */
    step,
    /** @type {string | undefined} */
    told,
    /** @type {boolean} */
    _stale,
  ) => {
    setAttr(el, 'data-status', step.status);
    setPill(status, step.status, stepStatus(step.status));
    setText(facts, factsOf(step));
    if (step.due_at === undefined) { still(due); setText(due, ''); }
    else countDown(due, step.due_at, (left) => t('step.next', { left }), t('step.next.due'));
    if (['running', 'held'].includes(step.status) && step.since !== undefined) countUp(since, step.since, (time) => t('step.running.for', { time }));
    else { still(since); setText(since, ''); }
    show(progress, step.progress !== undefined);
    const words = numbers(step);
    const { done = 0, total } = step.progress ?? {};
    setBar(line, total === undefined || total === 0 ? undefined : (100 * done) / total, words || t('progress.unknown'));
    setText(nums, words);
    setText(text, plain(step.text ?? ''));
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
  if (step.attempt !== undefined && step.attempt > 0 && step.attempts_max !== undefined) parts.push(t('row.attempt', { n: step.attempt, max: step.attempts_max }));
  else if (step.attempts !== undefined && step.attempts > 0) parts.push(t('step.attempts', { n: step.attempts }));
  if (step.needs !== undefined && step.needs.length > 0) parts.push(t('step.after', { steps: step.needs.join(', ') }));
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
    update: memo((
      /** @type {Record<string, Step> | undefined} */
      steps,
      /** @type {string | undefined} */
      told,
      /** @type {boolean} */
      stale,
    ) => {
      reconcile(el, byIndex(steps), (name) => {
        const step = makeStep(name);
        made.set(name, step);
        return step.el;
      }, (_, name) => {
        const step = steps?.[name];
        if (step !== undefined) made.get(name)?.update(step, told, stale);
      });
    }),
  };
}

// What has happened to an operation, newest first. Older pages come from the server when they are asked for.

const PAGE = 100;
const KEPT_MAX = 2000;
const BAD = ['attempt_failed', 'run_failed', 'run_exhausted', 'breaker_opened'];

/** @param {string} operation */
export function makeEvents(operation) {
  const list = h('ol', { class: 'events', 'data-testid': 'events' });
  const older = h('button', { type: 'button', class: 'btn', hidden: true }, t('events.older'));
  const none = h('p', { class: 'muted' }, t('events.none'));
  const what = h('span');
  const all = h('button', { type: 'button', class: 'link' }, t('events.all'));
  const filter = h('p', { class: 'only', hidden: true }, what, ' ', all);
  const el = h('div', {}, filter, list, none, older);

  /** @type {Record<string, Happening>} */
  let loaded = {};
  /** @type {Record<string, Happening> | undefined} */
  let live;
  /** @type {Chosen | undefined} */
  let only;
  let more = false;
  let exhausted = false;
  let loading = false;
  /** What was asked for before everything was dropped fits nowhere. */
  let round = 0;

  all.addEventListener('click', () => choose(undefined));
  older.addEventListener('click', () => void load());

  async function load() {
    const known = [...Object.keys(loaded), ...Object.keys(live ?? {})].map(Number);
    const before = known.length > 0 ? `&before=${Math.min(...known)}` : '';
    if (loading) return;
    const mine = round;
    loading = true;
    setAttr(older, 'aria-disabled', 'true');
    setText(older, t('events.loading'));
    const answer = await call('GET', `api/v1/operations/${encodeURIComponent(operation)}/events?limit=${PAGE}${before}`);
    loading = false;
    setAttr(older, 'aria-disabled', undefined);
    setText(older, t('events.older'));
    if (!answer.ok) {
      toast(t('events.failed', { why: answer.problem }), { kind: 'bad' });
      return;
    }
    if (mine !== round) return;
    /** @type {Happening[]} */
    const events = Array.isArray(answer.data?.events) ? answer.data.events : [];
    loaded = { ...loaded, ...Object.fromEntries(events.map((event) => [String(event.seq), event])) };
    exhausted = answer.data?.next === undefined;
    announce(t('events.loaded', { n: events.length }));
    draw();
  }

  /** @param {Chosen | undefined} chosen */
  function choose(chosen) {
    only = chosen;
    if (chosen !== undefined) setText(what, t('events.only', { n: chosen.attempt, step: chosen.step }));
    draw();
    invalidate();
  }

  function draw() {
    const events = { ...loaded, ...live };
    const keys = Object.keys(events).sort((a, b) => Number(b) - Number(a))
      .filter((key) => only === undefined || (events[key]?.step === only.step && events[key]?.attempt === only.attempt));
    show(filter, only !== undefined);
    show(none, keys.length === 0);
    show(older, more && !exhausted);
    reconcile(list, keys, (key) => {
      const event = /** @type {Happening} */ (events[key]);
      return h('li', { class: event.tone ?? (BAD.includes(event.event) ? 'bad' : undefined), 'data-event': event.event },
        h('time', { datetime: event.at, title: event.at }, moment(event.at, now())),
        event.step !== undefined && h('span', { class: 'tag' }, event.attempt === undefined ? event.step : `${event.step} #${event.attempt}`),
        h('span', { class: 'text' }, plain(event.text ?? event.event.replaceAll('_', ' '))));
    }, () => {});
  }

  return {
    el, choose,
    known: () => ({ ...loaded, ...live }),
    /**
     * @param {Record<string, Happening> | undefined} events
     * @param {boolean} hasMore
     */
    update(events, hasMore) {
      if (events === live && hasMore === more) return;
      // Between what was loaded and what is live there must be no hole, but memory has an end.
      const kept = Object.keys(loaded).length;
      const follows = live === undefined || Object.keys(live).length === 0 || Object.keys(events ?? {}).some((key) => live?.[key] !== undefined);
      if (kept > KEPT_MAX || !follows) {
        loaded = {};
        exhausted = false;
        round += 1;
      } else if (kept > 0 || loading) for (const [key, event] of Object.entries(live ?? {})) if (events?.[key] === undefined) loaded[key] = event;
      live = events;
      more = hasMore;
      draw();
    },
  };
}
