//! Chooses a setting by the method that is called: for the method itself, for its service, or for everything else.
//!
//! Every layer that can be configured takes a [`Selector`] of its setting, or the plain setting, which then holds for all methods. The
//! path of a call does not say whether it streams, so a setting holds for unary and streaming methods alike. What a layer has to leave
//! alone, such as health checks, is an entry like any other.
//!
//! ```
//! use std::time::Duration;
//! use wayside_interceptors::selector::{HEALTH, Selector};
//!
//! let limits = Selector::builder(Some(Duration::from_secs(5)))
//!     .on("/cache.v1.CacheService/*", Some(Duration::from_secs(1)))
//!     .on("/cache.v1.CacheService/Dump", Some(Duration::from_secs(60)))
//!     .on(HEALTH, None)
//!     .build()?;
//! assert_eq!(limits.get("/cache.v1.CacheService/Dump"), &Some(Duration::from_secs(60)));
//! assert_eq!(limits.get("/cache.v1.CacheService/Get"), &Some(Duration::from_secs(1)));
//! assert_eq!(limits.get("/movies.v1.MoviesService/GetMovie"), &Some(Duration::from_secs(5)));
//! # Ok::<(), wayside_interceptors::selector::InvalidSelector>(())
//! ```

mod table;

use table::Table;

/// The pattern of the health service (gRPC Health Checking Protocol).
pub const HEALTH: &str = "/grpc.health.v1.Health/*";
/// The pattern of the reflection service.
pub const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/*";
/// The pattern of the reflection service that older clients ask for.
pub const REFLECTION_V1ALPHA: &str = "/grpc.reflection.v1alpha.ServerReflection/*";

/// A setting for each method. See the [module docs](self).
#[derive(Clone, Debug)]
pub struct Selector<T> {
    methods: Table<T>,
    services: Table<T>,
    default: T,
}

impl<T> Selector<T> {
    /// Starts a selector whose setting is `default` where no pattern fits.
    pub fn builder(default: T) -> SelectorBuilder<T> {
        SelectorBuilder { selector: Self::from(default), invalid: None }
    }

    /// The setting for a call with this path: that of its method, else that of its service, else the default. Allocates nothing.
    pub fn get(&self, path: &str) -> &T {
        self.methods.get(path).or_else(|| self.by_service(path)).unwrap_or(&self.default)
    }

    fn by_service(&self, path: &str) -> Option<&T> {
        if self.services.is_empty() {
            return None;
        }
        // Names of methods are too short for what `rsplit_once` does to be fast on long texts.
        let slash = path.bytes().rposition(|byte| byte == b'/')?;
        self.services.get(&path[..slash])
    }

    /// Makes another setting of each one, such as the state that belongs to it.
    pub fn map<U>(self, mut make: impl FnMut(T) -> U) -> Selector<U> {
        let (methods, services) = (self.methods.map(&mut make), self.services.map(&mut make));
        Selector { methods, services, default: make(self.default) }
    }
}

impl<T> From<T> for Selector<T> {
    fn from(setting: T) -> Self {
        Self { methods: Table::default(), services: Table::default(), default: setting }
    }
}

/// Builds a [`Selector`].
#[derive(Clone, Debug)]
pub struct SelectorBuilder<T> {
    selector: Selector<T>,
    invalid: Option<InvalidSelector>,
}

impl<T> SelectorBuilder<T> {
    /// Sets what holds for `pattern`: `/package.Service/Method`, or `/package.Service/*` for every method of the service.
    #[must_use]
    pub fn on(mut self, pattern: &str, setting: T) -> Self {
        let replaced = match parts(pattern) {
            Some((service, "*")) => self.selector.services.insert(service, setting),
            Some(_) => self.selector.methods.insert(pattern, setting),
            None => {
                self.invalid.get_or_insert_with(|| InvalidSelector::Pattern(pattern.to_owned()));
                return self;
            }
        };
        if replaced.is_some() {
            self.invalid.get_or_insert_with(|| InvalidSelector::Twice(pattern.to_owned()));
        }
        self
    }

    /// Ends the list.
    ///
    /// # Errors
    /// The first pattern that cannot be used.
    pub fn build(self) -> Result<Selector<T>, InvalidSelector> {
        match self.invalid {
            Some(invalid) => Err(invalid),
            None => Ok(self.selector),
        }
    }
}

/// Why patterns do not make a [`Selector`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSelector {
    /// It is neither a method nor all methods of a service.
    #[error("{0:?} is neither /package.Service/Method nor /package.Service/*")]
    Pattern(String),
    /// It is there twice, and only one of the two settings could hold.
    #[error("{0:?} is set twice")]
    Twice(String),
}

/// Cuts a pattern into `/service` and method.
fn parts(pattern: &str) -> Option<(&str, &str)> {
    let (service, method) = pattern.rsplit_once('/')?;
    let name = service.strip_prefix('/')?;
    let is_name = |text: &str| !text.is_empty() && !text.contains(['/', '*', '?', '#', '%', ' ']);
    (is_name(name) && (method == "*" || is_name(method))).then_some((service, method))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector() -> Selector<&'static str> {
        Selector::builder("default")
            .on("/a.B/*", "service")
            .on("/a.B/Get", "method")
            .on("/a.C/Get", "other")
            .build()
            .unwrap()
    }

    #[test]
    fn the_method_goes_before_its_service_and_the_service_before_the_default() {
        for (path, expected) in [
            ("/a.B/Get", "method"),
            ("/a.B/Put", "service"),
            ("/a.C/Get", "other"),
            ("/a.C/Put", "default"),
            ("/a.D/Get", "default"),
        ] {
            assert_eq!(selector().get(path), &expected, "{path}");
        }
    }

    #[test]
    fn a_path_that_only_looks_like_one_of_the_list_has_the_default() {
        for path in
            ["", "/", "a.B/Get", "/a.B", "//a.B/Get", "/a.B/x/Get", "/a.BB/Get", "/a.b/Get", "*"]
        {
            assert_eq!(selector().get(path), &"default", "{path:?}");
        }
    }

    #[test]
    fn a_plain_setting_holds_for_every_method() {
        fn takes(setting: impl Into<Selector<u32>>) -> u32 {
            *setting.into().get("/a.B/Get")
        }
        assert_eq!(takes(7), 7);
        assert_eq!(takes(Selector::builder(7).on("/a.B/Get", 8).build().unwrap()), 8);
    }

    #[test]
    fn every_setting_is_mapped_once() {
        let lengths = selector().map(str::len);
        let found = ["/a.B/Get", "/a.B/Put", "/a.C/Get", "/"].map(|path| *lengths.get(path));
        assert_eq!(found, ["method", "service", "other", "default"].map(str::len));
    }

    #[test]
    fn patterns_that_could_never_fit_are_refused() {
        for pattern in ["", "/", "*", "/*", "/*/*", "/a.B", "/a.B/", "a.B/Get", "/a.B/G*", "//Get"]
        {
            let built = Selector::builder(0).on(pattern, 1).on("/a.B/Get", 1).build();
            assert_eq!(built.unwrap_err(), InvalidSelector::Pattern(pattern.to_owned()));
        }
    }

    #[test]
    fn the_same_pattern_twice_is_refused() {
        for pattern in ["/a.B/Get", "/a.B/*"] {
            let built = Selector::builder(0).on(pattern, 1).on(pattern, 1).build();
            assert_eq!(built.unwrap_err(), InvalidSelector::Twice(pattern.to_owned()));
        }
    }
}
