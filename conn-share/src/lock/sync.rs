//! What the lock's protocol is made of: the standard library's parts and tokio's mutex.
//!
//! With `RUSTFLAGS="--cfg shuttle"` the unit tests get shuttle's parts instead, which let it choose what happens in which
//! order; see `interleavings`.

#[cfg(not(all(test, shuttle)))]
mod parts {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, fence};
    pub(crate) use std::sync::{Mutex, MutexGuard};
    pub(crate) use std::thread_local;

    pub(crate) mod gate {
        pub(crate) use tokio::sync::{Mutex, MutexGuard};
    }
}

#[cfg(all(test, shuttle))]
mod parts {
    use std::cell::Cell;
    use std::sync::atomic::Ordering;

    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64};
    pub(crate) use shuttle::sync::{Mutex, MutexGuard};
    pub(crate) use shuttle::thread_local;

    /// Shuttle's atomics are sequentially consistent, whatever one asks for.
    pub(crate) fn fence(_: Ordering) {}

    /// As the standard library has it for its own.
    pub(crate) trait CellKey<T> {
        fn get(&'static self) -> T;
        fn set(&'static self, value: T);
    }

    impl<T: Copy + 'static> CellKey<T> for shuttle::thread::LocalKey<Cell<T>> {
        fn get(&'static self) -> T {
            self.with(Cell::get)
        }

        fn set(&'static self, value: T) {
            self.with(|cell| cell.set(value));
        }
    }

    /// As much of tokio's mutex as the gate uses. Shuttle's own must be unlocked by the thread that locked it.
    pub(crate) mod gate {
        use std::marker::PhantomData;
        use std::sync::atomic::Ordering;

        use super::AtomicBool;

        pub(crate) struct Mutex<T>(AtomicBool, PhantomData<T>);

        pub(crate) struct MutexGuard<'a, T>(&'a Mutex<T>);

        impl<T> Mutex<T> {
            pub(crate) fn new(_: T) -> Self {
                Self(AtomicBool::new(false), PhantomData)
            }

            pub(crate) fn try_lock(&self) -> Result<MutexGuard<'_, T>, ()> {
                if self.0.swap(true, Ordering::SeqCst) { Err(()) } else { Ok(MutexGuard(self)) }
            }
        }

        impl<T> Drop for MutexGuard<'_, T> {
            fn drop(&mut self) {
                assert!(self.0.0.swap(false, Ordering::SeqCst), "unlocked twice");
            }
        }
    }
}

pub(crate) use parts::*;
