// @ts-check
// What a person looks at stands in the address: filters, search, order, the chosen operation, the panel.

/** @typedef {import('./types.d.ts').State} State */
/** @typedef {import('./types.d.ts').Window} Window */

export const STATUSES = [
  'in_progress', 'recovering', 'waiting', 'paused', 'pending', 'success', 'failed', 'exhausted', 'cancelled',
];
export const SORTS = ['-started', 'started', 'name', '-name', 'status', '-updated'];
const PANELS = ['breakers', 'stats', 'settings'];

/**
 * @param {string} search as of `location.search`
 * @returns {State}
 */
export function parse(search) {
  const query = new URLSearchParams(search);
  /** @param {string} name */
  const text = (name) => query.get(name) ?? '';
  const sort = text('sort');
  const panel = text('panel');
  return {
    state: STATUSES.filter((status) => text('state').split(',').includes(status)),
    workflow: text('workflow'),
    error: text('error'),
    host: text('host'),
    q: text('q'),
    sort: SORTS.includes(sort) ? sort : '-started',
    operation: text('operation'),
    panel: /** @type {State['panel']} */ (PANELS.includes(panel) ? panel : ''),
  };
}

/**
 * @param {State} state
 * @returns {URLSearchParams}
 */
function query(state) {
  const to = new URLSearchParams();
  if (state.state.length > 0) to.set('state', state.state.join(','));
  for (const name of /** @type {const} */ (['workflow', 'error', 'host', 'q'])) {
    if (state[name] !== '') to.set(name, state[name]);
  }
  if (state.sort !== '-started') to.set('sort', state.sort);
  if (state.operation !== '') to.set('operation', state.operation);
  if (state.panel !== '') to.set('panel', state.panel);
  return to;
}

/**
 * The address of this state: `?` and what differs from the default, or `./` for the default itself.
 * @param {State} state
 */
export function format(state) {
  const text = query(state).toString().replaceAll('%2C', ',');
  return text === '' ? './' : `?${text}`;
}

/**
 * The address of the stream that shows this state.
 * @param {State} state
 * @param {Window} window
 */
export function subscription(state, window) {
  const to = query(state);
  to.set('from', String(window.from));
  to.set('count', String(window.count));
  return `api/v1/view?${to.toString().replaceAll('%2C', ',')}`;
}

/**
 * The filter of this state as the routes for many operations take it.
 * @param {State} state
 */
export function filterOf(state) {
  /** @type {Record<string, string>} */
  const filter = {};
  if (state.state.length > 0) filter.state = state.state.join(',');
  for (const name of /** @type {const} */ (['workflow', 'error', 'host', 'q'])) {
    if (state[name] !== '') filter[name] = state[name];
  }
  return filter;
}

/**
 * Whether anything narrows the list.
 * @param {State} state
 */
export const isFiltered = (state) => Object.keys(filterOf(state)).length > 0;
