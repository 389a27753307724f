//! The HTTP client of the commands: one short request at a time to the daemon of this home.

use std::time::Duration;

use reqwest::header;

use super::Home;
use super::exit::{Exit, Failure};
use crate::api::Problem;

/// A daemon that listens answers the connection at once.
const CONNECT: Duration = Duration::from_secs(1);
/// The longest answer; the server gives up after 30 s.
const ANSWER: Duration = Duration::from_secs(35);

/// The longest that a question is waited for which can be answered without the daemon as well.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// Nobody listens.
    NoDaemon {
        /// Where.
        address: String,
        /// What the system says.
        source: reqwest::Error,
    },
    /// It listens and says nothing: it hangs, or the disk under it.
    Silent {
        /// Where.
        address: String,
        /// What the client says.
        source: reqwest::Error,
    },
    /// It listens and says no, or not now.
    Problem(Box<Problem>),
    /// Something else is wrong.
    Broken(Failure),
}

impl NoAnswer {
    /// Whether a word that only takes power away is to be left as a file instead: a daemon that has other troubles,
    /// or does not know our token, must not refuse it.
    pub fn leaves_the_file(&self) -> bool {
        match self {
            Self::Broken(_) | Self::NoDaemon { .. } | Self::Silent { .. } => true,
            Self::Problem(problem) => matches!(problem.status, 401 | 503),
        }
    }
    /// As the end of a command that cannot do without the daemon.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::NoDaemon { address, source } => {
                Failure::new(Exit::Unavailable, format!("no daemon answers at {address}"))
                    .hint("start it with `remediator serve`, or say where it listens with REMEDIATOR_LISTEN")
                    .because(source)
            }
            Self::Silent { address, source } => {
                let what = format!("the daemon at {address} does not answer in time");
                let hint =
                    format!("look at its log; `curl http://{address}/readyz?verbose` says what it does");
                Failure::new(Exit::Temporary, what).hint(hint).because(source)
            }
            Self::Problem(problem) => {
                let exit = match problem.status {
                    400 | 413 => Exit::Usage,
                    401 | 403 => Exit::Refused,
                    503 => Exit::Temporary,
                    _ => Exit::Findings,
                };
                if problem.status == 404 {
                    // The same words as without a daemon.
                    return Failure::new(exit, problem.detail).hint(super::exit::NOT_THERE);
                }
                let what = format!("{}: {} ({})", problem.title, problem.detail, problem.code);
                Failure::new(exit, what).hint(problem.hint)
            }
            Self::Broken(failure) => failure,
        }
    }
}

/// A connection to be.
pub struct Client {
    address: String,
    token: Option<String>,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    /// For the daemon of a home.
    pub fn new(home: &Home) -> Result<Self, Failure> {
        let broken = |what: &str| Failure::new(Exit::Unavailable, format!("cannot {what}"));
        let http = http(CONNECT, ANSWER)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| broken("start the HTTP client").because(e))?;
        let token = std::fs::read_to_string(home.token()).ok().map(|t| t.trim().to_owned());
        Ok(Self { address: address(home)?, token, http, runtime })
    }

    /// Where the daemon is thought to listen.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// GET a path.
    pub fn get(&self, path: &str) -> Result<String, NoAnswer> {
        self.send(self.http.get(self.url(path)).timeout(PATIENCE))
    }

    /// POST JSON to a path, for commands that have another way when nobody answers.
    pub fn try_post(&self, path: &str, body: String) -> Result<String, NoAnswer> {
        self.send(self.json(path, body).timeout(PATIENCE))
    }

    /// POST JSON to a path.
    pub fn post(&self, path: &str, body: String) -> Result<String, NoAnswer> {
        self.send(self.json(path, body))
    }

    fn json(&self, path: &str, body: String) -> reqwest::RequestBuilder {
        self.http.post(self.url(path)).header(header::CONTENT_TYPE, "application/json").body(body)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn send(&self, request: reqwest::RequestBuilder) -> Result<String, NoAnswer> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        self.runtime.block_on(async {
            let response = request.send().await.map_err(|source| self.no_answer(source))?;
            let good = response.status().is_success();
            let status = response.status();
            let text = response.text().await.map_err(|source| self.no_answer(source))?;
            if good {
                return Ok(text);
            }
            match serde_json::from_str(&text) {
                Ok(problem) => Err(NoAnswer::Problem(Box::new(problem))),
                Err(_) => {
                    let what = format!("{} answers {status}, which remediator never does", self.address);
                    let hint =
                        "another program listens there: set REMEDIATOR_LISTEN or `listen` in remediator.yaml";
                    Err(NoAnswer::Broken(Failure::new(Exit::Unavailable, what).hint(hint)))
                }
            }
        })
    }

    fn no_answer(&self, source: reqwest::Error) -> NoAnswer {
        let address = self.address.clone();
        if source.is_timeout() && !source.is_connect() {
            return NoAnswer::Silent { address, source };
        }
        NoAnswer::NoDaemon { address, source }
    }
}

/// An HTTP client for this machine: no certificates, no proxy, no redirects.
pub fn http(connect: Duration, answer: Duration) -> Result<reqwest::Client, Failure> {
    // A second install is an error that says that the first one is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .connect_timeout(connect)
        .timeout(answer)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|e| Failure::new(Exit::Unavailable, "cannot make an HTTP client").because(e))
}

/// `REMEDIATOR_LISTEN`, else what the running daemon wrote, else the configuration.
fn address(home: &Home) -> Result<String, Failure> {
    let said = std::env::var("REMEDIATOR_LISTEN").ok().filter(|a| !a.is_empty());
    if said.is_none()
        && let Ok(address) = std::fs::read_to_string(home.address())
        && let Ok(address) = address.trim().parse::<std::net::SocketAddr>()
    {
        return Ok(address.to_string());
    }
    let config = crate::remediator::config::read(home.root(), said.as_deref()).map_err(|e| {
        Failure::new(Exit::Usage, e.to_string()).hint("docs list every key of remediator.yaml")
    })?;
    Ok(config.listen.to_string())
}
