//! Frames: a `u32` length in network byte order, then that many bytes of JSON.

use std::io;

use ms_ops::{OpError, codes};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::error::ControlError;

/// The reason why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The other side ended the connection between two frames.
    #[error("the connection was closed")]
    Closed,
    /// The other side ended the connection within a frame.
    #[error("the connection was closed in the middle of a frame")]
    Truncated,
    /// The frame is over its limit. Its content was not read.
    #[error("the frame has {len} bytes, and at most {max} are allowed")]
    TooLarge {
        /// Bytes announced, or reached.
        len: u64,
        /// Bytes allowed.
        max: usize,
    },
    /// The content cannot be written as JSON.
    #[error("the frame cannot be encoded")]
    Encode(#[source] serde_json::Error),
    /// The socket failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
}

impl From<FrameError> for ControlError {
    fn from(error: FrameError) -> Self {
        let what = error.to_string();
        match error {
            FrameError::TooLarge { .. } => Self::new(&codes::TOO_LARGE, what),
            FrameError::Truncated => Self::bad_request(what),
            FrameError::Encode(source) => OpError::internal(what).why(source.to_string()).into(),
            FrameError::Closed => Self::new(&codes::UNREACHABLE, what),
            FrameError::Io(source) => Self::new(&codes::UNREACHABLE, what).why(source.to_string()),
        }
    }
}

/// Waits for the first byte of a frame.
///
/// # Errors
/// [`FrameError::Closed`] at the end of the connection.
///
/// # Cancel safety
/// Cancel safe.
pub async fn read_first<R: AsyncRead + Unpin>(from: &mut R) -> Result<u8, FrameError> {
    // One byte and no more, so that a wait for a request can be given up without losing part of a
    // frame.
    let mut first = [0; 1];
    match from.read(&mut first).await? {
        0 => Err(FrameError::Closed),
        _ => Ok(first[0]),
    }
}

/// Reads the rest of a frame of at most `max` bytes, after its first byte.
///
/// Memory grows with the bytes that arrive, not with the length that was announced, which any peer
/// may choose.
///
/// # Errors
/// Every [`FrameError`] but `Closed` and `Encode`.
pub async fn read_rest<R: AsyncRead + Unpin>(
    from: &mut R,
    first: u8,
    max: usize,
) -> Result<Vec<u8>, FrameError> {
    let mut head = [first, 0, 0, 0];
    from.read_exact(&mut head[1..]).await.map_err(truncated)?;
    let len = u64::from(u32::from_be_bytes(head));
    if len > max as u64 {
        return Err(FrameError::TooLarge { len, max });
    }
    let mut body = Vec::new();
    from.take(len).read_to_end(&mut body).await?;
    if body.len() as u64 == len { Ok(body) } else { Err(FrameError::Truncated) }
}

/// Reads a whole frame of at most `max` bytes.
///
/// # Errors
/// Every [`FrameError`] but `Encode`.
pub async fn read<R: AsyncRead + Unpin>(from: &mut R, max: usize) -> Result<Vec<u8>, FrameError> {
    let first = read_first(from).await?;
    read_rest(from, first, max).await
}

fn truncated(error: io::Error) -> FrameError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => FrameError::Truncated,
        _ => FrameError::Io(error),
    }
}

/// Writes a frame made by [`encode`].
///
/// # Errors
/// [`FrameError::Io`].
pub async fn write<W: AsyncWrite + Unpin>(to: &mut W, frame: &[u8]) -> Result<(), FrameError> {
    to.write_all(frame).await?;
    Ok(to.flush().await?)
}

/// Makes a frame, its length included, of at most `max` bytes of JSON.
///
/// # Errors
/// [`FrameError::TooLarge`] as soon as the limit is passed, or [`FrameError::Encode`].
pub fn encode<T: Serialize>(value: &T, max: usize) -> Result<Vec<u8>, FrameError> {
    encode_with(max, |frame| serde_json::to_writer(frame, value))
}

/// Makes a frame of JSON that is written piece by piece.
///
/// # Errors
/// As [`encode`].
pub fn encode_with(
    max: usize,
    write: impl FnOnce(&mut dyn io::Write) -> serde_json::Result<()>,
) -> Result<Vec<u8>, FrameError> {
    let mut frame = Bounded { bytes: vec![0; 4], max: max + 4 };
    if let Err(error) = write(&mut frame) {
        return Err(match error.is_io() {
            true => FrameError::TooLarge { len: max as u64 + 1, max },
            false => FrameError::Encode(error),
        });
    }
    let len = u32::try_from(frame.bytes.len() - 4)
        .map_err(|_| FrameError::TooLarge { len: frame.bytes.len() as u64, max })?;
    frame.bytes[..4].copy_from_slice(&len.to_be_bytes());
    Ok(frame.bytes)
}

/// A buffer that fails before it grows over its limit.
struct Bounded {
    bytes: Vec<u8>,
    max: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + part.len() > self.max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_survive_the_way_and_keep_their_limits() {
        let frame = encode(&"hello", 64).expect("fits");
        assert_eq!(read(&mut &frame[..], 64).await.expect("reads"), b"\"hello\"");
        assert!(matches!(encode(&"hello", 6), Err(FrameError::TooLarge { max: 6, .. })));
        assert!(matches!(
            read(&mut &frame[..], 6).await,
            Err(FrameError::TooLarge { len: 7, max: 6 })
        ));
        for cut in [1, 3, 4, frame.len() - 1] {
            assert!(matches!(read(&mut &frame[..cut], 64).await, Err(FrameError::Truncated)));
        }
        assert!(matches!(read(&mut &b""[..], 64).await, Err(FrameError::Closed)));
    }
}
