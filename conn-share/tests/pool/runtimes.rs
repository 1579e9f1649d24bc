//! A pool that is used from two runtimes, the first of which ends.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::lab::{Device, Mood};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn it_keeps_working_whatever_was_under_way_when_the_first_ended() {
    for mood in [Mood::Works, Mood::Waits] {
        let (first, second) = (runtime(), runtime());
        let device = Device::new();
        let pool = first.block_on(device.pool().size(2).timeout(Duration::from_secs(20)).start()).unwrap();
        device.set(|moods| (moods.reset, moods.connect) = (mood, mood));
        // One is being reset, one is being replaced, one waits in each runtime.
        first.block_on(async {
            let (one, two) = (pool.get().await.unwrap(), pool.get().await.unwrap());
            two.break_it();
            drop((one, two));
        });
        let wait = |pool: conn_share::AsyncPool<_>| async move { pool.get().await.map(drop) };
        let lost = first.spawn(wait(pool.clone()));
        let kept = second.spawn(wait(pool.clone()));
        first.shutdown_background();
        device.gate.add_permits(10);
        second.block_on(async {
            kept.await.unwrap().unwrap();
            let all = (pool.get().await.unwrap(), pool.get().await.unwrap());
            assert!(device.most_open.load(SeqCst) <= 2);
            drop(all);
        });
        drop(lost);
    }
}

#[test]
fn a_timeout_set_in_a_runtime_that_ended_is_kept_by_the_other() {
    let (first, second) = (runtime(), runtime());
    let pool = first.block_on(crate::lab::numbers(1).start()).unwrap();
    let held = first.block_on(pool.get()).unwrap();
    let wait = |limit| {
        let pool = pool.clone();
        async move { pool.get_timeout(Duration::from_millis(limit)).await.map(drop) }
    };
    let lost = first.spawn(wait(20_000));
    let kept = second.spawn(wait(50));
    first.shutdown_background();
    assert!(second.block_on(kept).unwrap().unwrap_err().is_timeout());
    assert!(second.block_on(second.spawn(wait(20))).unwrap().unwrap_err().is_timeout());
    drop((lost, held));
    drop(second.block_on(pool.get()).unwrap());
}
