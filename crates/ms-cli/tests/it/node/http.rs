//! HTTP requests to the same node.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::Node;
use crate::common::LONGEST_WAIT;

impl Node {
    /// Sends one request to the API, and returns the status and the body as JSON.
    pub fn http(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let gateway = self.json(&["state", "/root/components/transport/api"]).remove(0);
        let at = gateway["data"]["state"]["listens_at"].as_str().expect("it listens").to_owned();
        let mut stream = TcpStream::connect(&at).expect("connects");
        stream.set_read_timeout(Some(LONGEST_WAIT)).expect("set");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
        (status.expect("a status"), body)
    }
}
