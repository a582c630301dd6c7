// @ts-check
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
  setAttr(element, 'hidden', !shown);
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
  for (const [key, element] of old) if (!next.has(key)) element.remove();
  keyed.set(parent, next);
  const focused = document.activeElement;
  let place = parent.firstElementChild;
  let index = 0;
  for (const [key, element] of next) {
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
    update(element, key, index);
    index += 1;
  }
  // An element that is moved loses the focus.
  if (focused !== document.activeElement && parent.contains(focused)) {
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
