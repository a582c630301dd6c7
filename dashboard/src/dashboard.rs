//! The dashboard as embedders hold it.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use resurge::{Engine, RunId, Unavailable};
use tokio::net::TcpListener;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use crate::api::{self, Batches, Lines, NewDownload, Problem, Pulse, Starter, code};
use crate::board::{Board, Identity, Live};
use crate::button::{self, Button};
use crate::guard::{AllowedHost, Answers, Bucket, Limits};
use crate::serve::{self, ServeError};
use crate::token::{Token, TokenError};
use crate::turns::Turns;
use crate::view::Subscription;

/// The dashboard of an engine: a page, an API, and the guard before both. Cheap to clone.
///
/// ```
/// use resurge::Engine;
/// use resurge_dashboard::{Dashboard, Token};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let home = std::env::temp_dir().join(format!("resurge-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&home)?;
/// let engine = Engine::in_memory().start().await?;
/// let token = Token::load_or_create(home.join("dashboard-token"))?;
/// let dashboard = Dashboard::builder(engine.clone()).name("launcher").token(token).build()?;
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// println!("{}", dashboard.url(listener.local_addr()?));
/// let stop = async { /* until ctrl-c, say */ };
/// dashboard.serve(listener, stop).await?;
/// # std::fs::remove_dir_all(&home)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Dashboard {
    app: Arc<App>,
}

/// Puts a dashboard together; [`build`](Self::build) makes it.
///
/// # Defaults
/// The name `resurge`, a random token, no hosts beyond the loopback, controls allowed,
/// [`Limits::default`].
#[derive(Debug)]
#[must_use = "a dashboard is there after `build`"]
pub struct DashboardBuilder {
    engine: Engine,
    name: String,
    token: Option<Token>,
    hosts: Vec<String>,
    read_only: bool,
    buttons: Vec<Button>,
    starter: Option<Starter>,
    limits: Limits,
}

/// A dashboard that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DashboardError {
    /// A name of [`hosts`](DashboardBuilder::hosts) is none.
    #[error(
        "`{name}` is no name of a host; give it as it stands in the address bar of a browser, such as my.box or my.box:7878, without http:// and without wildcards"
    )]
    Host {
        /// What was given.
        name: String,
    },
    /// There is no token.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// What every request sees.
pub(crate) struct App {
    pub(crate) engine: Engine,
    pub(crate) name: String,
    pub(crate) token: Token,
    pub(crate) hosts: Vec<AllowedHost>,
    pub(crate) read_only: bool,
    pub(crate) buttons: Vec<Button>,
    pub(crate) starter: Option<Starter>,
    pub(crate) limits: Limits,
    pub(crate) streams: Arc<Semaphore>,
    looks_back: Arc<Semaphore>,
    /// Turns of those who compute what streams say.
    pub(crate) turns: Arc<Turns>,
    pub(crate) lines: Lines,
    pub(crate) controls: Mutex<Bucket>,
    pub(crate) wrong_tokens: Mutex<Bucket>,
    pub(crate) answers: Answers,
    pub(crate) batches: Batches,
    pub(crate) pulse: Pulse,
    /// Opened when somebody looks for the first time.
    board: OnceCell<Arc<Board>>,
}

impl App {
    /// What is known of all operations.
    ///
    /// The first look reads all of them, those that have left memory included.
    pub(crate) async fn board(&self) -> Result<&Arc<Board>, Unavailable> {
        let open = || async {
            let identity = Identity {
                name: self.name.clone(),
                read_only: self.read_only,
                buttons: button::cards(&self.buttons),
            };
            Board::open(self.engine.clone(), identity, Arc::clone(&self.turns)).await
        };
        self.board.get_or_try_init(open).await
    }

    /// The same once it knows everything that is durable now: whoever has changed something sees it.
    pub(crate) async fn fresh_board(&self) -> Result<&Arc<Board>, Unavailable> {
        let head = self.engine.head();
        let board = self.board().await?;
        board.reach(head).await;
        Ok(board)
    }
}

impl App {
    /// A place among those who read the past of an operation from the journal.
    pub(crate) async fn look_back(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = Arc::clone(&self.looks_back).acquire_owned();
        let wait = self.limits.look_back_wait;
        match tokio::time::timeout(wait, place).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Problem::new(&code::BUSY, "many read from the journal at the moment")
                .retry_after(wait)
                .remedy("ask again in a moment, for one operation at a time")),
        }
    }
}

