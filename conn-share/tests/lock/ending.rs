//! What becomes of a body and its output when a section ends.

use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use conn_share::LockableExt;

use crate::line::{Line, poll_once, turn};

/// Counts its drops.
struct Counted<'a>(&'a Cell<usize>);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// Ready at once; panics when it is dropped.
struct Bomb<'a>(&'a Cell<usize>);

impl<'a> Future for Bomb<'a> {
    type Output = Counted<'a>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Counted<'a>> {
        Poll::Ready(Counted(self.0))
    }
}

impl Drop for Bomb<'_> {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[test]
fn a_body_and_its_output_are_dropped_once() {
    let line = Line::default();
    let (bodies, outputs) = (Cell::new(0), Cell::new(0));
    let section = |turns: usize| {
        let (body, outputs) = (Counted(&bodies), &outputs);
        line.exclusive(async move {
            let _body = body;
            for _ in 0..turns {
                turn().await;
            }
            Counted(outputs)
        })
    };
    drop(section(0));
    assert_eq!((bodies.take(), outputs.take()), (1, 0), "dropped before it was polled");
    {
        let mut section = pin!(section(1));
        assert!(poll_once(section.as_mut()).is_pending());
        assert_eq!(bodies.get(), 0);
        let Poll::Ready(Ok(output)) = poll_once(section.as_mut()) else { panic!("it has had its turn") };
        assert_eq!((bodies.get(), outputs.get()), (1, 0));
        assert!(line.lock.holder().is_none(), "it has ended, though it is still there");
        drop(output);
    }
    assert_eq!((bodies.take(), outputs.take()), (1, 1), "ran to its end");
    {
        let mut section = Box::pin(section(1));
        assert!(poll_once(section.as_mut()).is_pending());
    }
    assert_eq!((bodies.take(), outputs.take()), (1, 0), "cut off");
    line.lock.close();
    {
        let mut section = pin!(section(1));
        assert!(matches!(poll_once(section.as_mut()), Poll::Ready(Err(error)) if error.is_closed()));
        assert_eq!(bodies.get(), 0);
    }
    assert_eq!((bodies.take(), outputs.take()), (1, 0), "refused");
}

#[test]
fn an_output_is_dropped_when_the_destructor_of_its_body_panics() {
    let line = Line::default();
    let outputs = Cell::new(0);
    {
        let mut section = Box::pin(line.exclusive(Bomb(&outputs)));
        assert!(catch_unwind(AssertUnwindSafe(|| poll_once(section.as_mut()))).is_err());
        assert_eq!(outputs.get(), 1);
        assert!(line.lock.holder().is_some(), "it was cut off, and is still there");
    }
    assert!(line.lock.is_interrupted());
    assert!(line.lock.holder().is_none());
    assert_eq!(outputs.get(), 1);
}

#[test]
fn a_section_ends_when_the_destructor_of_its_body_panics() {
    let line = Line::default();
    let outputs = Cell::new(0);
    let section = line.exclusive(async {
        let _bomb = Bomb(&outputs);
        turn().await;
    });
    let mut section = Box::pin(section);
    assert!(poll_once(section.as_mut()).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(section))).is_err());
    assert!(line.lock.is_interrupted());
    assert!(line.lock.holder().is_none());
}
