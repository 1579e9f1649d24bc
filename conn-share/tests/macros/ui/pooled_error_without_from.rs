#![allow(unused)]
use conn_share::pooled;
use std::io;

struct Failed;

#[pooled]
trait Executes {
    async fn execute(&self) -> Result<(), Failed>;
}

fn main() {}
