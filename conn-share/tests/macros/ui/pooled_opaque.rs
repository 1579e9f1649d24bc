#![allow(unused)]
use conn_share::pooled;
use std::io;

#[pooled]
trait Executes {
    async fn lines(&self) -> io::Result<impl Iterator<Item = u8>>;
}

fn main() {}
