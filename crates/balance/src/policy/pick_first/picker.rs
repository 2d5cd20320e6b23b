//! What calls see of `pick_first`.

use std::sync::Arc;

use tonic::Status;

use crate::Subchannel;
use crate::policy::{Pick, PickArgs, Picker};

/// Always the same.
#[derive(Debug)]
pub(super) struct PickFirstPicker(pub(super) Arc<Subchannel>);

impl Picker for PickFirstPicker {
    fn pick(&self, _: &PickArgs<'_>) -> Pick<'_> {
        Pick::Subchannel(&self.0)
    }
}

/// Why calls fail when no address can be used, here and in the policies above.
pub(crate) fn unreachable(reason: Option<&str>) -> Status {
    let reason = reason.unwrap_or("the target has no address");
    Status::unavailable(format!("no server can be reached: {reason}"))
}
