use conn_share::locked;

#[locked]
trait Sends {
    async fn required(&self);

    async fn send(&self) {}

    async fn receive(&self) -> std::io::Result<()> {
        Ok(())
    }
}

fn main() {}
