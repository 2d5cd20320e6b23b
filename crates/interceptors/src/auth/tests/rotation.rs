use std::future::{Future, pending};

use bytes::Bytes;
use tokio::time::{Instant, advance, sleep};

use super::super::{FetchError, FetchJwks, KeyFile, KeysInMemory, MAX_DOCUMENT_BYTES, Rejection};
use super::*;
use crate::log_lines::Lines;

fn document(keys: &[(&Keys, &str)]) -> String {
    json!({ "keys": keys.iter().map(|(keys, id)| keys.jwk("EdDSA", id)).collect::<Vec<_>>() })
        .to_string()
}

/// A token that says it is signed with the key of this id.
fn token_of(signer: &Keys, id: &str) -> String {
    let header = json!({ "alg": "EdDSA", "kid": id }).to_string();
    signed(signer, "EdDSA", &header, &claims().to_string())
}

async fn rotating(keys: &[(&Keys, &str)]) -> (KeysInMemory, Verifier) {
    let source = KeysInMemory::new(document(keys));
    let (verifier, _) = verifier_of(KeyStore::load(source.clone()).await.unwrap());
    (source, verifier)
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_by_the_first_token_that_names_it() {
    let (source, verifier) = rotating(&[(&GOOD, "old")]).await;
    source.set(document(&[(&GOOD, "old"), (&ATTACKER, "new")]));
    let start = Instant::now();
    verifier.verify(&token_of(&ATTACKER, "new")).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO, "it waited for the clock");
    assert_eq!(source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn unknown_keys_cause_one_look_a_minute() {
    let (source, verifier) = rotating(&[(&GOOD, "old")]).await;
    let start = Instant::now();
    for second in 0..180 {
        for id in ["x", "y", "z"] {
            assert_eq!(
                verifier.verify(&token_of(&GOOD, id)).await.unwrap_err(),
                Rejection::UnknownKey
            );
        }
        let looks = source.fetches() - 1;
        assert_eq!(looks, second / 60 + 1, "after {second} s");
        advance(Duration::from_secs(1)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(500), "the periodic look is among them");
}

#[tokio::test(start_paused = true)]
async fn tokens_that_are_bad_for_another_reason_cause_no_look() {
    let (source, verifier) = rotating(&[(&GOOD, "old")]).await;
    let expired = with(claims(), json!({ "exp": NOW - 1 })).to_string();
    let header = json!({ "alg": "EdDSA", "kid": "x" }).to_string();
    verifier.verify(&signed(&GOOD, "EdDSA", &header, &expired)).await.unwrap_err();
    verifier.verify(&token_of(&ATTACKER, "old")).await.unwrap_err();
    assert_eq!(source.fetches(), 1);
}

/// A source that answers when it is told to.
#[derive(Clone)]
struct Slow(KeysInMemory, Duration);

impl FetchJwks for Slow {
    async fn fetch(&self) -> Result<Bytes, FetchError> {
        let answer = self.0.fetch().await;
        if self.0.fetches() > 1 {
            sleep(self.1).await;
        }
        answer
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_come_together_wait_for_one_look() {
    let source = KeysInMemory::new(document(&[(&GOOD, "old")]));
    let store = KeyStore::load(Slow(source.clone(), Duration::from_secs(2))).await.unwrap();
    let verifier = Arc::new(verifier_of(store).0);
    source.set(document(&[(&ATTACKER, "new")]));
    let start = Instant::now();
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let verifier = verifier.clone();
            tokio::spawn(async move { verifier.verify(&token_of(&ATTACKER, "new")).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!((source.fetches(), start.elapsed()), (2, Duration::from_secs(2)));
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_no_longer_than_a_look_may_take() {
    let source = KeysInMemory::new(document(&[(&GOOD, "old")]));
    let store = KeyStore::load(Slow(source, Duration::from_secs(3600))).await.unwrap();
    let (verifier, _) = verifier_of(store);
    let start = Instant::now();
    assert_eq!(verifier.verify(&token_of(&GOOD, "new")).await.unwrap_err(), Rejection::UnknownKey);
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    verifier.verify(&token_of(&GOOD, "old")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_known_token_ends_with_its_key_at_the_next_look() {
    let (source, verifier) = rotating(&[(&GOOD, "old"), (&ATTACKER, "other")]).await;
    let (old, other) = (token_of(&GOOD, "old"), token_of(&ATTACKER, "other"));
    verifier.verify(&old).await.unwrap();
    verifier.verify(&other).await.unwrap();
    source.set(document(&[(&ATTACKER, "other")]));
    verifier.verify(&old).await.unwrap();
    // Ten minutes and the tenth that it may be late.
    sleep(Duration::from_secs(661)).await;
    assert_eq!(verifier.verify(&old).await.unwrap_err(), Rejection::UnknownKey);
    verifier.verify(&other).await.unwrap();
    assert_eq!(verifier.signature_checks(), 2, "the key that stayed is asked again");
}

#[tokio::test(start_paused = true)]
async fn a_known_token_ends_when_another_key_takes_the_id_of_its_own() {
    let (source, verifier) = rotating(&[(&GOOD, "key")]).await;
    let token = token_of(&GOOD, "key");
    verifier.verify(&token).await.unwrap();
    source.set(document(&[(&ATTACKER, "key")]));
    sleep(Duration::from_secs(661)).await;
    assert_eq!(verifier.verify(&token).await.unwrap_err(), Rejection::Signature);
}

#[tokio::test(start_paused = true)]
async fn the_last_good_keys_stay_in_use() {
    let lines = Lines::default();
    let _guard = lines.subscribe();
    let (source, verifier) = rotating(&[(&GOOD, "old")]).await;
    let token = token_of(&GOOD, "old");
    for broken in ["", "{", r#"{"keys":[]}"#, &" ".repeat(MAX_DOCUMENT_BYTES + 1)] {
        source.set(broken.to_owned());
        sleep(Duration::from_secs(1400)).await;
        verifier.verify(&token).await.unwrap();
    }
    source.clear();
    sleep(Duration::from_secs(3600)).await;
    verifier.verify(&token).await.unwrap();
    let complaints = lines.text().matches("the last good ones stay in use").count();
    assert_eq!(complaints, 5, "one for each new way to be broken: {}", lines.text());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_failed_is_asked_again_soon_and_then_less_often() {
    let (source, verifier) = rotating(&[(&GOOD, "old")]).await;
    source.clear();
    let start = Instant::now();
    let mut attempts = Vec::new();
    while attempts.len() < 10 {
        let before = source.fetches();
        sleep(Duration::from_secs(1)).await;
        if source.fetches() > before {
            attempts.push(start.elapsed().as_secs_f64());
        }
    }
    let waits = attempts.windows(2).map(|pair| pair[1] - pair[0]);
    for (wait, nominal) in waits.zip([5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 600.0, 600.0]) {
        // A second more or less, as that is how often the test looks.
        assert!(
            (nominal * 0.9 - 1.0..=nominal * 1.1 + 1.0).contains(&wait),
            "{wait} s for {nominal} s"
        );
    }
    source.set(document(&[(&ATTACKER, "new")]));
    sleep(Duration::from_secs(661)).await;
    verifier.verify(&token_of(&ATTACKER, "new")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_source_is_left_alone_once_nobody_needs_the_keys() {
    let (source, verifier) = rotating(&[(&GOOD, "old")]).await;
    let clone = verifier.keys().clone();
    drop(verifier);
    sleep(Duration::from_secs(700)).await;
    assert_eq!(source.fetches(), 2);
    drop(clone);
    sleep(Duration::from_secs(7000)).await;
    assert_eq!(source.fetches(), 2);
}

/// Never answers, and wants to be asked all the time.
struct Greedy;

impl FetchJwks for Greedy {
    fn fetch(&self) -> impl Future<Output = Result<Bytes, FetchError>> + Send {
        pending()
    }

    fn refresh_every(&self) -> Duration {
        Duration::ZERO
    }
}

#[tokio::test(start_paused = true)]
async fn there_is_no_store_without_keys_to_start_with() {
    assert!(matches!(KeyStore::load(Greedy).await, Err(FetchError::TimedOut)));
    assert!(matches!(
        KeyStore::load(KeysInMemory::default()).await,
        Err(FetchError::Unreadable(_))
    ));
    assert!(matches!(KeyStore::load(KeysInMemory::new("{}")).await, Err(FetchError::Invalid(_))));
}

#[tokio::test(start_paused = true)]
async fn a_source_is_asked_once_a_second_at_most() {
    #[derive(Clone)]
    struct Eager(KeysInMemory);
    impl FetchJwks for Eager {
        fn fetch(&self) -> impl Future<Output = Result<Bytes, FetchError>> + Send {
            self.0.fetch()
        }
        fn refresh_every(&self) -> Duration {
            Duration::ZERO
        }
    }
    let source = KeysInMemory::new(document(&[(&GOOD, "old")]));
    let _store = KeyStore::load(Eager(source.clone())).await.unwrap();
    sleep(Duration::from_secs(100)).await;
    assert!((85..=115).contains(&source.fetches()), "{} times", source.fetches());
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_replaced_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    std::fs::write(&path, GOOD.pem("EdDSA")).unwrap();
    let (verifier, _) = verifier_of(KeyStore::load(KeyFile::new(&path)).await.unwrap());
    verifier.verify(&token_of(&GOOD, "any")).await.unwrap();
    // As Kubernetes replaces it: a new file is moved over the old name.
    std::fs::write(folder.path().join("next"), document(&[(&ATTACKER, "new")])).unwrap();
    std::fs::rename(folder.path().join("next"), &path).unwrap();
    sleep(Duration::from_secs(6)).await;
    verifier.verify(&token_of(&ATTACKER, "new")).await.unwrap();
    assert_eq!(verifier.verify(&token_of(&GOOD, "any")).await.unwrap_err(), Rejection::UnknownKey);
}

#[tokio::test]
async fn a_file_that_is_too_large_or_missing_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    assert!(matches!(KeyStore::load(KeyFile::new(&path)).await, Err(FetchError::Unreadable(_))));
    std::fs::write(&path, " ".repeat(MAX_DOCUMENT_BYTES + 1)).unwrap();
    assert!(matches!(KeyStore::load(KeyFile::new(&path)).await, Err(FetchError::TooLarge)));
}

#[tokio::test(start_paused = true)]
async fn keys_that_never_change_are_not_waited_for() {
    let (verifier, _) = verifier_of(KeyStore::fixed(set(&three_keys())));
    let start = Instant::now();
    assert_eq!(verifier.verify(&token_of(&GOOD, "new")).await.unwrap_err(), Rejection::UnknownKey);
    assert_eq!(start.elapsed(), Duration::ZERO);
}
