//! Everything that needs more than one crate lives beside this file, not in it: the one test binary
//! in `all/`, the referees in `referees/`. Nobody imports this crate.
