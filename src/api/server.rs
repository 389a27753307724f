//! Serves connections: HTTP/1.1 with bounds on every head, over TLS where that is asked for, until told to stop; then what is under way is answered.
//! Not for how many there may be (`connections`) nor for what is asked (`routes`).

use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::Tls;
use super::connections::{Bounded, Pulse};
use super::settings::Bounds;
use crate::base::limits::{HEAD_BYTES_MAX, HEADERS_MAX};

/// Serves until `shutdown` is ready, and then until every answer under way is given.
pub(super) async fn serve(
    mut listener: Bounded,
    router: Router,
    bounds: Bounds,
    tls: Option<Tls>,
    shutdown: impl Future<Output = ()>,
) {
    let tls = tls.map(Arc::new);
    // Once, instead of with every request.
    let router = router.with_state(());
    let (stop, stopped) = watch::channel(false);
    let mut shutdown = pin!(shutdown);
    loop {
        let connection = tokio::select! {
            connection = listener.accept() => connection,
            () = &mut shutdown => break,
        };
        let (router, stopped, tls) = (router.clone(), stopped.clone(), tls.clone());
        tokio::spawn(async move {
            let pulse = connection.pulse();
            let asked = Asked { router: TowerToHyperService::new(router), pulse };
            let Some(tls) = tls else { return speak(connection, asked, bounds, stopped).await };
            // One who begins and does not go on keeps no place.
            let begun = tokio::time::timeout(bounds.head, tls.accept(connection)).await;
            if let Ok(Some(connection)) = begun {
                speak(connection, asked, bounds, stopped).await;
            }
        });
    }
    drop((listener, stopped));
    let _ = stop.send(true);
    stop.closed().await;
}

/// One connection to its end.
async fn speak<S>(io: S, asked: Asked, bounds: Bounds, mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(io), asked));
    let told = async { drop(stopped.wait_for(|stop| *stop).await) };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended");
    }
}

/// The routes, for one connection: each request knows how its connection flows.
struct Asked {
    router: TowerToHyperService<Router>,
    pulse: Arc<Pulse>,
}

impl Service<Request<Incoming>> for Asked {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(Arc::clone(&self.pulse));
        self.router.call(request)
    }
}
