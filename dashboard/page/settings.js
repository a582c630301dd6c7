// @ts-check
// The settings of downloads. What a change would do is asked of the engine before it is applied.

import { app, call, command, go, mayAct, onTravel, part } from './app.js';
import { duration, rate } from './clock.js';
import { button, byIndex, h, reconcile, setAttr, setText, show } from './dom.js';
import { openDialog, toast } from './messages.js';
import { has, t } from './strings.js';

/** @typedef {ReturnType<typeof makeField>} Field */

const PREVIEW_MS = 350;

/** What the field shows, for what the engine counts in.  @param {Setting | undefined} setting */
const unitOf = (setting) => {
  const by = { ms: 1000, bytes_per_second: 1_000_000 }[setting?.unit ?? ''] ?? 1;
  return { by, word: by === 1000 ? t('settings.unit.ms') : by > 1000 ? t('settings.unit.rate') : setting?.unit === 'factor' ? t('settings.unit.factor') : '' };
};

/** What holds while nothing is set.  @param {Setting} setting */
const ownWords = ({ unit, default: value }) => {
  if (unit === 'bytes_per_second' && (value ?? 0) === 0) return t('settings.none');
  if (value === undefined) return t('settings.own');
  if (unit === 'ms') return duration(value, value < 1000);
  return unit === 'bytes_per_second' ? rate(value) : String(value);
};

/**
 * @param {string} key
 * @param {() => void} changed
 */
function makeField(key, changed) {
  const id = `setting-${key}`;
  const label = h('label', { for: id });
  const input = h('input', { type: 'number', id, step: 'any', inputmode: 'decimal', 'aria-describedby': `${id}-help`, disabled: !mayAct() });
  const word = h('span', { class: 'muted' });
  const help = h('p', { id: `${id}-help`, class: 'muted' });
  /** Whether a change is to be taken back, which is more than to set the default. */
  let back = false;
  const reset = button('retry', '', () => {
    back = true;
    input.value = shown(setting?.default);
    changed();
  }, { text: t('settings.reset.short'), class: 'small', hidden: true });
  /** @type {Setting | undefined} */
  let setting;
  /** @param {number | undefined} value */
  const shown = (value) => (value === undefined ? '' : String(value / unitOf(setting).by));
  input.addEventListener('input', () => { back = false; changed(); });
  return {
    input,
    el: h('div', { class: 'field-row', 'data-setting': key }, label, h('div', { class: 'field-in' }, input, word, reset), help),
    /** @param {Setting} next */
    update(next) {
      const untouched = setting === undefined || (!back && input.value === shown(setting.value));
      setting = next;
      const { by, word: unit } = unitOf(next);
      const name = next.label ?? key;
      setText(label, name);
      setText(word, unit);
      setText(help, [has(`settings.help.${key}`) ? t(`settings.help.${key}`) : next.help, next.default === undefined && next.unit !== 'bytes_per_second' ? t('settings.own.help') : t('settings.default', { value: ownWords(next) })].filter(Boolean).join(' '));
      setAttr(input, 'min', next.min === undefined ? undefined : next.min / by);
      setAttr(input, 'placeholder', ownWords(next));
      setAttr(reset, 'aria-label', t('settings.reset', { what: name }));
      // What somebody types is not overwritten.
      if (untouched && document.activeElement !== input) input.value = shown(next.value);
    },
    draw() {
      show(reset, mayAct() && setting !== undefined && !back && (setting.changed === true || input.value !== shown(setting.default)));
    },
    /** The new value, null to take a change back; nothing if it is as before, an error if it is none. */
    change() {
      if (setting === undefined) return {};
      const { by } = unitOf(setting);
      if (input.validity.valid && (back || input.value === '')) return setting.changed === true ? { value: null } : {};
      if (input.validity.valid && input.value === shown(setting.value)) return {};
      const value = Number(input.value) * by;
      const least = setting.min ?? 0;
      if (!input.validity.valid || !Number.isFinite(value) || value < least) return { bad: t('settings.bad', { what: setting.label ?? key, min: least / by }) };
      return { value: by === 1 ? value : Math.round(value) };
    },
  };
}

