//! No magic: an impl as it is written, and the same impl as the macros expand it.
//!
//! A test of the macros compares the two, token by token; the test below runs both.

/// As people write it.
mod written {
    use std::io;

    use conn_share::{ConnLock, Lockable, locked};

    #[derive(Lockable)]
    #[lockable(recover = Self::reconnect)]
    pub(super) struct Session {
        pub(super) lock: ConnLock<Vec<String>>,
    }

    impl Session {
        async fn reconnect(&self) {
            self.lock.state().clear();
        }
    }

    #[locked]
    impl Session {
        pub(super) async fn send(&self, text: &str) -> io::Result<()> {
            self.lock.state().push(text.to_owned());
            Ok(())
        }

        pub(super) async fn clear(&self) {
            self.lock.state().clear();
        }
    }
}

/// As the compiler sees it.
#[allow(clippy::unit_arg, reason = "clippy leaves expansions alone")]
mod expanded {
    use std::io;

    use conn_share::ConnLock;

    pub(super) struct Session {
        pub(super) lock: ConnLock<Vec<String>>,
    }

    #[automatically_derived]
    impl ::conn_share::Lockable for Session {
        type State = Vec<String>;
        fn conn_lock(&self) -> &::conn_share::ConnLock<Self::State> {
            &self.lock
        }
        fn recover(
            &self,
        ) -> ::core::pin::Pin<
            ::std::boxed::Box<
                dyn ::core::future::Future<Output = ::core::result::Result<(), ::conn_share::RecoverError>>
                    + ::core::marker::Send
                    + '_,
            >,
        > {
            ::std::boxed::Box::pin(async move {
                ::conn_share::__private::IntoRecovery::into_recovery(Self::reconnect(self).await)
            })
        }
    }

    impl Session {
        async fn reconnect(&self) {
            self.lock.state().clear();
        }
    }

    impl Session {
        pub(super) async fn send(&self, text: &str) -> io::Result<()> {
            ::conn_share::__private::locked(
                self,
                {
                    static SITE: ::conn_share::__private::Site =
                        ::conn_share::__private::Site::new("Session::send", ::core::file!(), ::core::line!());
                    &SITE
                },
                move |error| {
                    #[allow(unused_imports)]
                    use ::conn_share::__private::NotResult as _;
                    ::conn_share::__private::Returns::<io::Result<()>>::new().lock_failed(error)
                },
                async move {
                    if let ::core::option::Option::Some(hint) = ::core::option::Option::None::<io::Result<()>> {
                        return hint;
                    }
                    {
                        self.lock.state().push(text.to_owned());
                        Ok(())
                    }
                },
            )
            .await
        }
        pub(super) async fn clear(&self) {
            ::conn_share::__private::locked(
                self,
                {
                    static SITE: ::conn_share::__private::Site =
                        ::conn_share::__private::Site::new("Session::clear", ::core::file!(), ::core::line!())
                            .infallible();
                    &SITE
                },
                move |error| {
                    #[allow(unused_imports)]
                    use ::conn_share::__private::NotResult as _;
                    ::conn_share::__private::Returns::<()>::new().lock_failed(error)
                },
                async move {
                    if let ::core::option::Option::Some(hint) = ::core::option::Option::None::<()> {
                        return hint;
                    }
                    {
                        self.lock.state().clear();
                    }
                },
            )
            .await
        }
    }
}

macro_rules! check {
    ($module:ident) => {
        let session = $module::Session { lock: conn_share::ConnLock::new(Vec::new()) };
        session.send("text").await.unwrap();
        session.clear().await;
        session.lock.close();
        assert!(session.send("text").await.is_err());
    };
}

#[tokio::test]
async fn both_run() {
    check!(written);
    check!(expanded);
}
