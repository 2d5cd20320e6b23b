//! The admin port: plain HTTP for whoever runs the process, apart from the ports that serve calls.
//!
//! | path | answer |
//! |---|---|
//! | `GET /livez` | 200 while the process answers |
//! | `GET /readyz` | 200 when every server takes calls, else 503 with the names of those that do not |
//! | `GET /metrics` | the numbers of every server, as Prometheus reads them |
//! | `GET /log`, `PUT /log` | what is logged, for requests from this machine |
//! | `GET /debug/channels` | every channel and the last calls, as a page or as JSON; 404 unless asked for with `--debug-pages` |

mod listen;
mod routes;
mod serve;
mod view;

pub use listen::{AdminListen, bind_admin};
pub use serve::serve_admin;
pub use view::ServerView;
