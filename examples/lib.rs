//! Small programs that show the Resurge workflow engine.
//!
//! | example | what it shows |
//! |---|---|
//! | `hello` | three steps in memory |
//! | `crash_and_resume` | a process is killed in the middle; the next one goes on where it stopped |
//! | `embed` | an engine inside an application: keys, events, progress, shutdown in good order |
//! | `recoverable` | retries and a circuit breaker around single functions |
//! | `launcher` | the whole launcher; its library is in `launcher/` |
