#![allow(unused)]
use conn_share::pooled;
use std::io;

#[pooled]
unsafe trait Executes {
    async fn execute(&self) -> io::Result<()>;
}

fn main() {}
