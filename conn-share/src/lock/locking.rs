//! The call that `#[locked]` expands to.

use tracing::Instrument;
use tracing::instrument::Instrumented;

use super::raw::Locked;
use super::section::Section;
use super::site::Site;
use super::{LockError, Lockable};

/// Runs `body` under the lock of `this`; `or_else` makes an output from a lock error.
#[inline(always)]
pub fn locked<'a, L, M, F, W>(
    this: &'a L,
    site: &'static Site,
    or_else: M,
    body: F,
) -> <&'a L as Locking<L, M, F, W>>::Call
where
    L: ?Sized,
    &'a L: Locking<L, M, F, W>,
    M: Fn(LockError) -> F::Output,
    F: Future,
{
    this.locked(site, or_else, body)
}

/// Runs a method's body in a span of its own.
pub fn in_span<F: Future>(method: &'static str, body: F) -> Instrumented<F> {
    body.instrument(tracing::info_span!(target: "conn_share::lock", "locked", method))
}

/// Holds for a reference to what is [`Lockable`].
///
/// It is there for the sake of one good message. Were `Locked<L, ..>` the type that [`locked`] returns, a type without
/// lock would be an error here, and again at the `.await`, and again for the future of the whole method. So the type
/// hangs on this trait, and the compiler is silent about what becomes of a type that it could not find. But a trait with
/// a single implementation is taken at its word, met or not; hence a second one, for nobody, and `W` to tell them apart.
#[diagnostic::on_unimplemented(
    message = "`{L}` has no lock for `#[locked]` to take",
    label = "`{L}` is not `Lockable`",
    note = "add `#[derive(Lockable)]` and a field `lock: ConnLock<State>` to the struct",
    note = "on a trait, write `conn_share::Lockable` among its supertraits"
)]
pub trait Locking<L: ?Sized, M, F, W> {
    /// The future of the call.
    type Call;

    /// As the function.
    fn locked(self, site: &'static Site, or_else: M, body: F) -> Self::Call;
}

/// Marks the implementation for what has a lock.
#[derive(Debug)]
pub enum WithLock {}

/// Marks the implementation for nobody.
#[derive(Debug)]
pub enum WithoutLock {}

/// Nobody is.
pub trait Nobody {}

#[diagnostic::do_not_recommend]
impl<'a, L, M, F> Locking<L, M, F, WithLock> for &'a L
where
    L: Lockable + ?Sized,
    M: Fn(LockError) -> F::Output,
    F: Future,
{
    type Call = Locked<'a, L, M, F>;

    #[inline(always)]
    fn locked(self, site: &'static Site, or_else: M, body: F) -> Self::Call {
        Locked::new(Section::new(self, site), or_else, body)
    }
}

#[diagnostic::do_not_recommend]
impl<L: Nobody + ?Sized, M, F> Locking<L, M, F, WithoutLock> for &L {
    type Call = F;

    fn locked(self, _: &'static Site, _: M, body: F) -> F {
        body
    }
}
