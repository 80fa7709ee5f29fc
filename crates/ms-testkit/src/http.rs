//! Raw answers over HTTP/1.1, for clients that send exactly the bytes a test gives them.

use std::io;

use serde_json::Value;

/// An answer, as received.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The status line and the header fields, including the empty line after them.
    pub head: String,
    /// Everything after the head.
    pub body: String,
}

impl Reply {
    /// Makes an answer from its head, with an empty body. [`Reply::length`] says how long the body is.
    ///
    /// # Errors
    /// If the head has no status.
    pub fn with_head(head: String) -> io::Result<Self> {
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status in {head:?}")))?;
        Ok(Self { status, head, body: String::new() })
    }

    /// Returns the length of the body in bytes, as the head says; 0 if it does not.
    ///
    /// # Errors
    /// If the length is not a number.
    pub fn length(&self) -> io::Result<usize> {
        let odd = |_| io::Error::other(format!("no length in {:?}", self.head));
        self.header("content-length").map_or(Ok(0), |value| value.trim().parse().map_err(odd))
    }

    /// Returns the first header field of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Parses the body as JSON.
    ///
    /// # Panics
    /// If it is not JSON.
    #[must_use]
    #[allow(clippy::panic, reason = "an expectation that is not met fails the test")]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Returns the code of a problem (RFC 9457).
    ///
    /// # Panics
    /// If the answer is not a problem, or has no code.
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
