// @ts-check
// What is looked at: the address of the page and the window of the list.

// What a person looks at stands in the address: filters, search, order, the chosen operation, the panel.

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
 * What is sent to be shown this state.
 * @param {State} state
 * @param {Slice} window
 */
export const subscription = (state, window) => JSON.stringify({ view: { ...Object.fromEntries(query(state)), ...window } });

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

/** What of a state chooses and orders the rows.  @param {State} state */
export const listKey = (state) => JSON.stringify([filterOf(state), state.sort]);

/**
 * Whether anything narrows the list.
 * @param {State} state
 */
export const isFiltered = (state) => Object.keys(filterOf(state)).length > 0;

// Arithmetic of the virtual list: which rows are in sight, and which to ask the server for.

export const COUNT_MAX = 200;
// Rows that are kept ready on either side.
const SPARE = 40;

/**
 * Rows in sight, as [first, end).
 * @param {number} top distance from the top of the list to the top of what is seen, pixels
 * @param {number} height pixels seen
 * @param {number} rowHeight pixels
 * @param {number} total rows that there are
 * @returns {[number, number]}
 */
export function inSight(top, height, rowHeight, total) {
  const first = Math.floor(Math.max(0, top) / rowHeight);
  const end = Math.ceil(Math.max(0, top + height) / rowHeight);
  return [Math.min(first, total), Math.min(Math.max(end, first), total)];
}

/**
 * By how many places most of the rows that were seen have moved.
 * @param {string[]} ids those that were seen
 * @param {number} first the place of the first of them
 * @param {string[]} order the rows that there are now
 * @param {number} from the place of the first of those
 */
export function shift(ids, first, order, from) {
  const places = new Map(order.map((id, at) => [id, at + from]));
  const moved = ids.flatMap((id, at) => (places.has(id) ? [(places.get(id) ?? 0) - first - at] : [])).sort((a, b) => a - b);
  return moved[Math.floor(moved.length / 2)] ?? 0;
}

/**
 * The window to subscribe to; the same object as `current` while that one still does.
 * @param {Slice} current
 * @param {number} first
 * @param {number} end
 * @param {number} total
 * @param {number} [ahead] how many rows it will have gone on by when the answer comes; negative upwards
 * @returns {Slice}
 */
export function windowFor(current, first, end, total, ahead = 0) {
  const needFrom = Math.max(0, first + Math.min(0, ahead) - (ahead > 0 ? 0 : SPARE));
  const needEnd = Math.min(total, end + Math.max(0, ahead) + (ahead < 0 ? 0 : SPARE));
  if (current.count > 0 && needFrom >= current.from && needEnd <= current.from + current.count) {
    return current;
  }
  const seen = Math.max(0, end - first);
  // What is in sight is kept if what comes fits beside it; who goes on wants what comes next.
  const most = Math.max(0, COUNT_MAX - seen - SPARE / 2);
  const there = Math.abs(ahead) + SPARE > most ? first + ahead : first;
  const count = ahead === 0 ? Math.min(COUNT_MAX, Math.max(60, Math.ceil((seen + 4 * SPARE) / 20) * 20)) : COUNT_MAX;
  const before = ahead === 0 ? (count - seen) / 2 : ahead > 0 ? SPARE / 2 : most;
  const from = Math.max(0, Math.min(Math.round(there - before), Math.max(0, total - count)));
  return { from, count };
}
