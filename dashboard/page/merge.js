// @ts-check
// JSON merge patches (RFC 7396). What a patch does not name keeps its identity, so that
// `before === after` tells a part of the page that it has nothing to do.

/**
 * @param {any} value
 * @returns {value is Record<string, any>}
 */
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The value that comes of applying `patch` to `target`; neither is changed.
 * @param {any} target
 * @param {any} patch
 * @returns {any}
 */
export function merge(target, patch) {
  if (!isObject(patch)) return patch;
  const base = isObject(target) ? target : {};
  /** @type {Record<string, any> | undefined} */
  let next = base === target ? undefined : base;
  for (const key of Object.keys(patch)) {
    const change = patch[key];
    if (change === null) {
      if (!Object.hasOwn(base, key)) continue;
      next ??= { ...base };
      delete next[key];
      continue;
    }
    const before = Object.hasOwn(base, key) ? base[key] : undefined;
    const after = merge(before, change);
    if (after === before) continue;
    if (next === undefined || next === base) next = { ...base };
    // A key may be any text of the journal, `__proto__` too.
    Object.defineProperty(next, key, { value: after, enumerable: true, writable: true, configurable: true });
  }
  return next ?? base;
}
