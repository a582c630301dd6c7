//! An engine with a dashboard on a port of its own.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::Method;
use resurge::{
    Class, Engine, RetryPolicy, RunHandle, RunId, RunStatus, RunView, StepContext, StepError,
    Workflow,
};
use resurge_dashboard::{Dashboard, DashboardBuilder, Limits, Rate, ServeError, Token};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::{Ask, Events};

pub(crate) struct House {
    pub(crate) engine: Engine,
    pub(crate) flow: Workflow<String, String>,
    pub(crate) address: SocketAddr,
    pub(crate) token: Token,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<(), ServeError>>,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    pub(crate) async fn with(change: impl FnOnce(DashboardBuilder) -> DashboardBuilder) -> Self {
        Self::of(Token::random().unwrap(), change).await
    }

    pub(crate) async fn with_limits(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        Self::with(|builder| builder.limits(limits)).await
    }

    pub(crate) async fn of(
        token: Token,
        change: impl FnOnce(DashboardBuilder) -> DashboardBuilder,
    ) -> Self {
        let flow = echo();
        let engine = Engine::in_memory().register(&flow).start().await.unwrap();
        Self::over(engine, flow, token, change).await
    }

    /// A dashboard for an engine that knows the workflow.
    pub(crate) async fn over(
        engine: Engine,
        flow: Workflow<String, String>,
        token: Token,
        change: impl FnOnce(DashboardBuilder) -> DashboardBuilder,
    ) -> Self {
        let builder = Dashboard::builder(engine.clone()).name("tests").token(token.clone());
        let dashboard = change(builder).build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served =
            tokio::spawn(
                async move { dashboard.serve(listener, async { drop(stopped.await) }).await },
            );
        Self { engine, flow, address, token, stop, served }
    }

    /// A request with the token, as programs send it.
    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask {
        let bearer = format!("Bearer {}", self.token.as_str());
        Ask::new(self.address, method, path).with("authorization", &bearer)
    }

    pub(crate) fn get(&self, path: &str) -> Ask {
        self.ask(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Ask {
        self.ask(Method::POST, path)
    }

    /// A request without the token.
    pub(crate) fn stranger(&self, method: Method, path: &str) -> Ask {
        Ask::new(self.address, method, path)
    }

    /// The cookie that a browser gets for the token, as it sends it back.
    pub(crate) async fn cookie(&self) -> String {
        let answer = self.post("/api/v1/session").answer().await;
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    pub(crate) async fn events(&self, query: &str) -> Events {
        self.get(&format!("/api/v1/events{query}")).events().await
    }

    /// Starts a run and waits for its end.
    pub(crate) async fn run(&self, input: &str) -> RunHandle<String> {
        let run = self.engine.start(&self.flow, input.to_owned()).await.unwrap();
        run.outcome().await.unwrap();
        run
    }

    /// Starts a run under a key and waits until it has come to something.
    pub(crate) async fn start(&self, input: &str, key: &str) -> RunId {
        let run = self.engine.start(&self.flow, input.to_owned()).key(key).await.unwrap();
        self.until(run.id(), |view| view.status != RunStatus::InProgress).await;
        run.id()
    }

    /// Waits until a run stands as wanted.
    pub(crate) async fn until(&self, run: RunId, is_there: impl Fn(&RunView) -> bool) -> RunView {
        let mut events = self.engine.events(self.engine.head());
        loop {
            let view = self.engine.run(run).view().await.unwrap();
            if is_there(&view) {
                return view;
            }
            events.next().await.unwrap().unwrap();
        }
    }

    /// Stops serving and waits until it has.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap();
    }
}

/// A rate that allows so many and no more.
pub(crate) fn only(burst: u32) -> Rate {
    Rate { burst, every: Duration::from_secs(3_600) }
}

/// A workflow that gives back what it gets, unless it is told to fail.
pub(crate) fn echo() -> Workflow<String, String> {
    let mut flow = Workflow::builder::<String>("echo");
    let text = flow.input();
    let step = |_: StepContext, text: String| async move {
        match text.as_str() {
            FLAKY => Err(StepError::new(Class::Server, "busy", SECRETIVE)),
            HOPELESS => Err(StepError::new(Class::NotFound, "gone", SECRETIVE)),
            _ => Ok(text),
        }
    };
    let days = RetryPolicy::fixed(Duration::from_secs(24 * 3_600)).no_max_elapsed();
    let said = flow.step_fn("say", text, step).retry(days).add();
    let step = |_: StepContext, text: String| async move { Ok(text) };
    let repeated = flow.step_fn("repeat", said, step).add();
    flow.build(repeated).unwrap()
}

/// An input with which the first step fails and is tried again a day later.
pub(crate) const FLAKY: &str = "flaky";
/// An input with which the first step fails for good.
pub(crate) const HOPELESS: &str = "hopeless";
/// What a failure says, with a password and a signature that nobody is to see.
pub(crate) const SECRETIVE: &str = "GET http://bob:hunter2@host/x?sig=s3cret failed";

/// What must come to pass, but not by when: fails instead of waiting for ever.
pub(crate) async fn at_last<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it comes to pass")
}