/** @type {HTMLDialogElement | undefined} */
let box;

function open() {
  /** @type {Map<string, Field>} */
  const fields = new Map();
  const host = h('div', { class: 'fields' }, h('p', { class: 'muted' }, t('settings.loading')));
  const effects = h('ul');
  const reason = h('input', { type: 'text', id: 'settings-reason', maxlength: '500', autocomplete: 'off' });
  const effect = h('div', {}, h('div', { class: 'effects', role: 'status', 'data-testid': 'preview' }, h('h3', {}, t('settings.preview')), effects),
    ...(mayAct() ? [h('label', { for: 'settings-reason' }, t('ask.reason')), reason] : []));
  const apply = h('button', { type: 'button', class: 'btn primary', disabled: true }, t('settings.apply'));
  const close = h('button', { type: 'button', class: 'btn' }, t('settings.close'));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let round = 0;

  /** @param {string[]} lines */
  const say = (lines) => reconcile(effects, lines, (text) => h('li', {}, text), () => {});
  const changes = () => {
    /** @type {Record<string, number | null>} */
    const values = {};
    const bad = [];
    for (const [key, field] of fields) {
      const change = field.change();
      field.draw();
      setAttr(field.input, 'aria-invalid', change.bad === undefined ? undefined : 'true');
      if (change.bad !== undefined) bad.push(change.bad);
      else if (change.value !== undefined) values[key] = change.value;
    }
    return { values, bad, any: Object.keys(values).length > 0 };
  };
  const changed = () => {
    clearTimeout(timer);
    round += 1;
    const { values, bad, any } = changes();
    apply.disabled = !mayAct() || !any || bad.length > 0;
    if (bad.length > 0) say(bad);
    else if (!any) say([t('settings.unchanged')]);
    else timer = setTimeout(() => void preview(values, round), PREVIEW_MS);
  };
  /**
   * @param {Record<string, number | null>} values
   * @param {number} mine
   */
  const preview = async (values, mine) => {
    const answer = await call('POST', 'api/v1/settings/preview', { changes: values });
    if (mine !== round) return;
    if (!answer.ok) { say([answer.problem]); return; }
    /** @type {{text: string}[]} */
    const told = answer.data?.effects ?? [];
    say(told.length > 0 ? told.map((each) => each.text) : [t('settings.noeffect')]);
  };
  apply.addEventListener('click', async () => {
    const { values } = changes();
    apply.disabled = true;
    const answer = await command('api/v1/settings', { changes: values, ...(reason.value === '' ? {} : { reason: reason.value }) }, {}, 'PATCH');
    if (answer.ok) {
      toast(t('settings.applied'), { kind: 'done' });
      leave();
    } else {
      say([answer.problem]);
      apply.disabled = false;
    }
  });
  const leave = () => go({ panel: '' });
  close.addEventListener('click', leave);
  say([t('settings.unchanged')]);
  box = openDialog({
    title: t('settings.title'), wide: true, name: 'settings',
    body: [h('p', { class: 'muted' }, mayAct() ? t('settings.intro') : t('readonly.note')), host, effect], foot: [close, apply], leave,
    onclose: () => { box = undefined; clearTimeout(timer); update = undefined; if (app.state.panel === 'settings') go({ panel: '' }); },
  });
  update = (settings) => {
    if (fields.size === 0) host.replaceChildren();
    reconcile(host, byIndex(settings), (key) => {
      const field = makeField(key, changed);
      fields.set(key, field);
      return field.el;
    }, (_, key) => fields.get(key)?.update(/** @type {Setting} */ (settings[key])));
    changes();
  };
}

/** @type {((settings: Record<string, Setting>) => void) | undefined} */
let update;

export function startSettings() {
  const follow = () => {
    if (app.state.panel === 'settings' && box === undefined) open();
    if (app.state.panel !== 'settings') box?.close();
  };
  onTravel(follow);
  /** @type {Record<string, Setting> | undefined} */
  let drawn;
  /** @type {typeof update} */
  let by;
  part((view) => {
    follow();
    if (update === undefined || view.settings === undefined || (view.settings === drawn && by === update)) return;
    drawn = view.settings;
    by = update;
    update(view.settings);
  });
}
