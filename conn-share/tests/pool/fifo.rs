//! First come, first served.

use std::sync::{Arc, Mutex};

use crate::lab::{numbers, settle};

#[tokio::test]
async fn those_who_wait_are_served_in_order() {
    let pool = numbers(2).start().await.unwrap();
    let held = (pool.get().await.unwrap(), pool.get().await.unwrap());
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for number in 0..100 {
        let (pool, served) = (pool.clone(), served.clone());
        tasks.push(tokio::spawn(async move {
            let guard = pool.get().await.unwrap();
            served.lock().unwrap().push(number);
            tokio::task::yield_now().await;
            drop(guard);
        }));
        settle().await;
    }
    drop(held);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*served.lock().unwrap(), (0..100).collect::<Vec<_>>());
}
