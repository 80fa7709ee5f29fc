//! Keys of the live view: read one by one, without echo, while signals stay signals.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::mpsc;

/// Keys that may wait.
const MAX_WAITING: usize = 16;

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Crash,
    Hang,
    Block,
    Kill,
    Suspend,
    Pipeline,
    Quit,
}

impl Key {
    fn of(byte: u8) -> Option<Self> {
        Some(match byte.to_ascii_lowercase() {
            b'c' => Self::Crash,
            b'h' => Self::Hang,
            b'b' => Self::Block,
            b'k' => Self::Kill,
            b's' => Self::Suspend,
            b'p' => Self::Pipeline,
            // Ctrl-D as well.
            b'q' | 4 => Self::Quit,
            _ => return None,
        })
    }
}

/// Keys as they are pressed.
pub(crate) type Presses = Arc<Mutex<Option<mpsc::Receiver<Key>>>>;

/// The terminal in key mode; dropping it restores what was.
#[derive(Debug)]
pub(crate) struct Keyboard {
    before: Termios,
    presses: Presses,
}

impl Keyboard {
    /// Switches the terminal to single keys. `None` where standard input is none.
    pub(crate) fn open() -> Option<Self> {
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin).ok()?;
        let mut keys = before.clone();
        // Not raw mode, which would take `ISIG` as well: Ctrl-C has to stay a signal.
        keys.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Now, &keys).ok()?;
        let (send, presses) = mpsc::channel(MAX_WAITING);
        // The thread waits for a key until the process ends.
        let reader = std::thread::Builder::new().name("keys".into()).spawn(move || read(&send));
        let keyboard = Self { before, presses: Arc::new(Mutex::new(Some(presses))) };
        reader.is_ok().then_some(keyboard)
    }

    pub(crate) fn presses(&self) -> Presses {
        Arc::clone(&self.presses)
    }
}

/// Takes the receiver; only the first call gets it.
pub(crate) fn take(presses: Option<Presses>) -> Option<mpsc::Receiver<Key>> {
    presses?.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // A terminal that cannot be restored cannot show an error either.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
    }
}

fn read(send: &mpsc::Sender<Key>) {
    for byte in std::io::stdin().lock().bytes() {
        let Ok(byte) = byte else { return };
        if let Some(key) = Key::of(byte)
            && let Err(mpsc::error::TrySendError::Closed(_)) = send.try_send(key)
        {
            return;
        }
    }
}
