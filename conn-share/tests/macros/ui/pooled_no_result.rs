#![allow(unused)]
use conn_share::pooled;
use std::io;

#[pooled]
trait Executes {
    async fn count(&self) -> usize;
}

fn main() {}
