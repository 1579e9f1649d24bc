use conn_share::locked;

struct Session;

impl Session {
    #[locked]
    async fn send(&self) {}
}

fn main() {}
