//! The system's limits: a limit that would kill the program ends it with an error instead.

#[cfg(unix)]
use std::sync::Arc;
#[cfg(unix)]
use std::sync::atomic::AtomicBool;

/// Makes two of the system's limits end in an error with exit code 1. A file that outgrows the limit on the size of
/// files (`ulimit -f`) fails like a full disk, and memory that cannot be allocated ends the program with a sentence.
/// Call it once, at the start.
pub fn turn_limits_into_errors() {
    #[cfg(unix)]
    {
        // With a handler, SIGXFSZ no longer kills, and the write returns EFBIG. A system that refuses the handler
        // leaves the default, which is worse for the user and no reason to stop.
        let _ = signal_hook::flag::register(libc::SIGXFSZ, Arc::new(AtomicBool::new(false)));
        // SAFETY: the handler calls only `write` and `_exit`, which are safe in a handler, and allocates nothing.
        let _ = unsafe { signal_hook::low_level::register(libc::SIGABRT, out_of_memory) };
    }
}

/// Ends the program with a sentence if it aborts because memory ran out. After any other abort it returns, and the
/// abort goes on.
#[cfg(unix)]
fn out_of_memory() {
    let Some(bytes) = super::allocator::failed() else {
        return;
    };
    let mut digits = [0_u8; 20];
    for text in [
        b"error: out of memory: the system refused ".as_slice(),
        decimal(bytes, &mut digits),
        b" bytes\nhint: a smaller batch, network or number of images needs less memory; what was saved before is untouched\n",
    ] {
        // SAFETY: `text` is a valid slice for the time of the call. A failure cannot be reported anywhere.
        unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
    }
    signal_hook::low_level::exit(1)
}

/// Returns the decimal digits of `number`, written into `digits`. It allocates nothing, unlike `format!`.
#[cfg(unix)]
fn decimal(mut number: usize, digits: &mut [u8; 20]) -> &[u8] {
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[first..];
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    #[test]
    fn a_number_is_written_in_decimal_digits() {
        for number in [0, 7, 1_234_567_890, usize::MAX] {
            assert_eq!(
                super::decimal(number, &mut [0; 20]),
                number.to_string().as_bytes()
            );
        }
    }
}
