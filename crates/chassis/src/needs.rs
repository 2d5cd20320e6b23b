//! What a server asks of the interceptors, as data.

use wayside_interceptors::auth::PolicyBuilder;
use wayside_interceptors::deadline::Timeouts;
use wayside_interceptors::dry_run::Support;
use wayside_interceptors::metadata::AllowList;
use wayside_interceptors::selector::{Selector, SelectorBuilder};

/// What a server asks of the interceptors around it. Health and reflection need no entry: they are open to everybody, take as long as they
/// take, are never shed and only read.
#[derive(Clone, Debug)]
pub struct Needs {
    /// Who may call which method. Default: everybody, as far as the interceptors go.
    pub auth: Auth,
    /// How long calls may take. Default: as long as their callers say.
    pub timeouts: SelectorBuilder<Timeouts>,
    /// What the methods make of dry runs. Default: they are refused.
    pub dry_run: SelectorBuilder<Support>,
    /// The headers that are handed on from a call to those made for it, beside the request id. Default: none.
    pub handed_on: AllowList,
    /// The methods, or `/package.Service/*`, whose calls are streams that may be open for long: they do not count against a limit of calls in flight that is found by
    /// measuring. Default: none.
    pub long_calls: &'static [&'static str],
}

impl Default for Needs {
    fn default() -> Self {
        Self {
            auth: Auth::default(),
            timeouts: Selector::builder(Timeouts::default()),
            dry_run: Selector::builder(Support::default()),
            handed_on: AllowList::default(),
            long_calls: &[],
        }
    }
}

/// Who may call which method, by a JWT.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// Tokens are not looked at: the server knows its callers in another way, or serves everybody.
    #[default]
    Off,
    /// The policy holds when the process knows keys (`--jwt-keys`); else the server has another rule.
    WithKeys(PolicyBuilder),
    /// The policy holds, and a process without keys does not start.
    Required(PolicyBuilder),
}
