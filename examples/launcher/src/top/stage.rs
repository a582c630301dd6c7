//! The terminal, taken and given back.

use std::io::{self, IsTerminal, Stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, enable_raw_mode};
use tokio::sync::mpsc;

/// The terminal, which is as it was before when this is dropped.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Stage {
    /// Takes the terminal.
    pub(crate) fn open() -> io::Result<Self> {
        watch_panics();
        IS_TAKEN.store(true, Ordering::SeqCst);
        let taken = enable_raw_mode()
            .and_then(|()| execute!(io::stdout(), EnterAlternateScreen))
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match taken {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        give_back();
        // A cursor that stays hidden is the lesser evil.
        drop(self.terminal.show_cursor());
    }
}

static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Gives the terminal back, as far as it lets us.
///
/// Once: the second time the cursor would go back to before what a panic said.
fn give_back() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        drop(ratatui::try_restore());
    }
}

/// What a panic says is to be read, and not to be drawn over.
fn watch_panics() {
    let drawer = std::thread::current().id();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let is_drawer = std::thread::current().id() == drawer;
        if is_drawer {
            give_back();
        }
        // One of a step is caught and told as its failure; here it would smear the screen.
        if is_drawer || !io::stderr().is_terminal() {
            before(panic);
        }
    }));
}

/// Keys and the like, read in a thread of their own until nobody wants them any more.
pub(crate) fn events() -> mpsc::Receiver<Event> {
    let (tell, told) = mpsc::channel(64);
    std::thread::spawn(move || {
        while !tell.is_closed() {
            match event::poll(POLL) {
                Ok(false) => {}
                Ok(true) => {
                    let Ok(event) = event::read() else { return };
                    if tell.blocking_send(event).is_err() {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    });
    told
}

/// How long the thread may outlive its last reader.
const POLL: Duration = Duration::from_millis(200);
