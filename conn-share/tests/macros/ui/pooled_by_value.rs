#![allow(unused)]
use conn_share::pooled;
use std::io;

#[pooled]
trait Executes: Sized {
    async fn finish(self) -> io::Result<()>;
}

fn main() {}
