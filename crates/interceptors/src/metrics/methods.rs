use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;

/// What methods are called together that nobody has registered. Source: gRFC A66.
pub(crate) const OTHER: &str = "other";

type Table<K, T> = HashMap<K, Arc<T>, RandomState>;

/// What is kept for each method of a list, and for all others together.
#[derive(Debug)]
pub(crate) struct Registered<T> {
    table: Table<Box<str>, T>,
    /// In the order of the list, by name, with what is kept for all others last.
    all: Vec<(Box<str>, Arc<T>)>,
    other: Arc<T>,
}

impl<T: Default> Registered<T> {
    /// Keeps something for each of these paths, `/package.Service/Method`.
    pub(crate) fn new<P: AsRef<str>>(paths: impl IntoIterator<Item = P>) -> Self {
        let other = Arc::new(T::default());
        let mut methods = Self { table: Table::default(), all: Vec::new(), other };
        for path in paths {
            let path = path.as_ref();
            if !methods.table.contains_key(path) {
                let kept = Arc::new(T::default());
                methods.table.insert(path.into(), kept.clone());
                methods.all.push((name(path).into(), kept));
            }
        }
        methods
    }

    /// Has calls by another path count for a registered one.
    pub(crate) fn alias(&mut self, from: &str, to: &str) {
        if let Some(kept) = self.table.get(to).cloned() {
            self.table.entry(from.into()).or_insert(kept);
        }
    }

    /// Allocates nothing.
    pub(crate) fn get(&self, path: &str) -> &Arc<T> {
        self.table.get(path).unwrap_or(&self.other)
    }

    /// Every method with its name.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&str, &T)> {
        let all = self.all.iter().map(|(name, kept)| (&**name, &**kept));
        all.chain([(OTHER, &*self.other)])
    }
}

/// What is kept for each key that is asked for, up to a number of them, and for all others together: of a client, whose methods are those that its own code names.
pub(crate) struct Learned<K, T> {
    table: ArcSwap<Table<K, T>>,
    /// Held by who adds a key.
    adding: Mutex<()>,
    most: usize,
    other: Arc<T>,
}

impl<K: Clone + Eq + Hash, T: Default> Learned<K, T> {
    /// Keeps something for each of so many keys, and for all others together.
    pub(crate) fn up_to(most: usize) -> Self {
        Self {
            table: ArcSwap::default(),
            adding: Mutex::new(()),
            most,
            other: Arc::new(T::default()),
        }
    }

    /// Takes a lock and allocates when a key is asked for for the first time, and only then.
    pub(crate) fn get<'a, Q>(&self, key: &'a Q) -> Arc<T>
    where
        K: Borrow<Q> + From<&'a Q>,
        Q: Eq + Hash + ?Sized,
    {
        let table = self.table.load();
        match table.get(key) {
            Some(kept) => kept.clone(),
            None if table.len() >= self.most => self.other.clone(),
            None => self.learn(key.into()),
        }
    }

    fn learn(&self, key: K) -> Arc<T> {
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let mut table = Table::clone(&self.table.load());
        // Another call may have been quicker.
        if !table.contains_key(&key) && table.len() >= self.most {
            return self.other.clone();
        }
        let kept = table.entry(key).or_default().clone();
        self.table.store(Arc::new(table));
        kept
    }

    /// Hands over everything that is kept, with its key; without one what is kept for all others.
    pub(crate) fn each(&self, mut take: impl FnMut(Option<&K>, &T)) {
        for (key, kept) in &**self.table.load() {
            take(Some(key), kept);
        }
        take(None, &self.other);
    }
}

impl<K, T> fmt::Debug for Learned<K, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Learned").field("keys", &self.table.load().len()).finish()
    }
}

/// The name of a method as gRFC A66 writes it.
pub(crate) fn name(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn what_is_not_registered_is_kept_together() {
        let mut methods = Registered::<AtomicU64>::new(["/a.B/Get", "/a.B/Put", "/a.B/Get"]);
        methods.alias("/old.B/Get", "/a.B/Get");
        methods.alias("/old.B/Gone", "/a.B/Gone");
        for path in ["/a.B/Get", "/old.B/Get", "/old.B/Gone", "/a.B/get", "a.B/Get", ""] {
            methods.get(path).fetch_add(1, Ordering::Relaxed);
        }
        let counted = methods.each().map(|(name, count)| (name, count.load(Ordering::Relaxed)));
        assert_eq!(counted.collect::<Vec<_>>(), [("a.B/Get", 2), ("a.B/Put", 0), (OTHER, 4)]);
    }

    #[test]
    fn a_client_learns_a_bounded_number_of_methods() {
        let methods = Learned::<Box<str>, AtomicU64>::up_to(2);
        for path in ["/a.B/Get", "/a.B/Get", "/a.B/Put", "/a.B/3", "/a.B/4", "/a.B/Put"] {
            methods.get(path).fetch_add(1, Ordering::Relaxed);
        }
        let mut counted = Vec::new();
        methods.each(|path, count| counted.push((path.cloned(), count.load(Ordering::Relaxed))));
        counted.sort();
        let expected = [(None, 2), (Some("/a.B/Get"), 2), (Some("/a.B/Put"), 2)];
        assert_eq!(counted, expected.map(|(path, count)| (path.map(Box::from), count)));
    }
}
