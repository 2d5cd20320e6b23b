//! What travels beside a message.

use anyhow::Result;

use super::stage::{Stage, client, get, movie, told};

pub(crate) async fn run(stage: &mut Stage) -> Result<()> {
    let server = stage.movies("server", &[]).await?.to_string();
    let middle = stage.movies("middle", &["--movies-middle", &server]).await?;
    let mut client = client(middle)?;

    let mut request = get(1);
    request.metadata_mut().insert("key", "value".parse()?);
    stage.say("client", "GetMovie with key=value");
    let answer = movie(&mut client, request).await;
    stage.say("client", &told(&answer));
    answer?;
    for who in ["middle", "server"] {
        let got = stage.count(who, "Value for key value") == 1;
        stage.check(got, &format!("the {who} has got it"))?;
    }
    Ok(())
}
