//! What the bodies rely on.

use crate::input::{Input, pieces};

#[test]
fn what_is_missing_is_the_simplest_choice() {
    let mut input = Input::new(&[3]);
    assert_eq!(input.byte(), 3);
    assert_eq!((input.byte(), input.below(7), input.flag(), input.pick(&[5, 6])), (0, 0, false, 5));
    assert!(input.is_empty() && input.bytes(9).is_empty());
}

#[test]
fn pieces_are_all_of_the_stream() {
    assert_eq!(pieces(&[1, 2, 3, 4, 5], &[1, 0, 2]), [&[1][..], &[2], &[3, 4], &[5]]);
    assert_eq!(pieces(&[1, 2], &[]), [&[1, 2][..]]);
    assert!(pieces(&[], &[4]).is_empty());
}
