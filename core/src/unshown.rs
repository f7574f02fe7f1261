//! What `Debug` does not show.

/// `Debug` for a struct whose last fields, after the semicolon, belong to the application: only how many bytes they have.
macro_rules! debug_without {
    ($name:ident { $($shown:ident),*; $($length_of:ident),+ }) => {
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($shown), &self.$shown))*
                    $(.field(stringify!($length_of), &format_args!("{} bytes", self.$length_of.len())))+
                    .finish()
            }
        }
    };
}

pub(crate) use debug_without;
