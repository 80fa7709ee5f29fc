//! Contracts: operations whose input is always checked before use.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::rc::Rc;

use actix::{Actor, AtomicResponse, Handler, Message, WrapFuture};
use ms_actor::Context;
use ms_core::Invalid;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An operation that can be asked for from outside: a typed input, output and error, and a
/// check of the input that cannot be left out.
///
/// [`execute`](Contract::execute) takes a [`Validated`] input, and only
/// [`validate`](Contract::validate) makes one.
///
/// ```
/// use ms_router::{Contract, Invalid, Validated};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Order { pieces: u32 }
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("only {0} left")]
/// struct OutOfStock(u32);
///
/// struct Shop { stock: u32 }
///
/// impl Contract for Shop {
///     type Input = Order;
///     type Output = u32;
///     type Error = OutOfStock;
///
///     fn validate(&self, order: &Order) -> Result<(), Invalid> {
///         if order.pieces == 0 { Err(Invalid::new("pieces", "must be at least 1")) } else { Ok(()) }
///     }
///
///     async fn execute(&self, order: Validated<Self>) -> Result<u32, OutOfStock> {
///         self.stock.checked_sub(order.pieces).ok_or(OutOfStock(self.stock))
///     }
/// }
///
/// let shop = Shop { stock: 3 };
/// assert!(Validated::check(&shop, Order { pieces: 0 }).is_err());
/// assert!(Validated::check(&shop, Order { pieces: 2 }).is_ok());
/// ```
pub trait Contract: Sized + 'static {
    /// The input.
    type Input: Serialize + DeserializeOwned + Send + 'static;
    /// The output. Both are serialisable, because they may cross processes.
    type Output: Serialize + DeserializeOwned + Send + 'static;
    /// The reason why there is no output.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Checks an input before anything is done with it.
    ///
    /// # Errors
    /// [`Invalid`] with the first part that is wrong.
    fn validate(&self, input: &Self::Input) -> Result<(), Invalid>;

    /// Carries out the operation.
    ///
    /// # Cancel safety
    /// When the deadline of the asker passes, the future is dropped at its next await.
    fn execute(
        &self,
        input: Validated<Self>,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>>;
}

/// An input that its contract has found valid. It cannot be made in another way:
///
/// ```compile_fail,E0451
/// use ms_router::{Contract, Validated};
///
/// fn skip<C: Contract>(input: C::Input) -> Validated<C> {
///     Validated { input, contract: std::marker::PhantomData }
/// }
/// ```
///
/// nor can it be changed, or used for another contract:
///
/// ```compile_fail,E0596
/// use ms_router::{Contract, Validated};
///
/// fn change<C: Contract<Input = String>>(mut input: Validated<C>) {
///     input.push_str("; DROP TABLE users");
/// }
/// ```
///
/// ```compile_fail,E0308
/// use ms_router::{Contract, Validated};
///
/// fn reuse<C: Contract<Input = String>, D: Contract<Input = String>>(input: Validated<C>) -> Validated<D> {
///     input
/// }
/// ```
pub struct Validated<C: Contract> {
    input: C::Input,
    contract: PhantomData<fn() -> C>,
}

impl<C: Contract> Validated<C> {
    /// Checks an input by the contract.
    ///
    /// # Errors
    /// The error of [`Contract::validate`].
    pub fn check(contract: &C, input: C::Input) -> Result<Self, Invalid> {
        contract.validate(&input)?;
        Ok(Self { input, contract: PhantomData })
    }

    /// Returns the input itself, to be taken apart.
    pub fn into_inner(self) -> C::Input {
        self.input
    }
}

impl<C: Contract> Deref for Validated<C> {
    type Target = C::Input;

    fn deref(&self) -> &C::Input {
        &self.input
    }
}

impl<C: Contract<Input: fmt::Debug>> fmt::Debug for Validated<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Validated").field(&self.input).finish()
    }
}

/// Why a contract gave no output.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError<E> {
    /// The input is invalid, so nothing was carried out.
    #[error("invalid input")]
    Invalid(#[source] Invalid),
    /// The operation failed.
    #[error(transparent)]
    Failed(E),
    /// The deadline of the asker passed before the operation was done.
    #[error("{contract} did not finish before the caller's deadline")]
    TooLate {
        /// The type of the contract.
        contract: &'static str,
    },
}

/// The message that asks for a contract to be carried out. Its input is not checked yet.
pub struct Invoke<C: Contract> {
    /// The input.
    pub input: C::Input,
}

impl<C: Contract> Invoke<C> {
    /// Returns the message with this input.
    pub fn new(input: C::Input) -> Self {
        Self { input }
    }
}

impl<C: Contract<Input: Clone>> Clone for Invoke<C> {
    fn clone(&self) -> Self {
        Self { input: self.input.clone() }
    }
}

impl<C: Contract<Input: fmt::Debug>> fmt::Debug for Invoke<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invoke").field("input", &self.input).finish()
    }
}

impl<C: Contract> Message for Invoke<C> {
    type Result = Result<C::Output, ContractError<C::Error>>;
}

/// The actor that carries out a contract, one invocation at a time.
#[derive(Debug)]
pub struct ContractActor<C>(Rc<C>);

impl<C: Contract> ContractActor<C> {
    /// Returns an actor for this contract; call it in the factory of a blueprint.
    pub fn new(contract: C) -> Self {
        Self(Rc::new(contract))
    }
}

impl<C: Contract> Actor for ContractActor<C> {
    type Context = Context<Self>;
}

impl<C: Contract> Handler<Invoke<C>> for ContractActor<C> {
    type Result = AtomicResponse<Self, Result<C::Output, ContractError<C::Error>>>;

    fn handle(&mut self, Invoke { input }: Invoke<C>, ctx: &mut Self::Context) -> Self::Result {
        // The future cannot borrow the actor. `Rc` suffices, because an actor stays on its thread.
        let (contract, deadline) = (Rc::clone(&self.0), ctx.deadline());
        let done = async move {
            let input = Validated::check(&*contract, input).map_err(ContractError::Invalid)?;
            let done = contract.execute(input);
            // Bounded here as well: an asker that gives up would leave the work running, and with it the
            // actor, which does one thing at a time.
            let done = match deadline {
                None => done.await,
                Some(deadline) => match tokio::time::timeout_at(deadline, done).await {
                    Ok(done) => done,
                    Err(_) => return Err(ContractError::TooLate { contract: type_name::<C>() }),
                },
            };
            done.map_err(ContractError::Failed)
        };
        AtomicResponse::new(Box::pin(done.into_actor(self)))
    }
}
