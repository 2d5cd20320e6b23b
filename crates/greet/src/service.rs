//! The four kinds of call.

use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use tokio::time::sleep;
use tonic::{Request, Response, Status, Streaming};
use wayside_proto::greet::v1::greet_service_server::GreetService;
use wayside_proto::greet::v1::{
    GreetEveryoneRequest, GreetEveryoneResponse, GreetManyTimesRequest, GreetManyTimesResponse,
    GreetRequest, GreetResponse, LongGreetRequest, LongGreetResponse,
};

use crate::words::{Said, Words, bad_field};

/// How many greetings GreetManyTimes sends when the request does not say.
const DEFAULT_COUNT: i32 = 10;
/// How many greetings one GreetManyTimes may send, and how many people one LongGreet may name.
const MAX_COUNT: i32 = 1000;
/// How long the reply of LongGreet may get: well under the 4 MiB that a client takes by default.
const MAX_LONG_GREET_BYTES: usize = 1024 * 1024;

/// Greets. A delay is waited for in the handler's future, so it ends when the call is cancelled or out of time.
#[derive(Debug)]
pub(crate) struct Greeter {
    words: Words,
}

impl Greeter {
    pub(crate) fn new(words: Words) -> Self {
        Self { words }
    }
}

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[expect(deprecated, reason = "`result` is what clients of the first release read")]
#[tonic::async_trait]
impl GreetService for Greeter {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        let request = request.into_inner();
        let delay = self.words.delay(request.delay)?;
        wait(delay).await;
        let Said { result, greeting } = self.words.say(request.greeting.as_ref(), delay);
        Ok(Response::new(GreetResponse { result, greeting }))
    }

    type GreetManyTimesStream = Replies<GreetManyTimesResponse>;

    async fn greet_many_times(
        &self,
        request: Request<GreetManyTimesRequest>,
    ) -> Result<Response<Self::GreetManyTimesStream>, Status> {
        let request = request.into_inner();
        let delay = self.words.delay(request.delay)?;
        let count = match request.count {
            0 => DEFAULT_COUNT,
            count @ 1..=MAX_COUNT => count,
            count => {
                return Err(bad_field("count", format!("{count} is not from 0 to {MAX_COUNT}")));
            }
        };
        let words = self.words.clone();
        let replies = stream::iter(0..count).then(move |_| {
            let Said { result, greeting } = words.say(request.greeting.as_ref(), delay);
            async move {
                wait(delay).await;
                Ok(GreetManyTimesResponse { result, greeting })
            }
        });
        Ok(Response::new(Box::pin(replies)))
    }

    async fn long_greet(
        &self,
        request: Request<Streaming<LongGreetRequest>>,
    ) -> Result<Response<LongGreetResponse>, Status> {
        let mut people = request.into_inner();
        let mut all = LongGreetResponse::default();
        let mut count = 0;
        while let Some(person) = people.try_next().await? {
            count += 1;
            let delay = self.words.delay(person.delay)?;
            wait(delay).await;
            let said = self.words.say(person.greeting.as_ref(), delay);
            append_line(&mut all.result, &said.result);
            append_line(&mut all.greeting, &said.greeting);
            if count > MAX_COUNT || all.result.len() + all.greeting.len() > MAX_LONG_GREET_BYTES {
                return Err(Status::resource_exhausted(format!(
                    "too much for one reply: at most {MAX_COUNT} people and {MAX_LONG_GREET_BYTES} bytes; use GreetEveryone"
                )));
            }
        }
        Ok(Response::new(all))
    }

    type GreetEveryoneStream = Replies<GreetEveryoneResponse>;

    async fn greet_everyone(
        &self,
        request: Request<Streaming<GreetEveryoneRequest>>,
    ) -> Result<Response<Self::GreetEveryoneStream>, Status> {
        let words = self.words.clone();
        let replies = request.into_inner().and_then(move |person| {
            let words = words.clone();
            async move {
                let delay = words.delay(person.delay)?;
                wait(delay).await;
                let Said { result, greeting } = words.say(person.greeting.as_ref(), delay);
                Ok(GreetEveryoneResponse { result, greeting })
            }
        });
        Ok(Response::new(Box::pin(replies)))
    }
}

/// Waits as long as was asked for. Even a sleep of no time would last until the timer's next tick, which is up to a millisecond.
async fn wait(delay: Duration) {
    if !delay.is_zero() {
        sleep(delay).await;
    }
}

/// Lines are separated, not ended, so that one greeting alone reads as Greet's reply.
fn append_line(text: &mut String, line: &str) {
    if !text.is_empty() && !line.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, advance};

    use super::*;
    use crate::Release;

    #[tokio::test(start_paused = true)]
    async fn a_greeting_takes_the_delay_that_was_asked_for_and_none_takes_no_time() {
        let greeter = Greeter::new(Words::new(Release::Second, "pod", "127.0.0.1"));
        // Between two ticks of the timer, as most calls come.
        advance(Duration::from_micros(500)).await;
        for (seconds, late) in [(0, Duration::ZERO), (2, Duration::from_millis(1))] {
            let began = Instant::now();
            let request = GreetRequest { delay: seconds, ..GreetRequest::default() };
            greeter.greet(Request::new(request)).await.unwrap();
            let (took, asked) = (began.elapsed(), Duration::from_secs(seconds as u64));
            assert!((asked..=asked + late).contains(&took), "{asked:?} took {took:?}");
        }
    }
}
