//! What holds on every database.

use std::collections::BTreeSet;

use super::{Home, abandon, ada, with_ada};
use crate::account::{AccountId, Name};
use crate::store::{Account, Change, Effect, StoreError, TokenDigest};

pub(super) async fn a_database_without_its_table_has_failed(home: Home) {
    let store = home.open().await;
    let (_, token) = with_ada(&store).await;
    store.database.execute("DROP TABLE accounts").await;
    assert!(matches!(store.find_by_token(&token).await, Err(StoreError::Failed(_))));
}

pub(super) async fn an_update_that_cannot_be_committed_is_an_error(home: Home) {
    let store = home.open().await;
    let (account, _) = with_ada(&store).await;
    for statement in [
        "CREATE TABLE friends (of TEXT NOT NULL REFERENCES accounts (name) DEFERRABLE INITIALLY DEFERRED)",
        "INSERT INTO friends VALUES ('ada')",
    ] {
        store.database.execute(statement).await;
    }
    let change =
        Change { name: Some(Name::try_new("grace".to_owned()).unwrap()), max_cache_keys: None };
    let result = store.update(&account.id, &change, Effect::Lasting).await;
    assert!(matches!(result, Err(StoreError::Failed(_))), "{result:?}");
}

fn rename(name: &str) -> Change {
    Change { name: Some(Name::try_new(name.to_owned()).unwrap()), max_cache_keys: None }
}

pub(super) async fn a_change_that_is_tried_comes_to_the_same_and_is_taken_back(home: Home) {
    let store = home.open().await;
    let (account, token) = with_ada(&store).await;
    let grace = Account { name: Name::try_new("grace".to_owned()).unwrap(), ..ada() };
    let (other, unknown) = (TokenDigest::of("other"), AccountId::generate().unwrap());
    store.insert(&grace, &other, Effect::Tried).await.unwrap();
    let taken = store.insert(&ada(), &other, Effect::Tried).await;
    assert!(matches!(taken, Err(StoreError::NameTaken)), "{taken:?}");
    let renamed = store.update(&account.id, &rename("countess"), Effect::Tried).await.unwrap();
    assert_eq!(renamed.unwrap().name.as_str(), "countess");
    assert!(store.replace_token(&account.id, &other, Effect::Tried).await.unwrap());
    assert!(store.delete(&account.id, Effect::Tried).await.unwrap());
    assert_eq!(store.update(&unknown, &rename("nobody"), Effect::Tried).await.unwrap(), None);
    assert!(!store.replace_token(&unknown, &other, Effect::Tried).await.unwrap());
    assert!(!store.delete(&unknown, Effect::Tried).await.unwrap());

    store.insert(&grace, &other, Effect::Lasting).await.unwrap();
    let taken = store.update(&account.id, &rename("grace"), Effect::Tried).await;
    assert!(matches!(taken, Err(StoreError::NameTaken)), "{taken:?}");
    assert_eq!(store.find_by_token(&token).await.unwrap(), Some(account.clone()));
    let mut expected = [account, grace];
    expected.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(store.list(None, 10).await.unwrap(), expected);
}

pub(super) async fn a_trial_that_was_given_up_leaves_the_database_to_others(home: Home) {
    let store = home.open().await;
    let account = ada();
    store.insert(&account, &TokenDigest::of("token"), Effect::Lasting).await.unwrap();
    for polls in 0..home.rounds() {
        abandon(store.delete(&account.id, Effect::Tried), polls % 20).await;
        let change = rename(&polls.to_string());
        let changed = store.update(&account.id, &change, Effect::Lasting).await.unwrap();
        assert_eq!(changed.unwrap().name.as_str(), polls.to_string());
    }
    let other = home.open().await;
    let last = (home.rounds() - 1).to_string();
    assert_eq!(other.list(None, 10).await.unwrap()[0].name.as_str(), last);
}

pub(super) async fn callers_that_go_away_leave_the_database_as_it_is(home: Home) {
    let store = home.open().await;
    let (account, token) = with_ada(&store).await;
    for polls in 0..home.rounds() {
        abandon(store.find_by_token(&token), polls % 10).await;
        abandon(store.update(&account.id, &rename("grace"), Effect::Tried), polls % 10).await;
        abandon(store.delete(&account.id, Effect::Tried), polls % 10).await;
    }
    assert_eq!(store.find_by_token(&token).await.unwrap(), Some(account));
}

pub(super) async fn what_one_replica_changes_the_other_sees(home: Home) {
    let (one, other) = (home.open().await, home.open().await);
    let (account, token) = with_ada(&one).await;
    assert_eq!(other.find_by_token(&token).await.unwrap(), Some(account.clone()));
    let taken = other.insert(&ada(), &TokenDigest::of("other"), Effect::Lasting).await;
    assert!(matches!(taken, Err(StoreError::NameTaken)), "{taken:?}");
    assert!(
        other.replace_token(&account.id, &TokenDigest::of("new"), Effect::Lasting).await.unwrap()
    );
    assert_eq!(one.find_by_token(&token).await.unwrap(), None);
    assert!(one.delete(&account.id, Effect::Lasting).await.unwrap());
    assert_eq!(other.list(None, 10).await.unwrap(), []);
}

pub(super) async fn pages_together_have_every_account_once(home: Home) {
    let store = home.open().await;
    let mut expected = BTreeSet::new();
    for name in 0..20 {
        let name = Name::try_new(name.to_string()).unwrap();
        let account = Account { name, ..ada() };
        let token = TokenDigest::of(account.id.as_str());
        store.insert(&account, &token, Effect::Lasting).await.unwrap();
        expected.insert(account.id);
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.list(after.as_ref(), 3).await.unwrap();
        seen.extend(page.iter().map(|account| account.id.clone()));
        match page.last() {
            Some(last) => after = Some(last.id.clone()),
            None => break,
        }
    }
    assert_eq!(seen.len(), 20);
    assert_eq!(BTreeSet::from_iter(seen), expected);
}
