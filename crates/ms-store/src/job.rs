//! The jobs of the writer, and carrying one out for the life of the actor that may write.

use ms_core::task::StoreError;
use tokio::runtime::Handle;

use crate::messages::{Touch, Write};
use crate::tenancy::Tenancy;
use crate::write::Writer;

/// A job of the writer.
pub(crate) enum Job {
    Commit(Vec<Write>, Vec<Touch>),
    Prune,
    Look,
    TryAgain,
}

impl Job {
    pub(crate) async fn carry_out(self, writer: &mut Writer) {
        match self {
            Self::Commit(group, touches) => {
                writer.commit(group).await;
                // After the commit, so that the answer covers how that went.
                writer.answer(touches).await;
            }
            Self::Prune => writer.prune().await,
            Self::Look => writer.look().await,
            Self::TryAgain => writer.try_again().await,
        }
    }

    pub(crate) fn refuse(self, error: &StoreError) {
        if let Self::Commit(group, touches) = self {
            group.into_iter().for_each(|write| write.refuse(error.clone()));
            touches.into_iter().for_each(|touch| touch.refuse(error.clone()));
        }
    }
}

impl Tenancy {
    /// Carries out a job on a thread of its own: it completes even if the actor and its thread do
    /// not. A life that has a successor is refused.
    pub(crate) async fn carry_out(self, mut writer: Box<Writer>, job: Job) -> Box<Writer> {
        let Ok(turn) = self.turn().acquire_owned().await else { return writer };
        let (this, here) = (self.clone(), Handle::current());
        // Not on this thread: an agent that blocks it would hold every later life up.
        let work = tokio::task::spawn_blocking(move || {
            match this.is_current() {
                true => here.block_on(job.carry_out(&mut writer)),
                false => job.refuse(&StoreError::Away("it has a successor".to_owned())),
            }
            drop(turn);
            writer
        });
        match work.await {
            Ok(writer) => writer,
            // A panic in it is passed on to the actor, so that its supervisor acts on it.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Cancelled: the runtime of this thread ends, and the actor with it.
                Err(_) => std::future::pending().await,
            },
        }
    }
}
