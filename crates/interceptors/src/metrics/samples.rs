use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::{Counted, Histogram, Metric};

/// The numbers of a process at one moment, sorted as they are written: everything of one metric together, whoever has told it.
#[derive(Debug, Default)]
pub struct Samples {
    pub(super) families: BTreeMap<&'static str, Family>,
}

/// Everything of one metric.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) metric: &'static Metric,
    pub(super) samples: BTreeMap<Labels, Value>,
}

/// What tells the series of a metric apart: names and values, in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Labels(pub(super) Vec<(&'static str, String)>);

impl<V: Into<String>, const N: usize> From<[(&'static str, V); N]> for Labels {
    fn from(labels: [(&'static str, V); N]) -> Self {
        Self(labels.into_iter().map(|(name, value)| (name, value.into())).collect())
    }
}

/// A number, or a whole histogram.
#[derive(Clone, Debug)]
pub enum Value {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram.
    Counted(Counted),
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number as f64)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(number as f64)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<&Histogram> for Value {
    fn from(histogram: &Histogram) -> Self {
        Self::Counted(histogram.counted())
    }
}

impl From<Counted> for Value {
    fn from(counted: Counted) -> Self {
        Self::Counted(counted)
    }
}

impl Samples {
    /// What is added within has these labels in front of its own.
    pub fn within(&mut self, labels: impl Into<Labels>) -> Within<'_> {
        Within { samples: self, labels: labels.into() }
    }

    /// Adds a number. Where two have the same metric and labels, as two channels to one target have, they are added up: a series may be told only once.
    pub fn add(
        &mut self,
        metric: &'static Metric,
        labels: impl Into<Labels>,
        value: impl Into<Value>,
    ) {
        let family = || Family { metric, samples: BTreeMap::new() };
        let family = self.families.entry(metric.name).or_insert_with(family);
        match family.samples.entry(labels.into()) {
            Entry::Vacant(entry) => {
                entry.insert(value.into());
            }
            Entry::Occupied(mut entry) => match (entry.get_mut(), value.into()) {
                (Value::Number(number), Value::Number(more)) => *number += more,
                (Value::Counted(counted), Value::Counted(more)) => counted.add(more),
                // A metric is of one kind.
                _ => {}
            },
        }
    }
}

/// Adds [`Samples`] that have some labels in common.
#[derive(Debug)]
pub struct Within<'a> {
    samples: &'a mut Samples,
    labels: Labels,
}

impl Within<'_> {
    /// As [`Samples::add`].
    pub fn add(
        &mut self,
        metric: &'static Metric,
        labels: impl Into<Labels>,
        value: impl Into<Value>,
    ) {
        let mut all = self.labels.clone();
        all.0.extend(labels.into().0);
        self.samples.add(metric, all, value);
    }

    /// As [`Samples::within`], with more labels.
    pub fn within(&mut self, labels: impl Into<Labels>) -> Within<'_> {
        let mut all = self.labels.clone();
        all.0.extend(labels.into().0);
        Within { samples: self.samples, labels: all }
    }
}
