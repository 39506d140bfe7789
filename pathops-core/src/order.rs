//! Deploy order.
