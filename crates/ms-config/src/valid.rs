//! Checks of single values beyond their type and bound, for the keys of more than one crate.
//!
//! A check that one section alone needs is declared beside it. All of them run wherever a value is
//! read, so that `msctl config validate`, the start and a reload give the same answer.

use std::path::Path;

/// Checks a path that can be that of a file, or is empty.
///
/// # Errors
/// The problem as a clause: "must name a file ...".
pub fn file_or_none(path: &Path) -> Result<(), String> {
    match path == Path::new("") || names_a_file(path) {
        true => Ok(()),
        false => Err("must name a file, not a directory".to_owned()),
    }
}

/// Returns whether a path can be that of a file, by its text alone.
#[must_use]
pub fn names_a_file(path: &Path) -> bool {
    let text = path.to_string_lossy();
    path.file_name().is_some() && !text.ends_with('/') && !text.ends_with("/.")
}

/// Checks an HTTP address.
///
/// # Errors
/// As [`url`].
pub fn http(text: &str) -> Result<(), String> {
    url(text, &["http", "https"])
}

/// Checks an HTTP address, which may be empty.
///
/// # Errors
/// As [`url`].
pub fn http_or_none(text: &str) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { http(text) }
}

/// Checks `SCHEME://HOST`, which may have a port and a path. A user part is refused, because
/// addresses are logged and passwords must not be.
///
/// # Errors
/// The problem as a clause, such as "must be an address such as http://HOST:PORT".
pub fn url(text: &str, schemes: &[&str]) -> Result<(), String> {
    let expected = || {
        let forms: Vec<_> = schemes.iter().map(|scheme| format!("{scheme}://HOST:PORT")).collect();
        format!("must be an address such as {}", forms.join(" or "))
    };
    let (scheme, rest) = text.split_once("://").ok_or_else(expected)?;
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return Err("must not contain a user or a password: it is shown in logs".to_owned());
    }
    // A colon within brackets belongs to an IPv6 address, not to a port.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let good_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let good_host = !host.is_empty() && !text.contains(char::is_whitespace);
    match schemes.contains(&scheme) && good_host && good_port {
        true => Ok(()),
        false => Err(expected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_a_host_and_no_user() {
        for good in ["http://localhost", "https://consul:8501/v1", "http://[::1]:4317"] {
            assert_eq!(http(good), Ok(()), "{good}");
        }
        for bad in
            ["localhost:4317", "ftp://x", "http://", "http://:80", "http://a b", "http://x:0"]
        {
            assert!(http(bad).is_err(), "{bad}");
        }
        assert!(http("https://me:s3cret@consul").is_err_and(|why| !why.contains("s3cret")));
    }
}
