#![allow(unused)]
use conn_share::pooled;
use std::io;

#[pooled(size = 5)]
trait Executes {
    async fn execute(&self) -> io::Result<()>;
}

fn main() {}
