//! What the terminal shows, as state: views and keys go in, wishes come out.

use resurge::Timestamp;
use resurge_dashboard::view::{Counts, Filter, Panel, STATES, Sort, Subscription, View};

use super::ask::Ask;
use super::clock::Clock;
use super::draw::scrolled_lines;
use super::feed::Feed;
use super::ink::{Ink, Tone};
use super::notice::{Question, Said};
use super::screen::Screen;
use super::source::Heard;
use super::window::Window;
use crate::ui::words::tame;

/// What has the keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pane {
    List,
    Detail,
    Breakers,
    Stats,
    Help,
}

/// Where the engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// In this process: it stops when the terminal is left.
    Here,
    /// In another process.
    There,
}

/// Whether what is shown is as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// Nothing has been heard yet.
    Waiting,
    /// Heard a moment ago.
    Live,
    /// Nothing is heard any more, and why.
    Lost(String),
}

/// What leaves the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Something is to be done.
    Do(Ask),
    /// The terminal is to be left.
    Quit,
}

/// What the terminal shows.
#[derive(Debug)]
pub(crate) struct App {
    pub(super) feed: Feed,
    pub(super) line: Line,
    pub(super) clock: Clock,
    pub(super) engine: Engine,
    pub(super) ink: Ink,
    pub(super) screen: Screen,
    pub(super) pane: Pane,
    pub(super) window: Window,
    /// Place in [`STATES`] of the status that is looked at.
    pub(super) state: Option<usize>,
    pub(super) search: String,
    /// Whether letters go into the search.
    pub(super) is_typing: bool,
    pub(super) sort: Sort,
    /// Lines that are scrolled away, of whatever is longer than the screen.
    pub(super) scroll: usize,
    /// The chosen breaker.
    pub(super) breaker: usize,
    pub(super) question: Option<Question>,
    /// What is to be done once its output is typed in.
    pub(super) unsaid: Option<Ask>,
    pub(super) said: Option<Said>,
    /// Whether another list was asked for that has not been heard yet.
    is_awaiting: bool,
    /// The newest notice that was told; none before the first view.
    noticed: Option<u64>,
}

impl App {
    pub(crate) fn new(engine: Engine, ink: Ink, screen: Screen) -> Self {
        let mut window = Window::default();
        window.resize(screen.rows());
        Self {
            feed: Feed::default(),
            line: Line::Waiting,
            clock: Clock::default(),
            engine,
            ink,
            screen,
            pane: Pane::List,
            window,
            state: None,
            search: String::new(),
            is_typing: false,
            sort: Sort::default(),
            scroll: 0,
            breaker: 0,
            question: None,
            unsaid: None,
            said: None,
            is_awaiting: false,
            noticed: None,
        }
    }

    /// What is to be shown.
    pub(crate) fn wanted(&self) -> Subscription {
        let (from, count) = self.window.part();
        let state = self.state.and_then(|at| STATES.get(at));
        let search = Some(&self.search).filter(|text| !text.is_empty());
        Subscription {
            filter: Filter {
                state: state.map(ToString::to_string),
                q: search.cloned(),
                ..Filter::default()
            },
            sort: self.sort,
            from,
            count,
            operation: self.chosen().and_then(|id| id.parse().ok()),
            panel: match self.pane {
                Pane::Breakers => Some(Panel::Breakers),
                Pane::Stats => Some(Panel::Stats),
                _ => None,
            },
        }
    }

    /// The operation that is shown in full.
    pub(super) fn chosen(&self) -> Option<&str> {
        let is_shown = self.pane == Pane::Detail || self.screen.is_wide();
        self.window.selected().filter(|_| is_shown)
    }

    /// The view that was heard last.
    pub(super) const fn view(&self) -> Option<&View> {
        self.feed.view()
    }

    /// Takes in what was heard.
    pub(crate) fn hear(&mut self, heard: Heard, here: Timestamp) {
        let taken = match heard {
            Heard::Snapshot(data) => {
                self.learn_clock(&data, here);
                self.is_awaiting = false;
                self.feed.snapshot(data)
            }
            Heard::Patch(data) => {
                self.learn_clock(&data, here);
                self.feed.patch(data)
            }
            Heard::Lost(why) => {
                self.line = Line::Lost(tame(&why));
                return;
            }
            Heard::Done(text) => return self.say(&text, Tone::Good, here),
            Heard::Refused(text) => return self.say(&text, Tone::Bad, here),
        };
        match taken {
            Ok(()) => self.line = Line::Live,
            Err(error) => self.line = Line::Lost(error.to_string()),
        }
        self.tell_notice(here);
        if let Some(view) = self.feed.view() {
            // A patch of the list before says nothing about the one that is to come.
            if !self.is_awaiting {
                self.window.learn(&view.list);
            }
            self.breaker = self.breaker.min(view.breakers.len().saturating_sub(1));
        }
        self.clamp_scroll(here);
    }

    /// Takes in a new size.
    pub(crate) fn resize(&mut self, screen: Screen, here: Timestamp) {
        self.screen = screen;
        self.window.resize(screen.rows());
        self.clamp_scroll(here);
    }

    /// Begins at the top, as another list is wanted.
    pub(super) fn begin_anew(&mut self) {
        self.window.reset();
        self.is_awaiting = true;
    }

    pub(super) fn say(&mut self, text: &str, tone: Tone, here: Timestamp) {
        self.said = Some(Said::new(tame(text), tone, here));
    }

    /// Says what has happened since, but not what had happened before anybody looked.
    fn tell_notice(&mut self, here: Timestamp) {
        let Some(view) = self.feed.view() else { return };
        let known = view.notices.iter();
        let numbered = known.filter_map(|(seq, notice)| Some((seq.parse::<u64>().ok()?, notice)));
        let newest = numbered.max_by_key(|(seq, _)| *seq);
        let number = newest.map_or(0, |(seq, _)| seq);
        if let (Some(last), Some((_, notice))) = (self.noticed, newest)
            && number > last
        {
            let tone = if notice.kind == "gave_up" { Tone::Bad } else { Tone::Good };
            let text = notice.text.clone();
            self.say(&text, tone, here);
        }
        self.noticed = Some(number);
    }

    fn learn_clock(&mut self, data: &serde_json::Value, here: Timestamp) {
        if let Some(now) = data.get("now").and_then(serde_json::Value::as_str) {
            self.clock.learn(now, here);
        }
    }

    /// Never scrolls away from everything.
    pub(super) fn clamp_scroll(&mut self, here: Timestamp) {
        if self.scroll > 0 {
            let lines = scrolled_lines(self, here).len();
            self.scroll = self.scroll.min(lines.saturating_sub(self.screen.body().into()));
        }
    }

    /// Operations that stop when the engine does.
    pub(super) fn unfinished(&self) -> u64 {
        let counts = self.view().map(|view| view.counts).unwrap_or_default();
        let Counts { pending, in_progress, recovering, .. } = counts;
        if self.engine == Engine::Here { pending + in_progress + recovering } else { 0 }
    }
}
