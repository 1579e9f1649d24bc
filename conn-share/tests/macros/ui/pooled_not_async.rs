#![allow(unused)]
use conn_share::pooled;
use std::io;

#[pooled]
trait Executes {
    fn described(&self) -> usize {
        1
    }

    fn name(&self) -> usize;

    async fn execute(&self) -> io::Result<()>;
}

fn main() {}
