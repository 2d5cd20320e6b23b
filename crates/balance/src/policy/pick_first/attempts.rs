//! The subchannels of an address list: those that were made so far, and how far each has come.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::address_list::AddressList;
use crate::Subchannel;
use crate::policy::{Controller, NewSubchannel};
use crate::subchannel::SubchannelId;

/// The subchannel of one address.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) subchannel: Arc<Subchannel>,
    pub(super) progress: Progress,
    /// Whether it has failed since the first pass began.
    pub(super) failed: bool,
}

/// How far a subchannel has come.
#[derive(Clone, Debug)]
pub(super) enum Progress {
    Idle,
    /// It was asked to connect and has not yet said that it does.
    Asked,
    Connecting,
    /// It has failed, with this reason, and becomes idle when its backoff has passed.
    Backoff(Arc<str>),
}

impl Attempt {
    /// Makes it connect if it is idle.
    pub(super) fn connect(&mut self) {
        if matches!(self.progress, Progress::Idle) {
            self.progress = Progress::Asked;
            self.subchannel.connect();
        }
    }
}

/// At most one attempt for each turn of the address list.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    by_turn: Vec<Option<Attempt>>,
    turns: BTreeMap<SubchannelId, usize>,
}

impl Attempts {
    /// The turn of the address that a subchannel connects to.
    pub(super) fn turn(&self, id: SubchannelId) -> Option<usize> {
        self.turns.get(&id).copied()
    }

    pub(super) fn get_mut(&mut self, turn: usize) -> Option<&mut Attempt> {
        self.by_turn.get_mut(turn)?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Attempt> {
        self.by_turn.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Attempt> {
        self.by_turn.iter_mut().flatten()
    }

    pub(super) fn subchannel(&self, turn: usize) -> Option<&Arc<Subchannel>> {
        self.by_turn.get(turn)?.as_ref().map(|attempt| &attempt.subchannel)
    }

    /// The attempt of that turn, with a new subchannel if there is none.
    pub(super) fn make(
        &mut self,
        turn: usize,
        list: &AddressList,
        controller: &mut dyn Controller,
    ) -> &mut Attempt {
        self.by_turn[turn].get_or_insert_with(|| {
            let (endpoint, address) = list.get(turn);
            let subchannel = controller.new_subchannel(NewSubchannel {
                endpoint,
                address,
                trackers: Vec::new(),
                health_checked: false,
            });
            self.turns.insert(subchannel.id(), turn);
            Attempt { subchannel, progress: Progress::Idle, failed: false }
        })
    }

    /// Shuts down every subchannel but that of one turn.
    pub(super) fn keep_only(&mut self, kept: usize) {
        for (turn, attempt) in self.by_turn.iter_mut().enumerate() {
            if turn != kept
                && let Some(attempt) = attempt.take()
            {
                self.turns.remove(&attempt.subchannel.id());
                attempt.subchannel.shut_down();
            }
        }
    }

    /// Gives every attempt its turn in a new list, and shuts down those whose address is not in it.
    pub(super) fn move_to(&mut self, old: &AddressList, new: &AddressList) {
        let attempts = std::mem::take(self);
        self.by_turn.resize_with(new.len(), || None);
        if attempts.turns.is_empty() {
            return;
        }
        let new_turns: HashMap<_, _> = (0..new.len()).map(|turn| (new.key(turn), turn)).collect();
        for (turn, attempt) in attempts.by_turn.into_iter().enumerate() {
            let Some(attempt) = attempt else { continue };
            match new_turns.get(&old.key(turn)) {
                Some(&turn) => {
                    self.turns.insert(attempt.subchannel.id(), turn);
                    self.by_turn[turn] = Some(attempt);
                }
                None => attempt.subchannel.shut_down(),
            }
        }
    }

    /// Shuts down every subchannel.
    pub(super) fn shut_down(&mut self) {
        for attempt in std::mem::take(self).by_turn.into_iter().flatten() {
            attempt.subchannel.shut_down();
        }
    }
}
