#![allow(unused)]
use conn_share::pooled;
use std::io;

#[pooled]
trait Executes {
    #[pooled(skip)]
    async fn execute(&self) -> io::Result<()>;
}

fn main() {}
