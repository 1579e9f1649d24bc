#![allow(unused)]
use conn_share::pooled;
use std::io;

struct Worker;

#[pooled]
impl Worker {
    async fn execute(&self) -> io::Result<()> {
        Ok(())
    }
}

fn main() {}
