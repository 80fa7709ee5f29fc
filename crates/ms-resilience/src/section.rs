//! The section `outside` of the configuration.

use std::time::Duration;

use ms_config::units::{DAY, HOUR, millis, secs};
use ms_config::{Problems, Rules, choices, settings};

choices! {
    /// The answer to a failed call to an outside service.
    pub enum OutsideFallback {
        Off = "off", Cache = "cache", Default = "default", Alternative = "alternative",
    }
}

settings! {
    /// Calls to outside services by the agents of the kind `http`.
    pub struct Outside rules own {
        /// Services that may be called, as HOST:PORT; all others are refused. Empty for none.
        allowed: Vec<String> = Vec::new(), valid services => restart;
        /// Longest call, with its retries; a task may ask for less.
        deadline: Duration = secs(10), in millis(10)..=HOUR => restart;
        /// Failures in a row that open the circuit of a service, which is then not called for a while.
        failures: u32 = 5, in 1..=1_000, unit "calls" => restart;
        /// Time for which an open circuit refuses calls.
        open_for: Duration = secs(30), in millis(10)..=DAY => restart;
        /// Largest number of concurrent trial calls once that time is over (half-open).
        tries: u32 = 1, in 1..=1_000, unit "calls" => restart;
        /// Successful trial calls that close the circuit again.
        successes: u32 = 2, in 1..=1_000, unit "calls" => restart;
        /// Share of the calls to each service that may be retried once within their deadline.
        retries: u32 = 20, in 0..=100, unit "percent" => restart;
        /// The answer to a failed call: none, the last good answer to the same call, a fixed text, or that of another service.
        fallback: OutsideFallback = OutsideFallback::Off => restart;
        /// Longest age of the last good answer.
        cache_for: Duration = HOUR, in secs(1)..=secs(31_536_000) => restart;
        /// The fixed text of the fallback `default`.
        default_body: String = String::new() => restart;
        /// The other service, as HOST:PORT; it must be among those allowed. Empty for none.
        alternative: String = String::new(), valid service_or_none => restart;
    } sections {}
}

impl Rules for Outside {
    fn rules(&self, at: &str, problems: &mut Problems) {
        let other = &self.alternative;
        if !other.is_empty() && !self.allowed.contains(other) {
            problems.add(format!("{at}alternative"), format!("must be among `{at}allowed`"));
        }
        if self.fallback == OutsideFallback::Alternative && other.is_empty() {
            let problem = format!("must not be empty with `{at}fallback` alternative");
            problems.add(format!("{at}alternative"), problem);
        }
    }
}

/// Checks services, each as HOST:PORT, without duplicates.
fn services(all: &[String]) -> Result<(), String> {
    all.iter().enumerate().try_for_each(|(at, one)| match all[..at].contains(one) {
        true => Err(format!("has {one:?} twice; keep one")),
        false => service(one)
            .map_err(|_| format!("must list services as {SERVICE}; entry {} is not one", at + 1)),
    })
}

/// Checks a service, which may be empty.
fn service_or_none(text: &str) -> Result<(), String> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
