#![allow(unused)]
use conn_share::pooled;
use std::io;

#[pooled]
trait Executes {
    async fn name(&self, text: &str) -> io::Result<&str>;
}

fn main() {}
