//! The journal as a stream: one thread formats each new entry once, any number of readers share the bytes. A reader
//! that falls behind reads from the store until it has caught up: it holds no place in any queue.
//! Not for the route and its parameters (`routes::stream`).

mod frame;
mod hub;
mod reader;
mod slice;

pub(super) use frame::Format;
pub(super) use hub::Hub;
