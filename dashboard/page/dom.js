// @ts-check
// Elements and icons.

// Making and changing elements. Text goes in as text, never as markup.

/** @typedef {Node | string | false | undefined} Child */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {Element} element
 * @param {Record<string, any>} props
 */
function dress(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [props] attributes; `onclick` and the like are listeners
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  dress(element, props);
  for (const child of children) if (child !== false && child !== undefined) element.append(child);
  return element;
}

/**
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [props]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function s(tag, props = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  dress(element, props);
  for (const child of children) if (child !== false && child !== undefined) element.append(child);
  return element;
}

/**
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  const only = element.firstChild;
  if (only !== null && only === element.lastChild && only.nodeType === Node.TEXT_NODE) {
    // Writing the data of the node keeps a selection of the text alive.
    if (only.nodeValue !== text) only.nodeValue = text;
  } else if (only !== null || text !== '') element.textContent = text;
}

/**
 * Sets an attribute; `undefined` and `false` take it away.
 * @param {Element} element
 * @param {string} name
 * @param {string | number | boolean | undefined} value
 */
export function setAttr(element, name, value) {
  if (value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? '' : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/**
 * @param {HTMLElement | SVGElement} element
 * @param {boolean} shown
 */
export function show(element, shown) {
  if (element.hasAttribute('hidden') === !shown) return;
  const stood = !shown && element.contains(document.activeElement);
  setAttr(element, 'hidden', !shown);
  if (stood && element.parentElement !== null) focusNear(element.parentElement);
}

const FOCUSABLE = 'a[href], button:not([disabled]), input:not([disabled]), select, textarea, [tabindex]';

/**
 * Gives the focus to the next best, where the element that had it is gone.
 * @param {Element} parent
 * @param {Element} [sibling]
 */
function focusNear(parent, sibling) {
  const near = sibling?.matches(FOCUSABLE) === true ? sibling : sibling?.querySelector(FOCUSABLE);
  const next = near ?? parent.closest('[tabindex]') ?? parent.closest('#detail')?.querySelector('h2') ?? document.getElementById('main');
  /** @type {HTMLElement | null} */ (next)?.focus({ preventScroll: true });
}

/** @type {WeakMap<Element, Map<string, Element>>} */
const keyed = new WeakMap();

/**
 * Gives `parent` one child for each key, in order; children of keys that stay are kept.
 * @template {Element} E
 * @param {Element} parent
 * @param {string[]} keys
 * @param {(key: string) => E} make
 * @param {(element: E, key: string, index: number) => void} update
 */
export function reconcile(parent, keys, make, update) {
  const old = keyed.get(parent) ?? new Map();
  /** @type {Map<string, E>} */
  const next = new Map();
  for (const key of keys) next.set(key, old.get(key) ?? make(key));
  const focused = document.activeElement;
  let gone = -1;
  for (const [key, element] of old) {
    if (next.has(key)) continue;
    if (element.contains(focused)) gone = [...parent.children].indexOf(element);
    element.remove();
  }
  keyed.set(parent, next);
  let place = parent.firstElementChild;
  let index = 0;
  for (const [key, element] of next) {
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
    update(element, key, index);
    index += 1;
  }
  // Keys that are meant for an operation that is gone must not find another one.
  if (gone >= 0) focusNear(parent, parent.matches('.rows') ? undefined : parent.children[Math.min(gone, next.size - 1)]);
  // An element that is moved loses the focus.
  else if (focused !== document.activeElement && parent.contains(focused)) {
    /** @type {HTMLElement} */ (focused).focus({ preventScroll: true });
  }
}

/**
 * Calls `draw` only if a value is another one than at the last call.
 * @template {any[]} A
 * @param {(...values: A) => void} draw
 * @returns {(...values: A) => void}
 */
export function memo(draw) {
  /** @type {A | undefined} */
  let last;
  return (...values) => {
    if (last !== undefined && values.every((value, at) => value === last?.[at])) return;
    last = values;
    draw(...values);
  };
}

/**
 * Keys of a map whose values carry an index, in that order.
 * @param {Record<string, {index?: number}> | undefined} map
 */
export function byIndex(map) {
  if (map === undefined) return [];
  return Object.keys(map).sort((a, b) => (map[a]?.index ?? 0) - (map[b]?.index ?? 0));
}

// Small pictures, 16 by 16, drawn with lines in the colour of the text.

/** @type {Record<string, string>} */
const PATHS = {
  pending: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11',
  in_progress: 'M8 2v8M4.5 7 8 10.5 11.5 7M3 13.5h10',
  recovering: 'M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3',
  waiting: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M8 5v3.2l2.2 1.3',
  paused: 'M5.5 3v10M10.5 3v10',
  success: 'M3 8.5 6.5 12 13 4.5',
  failed: 'M4 4l8 8M12 4l-8 8',
  exhausted: 'M8 2 1.8 13.2h12.4zM8 6.3v3.4M8 11.4v.4',
  cancelled: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M4.2 4.2l7.6 7.6',
  pause: 'M5.5 3v10M10.5 3v10', resume: 'M5 3l8 5-8 5z', retry: 'M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3',
  cancel: 'M4 4l8 8M12 4l-8 8', 'force-retry': 'M9 1.5 4 9h3.5L7 14.5 12 7H8.5z',
  'cancel-recovery': 'M13 8a5 5 0 0 1-8.5 3.5M3 8a5 5 0 0 1 8.5-3.5M2.5 2.5l11 11', skip: 'M4 3l6 5-6 5zM12 3v10',
  close: 'M4 4l8 8M12 4l-8 8', search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.3 10.3 14 14',
  settings: 'M2 4.5h7M13 4.5h1M2 11.5h1M7 11.5h7M11 2.8v3.4M5 9.8v3.4', bell: 'M4 11V7a4 4 0 0 1 8 0v4l1.2 1.5H2.8zM6.8 14.2h2.4',
  theme: 'M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11', keys: 'M1.5 4h13v8.5h-13zM4 6.7h.3M6.6 6.7h.3M9.2 6.7h.3M11.8 6.7h.3M4.5 9.8h7',
  list: 'M5.5 4H14M5.5 8H14M5.5 12H14M2 4h.4M2 8h.4M2 12h.4', breakers: 'M2 8h3l5-4M11 8h3M10.5 8h.4', stats: 'M3 13V8M8 13V3M13 13v-7',
  warn: 'M8 2 1.8 13.2h12.4zM8 6.3v3.4M8 11.4v.4', back: 'M10 3 5 8l5 5', copy: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z',
  open: 'M8 2 1.8 13.2h12.4zM8 6.3v3.4M8 11.4v.4', blocked: 'M8 3.2a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6', info: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M8 7.3v3.5M8 5v.3',
  stopped: 'M4.5 4.5h7v7h-7z', hold: 'M5.5 3v10M10.5 3v10', live: 'M5 3l8 5-8 5z',
};

/** Names of the states of steps and breakers that look like one of an operation. */
/** @type {Record<string, string>} */
const SAME = {
  ready: 'pending', running: 'in_progress', held: 'waiting', succeeded: 'success', closed: 'success', half_open: 'waiting',
  gave_up: 'exhausted', recovered: 'success', isolated: 'cancelled', passes: 'info',
};

/** @param {string} name */
export function icon(name) {
  const path = PATHS[name] ?? PATHS[SAME[name] ?? ''] ?? PATHS.info;
  return s('svg', { class: 'icon', viewBox: '0 0 16 16', 'aria-hidden': 'true', focusable: 'false' }, s('path', { d: path }));
}

/** The path alone, for a drawing that is SVG already.  @param {string} name */
export const pathOf = (name) => PATHS[name] ?? PATHS[SAME[name] ?? ''] ?? PATHS.info;

/**
 * A status: picture, word and colour.
 * @param {string} status
 * @param {string} label
 */
export const pill = (status, label) => h('span', { class: `pill s-${status}` }, icon(status), label);

/**
 * Fills an element with a pill's content, if it shows another status.
 * @param {HTMLElement} element
 * @param {string} status
 * @param {string} label
 */
export function setPill(element, status, label) {
  if (element.dataset.status === status && element.textContent === label) return;
  element.dataset.status = status;
  element.className = `pill s-${status}`;
  element.replaceChildren(icon(status), label);
}

/**
 * A button with a picture; `name` is what is read out, `text` what is shown beside the picture.
 * @param {string} picture
 * @param {string} name
 * @param {(event: MouseEvent) => void} onclick
 * @param {{text?: string, class?: string, [more: string]: any}} [more]
 */
export function button(picture, name, onclick, more = {}) {
  const { text, ...rest } = more;
  return h('button', {
    type: 'button', title: text === undefined ? name : undefined, 'aria-label': text === name ? undefined : name, onclick,
    ...rest, class: `${text === undefined ? 'bare' : 'btn'} ${more.class ?? ''}`.trim(),
  }, icon(picture), text !== undefined && h('span', {}, text));
}
