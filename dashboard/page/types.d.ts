// The view-model of the server, version 1. Times are RFC 3339, durations milliseconds, sizes bytes.
// Nothing is ever null: what is not there is absent. These names are known everywhere in the page.

type Status =
  | 'pending' | 'in_progress' | 'recovering' | 'waiting' | 'paused'
  | 'success' | 'failed' | 'exhausted' | 'cancelled';

interface Progress { done: number; total?: number }

interface Wait { kind: string; text?: string; due_at?: string; host?: string }

interface Problem {
  class?: string; group?: string; kind?: string; title?: string; message?: string; hint?: string; host?: string;
}

interface Row {
  name: string; workflow: string; status: Status; label: string; version: number;
  step?: string; steps_done?: number; steps_total?: number; attempt?: number; attempts_max?: number;
  percent?: number; progress?: Progress; rate?: number; eta_ms?: number;
  wait?: Wait; error?: Problem; started_at?: string; ended_at?: string; can?: string[];
}

interface Step {
  index: number; kind?: string; status: string; needs?: string[];
  attempt?: number; attempts_max?: number; attempts?: number;
  progress?: Progress; rate?: number; eta_ms?: number; since?: string;
  due_at?: string; held_by?: string[]; text?: string; arithmetic?: string[];
  error?: Problem; output?: string;
}

interface Segment {
  kind: 'attempt' | 'delay' | 'hold' | 'pause'; from: string; to?: string;
  attempt?: number; outcome?: string; text?: string;
}

interface Lane { index: number; segments: Segment[]; dropped?: number }

interface Timeline { from: string; to?: string; lanes: Record<string, Lane> }

interface Happening {
  at: string; event: string; step?: string; attempt?: number; text?: string; seq?: number; tone?: string;
}

interface Graph {
  width: number; height: number;
  nodes: Record<string, { x: number; y: number; w: number; h: number }>;
  edges: string[];
}

interface Action { index: number; text: string; step?: string }

interface Artifact {
  step?: string; name: string; path?: string; bytes?: number; digest?: string;
}

interface Detail {
  missing?: boolean; id: string; row?: Row; deadline_at?: string; input?: string; output?: string;
  why?: { text: string; arithmetic?: string[]; notes?: string[] };
  actions?: Record<string, Action>; steps?: Record<string, Step>; graph?: Graph;
  timeline?: Timeline; events?: Record<string, Happening>; more_events?: boolean;
  artifacts?: Record<string, Artifact>;
}

interface Breaker {
  index: number; name?: string; state: 'open' | 'half_open' | 'closed'; mode?: string; text?: string; opened_at?: string; until?: string;
  failures_in_row?: number; threshold?: number; held?: number; probe?: string;
  set_by?: { actor?: string; reason?: string; until?: string }; trips?: number; can?: string[];
}

interface Stats {
  total?: number; succeeded?: number; recovered?: number; failed?: number; cancelled?: number;
  average_recovery_ms?: number; retry_attempts?: number; breaker_trips?: number; success_rate?: number;
  causes?: Record<string, { index: number; failures: number; retried?: number }>;
  hosts?: Record<string, { index: number; name?: string; alive?: number; failing?: number; trips?: number }>;
  recent?: Record<string, { from: string; succeeded?: number; failed?: number; retries?: number }>;
}

interface Setting {
  index?: number; value?: number; default?: number; changed?: boolean; unit?: string;
  min?: number; max?: number; label?: string; help?: string;
}

interface Notice { operation: string; name: string; kind: string; text: string; at: string }

interface ExtraButton { index: number; label: string; title?: string; confirm?: string }

interface View {
  v: number; seq: number; now: string;
  engine: { name: string; version?: string; read_only?: boolean; state?: string; started_at?: string };
  counts: Record<string, number>;
  totals: { active: number; done?: number; total?: number; rate?: number; eta_ms?: number };
  breakers?: Record<string, Breaker>; stats?: Stats; settings?: Record<string, Setting>;
  list: { total: number; from: number; order: string[]; rows: Record<string, Row> };
  detail?: Detail; notices?: Record<string, Notice>; buttons?: Record<string, ExtraButton>;
}

/** What stands in the address of the page. */
interface State {
  state: string[]; workflow: string; error: string; host: string; q: string; sort: string;
  operation: string; panel: '' | 'breakers' | 'stats' | 'settings';
}

interface Slice { from: number; count: number }

interface Answer { ok: boolean; status: number; data: any; problem: string; code: string }
