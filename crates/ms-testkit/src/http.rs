//! Answers over HTTP/1.1 as they came, for clients that say exactly what a test tells them to.

use std::io;

use serde_json::Value;

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// The line of the status and the header fields, with the empty line behind them.
    pub head: String,
    /// What came behind the head.
    pub body: String,
}

impl Reply {
    /// The answer with this head, without its body; [`Reply::length`] says how long that is.
    ///
    /// # Errors
    /// No status in the head.
    pub fn with_head(head: String) -> io::Result<Self> {
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status in {head:?}")))?;
        Ok(Self { status, head, body: String::new() })
    }

    /// Bytes of the body, as the head says; 0 when it does not.
    ///
    /// # Errors
    /// It says something that is no number.
    pub fn length(&self) -> io::Result<usize> {
        let odd = |_| io::Error::other(format!("no length in {:?}", self.head));
        self.header("content-length").map_or(Ok(0), |value| value.trim().parse().map_err(odd))
    }

    /// The first header field of this name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// It is none.
    #[must_use]
    #[allow(clippy::panic, reason = "an expectation that is not met fails the test")]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of a problem (RFC 9457).
    ///
    /// # Panics
    /// The answer is no problem, or one without a code.
    #[must_use]
    #[allow(clippy::panic, reason = "an expectation that is not met fails the test")]
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let code = self.json()["code"].as_str().map(str::to_owned);
        code.unwrap_or_else(|| panic!("a problem without a code: {self:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_whatever_the_case_of_its_names() {
        let reply = Reply::with_head("HTTP/1.1 404 Gone\r\nContent-LENGTH: 7\r\n\r\n".to_owned());
        let reply = reply.expect("a status");
        assert_eq!((reply.status, reply.length().ok()), (404, Some(7)));
        assert!(Reply::with_head("nonsense".to_owned()).is_err());
    }
}
