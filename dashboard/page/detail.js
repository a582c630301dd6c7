// @ts-check
// Everything about one operation: beside the list on a wide screen, over it on a narrow one.

import { app, call, go, isStale, mayAct, onTravel, part } from './app.js';
import { bytes, countDown, countUp, duration, moment, now, still } from './clock.js';
import { button, byIndex, h, icon, memo, reconcile, setAttr, setPill, setText, show } from './dom.js';
import { focusCurrent } from './list.js';
import { announce, toast } from './messages.js';
import { VERBS, act, actionText, attemptText, bar, isPending, numbers, sentence, setBar, setWait, verbName } from './row.js';
import { makeArithmetic, makeEvents, makeFold, makeGraph, makeProblem, makeSteps } from './steps.js';
import { asText, plain, t } from './strings.js';
import { makeTimeline } from './timeline.js';

/**
 * @param {string} title
 * @param {string} name
 * @param {...Node} content
 */
const section = (title, name, ...content) => h('section', { class: `part ${name}`, 'aria-labelledby': `part-${name}`, 'data-testid': `detail-${name}` },
  h('h3', { id: `part-${name}` }, title), ...content);

/** @type {string[]} */
const NOTHING = [];

/** Copies without the clipboard of a secure context if there is none.  @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = h('textarea', { class: 'sr' });
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand('copy');
    field.remove();
  }
  toast(t('detail.copied'), { kind: 'done' });
}

/** @param {string} id */
function makeFacts(id) {
  const names = ['workflow', 'started', 'time', 'deadline', 'id'];
  const values = Object.fromEntries(names.map((name) => [name, h('dd')]));
  const terms = Object.fromEntries(names.map((name) => [name, h('dt', {}, name === 'time' ? t('detail.running') : t(`detail.${name}`))]));
  values.id?.append(h('code', {}, id), button('copy', t('detail.copy'), () => void copy(id)));
  const flow = h('button', { type: 'button', class: 'link', onclick: () => go({ workflow: flow.textContent ?? '', operation: '' }) });
  values.workflow?.append(flow);
  const el = h('dl', { class: 'facts-list' }, ...names.map((name) => h('div', {}, /** @type {Node} */ (terms[name]), /** @type {Node} */ (values[name]))));
  return {
    el,
    update: memo((
      /** @type {Row} */
      row,
      /** @type {string | undefined} */
      deadline,
    ) => {
      const { started, time, deadline: limit } = /** @type {Record<string, HTMLElement>} */ (values);
      if (started === undefined || time === undefined || limit === undefined) return;
      setText(flow, row.workflow);
      show(/** @type {HTMLElement} */ (started.parentElement), row.started_at !== undefined);
      show(/** @type {HTMLElement} */ (time.parentElement), row.started_at !== undefined);
      if (row.started_at !== undefined) {
        setText(started, moment(row.started_at, now()));
        setText(/** @type {Element} */ (terms.time), t(row.ended_at === undefined ? 'detail.running' : 'detail.took'));
        if (row.ended_at === undefined) countUp(time, row.started_at, (past) => past);
        else { still(time); setText(time, duration(Date.parse(row.ended_at) - Date.parse(row.started_at))); }
      }
      show(/** @type {HTMLElement} */ (limit.parentElement), deadline !== undefined);
      if (deadline !== undefined) countDown(limit, deadline, (left) => `${moment(deadline, now())} (${t('detail.in', { left })})`, t('detail.over'));
    }),
  };
}

/** @param {string} id */
function makeActions(id) {
  const list = h('ul', { class: 'actions' });
  const note = h('p', { class: 'muted' }, t('readonly.note'));
  const el = section(t('detail.actions'), 'actions', list, note);
  return {
    el,
    update: memo((
      /** @type {Detail['actions']} */
      told = {},
      /** @type {string[]} */
      possible,
      /** @type {string} */
      _asked,
    ) => {
      const can = possible.filter((verb) => VERBS.includes(verb));
      const keys = byIndex(told).filter((key) => !VERBS.includes(key) || can.includes(key));
      const all = [...keys, ...VERBS.filter((verb) => can.includes(verb) && told[verb] === undefined)];
      show(note, !mayAct());
      show(el, all.length > 0 || !mayAct());
      reconcile(list, all, (key) => makeAction(id, key), (item, key) => {
        setText(/** @type {Element} */ (item.querySelector('[id]')), actionText(key, told[key]?.text));
        const press = item.querySelector('button');
        if (press !== null) setAttr(press, 'aria-disabled', isPending(id, key) ? 'true' : undefined);
      });
    }),
  };
}

