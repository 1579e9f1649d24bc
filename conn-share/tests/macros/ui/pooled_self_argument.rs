#![allow(unused)]
use conn_share::pooled;
use std::io;

#[pooled]
trait Executes: Sized {
    async fn join(&self, other: &Self) -> io::Result<()>;
}

fn main() {}