impl Dashboard {
    /// A dashboard for an engine.
    pub fn builder(engine: Engine) -> DashboardBuilder {
        DashboardBuilder {
            engine,
            name: "resurge".to_owned(),
            token: None,
            hosts: Vec::new(),
            read_only: false,
            buttons: Vec::new(),
            starter: None,
            limits: Limits::default(),
        }
    }

    /// The page and the API, with the guard before them, to nest into a server of the embedder.
    ///
    /// Nest it at a path that ends with a slash: the addresses of the page are relative.
    /// That server has to limit connections and slow clients, as [`serve`](Self::serve) does.
    pub fn router(&self) -> Router {
        api::router(&self.app).0
    }

    /// What a subscription shows, now and whenever it changes: for a terminal in the same process.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine no longer runs.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn watch(&self, wanted: Subscription) -> Result<Live, Unavailable> {
        Ok(Live::new(self.app.board().await?, wanted))
    }

    /// Serves until `shutdown` is done; then streams end at once and answers under way in
    /// [`Limits::shutdown_grace`].
    ///
    /// # Errors
    /// [`ServeError`] if the listener is open to others than this machine although no
    /// [`hosts`](DashboardBuilder::hosts) are named.
    ///
    /// # Cancel safety
    /// When the future is dropped every connection is cut.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let is_open = !self.app.hosts.is_empty();
        serve::serve(listener, self.router(), &self.app.limits, is_open, shutdown).await
    }

    /// The address to open, with the token that the page trades for a cookie.
    ///
    /// Browsers keep what stands behind the `#` to themselves. An address beyond the loopback answers
    /// only if it is among the [`hosts`](DashboardBuilder::hosts).
    pub fn url(&self, address: SocketAddr) -> String {
        let port = address.port();
        let host = match address.ip() {
            IpAddr::V4(v4) if !v4.is_unspecified() => v4.to_string(),
            IpAddr::V6(v6) if !v6.is_unspecified() => format!("[{v6}]"),
            // Every address of this machine is one of them.
            _ => "127.0.0.1".to_owned(),
        };
        format!("http://{host}:{port}/#token={}", self.app.token.as_str())
    }
}

impl DashboardBuilder {
    /// The name of the program, for the head of the page.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The token that clients must show.
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// Names under which the dashboard answers beyond those of the loopback, such as
    /// `my.box:7878`; without a port, any port. One that is none is refused by [`build`](Self::build).
    ///
    /// Name one only if the way there is private: the token travels over it as it is.
    pub fn hosts<H: AsRef<str>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.hosts.extend(hosts.into_iter().map(|host| host.as_ref().to_owned()));
        self
    }

    /// Whether nothing can be changed.
    pub const fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Adds a button to the page.
    pub fn button(mut self, button: Button) -> Self {
        self.buttons.push(button);
        self
    }

    /// What starts a download when a client asks for one with `POST /api/downloads`.
    ///
    /// The error is shown to whoever asked. Without a starter none can be started from outside.
    pub fn starter<F, R>(mut self, start: F) -> Self
    where
        F: Fn(NewDownload) -> R + Send + Sync + 'static,
        R: Future<Output = Result<RunId, String>> + Send + 'static,
    {
        self.starter = Some(Starter::new(start));
        self
    }

    /// What the dashboard bears.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Makes the dashboard.
    ///
    /// # Errors
    /// [`DashboardError`] if a host is none, or if there is neither a token nor luck to make one.
    pub fn build(self) -> Result<Dashboard, DashboardError> {
        let Self { engine, name, token, hosts, read_only, buttons, starter, limits } = self;
        let token = token.map_or_else(Token::random, Ok)?;
        let host = |name: String| AllowedHost::new(&name).ok_or(DashboardError::Host { name });
        let hosts = hosts.into_iter().map(host).collect::<Result<_, _>>()?;
        let app = App {
            engine,
            name,
            token,
            hosts,
            read_only,
            buttons,
            starter,
            streams: Arc::new(Semaphore::new(places(limits.streams_max))),
            turns: Arc::default(),
            lines: Lines::default(),
            looks_back: Arc::new(Semaphore::new(places(limits.looks_back_max))),
            controls: Mutex::new(Bucket::new(limits.controls)),
            wrong_tokens: Mutex::new(Bucket::new(limits.wrong_tokens)),
            answers: Answers::new(limits.answers_max, limits.answers_age),
            limits,
            batches: Batches::default(),
            pulse: Pulse::default(),
            board: OnceCell::new(),
        };
        Ok(Dashboard { app: Arc::new(app) })
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("name", &self.name).finish_non_exhaustive()
    }
}

/// As many places as a semaphore can have.
fn places(wanted: usize) -> usize {
    wanted.min(Semaphore::MAX_PERMITS)
}
