//! A pointer to a connection is a connection.

use std::pin::Pin;
use std::sync::Arc;

use super::{BoxedSection, Connection, OnLine};
use crate::{Reply, Result};

/// What `#[async_trait]` makes of an async method.
type Calling<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Written out, so that the future of what is pointed at is passed on as it is: a second box around it would be paid by
/// every call through an `Arc<dyn Connection>`. Provided methods are forwarded like the others.
macro_rules! forward {
    ($pointer:ident) => {
        #[deny(clippy::missing_trait_methods)]
        impl<C: Connection + ?Sized> Connection for $pointer<C> {
            fn connect<'a, 'b>(&'a self) -> Calling<'b, ()>
            where
                'a: 'b,
                Self: 'b,
            {
                (**self).connect()
            }

            fn disconnect<'a, 'b>(&'a self) -> Calling<'b, ()>
            where
                'a: 'b,
                Self: 'b,
            {
                (**self).disconnect()
            }

            fn is_connected(&self) -> bool {
                (**self).is_connected()
            }

            fn send<'a, 't, 'b>(&'a self, text: &'t str) -> Calling<'b, ()>
            where
                'a: 'b,
                't: 'b,
                Self: 'b,
            {
                (**self).send(text)
            }

            fn receive<'a, 'b>(&'a self) -> Calling<'b, String>
            where
                'a: 'b,
                Self: 'b,
            {
                (**self).receive()
            }

            fn execute<'a, 't, 'b>(&'a self, command: &'t str) -> Calling<'b, Reply>
            where
                'a: 'b,
                't: 'b,
                Self: 'b,
            {
                (**self).execute(command)
            }

            fn execute_lines<'a, 't, 'l, 'b>(&'a self, command: &'t str, on_line: OnLine<'l>) -> Calling<'b, Reply>
            where
                'a: 'b,
                't: 'b,
                'l: 'b,
                Self: 'b,
            {
                (**self).execute_lines(command, on_line)
            }

            fn configure<'a, 't, 'b>(&'a self, config: &'t str) -> Calling<'b, Reply>
            where
                'a: 'b,
                't: 'b,
                Self: 'b,
            {
                (**self).configure(config)
            }

            fn exclusively<'a, 'b>(&'a self, section: BoxedSection<'a>) -> Calling<'b, ()>
            where
                'a: 'b,
                Self: 'b,
            {
                (**self).exclusively(section)
            }

            fn reset<'a, 'b>(&'a self) -> Calling<'b, ()>
            where
                'a: 'b,
                Self: 'b,
            {
                (**self).reset()
            }

            fn needs_reset(&self) -> bool {
                (**self).needs_reset()
            }
        }
    };
}

forward!(Arc);
forward!(Box);
