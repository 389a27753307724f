//! The HTTP client of the commands: one short request at a time to the daemon of this home.

use std::cell::Cell;
use std::time::Duration;

use reqwest::header;

use super::exit::{Exit, Failure};
use super::{Home, tls};
use crate::api::Problem;
use crate::remediator::{HOME_HEADER, folder_id};

/// A daemon that listens answers the connection at once.
const CONNECT: Duration = Duration::from_secs(1);
/// The longest answer; the server gives up after 30 s.
const ANSWER: Duration = Duration::from_secs(35);

/// The longest that a question is waited for which can be answered without the daemon as well.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest that is waited for the sign of life, which rests on no disk and no journal.
const SIGN: Duration = Duration::from_secs(3);

/// The whole time that a stream may take; what is silent for too long is noticed otherwise.
const ENDLESS: Duration = Duration::from_secs(10 * 365 * 86_400);

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
        /// Where it was asked, with the scheme.
        base: String,
        /// Where.
        address: String,
        /// What the client says; none when it was silent before and was not asked again.
        source: Option<reqwest::Error>,
    },
    /// The daemon that listens there serves another home; nothing was done.
    OtherHome {
        /// Where.
        address: String,
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
            Self::Broken(_) | Self::NoDaemon { .. } | Self::Silent { .. } | Self::OtherHome { .. } => true,
            Self::Problem(problem) => matches!(problem.status, 401 | 503),
        }
    }
    /// Whether a daemon of this home may run all the same, with attempts under way.
    pub fn may_run(&self) -> bool {
        !matches!(self, Self::NoDaemon { .. } | Self::OtherHome { .. })
    }
    /// As the end of a command that cannot do without the daemon.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::NoDaemon { address, source } => {
                Failure::new(Exit::Unavailable, format!("no daemon answers at {address}"))
                    .hint("start it with `remediator serve`, or say where it listens with REMEDIATOR_LISTEN")
                    .because(source)
            }
            Self::Silent { base, address, source } => {
                let what = format!("the daemon at {address} does not answer in time");
                let hint = format!("look at its log; `curl {base}/readyz?verbose` says what it does");
                let failure = Failure::new(Exit::Temporary, what).hint(hint);
                match source {
                    Some(source) => failure.because(source),
                    None => failure,
                }
            }
            Self::OtherHome { address } => {
                Failure::new(Exit::Unavailable, format!("the daemon at {address} is another home's")).hint(
                    "start this home's on another address: `listen` in its remediator.yaml, or --listen",
                )
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
                if problem.code == "PRUNED" {
                    return Failure::new(Exit::Unavailable, problem.detail).hint(super::exit::PRUNED);
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
    /// Where requests go: `https://NAME:PORT` with TLS, else `http://ADDRESS`.
    base: String,
    token: Option<String>,
    /// Where the token comes from, and why it did not, if so.
    token_from: String,
    folder: Option<String>,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    /// It is known to hang: it is not waited for again.
    given_up: Cell<bool>,
}

impl Client {
    /// For the daemon of a home.
    pub fn new(home: &Home) -> Result<Self, Failure> {
        Self::at(home, &address(home)?)
    }

    /// For the daemon of a home that is known to listen there.
    pub fn at(home: &Home, address: &str) -> Result<Self, Failure> {
        let broken = |what: &str| Failure::new(Exit::Unavailable, format!("cannot {what}"));
        let (base, http) = speaks(home, address)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| broken("start the HTTP client").because(e))?;
        let from = home.token().display().to_string();
        let (token, token_from) = match std::fs::read_to_string(home.token()) {
            Ok(token) => (Some(token.trim().to_owned()), from),
            Err(error) => (None, format!("{from}, which cannot be read ({error})")),
        };
        let folder = folder_id(&home.state());
        let given_up = Cell::new(false);
        Ok(Self { address: address.to_owned(), base, token, token_from, folder, http, runtime, given_up })
    }

    /// Where the daemon is thought to listen.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// GET a path.
    pub fn get(&self, path: &str) -> Result<String, NoAnswer> {
        self.send(self.http.get(self.url(path)).timeout(PATIENCE))
    }

    /// Whether the daemon takes connections and gives no sign of life. Then it is not waited for again.
    pub fn gives_no_sign(&self) -> bool {
        if let Err(NoAnswer::Silent { .. }) = self.send(self.http.get(self.url("/livez")).timeout(SIGN)) {
            self.give_up();
        }
        self.given_up.get()
    }

    /// Somebody else found that it hangs: every request is silence at once.
    pub fn give_up(&self) {
        self.given_up.set(true);
    }

    /// POST JSON to a path, for commands that have another way when nobody answers.
    pub fn try_post(&self, path: &str, body: String) -> Result<String, NoAnswer> {
        self.send(self.json(path, body).timeout(PATIENCE))
    }

    /// POST JSON to a path.
    pub fn post(&self, path: &str, body: String) -> Result<String, NoAnswer> {
        self.send(self.json(path, body))
    }

    /// Begins a GET that has no end; its lines are read with [`Self::chunk`].
    pub fn stream(&self, path: &str) -> Result<reqwest::Response, NoAnswer> {
        let request = self.http.get(self.url(path)).header(header::ACCEPT, "application/x-ndjson");
        let request = self.authorized(request.timeout(ENDLESS));
        self.runtime.block_on(async {
            let response = match tokio::time::timeout(PATIENCE, request.send()).await {
                Ok(sent) => sent.map_err(|source| self.no_answer(source))?,
                Err(_) => return Err(NoAnswer::Broken(self.hangs())),
            };
            if response.status().is_success() {
                return Ok(response);
            }
            let status = response.status();
            let text = response.text().await.map_err(|source| self.no_answer(source))?;
            Err(self.refused(status, &text))
        })
    }

    /// The next bytes of a stream: none within the time, or (inside) none because it is over.
    pub fn chunk(&self, response: &mut reqwest::Response, patience: Duration) -> Option<Option<Vec<u8>>> {
        let next = async { tokio::time::timeout(patience, response.chunk()).await };
        match self.runtime.block_on(next) {
            Ok(Ok(bytes)) => Some(bytes.map(|bytes| bytes.to_vec())),
            // A connection that breaks is over, too.
            Ok(Err(_)) => Some(None),
            Err(_) => None,
        }
    }

    fn hangs(&self) -> Failure {
        Failure::new(Exit::Temporary, format!("the daemon at {} does not answer in time", self.address))
            .hint("look at its log")
    }

    fn json(&self, path: &str, body: String) -> reqwest::RequestBuilder {
        self.http.post(self.url(path)).header(header::CONTENT_TYPE, "application/json").body(body)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn send(&self, request: reqwest::RequestBuilder) -> Result<String, NoAnswer> {
        if self.given_up.get() {
            let (base, address) = (self.base.clone(), self.address.clone());
            return Err(NoAnswer::Silent { base, address, source: None });
        }
        let request = self.authorized(request);
        self.runtime.block_on(async {
            let response = request.send().await.map_err(|source| self.no_answer(source))?;
            let good = response.status().is_success();
            let status = response.status();
            let text = response.text().await.map_err(|source| self.no_answer(source))?;
            if good {
                return Ok(text);
            }
            Err(self.refused(status, &text))
        })
    }

    fn authorized(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let request = match &self.folder {
            Some(folder) => request.header(HOME_HEADER, folder),
            None => request,
        };
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    fn refused(&self, status: reqwest::StatusCode, text: &str) -> NoAnswer {
        match serde_json::from_str::<Problem>(text) {
            Ok(problem) if problem.code == "OTHER_HOME" => {
                NoAnswer::OtherHome { address: self.address.clone() }
            }
            Ok(mut problem) => {
                if let Some(hint) = token_hint(&problem, &self.token_from) {
                    problem.hint = hint;
                }
                NoAnswer::Problem(Box::new(problem))
            }
            Err(_) => {
                let what = format!("{} answers {status}, which remediator never does", self.address);
                let hint =
                    "another program listens there: set REMEDIATOR_LISTEN or `listen` in remediator.yaml";
                NoAnswer::Broken(Failure::new(Exit::Unavailable, what).hint(hint))
            }
        }
    }

    fn no_answer(&self, source: reqwest::Error) -> NoAnswer {
        let address = self.address.clone();
        if let Some(why) = tls::refused(&source) {
            let what = format!("this command and the daemon at {address} do not agree on TLS: {why}");
            return NoAnswer::Broken(Failure::new(Exit::Unavailable, what).hint(
                "`tls` in remediator.yaml names the certificates of both; `remediator doctor` looks at them",
            ));
        }
        if source.is_timeout() && !source.is_connect() {
            return NoAnswer::Silent { base: self.base.clone(), address, source: Some(source) };
        }
        NoAnswer::NoDaemon { address, source }
    }
}

/// What whoever runs a command does about its token: no header is theirs to send.
fn token_hint(problem: &Problem, from: &str) -> Option<String> {
    let home = "--home or REMEDIATOR_HOME says which home";
    match problem.code.as_str() {
        "NO_TOKEN" => Some(format!(
            "commands take their token from {from}; {home}. Run them as its owner; when the file is lost, a restart of the \
             daemon makes it anew"
        )),
        "BAD_TOKEN" => Some(format!(
            "commands take their token from {from}; {home}. Put this home's token there, or remove the file and restart \
             the daemon, which makes it anew"
        )),
        "ROLE_NEEDED" => Some(format!("{}; commands take their token from {from}; {home}", problem.hint)),
        _ => None,
    }
}

/// An HTTP client for this machine: no certificates, no proxy, no redirects.
pub fn http(connect: Duration, answer: Duration) -> Result<reqwest::Client, Failure> {
    // A second install is an error that says that the first one is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    bounded(connect, answer)
        .tls_certs_only([])
        .build()
        .map_err(|e| Failure::new(Exit::Unavailable, "cannot make an HTTP client").because(e))
}

fn bounded(connect: Duration, answer: Duration) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder().no_proxy().connect_timeout(connect).timeout(answer);
    builder.redirect(reqwest::redirect::Policy::none())
}

/// Where the daemon of a home is asked, and with what: TLS when its configuration says so. One that cannot be read
/// keeps nobody from asking.
fn speaks(home: &Home, address: &str) -> Result<(String, reqwest::Client), Failure> {
    let config = crate::remediator::config::read(home.root(), Some(address)).ok();
    let Some(tls) = config.and_then(|config| config.tls) else {
        return Ok((format!("http://{address}"), http(CONNECT, ANSWER)?));
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    tls::speaks(&tls, address, bounded(CONNECT, ANSWER))
}

/// An HTTP client for other machines: certificates are checked, no redirects.
pub fn outside(connect: Duration, answer: Duration) -> Result<reqwest::Client, Failure> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(connect)
        .timeout(answer)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("remediator/", env!("CARGO_PKG_VERSION")))
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
    // What is said needs no configuration: a typo in it must not keep anybody from asking.
    if let Some(Ok(address)) = said.as_deref().map(str::parse::<std::net::SocketAddr>) {
        return Ok(address.to_string());
    }
    let config = crate::remediator::config::read(home.root(), said.as_deref()).map_err(|e| {
        Failure::new(Exit::Usage, e.to_string()).hint("docs list every key of remediator.yaml")
    })?;
    Ok(config.listen.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_answer_is_looked_at_the_way_that_it_speaks() {
        let (base, address) = ("https://ops.example:8855".to_owned(), "127.0.0.1:8855".to_owned());
        let failure = NoAnswer::Silent { base, address, source: None }.into_failure();
        let hint = failure.hint.expect("what to do");
        assert!(hint.contains("curl https://ops.example:8855/readyz"), "{hint}");
    }
}
