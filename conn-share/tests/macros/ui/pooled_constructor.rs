#![allow(unused)]
use conn_share::pooled;
use std::io;

#[pooled]
trait Executes: Sized {
    async fn connect(host: &str) -> io::Result<Self>;
}

fn main() {}
