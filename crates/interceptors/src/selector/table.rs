use std::collections::HashMap;

use foldhash::fast::RandomState;

/// Up to here, looking through a list costs less than a hash of the name: lengths alone tell most names apart.
const FEW: usize = 8;

/// Settings by name.
#[derive(Clone, Debug)]
pub(super) enum Table<T> {
    Few(Vec<(Box<str>, T)>),
    Many(HashMap<Box<str>, T, RandomState>),
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<T> Table<T> {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Few(few) => few.is_empty(),
            Self::Many(many) => many.is_empty(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&T> {
        match self {
            Self::Few(few) => few.iter().find(|(own, _)| **own == *name).map(|(_, one)| one),
            Self::Many(many) => many.get(name),
        }
    }

    /// Returns the setting that was there.
    pub(super) fn insert(&mut self, name: &str, setting: T) -> Option<T> {
        match self {
            Self::Few(few) => {
                if let Some((_, own)) = few.iter_mut().find(|(own, _)| **own == *name) {
                    return Some(std::mem::replace(own, setting));
                }
                few.push((name.into(), setting));
                if few.len() > FEW {
                    *self = Self::Many(std::mem::take(few).into_iter().collect());
                }
                None
            }
            Self::Many(many) => many.insert(name.into(), setting),
        }
    }

    pub(super) fn map<U>(self, mut make: impl FnMut(T) -> U) -> Table<U> {
        let each = |(name, setting)| (name, make(setting));
        match self {
            Self::Few(few) => Table::Few(few.into_iter().map(each).collect()),
            Self::Many(many) => Table::Many(many.into_iter().map(each).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_are_found_alike() {
        let name = |number: usize| format!("/a.B/{number}");
        let mut table = Table::default();
        assert!(table.is_empty());
        for count in 0..3 * FEW {
            assert_eq!(table.insert(&name(count), count), None);
            let found: Vec<_> = (0..3 * FEW).filter_map(|n| table.get(&name(n))).collect();
            assert_eq!(found, (0..=count).collect::<Vec<_>>().iter().collect::<Vec<_>>());
            assert!(!table.is_empty());
        }
        assert!(matches!(table, Table::Many(_)));
        assert_eq!(table.insert(&name(1), 7), Some(1), "what is replaced is returned");
        let doubled = table.map(|setting| 2 * setting);
        assert_eq!((doubled.get(&name(1)), doubled.get(&name(2))), (Some(&14), Some(&4)));
    }

    #[test]
    fn one_of_few_is_replaced() {
        let mut table = Table::default();
        assert_eq!((table.insert("/a", 1), table.insert("/a", 2)), (None, Some(1)));
        assert_eq!(table.map(|setting| setting + 1).get("/a"), Some(&3));
    }
}
