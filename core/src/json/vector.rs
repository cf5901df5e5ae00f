//! The one loop over every byte that is shipped, with the vector instructions that each x86-64
//! processor has. It only looks; what to do about what it finds is decided in [`super::escape`].

#![expect(
    unsafe_code,
    reason = "vector instructions: eight bytes at once by plain arithmetic took three times as long"
)]

use std::arch::x86_64::{
    __m128i, _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
    _mm_set1_epi8,
};

use super::BLOCK;

/// Sets the bit of every byte that must not be copied as it is: control characters, quotes,
/// backslashes, and with `STOP` what is not ASCII.
#[inline]
pub(super) fn marks<const STOP: bool>(block: &[u8; BLOCK]) -> u32 {
    let vector = |half: &[u8]| -> u32 {
        let Some(bytes) = half.first_chunk::<{ BLOCK / 2 }>() else {
            return 0;
        };
        // SAFETY: any sixteen bytes are a vector of sixteen bytes. SSE2 is part of x86-64.
        unsafe { marks_of::<STOP>(std::mem::transmute::<[u8; BLOCK / 2], __m128i>(*bytes)) }
    };
    let (low, high) = block.split_at(BLOCK / 2);
    let (low, high) = (vector(low), vector(high));
    low | high << (BLOCK / 2)
}

#[inline]
#[target_feature(enable = "sse2")]
fn marks_of<const STOP: bool>(bytes: __m128i) -> u32 {
    let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x22));
    let backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x5c));
    let other = if STOP {
        // Bytes that are not ASCII are negative here, so less than a space as well.
        _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20))
    } else {
        _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes)
    };
    let found = _mm_or_si128(_mm_or_si128(quote, backslash), other);
    _mm_movemask_epi8(found).cast_unsigned()
}
