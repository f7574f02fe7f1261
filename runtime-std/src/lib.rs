//! runtime-std
