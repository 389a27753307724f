//! Where a request with a cookie comes from: a browser sends cookies also for pages of others, so that such a request
//! counts only when this page made it. Not for requests with a token: no browser adds one by itself.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, Method, header};

use super::problem::{self, Problem};
use super::settings::Place;
use crate::base::limits::SHOWN_BYTES_MAX;
use crate::base::text::shown;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What a session's cookie is called at the port that is the default one; at another port it has that behind it, because
/// browsers do not tell the ports of an address apart.
const COOKIE: &str = "remediator_session";
const DEFAULT_PORT: &str = "8855";

/// Whether a request that rests on a cookie was made by this page, at an address of this machine or a name of it.
pub(super) fn check(place: &Place, method: &Method, headers: &HeaderMap) -> Result<(), Box<Problem>> {
    let host = own_host(place, headers)?;
    let site = text(headers, &SEC_FETCH_SITE);
    if method.is_safe() {
        // A typed address is `none`; what reads no answer may leave it out.
        return match site {
            None | Some("same-origin" | "none") => Ok(()),
            Some(site) => Err(foreign(format!("Sec-Fetch-Site is `{}`", shown(site, SHOWN_BYTES_MAX)))),
        };
    }
    match site {
        Some("same-origin") => same_origin(place, headers, host, true),
        site => {
            let site = shown(site.unwrap_or("missing"), SHOWN_BYTES_MAX);
            Err(foreign(format!("Sec-Fetch-Site is `{site}`, and must be `same-origin`")))
        }
    }
}

/// Whether a login may be asked for: nobody logs a browser in from another page.
pub(super) fn check_login(place: &Place, headers: &HeaderMap) -> Result<(), Box<Problem>> {
    let host = own_host(place, headers)?;
    match text(headers, &SEC_FETCH_SITE) {
        None | Some("same-origin") => same_origin(place, headers, host, false),
        Some(site) => Err(foreign(format!("Sec-Fetch-Site is `{}`", shown(site, SHOWN_BYTES_MAX)))),
    }
}

/// The host that was asked: an address, `localhost`, or a name under `hosts` in remediator.yaml. Any other name of
/// somebody's could lead here without our doing.
fn own_host<'h>(place: &Place, headers: &'h HeaderMap) -> Result<&'h str, Box<Problem>> {
    let host = text(headers, &header::HOST).unwrap_or_default();
    let name = name(host);
    let known = || place.hosts.iter().any(|own| name.eq_ignore_ascii_case(own));
    match name.eq_ignore_ascii_case("localhost") || address(name).is_some() || known() {
        true => Ok(host),
        false => {
            let host = shown(host, SHOWN_BYTES_MAX);
            let detail =
                format!("the host is `{host}`, neither an address nor under `hosts` in remediator.yaml");
            Err(foreign(detail))
        }
    }
}

fn same_origin(place: &Place, headers: &HeaderMap, host: &str, needed: bool) -> Result<(), Box<Problem>> {
    let Some(origin) = text(headers, &header::ORIGIN) else {
        return if needed { Err(foreign("there is no Origin header")) } else { Ok(()) };
    };
    // Over plain HTTP a proxy with TLS may stand before it; over TLS nothing else is this page.
    let scheme = |scheme: &str| scheme == "https" || scheme == "http" && !place.https;
    match origin.split_once("://").is_some_and(|(by, from)| scheme(by) && from.eq_ignore_ascii_case(host)) {
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

/// Whether a cookie is kept for TLS only: over TLS, and wherever what is sent leaves this machine.
pub(super) fn is_secure(place: &Place, headers: &HeaderMap) -> bool {
    place.https || !is_loopback(headers)
}

fn is_loopback(headers: &HeaderMap) -> bool {
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
        let place = Place::default();
        let get = |pairs: &[_]| check(&place, &Method::GET, &of(pairs)).is_ok();
        let post = |pairs: &[_]| check(&place, &Method::POST, &of(pairs)).is_ok();
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
        let login = |pairs: &[_]| check_login(&place, &of(pairs)).is_ok();
        assert!(login(&own) && login(&own[..1]));
        assert!(!login(&[own[0], ("sec-fetch-site", "cross-site")]));
        assert!(!login(&[own[0], ("origin", "http://evil.example")]));
        assert!(!login(&[("host", "evil.example")]));
    }

    #[test]
    fn a_name_counts_when_it_was_said_and_over_tls_only_https_is_this_page() {
        let named = |https| Place { hosts: vec!["ops.example".into()], https };
        let site = ("sec-fetch-site", "same-origin");
        let post = |place: &Place, host, origin| {
            check(place, &Method::POST, &of(&[("host", host), site, ("origin", origin)])).is_ok()
        };
        let (plain, tls) = (named(false), named(true));
        for place in [&plain, &tls] {
            assert!(post(place, "ops.example", "https://ops.example"), "a proxy with TLS, or this port");
            assert!(post(place, "OPS.example:8443", "https://ops.example:8443"));
            assert!(!post(place, "ops.example", "https://evil.example"));
            assert!(!post(place, "evil.example", "https://evil.example"));
            assert!(!post(place, "ops.example.evil.example", "https://ops.example.evil.example"));
            assert!(!post(place, "ops.example", "ftp://ops.example"));
        }
        assert!(post(&plain, "ops.example", "http://ops.example"));
        assert!(!post(&tls, "ops.example", "http://ops.example"));
        assert!(!post(&Place::default(), "ops.example", "https://ops.example"));
        let host = |host| of(&[("host", host)]);
        assert!(!is_secure(&plain, &host("127.0.0.1")) && is_secure(&plain, &host("ops.example")));
        assert!(is_secure(&tls, &host("127.0.0.1")));
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
