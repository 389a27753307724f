//! The HTTP face: axum on one address, a token on every route but the health ones, problem+json for every error.
//! One file per family of routes and one line in the registry. Not for: deciding, folding, starting (remediator).

mod auth;
mod connections;
mod daemon;
mod document;
mod guard;
mod metrics;
mod operation;
mod origin;
mod problem;
mod query;
mod roles;
mod routes;
mod server;
mod sessions;
mod settings;
mod stream;
pub mod tls;
mod token_file;
pub mod tokens;
mod tokens_v1;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub use daemon::{Answer, Daemon};
pub use document::document;
pub use problem::Problem;
pub use roles::Role;
pub use sessions::Sessions;
pub use settings::{Bounds, Place, Settings};
pub use tls::Tls;
pub use token_file::TokenFile;
pub use tokens::{Bearer, Tokens};

use crate::audit::{self, Audit};
use crate::base::limits::POSTMORTEMS_MAX;

/// What every route has at hand.
#[derive(Clone)]
struct Api {
    daemon: Arc<dyn Daemon>,
    tokens: Arc<TokenFile>,
    sessions: Arc<Sessions>,
    stream: Arc<stream::Hub>,
    requests: Arc<metrics::Requests>,
    bounds: Bounds,
    place: Arc<Place>,
    /// Where the journal's files are, and who may read all of it now.
    journal: Option<Arc<Path>>,
    telling: Arc<Semaphore>,
}

impl Api {
    /// Answers from the read model, on a thread that may block. As soon as the journal is open, ready or not.
    async fn read<T, F>(&self, question: F) -> Result<T, Box<Problem>>
    where
        T: Send + 'static,
        F: FnOnce(&Audit) -> Result<T, audit::Error> + Send + 'static,
    {
        let audit = self.daemon.audit().ok_or_else(|| self.not_ready())?;
        match tokio::task::spawn_blocking(move || question(&audit)).await {
            Ok(answer) => Ok(answer?),
            Err(error) => {
                tracing::error!(%error, "a view panicked");
                Err(Problem::new(problem::INTERNAL, "the view could not be made"))
            }
        }
    }

    /// The same as JSON for people: sealed text in it is opened, where the key is here.
    async fn show<T, F>(&self, question: F) -> Result<Response, Box<Problem>>
    where
        T: serde::Serialize,
        F: FnOnce(&Audit) -> Result<T, audit::Error> + Send + 'static,
    {
        let json = self.read(move |audit| audit.opened(&question(audit)?)).await?;
        Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
    }

    /// Whether a session is good, which counts as a use of it.
    fn has_session(&self, id: &str, now_s: u64) -> bool {
        self.sessions.person(id, &self.tokens.now(), now_s).is_some()
    }

    /// Nothing is acknowledged before all steps of the start are done (RM-34).
    fn ready(&self) -> Result<(), Box<Problem>> {
        if self.daemon.readiness().ready { Ok(()) } else { Err(self.not_ready()) }
    }

    fn not_ready(&self) -> Box<Problem> {
        use crate::remediator::ReadyState;
        let readiness = self.daemon.readiness();
        let at = readiness.steps.iter().find(|s| s.state != ReadyState::Done);
        let detail = match at.map(|s| (s.name, &s.state)) {
            Some((name, ReadyState::Failed(why))) => format!("step `{name}` of the start failed: {why}"),
            Some((name, _)) => format!("step `{name}` of the start is not done"),
            None => "it is starting".into(),
        };
        Problem::new(problem::NOT_READY, detail).retry_after(1)
    }
}

/// Everything, as one service.
fn router(api: Api) -> Router {
    let guarded = routes::guarded()
        .into_router()
        .layer(axum::middleware::from_fn_with_state(api.clone(), guard::node))
        .layer(axum::middleware::from_fn_with_state(api.clone(), auth::bearer))
        // Before the token: another home's is not known, and that says less.
        .layer(axum::middleware::from_fn_with_state(api.clone(), guard::home));
    Router::new()
        .merge(guarded)
        .merge(routes::open().into_router())
        .method_not_allowed_fallback(guard::method_not_allowed)
        .fallback(guard::not_found)
        .layer(axum::extract::DefaultBodyLimit::max(crate::base::limits::REQUEST_BYTES_MAX))
        .layer(axum::middleware::from_fn(guard::text_path))
        .layer(axum::middleware::from_fn(guard::encoding))
        .layer(axum::middleware::from_fn(guard::size))
        .layer(axum::middleware::from_fn_with_state(api.clone(), guard::bounds))
        .with_state(api)
}

/// Serves until `shutdown` is ready and the requests under way are answered. Sessions end with it.
pub async fn serve(
    listener: TcpListener,
    daemon: impl Daemon + 'static,
    tokens: Tokens,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    serve_with(
        listener,
        daemon,
        TokenFile::fixed(tokens),
        Sessions::in_memory(),
        Settings::default(),
        shutdown,
    )
    .await
}

/// The same with sessions that are kept, tokens that change, and settings of one's own.
pub async fn serve_with(
    listener: TcpListener,
    daemon: impl Daemon + 'static,
    tokens: TokenFile,
    sessions: Sessions,
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let Settings { bounds, place, tls, journal } = settings;
    let stream = Arc::new(stream::Hub::new(bounds));
    let api = Api {
        daemon: Arc::new(daemon),
        tokens: Arc::new(tokens),
        sessions: Arc::new(sessions),
        stream: Arc::clone(&stream),
        requests: Arc::default(),
        bounds,
        place: Arc::new(place),
        journal: journal.map(Arc::from),
        telling: Arc::new(Semaphore::new(POSTMORTEMS_MAX)),
    };
    let shutdown = async move {
        shutdown.await;
        // A stream ends when it is told to; the server waits for every answer that is under way.
        stream.stop();
    };
    let listener = connections::Bounded::new(listener, bounds);
    server::serve(listener, router(api), bounds, tls, shutdown).await;
    Ok(())
}
