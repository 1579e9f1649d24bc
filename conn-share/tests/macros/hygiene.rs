//! Names that mean something else where the macro is used.

mod elsewhere {
    #![no_implicit_prelude]

    struct Result;
    struct Option;
    struct Box;
    struct Ok;
    struct Err;
    struct Some;
    struct None;
    struct Clone;
    struct Future;
    struct Pin;
    struct Send;
    mod core {}
    mod std {}
    mod conn_share {}
    macro_rules! file {
        () => {
            7
        };
    }
    macro_rules! line {
        () => {
            "not a line"
        };
    }

    #[derive(::conn_share::Lockable)]
    #[lockable(recover = Self::recover)]
    pub(super) struct Session {
        pub(super) lock: ::conn_share::ConnLock,
    }

    impl Session {
        pub(super) async fn recover(&self) {}
    }

    const SITE: u8 = 1;

    #[::conn_share::locked]
    impl Session {
        pub(super) async fn shadows(&self, section: u8, error: u8, hint: u8, owner: u8) -> u8 {
            let _ = (Ok, Err, Some, None, Option, Result, Box, Clone, Future, Pin, Send);
            SITE + section + error + hint + owner + file!()
        }

        pub(super) async fn same_result(&self, error: u8) -> ::std::io::Result<&'static str> {
            ::std::assert_eq!(error, 1);
            ::std::result::Result::Ok(line!())
        }

        pub(super) async fn arc(self: ::std::sync::Arc<Self>, owner: u8) -> u8 {
            owner
        }

        pub(super) fn boxed(
            &self,
        ) -> ::std::pin::Pin<::std::boxed::Box<dyn ::std::future::Future<Output = u8> + ::std::marker::Send + '_>>
        {
            ::std::boxed::Box::pin(async move { SITE })
        }

        #[locked(timeout = "1s")]
        pub(super) async fn timed(&self) -> ::std::io::Result<u8> {
            ::std::result::Result::Ok(SITE)
        }
    }
}

#[tokio::test]
async fn shadowed_names() {
    let s = std::sync::Arc::new(elsewhere::Session { lock: conn_share::ConnLock::new(()) });
    assert_eq!(s.shadows(1, 2, 3, 4).await, 18);
    assert_eq!(s.same_result(1).await.unwrap(), "not a line");
    assert_eq!(s.boxed().await, 1);
    assert_eq!(s.timed().await.unwrap(), 1);
    assert_eq!(s.arc(3).await, 3);
}
