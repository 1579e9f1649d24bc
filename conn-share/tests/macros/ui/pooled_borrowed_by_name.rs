#![allow(unused)]
use conn_share::pooled;
use std::io;

#[pooled]
trait Executes {
    async fn name<'a>(&'a self, text: &str) -> io::Result<Vec<&'a str>>;
}

fn main() {}