/**
 * @param {string} id
 * @param {string} key a verb, "skip:<step>", or an advice
 */
function makeAction(id, key) {
  const isVerb = mayAct() && (VERBS.includes(key) || key.startsWith('skip:'));
  const kind = key.split(':')[0] ?? '';
  const text = h('span', { class: 'action-text', id: `action-${key}` });
  if (!isVerb) return h('li', { 'data-action': key, class: 'advice' }, icon('info'), text);
  const press = button(kind, verbName(key), () => void act(id, key), {
    text: verbName(key), 'aria-describedby': `action-${key}`, class: key === 'cancel' ? 'danger' : key === 'retry' || key === 'resume' ? 'primary' : '', 'data-verb': key,
  });
  if (key !== 'pause') return h('li', { 'data-action': key }, press, text);
  const more = h('button', { type: 'button', class: 'link', 'aria-describedby': `action-${key}`, onclick: () => void act(id, key, true) }, t('pause.more'));
  return h('li', { 'data-action': key }, press, h('span', { class: 'action-text' }, text, ' ', more));
}

/** @param {string} id */
function makeDetail(id) {
  const title = h('h2', { id: 'detail-title', tabindex: -1 });
  const status = h('span');
  const attempt = h('span', { class: 'attempt' });
  const wait = h('span', { class: 'wait' });
  const line = bar('');
  const nums = h('span', { class: 'nums' });
  const facts = makeFacts(id);
  const why = h('p', { class: 'why-text', 'data-testid': 'why' });
  const arithmetic = makeArithmetic(true);
  const notes = h('ul', { class: 'notes' });
  const problem = makeProblem();
  const actions = makeActions(id);
  const steps = makeSteps();
  const graph = makeGraph((step) => steps.reveal(step));
  const events = makeEvents(id);
  const timeline = makeTimeline((chosen) => events.choose(chosen));
  const artifacts = h('ul', { class: 'artifacts' });
  const input = makeFold(t('detail.input'));
  const output = makeFold(t('detail.output'));
  const whyPart = section(t('detail.why'), 'why', why, arithmetic.el, notes, problem.el);
  const graphPart = section(t('detail.graph'), 'graph', graph.el);
  const timelinePart = section(t('detail.timeline'), 'timeline', timeline.el);
  const artifactsPart = section(t('detail.artifacts'), 'artifacts', artifacts);
  const dataPart = section(t('detail.data'), 'data', input.el, output.el);
  const support = h('button', { type: 'button', class: 'link', onclick: () => void copyAll() }, t('detail.support'));
  const copyAll = async () => {
    const answer = await call('GET', 'api/v1/settings');
    const { view } = app;
    if (view?.detail?.id !== id) return;
    // What only serves to draw it helps nobody.
    const { graph: _graph, timeline: _timeline, actions: _actions, ...detail } = view.detail;
    const all = { seen: view.now, record: view.seq, engine: view.engine, ...detail, breakers: view.breakers, settings: answer.data?.settings, events: events.known() };
    await copy(asText(JSON.parse(JSON.stringify(all))).trim());
  };
  const lead = h('div', { class: 'lead' }, h('div', { class: 'prog' }, line, nums), facts.el, support);
  const body = h('div', { class: 'detail-body' },
    lead,
    whyPart, actions.el, timelinePart, section(t('detail.steps'), 'steps', steps.el), graphPart,
    section(t('detail.events'), 'events', events.el), artifactsPart, dataPart);
  const el = h('div', { class: 'detail-in' },
    h('div', { class: 'detail-head' }, button('back', t('detail.close'), closeDetail, { class: 'only-narrow' }),
      h('div', { class: 'detail-name' }, title, h('div', { class: 'detail-status' }, status, attempt, wait)),
      button('close', t('detail.close'), closeDetail, { class: 'only-wide', 'data-testid': 'close-detail' })), body);

  let label = '';
  const head = memo((
    /** @type {Row} */
    row,
    /** @type {boolean} */
    _stale,
  ) => {
    if (label !== '' && label !== row.label) announce(`${row.name}: ${row.label}`);
    label = row.label;
    setText(title, row.name);
    setAttr(lead, 'data-status', row.status);
    setPill(status, row.status, row.label);
    setText(attempt, attemptText(row));
    setWait(wait, row.wait);
    const text = numbers(row);
    setAttr(line, 'aria-label', t('row.progress', { name: row.name }));
    setBar(line, row.percent, text || undefined);
    setText(nums, text);
    problem.update(row.error);
  });
  const explain = memo((
    /** @type {Detail['why']} */
    of,
    /** @type {Row['error']} */
    error,
  ) => {
    show(whyPart, of !== undefined || error !== undefined);
    setText(why, of === undefined ? '' : sentence(of.text));
    arithmetic.update(of?.arithmetic);
    reconcile(notes, (of?.notes ?? []).map((_, at) => String(at)), () => h('li'), (note, _, at) => setText(note, plain(of?.notes?.[at] ?? '')));
  });
  const files = memo((
    /** @type {Detail['artifacts']} */
    of,
  ) => drawArtifacts(artifactsPart, artifacts, of));
  const data = memo((
    /** @type {string | undefined} */
    given,
    /** @type {string | undefined} */
    made,
  ) => {
    show(dataPart, given !== undefined || made !== undefined);
    input.update(given);
    output.update(made);
  });

  return {
    id, el, title,
    /**
     * @param {Detail} detail
     * @param {Row} row
     */
    update(detail, row) {
      head(row, isStale());
      facts.update(row, detail.deadline_at);
      explain(detail.why, row.error);
      actions.update(detail.actions, row.can ?? NOTHING, [...VERBS, ...Object.keys(detail.actions ?? {})].filter((verb) => isPending(id, verb)).join());
      steps.update(detail.steps, row.error?.message, isStale());
      show(graphPart, detail.graph !== undefined);
      if (detail.graph !== undefined) graph.update(detail.graph, detail.steps ?? {});
      show(timelinePart, detail.timeline !== undefined);
      if (detail.timeline !== undefined) timeline.update(detail.timeline);
      events.update(detail.events, detail.more_events === true);
      files(detail.artifacts);
      data(detail.input, detail.output);
    },
  };
}

