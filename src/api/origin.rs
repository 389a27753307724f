//! Where a request with a cookie comes from: a browser sends cookies also for pages of others, so that such a request
//! counts only when this page made it. Not for requests with a token: no browser adds one by itself.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, Method, header};

use super::problem::{self, Problem};
use crate::base::limits::SHOWN_BYTES_MAX;
use crate::base::text::shown;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What a session's cookie is called at the port that is the default one; at another port it has that behind it, because
/// browsers do not tell the ports of an address apart.
const COOKIE: &str = "remediator_session";
const DEFAULT_PORT: &str = "8855";

/// Whether a request that rests on a cookie was made by this page, at an address of this machine.
pub(super) fn check(method: &Method, headers: &HeaderMap) -> Result<(), Box<Problem>> {
    let host = own_host(headers)?;
    let site = text(headers, &SEC_FETCH_SITE);
    if method.is_safe() {
        // A typed address is `none`; what reads no answer may leave it out.
        return match site {
            None | Some("same-origin" | "none") => Ok(()),
            Some(site) => Err(foreign(format!("Sec-Fetch-Site is `{}`", shown(site, SHOWN_BYTES_MAX)))),
        };
    }
    match site {
        Some("same-origin") => same_origin(headers, host, true),
        site => {
            let site = shown(site.unwrap_or("missing"), SHOWN_BYTES_MAX);
            Err(foreign(format!("Sec-Fetch-Site is `{site}`, and must be `same-origin`")))
        }
    }
}

/// Whether a login may be asked for: nobody logs a browser in from another page.
pub(super) fn check_login(headers: &HeaderMap) -> Result<(), Box<Problem>> {
    let host = own_host(headers)?;
    match text(headers, &SEC_FETCH_SITE) {
        None | Some("same-origin") => same_origin(headers, host, false),
        Some(site) => Err(foreign(format!("Sec-Fetch-Site is `{}`", shown(site, SHOWN_BYTES_MAX)))),
    }
}

/// The host that was asked: an address or `localhost`. A name of somebody's could lead here without our doing.
fn own_host(headers: &HeaderMap) -> Result<&str, Box<Problem>> {
    let host = text(headers, &header::HOST).unwrap_or_default();
    let name = name(host);
    match name.eq_ignore_ascii_case("localhost") || address(name).is_some() {
        true => Ok(host),
        false => Err(foreign(format!("the host is `{}`, no address", shown(host, SHOWN_BYTES_MAX)))),
    }
}

fn same_origin(headers: &HeaderMap, host: &str, needed: bool) -> Result<(), Box<Problem>> {
    let Some(origin) = text(headers, &header::ORIGIN) else {
        return if needed { Err(foreign("there is no Origin header")) } else { Ok(()) };
    };
    match origin.split_once("://").is_some_and(|(_, from)| from.eq_ignore_ascii_case(host)) {
        true => Ok(()),
        false => {
            let (origin, host) = (shown(origin, SHOWN_BYTES_MAX), shown(host, SHOWN_BYTES_MAX));
            Err(foreign(format!("Origin is `{origin}`, the host is `{host}`")))
        }
    }
}

fn foreign(detail: impl Into<String>) -> Box<Problem> {
    Problem::new(problem::FOREIGN_REQUEST, detail)
}

/// Whether what is sent there leaves this machine: then a cookie needs TLS.
pub(super) fn is_loopback(headers: &HeaderMap) -> bool {
    let name = name(text(headers, &header::HOST).unwrap_or_default());
    name.eq_ignore_ascii_case("localhost") || address(name).is_some_and(|address| address.is_loopback())
}

/// The name of the session's cookie at the address that was asked.
pub(super) fn cookie_name(headers: &HeaderMap) -> String {
    let host = text(headers, &header::HOST).unwrap_or_default();
    match host[name(host).len()..].strip_prefix(':') {
        Some(port) if port != DEFAULT_PORT && port.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{COOKIE}_{port}")
        }
        _ => COOKIE.to_owned(),
    }
}

/// The session's id, where the browser sent one.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let wanted = cookie_name(headers);
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, id)| id)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// A host without its port.
fn name(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    }
}

fn address(name: &str) -> Option<IpAddr> {
    name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), v.parse().expect("a value"))).collect()
    }

    #[test]
    fn only_what_this_page_asks_at_an_address_counts() {
        let get = |pairs: &[_]| check(&Method::GET, &of(pairs)).is_ok();
        let post = |pairs: &[_]| check(&Method::POST, &of(pairs)).is_ok();
        for host in ["127.0.0.1:8855", "localhost", "[::1]:8855", "10.0.0.7:80", "LOCALHOST:1"] {
            assert!(get(&[("host", host)]), "{host}");
        }
        for host in ["evil.example:8855", "localhost.evil.example", "", "127.0.0.1.evil.example", "[::1"] {
            assert!(!get(&[("host", host)]), "{host}");
        }
        assert!(get(&[("host", "localhost"), ("sec-fetch-site", "none")]));
        assert!(!get(&[("host", "localhost"), ("sec-fetch-site", "same-site")]), "another port");
        let own =
            [("host", "localhost:1"), ("sec-fetch-site", "same-origin"), ("origin", "http://localhost:1")];
        assert!(post(&own));
        assert!(!post(&own[..2]) && !post(&own[..1]) && !post(&[own[0], own[2]]));
        for origin in ["http://localhost:2", "null", "http://evil.example", "localhost:1", ""] {
            assert!(!post(&[own[0], own[1], ("origin", origin)]), "{origin}");
        }
        let login = |pairs: &[_]| check_login(&of(pairs)).is_ok();
        assert!(login(&own) && login(&own[..1]));
        assert!(!login(&[own[0], ("sec-fetch-site", "cross-site")]));
        assert!(!login(&[own[0], ("origin", "http://evil.example")]));
        assert!(!login(&[("host", "evil.example")]));
    }

    #[test]
    fn daemons_at_two_ports_do_not_share_a_cookie() {
        let both = "a=1; remediator_session=x;remediator_session_9000=y";
        let at = |host| cookie(&of(&[("host", host), ("cookie", both)])).map(str::to_owned);
        assert_eq!(at("localhost:9000").as_deref(), Some("y"));
        assert_eq!((at("localhost:8855").as_deref(), at("[::1]").as_deref()), (Some("x"), Some("x")));
        assert_eq!(at("localhost:1"), None);
    }

    #[test]
    fn only_loopback_is_this_machine() {
        for (host, own) in
            [("127.0.0.1:1", true), ("[::1]:1", true), ("localhost", true), ("10.0.0.7", false)]
        {
            assert_eq!(is_loopback(&of(&[("host", host)])), own, "{host}");
        }
    }
}
