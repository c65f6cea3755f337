//! Standard output, which may be closed before the program is done.

use std::fmt;
use std::io::{self, Write as _};

use crate::stop;

/// Prints a line as `println!` does, but ends the program where that would panic: quietly where
/// nobody reads any more (`reproduce list | head -1`), with a message where the output cannot be
/// written.
macro_rules! say {
    ($($part:tt)*) => { $crate::output::line(format_args!($($part)*)) };
}
pub(crate) use say;

/// See `say!`.
pub fn line(text: fmt::Arguments) {
    let Err(error) = writeln!(io::stdout(), "{text}") else { return };
    if error.kind() == io::ErrorKind::BrokenPipe {
        stop::exit(stop::OUTPUT_CLOSED);
    }
    let _ = writeln!(io::stderr(), "error: standard output cannot be written: {error}");
    stop::exit(2);
}