/**
 * @param {HTMLElement} part
 * @param {Element} list
 * @param {Detail['artifacts']} artifacts
 */
function drawArtifacts(part, list, artifacts) {
  const keys = Object.keys(artifacts ?? {});
  show(part, keys.length > 0);
  reconcile(list, keys, (key) => {
    const file = artifacts?.[key];
    return h('li', {}, h('strong', {}, file?.name ?? ''), h('span', { class: 'muted' }, [file?.step, file?.bytes === undefined ? '' : bytes(file.bytes)].filter(Boolean).join(' · ')),
      file?.path !== undefined && h('code', { title: t('detail.path') }, file.path), file?.digest !== undefined && h('code', { title: t('detail.digest') }, file.digest));
  }, () => {});
}

export function closeDetail() {
  if (app.state.operation === '') return;
  app.current ||= app.state.operation;
  go({ operation: '' });
  focusCurrent();
}

/**
 * @param {HTMLElement} host
 * @param {HTMLElement} main is out of reach while the details cover it
 */
export function startDetail(host, main) {
  const narrow = matchMedia('(max-width: 999px)');
  const missing = h('div', { class: 'detail-in' }, h('div', { class: 'detail-head' },
    h('h2', { tabindex: -1 }, t('detail.missing')), button('close', t('detail.close'), closeDetail)), h('p', { class: 'detail-body muted' }, t('detail.missing.text')));
  const loading = h('div', { class: 'detail-in' }, h('div', { class: 'detail-head' }, h('h2', { tabindex: -1 }, t('list.loading')), button('close', t('detail.close'), closeDetail)));
  /** @type {ReturnType<typeof makeDetail> | undefined} */
  let open;
  let wantsFocus = false;

  /** @param {HTMLElement} el */
  const put = (el) => {
    if (host.firstElementChild !== el) {
      if (host.contains(document.activeElement)) wantsFocus = true;
      host.replaceChildren(el);
      host.scrollTop = 0;
    }
    if (!wantsFocus || el === loading) return;
    wantsFocus = false;
    el.querySelector('h2')?.focus({ preventScroll: true });
  };
  const layout = () => {
    const shown = app.state.operation !== '';
    show(host, shown);
    document.body.classList.toggle('has-detail', shown);
    setAttr(main, 'inert', shown && narrow.matches);
  };
  narrow.addEventListener('change', layout);
  onTravel((before) => {
    // Somebody who steps through the list stays there.
    if (app.state.operation !== before.operation) wantsFocus = app.state.operation !== '' && (before.operation === '' || narrow.matches);
    layout();
  });
  part((view) => {
    const { operation } = app.state;
    if (operation === '') {
      open = undefined;
      host.replaceChildren();
      return;
    }
    const detail = view.detail;
    if (app.refused === operation || detail?.missing === true) { put(missing); return; }
    if (detail?.row === undefined || detail.id !== operation) { if (open?.id !== operation) put(loading); return; }
    if (open?.id !== operation) open = makeDetail(operation);
    open.update(detail, detail.row);
    put(open.el);
  });
  layout();
}
