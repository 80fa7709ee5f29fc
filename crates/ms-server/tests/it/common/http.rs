//! A client that sends exactly the bytes that a test wants.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

pub use ms_testkit::http::Reply;

use super::LONGEST_WAIT;

/// One connection.
pub struct Http(BufReader<TcpStream>);

impl Http {
    pub fn to(addr: SocketAddr) -> Self {
        Self::try_to(addr).expect("connects")
    }

    pub fn try_to(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&addr, LONGEST_WAIT)?;
        stream.set_read_timeout(Some(LONGEST_WAIT))?;
        stream.set_write_timeout(Some(LONGEST_WAIT))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sets a shorter timeout.
    pub fn within(self, within: std::time::Duration) -> io::Result<Self> {
        self.0.get_ref().set_read_timeout(Some(within))?;
        Ok(self)
    }

    pub fn try_get(addr: SocketAddr, path: &str) -> io::Result<Reply> {
        Self::try_to(addr)?.call("GET", path, "", "")
    }

    /// Sends `raw`; a failure shows in the answer.
    pub fn say(&mut self, raw: &[u8]) {
        drop(self.0.get_mut().write_all(raw));
    }

    pub fn call(&mut self, method: &str, path: &str, head: &str, body: &str) -> io::Result<Reply> {
        let length = match body {
            "" => String::new(),
            body => format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()),
        };
        let raw =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}{head}\r\n{body}");
        self.0.get_mut().write_all(raw.as_bytes())?;
        self.reply()
    }

    pub fn get(&mut self, path: &str) -> Reply {
        self.call("GET", path, "", "").unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    pub fn post(&mut self, path: &str, body: &str) -> Reply {
        self.call("POST", path, "", body).unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    pub fn reply(&mut self) -> io::Result<Reply> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let mut reply = Reply::with_head(head)?;
        let mut body = vec![0; reply.length()?];
        self.0.read_exact(&mut body)?;
        reply.body = String::from_utf8(body).map_err(io::Error::other)?;
        Ok(reply)
    }

    /// Returns whether the server still has it open, as far as is known without waiting.
    pub fn is_open(&mut self) -> bool {
        let stream = self.0.get_mut();
        stream.set_nonblocking(true).unwrap();
        let mut some = [0; 512];
        let open = loop {
            match stream.read(&mut some) {
                Ok(0) => break false,
                // A last answer before the connection is closed.
                Ok(_) => {}
                Err(error) => break error.kind() == io::ErrorKind::WouldBlock,
            }
        };
        stream.set_nonblocking(false).unwrap();
        open
    }

    /// Returns whether no answer has come so far.
    pub fn has_nothing_to_read(&mut self) -> bool {
        let stream = self.0.get_mut();
        stream.set_nonblocking(true).unwrap();
        let nothing = stream.peek(&mut [0]).is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock);
        stream.set_nonblocking(false).unwrap();
        nothing
    }

    /// Reads to the end, and returns whether the server has closed it.
    pub fn closed(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }
}

/// Runs this many clients, each on a thread with a connection of its own, until all have ended.
///
/// `client` makes the function of a client from its number. The function is called with the number of
/// the turn, from 0, until it returns that there is no further one. Returns how many could connect.
pub fn clients<T: FnMut(&mut Http, usize) -> bool>(
    addr: SocketAddr,
    count: usize,
    client: impl Fn(usize) -> T + Sync,
) -> usize {
    let run = &|number| {
        let Ok(mut http) = Http::try_to(addr) else { return false };
        let mut turn = client(number);
        (0..).take_while(|&count| turn(&mut http, count)).for_each(drop);
        true
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..count).map(|number| scope.spawn(move || run(number))).collect();
        all.into_iter().map(|one| one.join().expect("a client ends")).filter(|found| *found).count()
    })
}
