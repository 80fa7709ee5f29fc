//! The checks of single values beyond their type and bound.
//!
//! They are the rules of the parts that use the values. They are here so that `msctl config
//! validate`, the start and a reload give the same answer.

use std::path::Path;

use ms_core::subject::Filter;

/// Checks a filter of log lines.
pub(crate) fn log_filter(filter: &str) -> Result<(), String> {
    crate::log_filter::log_filter(filter).map(drop)
}

/// Checks a filter of subjects, which may be empty.
pub(crate) fn subjects(filter: &str) -> Result<(), String> {
    match filter {
        "" => Ok(()),
        filter => Filter::new(filter).map(drop).map_err(|error| {
            format!("must be a filter of subjects such as node.> or orders.*.created: {error}")
        }),
    }
}

/// Checks the file of a database. SQLite gives `:memory:` and `file:...` meanings of their own, and
/// tasks accepted into such a database would be gone with the process.
pub(crate) fn database(path: &Path) -> Result<(), String> {
    let text = path.to_string_lossy();
    if text.starts_with(':') || text.starts_with("file:") {
        return Err("must be a plain file path: SQLite gives this text another meaning".to_owned());
    }
    if !names_a_file(path) {
        return Err("must name a file, such as /var/lib/ms/tasks.db".to_owned());
    }
    if ["/dev", "/proc", "/sys"].iter().any(|system| path.starts_with(system)) {
        return Err(
            "must not be in /dev, /proc or /sys: nothing that is written there is kept".into()
        );
    }
    Ok(())
}

/// Checks a path that can be that of a file, or is empty.
pub(crate) fn file_or_none(path: &Path) -> Result<(), String> {
    match path == Path::new("") || names_a_file(path) {
        true => Ok(()),
        false => Err("must name a file, not a directory".to_owned()),
    }
}

/// Returns whether a path can be that of a file, by its text alone.
fn names_a_file(path: &Path) -> bool {
    let text = path.to_string_lossy();
    path.file_name().is_some() && !text.ends_with('/') && !text.ends_with("/.")
}

/// Checks addresses of NATS servers.
pub(crate) fn nats(servers: &[String]) -> Result<(), String> {
    servers.iter().try_for_each(|one| url(one, &["nats", "tls"]))
}

/// Checks an HTTP address.
pub(crate) fn http(text: &str) -> Result<(), String> {
    url(text, &["http", "https"])
}

/// Checks an HTTP address, which may be empty.
pub(crate) fn http_or_none(text: &str) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { http(text) }
}

/// Checks services, each as HOST:PORT, without duplicates.
pub(crate) fn services(all: &[String]) -> Result<(), String> {
    all.iter().enumerate().try_for_each(|(at, one)| match all[..at].contains(one) {
        true => Err(format!("has {one:?} twice; keep one")),
        false => service(one)
            .map_err(|_| format!("must list services as {SERVICE}; entry {} is not one", at + 1)),
    })
}

/// Checks a service, which may be empty.
pub(crate) fn service_or_none(text: &str) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { service(text) }
}

/// The form of a service, for messages.
const SERVICE: &str = "HOST:PORT, such as api.example:8080";

/// Checks a service: HOST:PORT, with a name or an IPv4 address. In lower case, because it is
/// compared with the host of a URL, which is.
fn service(text: &str) -> Result<(), String> {
    let expected = || format!("must be a service as {SERVICE}");
    let (host, port) = text.split_once(':').ok_or_else(expected)?;
    let fine = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    // `parse` takes leading zeros, but `a:080` is not the text of the same host in a URL.
    let good_port = port.parse::<u16>().is_ok_and(|port| port > 0 && !text.contains(":0"));
    match !host.is_empty() && host.bytes().all(fine) && good_port {
        true => Ok(()),
        false => Err(expected()),
    }
}

/// Checks `SCHEME://HOST`, which may have a port and a path. A user part is refused, because
/// addresses are logged and passwords must not be.
fn url(text: &str, schemes: &[&str]) -> Result<(), String> {
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

/// Checks the name of a datacenter by the rules of Consul.
pub(crate) fn datacenter(name: &str) -> Result<(), String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match !name.is_empty() && name.chars().all(fine) {
        true => Ok(()),
        false => Err("must consist of letters, digits, '-' and '_' (all ASCII)".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_a_file_and_nothing_else() {
        for good in ["ms-tasks.db", "/var/lib/ms/tasks.db", "../state/t.db", "a:b"] {
            assert_eq!(database(Path::new(good)), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "/", "state/", "state/.", ":memory:", "file:x?mode=memory"] {
            assert!(database(Path::new(bad)).is_err(), "{bad:?}");
        }
        for bad in ["/dev/null", "/proc/self/mem", "/sys/x"] {
            assert!(database(Path::new(bad)).is_err_and(|why| why.contains("/dev")), "{bad}");
        }
    }

    #[test]
    fn a_service_is_a_host_and_a_port() {
        let of = |text: &str| services(&[text.to_owned()]);
        for good in ["localhost:80", "127.0.0.1:8080", "api-1.example.org:65535"] {
            assert_eq!(of(good), Ok(()), "{good}");
        }
        for bad in
            ["", "localhost", ":80", "a:0", "a:080", "a:65536", "http://a:80", "A:80", "a:80/"]
        {
            assert!(of(bad).is_err(), "{bad}");
        }
        assert!(
            services(&["a:1".to_owned(), "a:1".to_owned()]).is_err_and(|why| why.contains("twice"))
        );
        assert_eq!(service_or_none(""), Ok(()));
    }

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
        assert!(nats(&["nats://a:4222".to_owned(), "b".to_owned()]).is_err());
    }
}
