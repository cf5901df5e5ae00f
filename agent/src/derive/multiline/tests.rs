//! Traces as their languages print them, between ordinary lines and directly after each other.

use std::time::Duration;

use regex::bytes::Regex;

use crate::config::{Framing, Mode, Modes, MultiLine, Rule};
use crate::fuzzing::read_in_steps;

const ALL: [Mode; 6] = [
    Mode::Java,
    Mode::Python,
    Mode::Go,
    Mode::Node,
    Mode::DotNet,
    Mode::Rust,
];

fn framing(rule: Rule) -> Framing {
    Framing {
        multi_line: Some(MultiLine::new(rule)),
        ..Framing::default()
    }
}

fn modes(list: &[Mode]) -> Rule {
    Rule::Modes(list.iter().copied().fold(Modes::default(), Modes::with))
}

fn texts(framing: &Framing, text: &str, step: usize) -> Vec<String> {
    let read = read_in_steps(framing, text.as_bytes(), step, true);
    assert_eq!(read.end, text.len());
    let events = read.events.into_iter();
    events
        .map(|(_, event)| String::from_utf8(event).unwrap())
        .collect()
}

/// The events come out as they are written here, whatever pieces they are read in.
fn check(rule: &Rule, events: &[&str]) {
    let text = format!("{}\n", events.join("\n"));
    for step in [1, 7, text.len()] {
        let found = texts(&framing(rule.clone()), &text, step);
        assert_eq!(found, events, "{step} bytes at a time");
    }
}

/// Each trace stays whole and alone: between ordinary lines, with a time stamp before its first
/// line and without, directly after another one, and while all other languages are looked for.
fn check_traces(mode: Mode, traces: &[&str]) {
    let ordinary = "2026-11-24 10:00:00 INFO ready";
    for rule in [modes(&[mode]), modes(&ALL)] {
        for trace in traces {
            let stamped = format!("2026-11-24 10:00:01 ERROR {}", trace.trim_start());
            check(&rule, &[ordinary, trace, ordinary, ordinary]);
            check(&rule, &["plain words", trace, ordinary]);
            if !trace.starts_with(['/', ' ']) && !trace.starts_with("node:") {
                check(&rule, &[ordinary, &stamped, ordinary]);
            }
            check(&rule, &[trace, trace, ordinary]);
        }
        let all: Vec<&str> = traces.iter().flat_map(|trace| [*trace, ordinary]).collect();
        check(&rule, &all);
    }
}

const JAVA: [&str; 5] = [
    "Exception in thread \"main\" java.lang.NullPointerException\n\
     \tat com.acme.Shop.total(Shop.java:16)\n\
     \tat java.base/java.lang.Thread.run(Thread.java:840)",
    "java.lang.IllegalStateException: cannot start\n\
     \tat com.acme.App.start(App.java:22) ~[app.jar:1.0]\n\
     \tSuppressed: java.io.IOException: close failed\n\
     \t\tat com.acme.Pool.close(Pool.java:9)\n\
     \t\t... 3 more\n\
     Caused by: com.acme.ConfigError: no such key\n\
     the file has 3 keys\n\
     \n\
     \tat com.acme.Config.get(Config.java:5)\n\
     \t... 2 common frames omitted\n\
     Caused by: java.lang.RuntimeException: [CIRCULAR REFERENCE: java.lang.IllegalStateException: x]",
    "com.acme.OrderRejected: out of stock\n\
     \tat com.acme.Order.place(Order.java:31)\n\
     \t[CIRCULAR REFERENCE:com.acme.OrderRejected: out of stock]",
    "org.hibernate.exception.SQLGrammarException: could not execute\n\
     select *\n\
     \x20 from orders\n\
     \tat org.hibernate.loader.Loader.list(Loader.java:2689)\n\
     \tat sun.reflect.GeneratedMethodAccessor1.invoke(Unknown Source)\n\
     \tat com.acme.Shop$$Lambda$14/0x0000000800066840.run(Native Method)",
    "java.util.concurrent.TimeoutException\n\
     \tat com.acme.Call.await(Call.kt:7)",
];

#[test]
fn traces_of_java_stay_whole() {
    check_traces(Mode::Java, &JAVA);
}

const PYTHON: [&str; 6] = [
    "Traceback (most recent call last):\n\
     \x20 File \"/app/a.py\", line 3, in <module>\n\
     \x20   main()\n\
     \x20   ~~~~^^\n\
     \x20 [Previous line repeated 993 more times]\n\
     RecursionError: maximum recursion depth exceeded",
    "Traceback (most recent call last):\n\
     \x20 File \"a.py\", line 2, in f\n\
     \x20   return d['x']\n\
     KeyError: 'x'\n\
     \n\
     During handling of the above exception, another exception occurred:\n\
     \n\
     Traceback (most recent call last):\n\
     \x20 File \"a.py\", line 5, in <module>\n\
     acme.errors.Bad: no x\n\
     \n\
     The above exception was the direct cause of the following exception:\n\
     \n\
     Traceback (most recent call last):\n\
     \x20 File \"a.py\", line 9, in <module>\n\
     KeyboardInterrupt",
    "  File \"b.py\", line 1\n\
     \x20   print \"a\"\n\
     \x20         ^\n\
     SyntaxError: Missing parentheses in call to 'print'",
    "Traceback (most recent call last):\n\
     \x20 File \"c.py\", line 8, in <module>\n\
     pydantic.error_wrappers.ValidationError: 2 validation errors for Order\n\
     amount\n\
     \x20 field required (type=value_error.missing)\n\
     item\n\
     \x20 field required (type=value_error.missing)",
    "Traceback (most recent call last):\n\
     \x20 File \"d.py\", line 8, in connect\n\
     sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) could not connect\n\
     \tIs the server running on host \"db\"?\n\
     \n\
     (Background on this error at: https://sqlalche.me/e/14/e3q8)",
    "  + Exception Group Traceback (most recent call last):\n\
     \x20 |   File \"e.py\", line 4, in <module>\n\
     \x20 | ExceptionGroup: two (2 sub-exceptions)\n\
     \x20 +-+---------------- 1 ----------------\n\
     \x20   | Traceback (most recent call last):\n\
     \x20   |   File \"e.py\", line 2, in f\n\
     \x20   | ValueError: a\n\
     \x20   +---------------- 2 ----------------\n\
     \x20   | TypeError: b\n\
     \x20   +------------------------------------",
];

#[test]
fn tracebacks_of_python_stay_whole() {
    check_traces(Mode::Python, &PYTHON);
}

#[test]
fn further_lines_of_a_message_are_kept_up_to_the_next_record_or_the_end() {
    let trace = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: one\ntwo\nthree";
    let rule = modes(&[Mode::Python]);
    check(&rule, &[trace, "2026-11-24 10:00:00 next", "plain"]);
    check(&rule, &["plain", trace]);
    let panic = "thread 'main' panicked at src/main.rs:2:5:\none\ntwo";
    check(&modes(&[Mode::Rust]), &[panic, "INFO next"]);
    // Nothing tells these words from a message, and they are too many for one.
    let words = ["w"; 18];
    let alone =
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: one";
    check(&rule, &[&[alone][..], &words].concat());
}

const GO: [&str; 5] = [
    "panic: runtime error: index out of range [5] with length 3\n\
     \n\
     goroutine 1 [running]:\n\
     main.f(...)\n\
     \t/app/main.go:10\n\
     main.main()\n\
     \t/app/main.go:6 +0x1d\n\
     exit status 2",
    "panic: first [recovered]\n\
     \tpanic: second\n\
     [signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x48f2a5]\n\
     \n\
     goroutine 18 [running]:\n\
     panic({0x45e0a0, 0x4b5f20})\n\
     \t/usr/local/go/src/runtime/panic.go:884 +0x212\n\
     ...additional frames elided...\n\
     created by main.main in goroutine 1\n\
     \t/app/main.go:12 +0x5f",
    "fatal error: all goroutines are asleep - deadlock!\n\
     \n\
     goroutine 1 [chan receive, 5 minutes]:\n\
     main.main()\n\
     \t/app/main.go:4 +0x31\n\
     \n\
     goroutine 7 [select]:\n\
     main.(*Pool).run(0xc000010000, {0x1, 0x2})\n\
     \t/app/pool.go:40 +0x9c\n\
     created by main.New\n\
     \t/app/pool.go:20 +0x55",
    "http: panic serving 10.0.0.1:51234: runtime error: invalid memory address\n\
     goroutine 33 [running]:\n\
     net/http.(*conn).serve.func1(0xc0000b4000)\n\
     \t/usr/local/go/src/net/http/server.go:1801 +0x147",
    "SIGQUIT: quit\n\
     PC=0x46c2c1 m=0 sigcode=0\n\
     \n\
     goroutine 0 [idle]:\n\
     runtime.futex()\n\
     \t/usr/local/go/src/runtime/sys_linux_amd64.s:553 +0x21\n\
     \n\
     rax    0xca\n\
     rip    0x46c2c1",
];

#[test]
fn panics_of_go_stay_whole() {
    check_traces(Mode::Go, &GO[..4]);
    let rule = modes(&[Mode::Go]);
    check(&rule, &["plain", GO[4], "2026-11-24 10:00:00 ready"]);
    check(&rule, &["don't panic: all is well", "plain", "words"]);
}

const NODE: [&str; 5] = [
    "Error: boom\n\
     \x20   at Object.<anonymous> (/app/index.js:3:9)\n\
     \x20   at node:internal/main/run_main_module:28:49",
    "/app/index.js:3\n\
     \x20   throw new Error('boom');\n\
     \x20   ^\n\
     \n\
     TypeError: boom\n\
     over two lines\n\
     \x20   at f (/app/index.js:3:11)\n\
     \x20   at async main (file:///app/main.mjs:1:1)\n\
     \n\
     Node.js v20.11.0",
    "Error: outer\n\
     \x20   at f (/app/index.js:3:9)\n\
     \x20   ... 4 lines matching cause stack trace ...\n\
     \x20   at node:internal/main/run_main_module:28:49 {\n\
     \x20 code: 'EOUT',\n\
     \x20 [cause]: Error: inner\n\
     \x20     at g (/app/index.js:2:9) {\n\
     \x20   errno: -111\n\
     \x20 }\n\
     }",
    "AggregateError: All promises were rejected\n\
     \x20   at async f (/app/a.js:1:1) {\n\
     \x20 [errors]: [\n\
     \x20   Error: a\n\
     \x20       at g (/app/a.js:2:1),\n\
     \x20   Error: b\n\
     \x20       at h (/app/a.js:3:1) {\n\
     \x20     code: 'B'\n\
     \x20   }\n\
     \x20 ]\n\
     }",
    "node:events:491\n\
     \x20     throw er; // Unhandled 'error' event\n\
     \x20     ^\n\
     \n\
     Error: listen EADDRINUSE: address already in use :::80\n\
     \x20   at Server.setupListenHandle [as _listen2] (node:net:1740:16)\n\
     Emitted 'error' event on Server instance at:\n\
     \x20   at emitErrorNT (node:net:1719:8) {\n\
     \x20 code: 'EADDRINUSE'\n\
     }\n\
     \n\
     Node.js v18.19.0",
];

#[test]
fn errors_of_node_stay_whole() {
    check_traces(Mode::Node, &NODE);
}

const DOT_NET: [&str; 3] = [
    "Unhandled exception. System.InvalidOperationException: outer\n\
     \x20---> System.ArgumentException: inner (Parameter 'x')\n\
     \x20  at Program.Inner() in /app/Program.cs:line 10\n\
     \x20  --- End of inner exception stack trace ---\n\
     \x20  at Program.Main(String[] args) in /app/Program.cs:line 5",
    "System.AggregateException: One or more errors occurred. (a) (b)\n\
     \x20---> System.Exception: a\n\
     \x20  at P.<>c.<Main>b__0_0()\n\
     --- End of stack trace from previous location ---\n\
     \x20  at P.Main()\n\
     \x20  --- End of inner exception stack trace ---\n\
     \x20---> (Inner Exception #1) System.Exception: b\n\
     \x20  at P.<>c.<Main>b__0_1()<---",
    "Acme.Rejected: two\nlines\n   at Acme.Order.Place()",
];

#[test]
fn exceptions_of_dot_net_stay_whole() {
    check_traces(Mode::DotNet, &DOT_NET[..2]);
}

const RUST: [&str; 4] = [
    "thread 'main' panicked at src/main.rs:2:5:\n\
     explicit panic\n\
     note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
    "thread 'worker-1' (4711) panicked at src/pool.rs:40:9:\n\
     assertion `left == right` failed: totals\n\
     \x20 left: 1\n\
     \x20right: 2\n\
     stack backtrace:\n\
     \x20  0: rust_begin_unwind\n\
     \x20            at /rustc/abc/library/std/src/panicking.rs:645:5\n\
     \x20 10: app::main\n\
     \x20            at ./src/main.rs:4:5\n\
     note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.",
    "thread '<unnamed>' panicked at 'old style', src/lib.rs:7:1\n\
     note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
    "Error: cannot start\n\
     \n\
     Caused by:\n\
     \x20   0: cannot read app.toml\n\
     \x20   1: No such file or directory (os error 2)\n\
     \n\
     Stack backtrace:\n\
     \x20  0: anyhow::error::<impl anyhow::Error>::msg\n\
     \x20            at /build/vendor/anyhow/src/error.rs:83:36",
];

#[test]
fn panics_of_rust_stay_whole() {
    check_traces(Mode::Rust, &RUST[..3]);
    let rule = modes(&[Mode::Rust]);
    check(
        &rule,
        &["plain", RUST[3], "plain", RUST[3], RUST[3], "INFO x"],
    );
    check(
        &modes(&ALL),
        &["plain", RUST[3], "plain", RUST[3], RUST[3], "INFO x"],
    );
    check(&rule, &["Error: alone", "plain"]);
}

#[test]
fn lines_that_name_an_exception_without_a_trace_are_events_of_their_own() {
    let lines = [
        "WARN java.io.IOException: reset by peer",
        "plain",
        "WARN java.io.IOException: reset by peer",
        "WARN java.io.IOException: reset by peer",
        "Error: none",
        "KeyError",
        "2026-11-24 10:00:00 INFO ready",
        "it happened at noon",
        "last",
    ];
    check(&modes(&ALL), &lines);
}

#[test]
fn patterns_and_indentation_join_lines_and_keep_empty_ones_inside() {
    let regex = |pattern: &str| Regex::new(pattern).unwrap();
    let start = Rule::Start(regex(r"^\d{4}-"));
    check(&start, &["head less\nfirst", "2026- a\n\nb\nc", "2026- d"]);
    let continuation = Rule::Continuation(regex(r"^(\s|\+)"));
    check(&continuation, &["a\n b\n+ c", "d", "e\n f"]);
    check(&modes(&[Mode::Indent]), &["a\n  b\n\n\tc", "d", "e\n f"]);
    // Empty lines between events belong to none.
    let text = "a\n\n\nb\n\n c\n\n";
    let read = read_in_steps(&framing(modes(&[Mode::Indent])), text.as_bytes(), 3, true);
    assert_eq!((read.events.len(), read.empty), (2, 3));
}

#[test]
fn an_event_is_bounded_in_bytes_and_lines_and_goes_on_as_a_new_one() {
    let check = |bytes_max: usize, lines_max: usize, trace: &str, cuts: u64, parts: &[&str]| {
        let multi_line = MultiLine {
            bytes_max,
            lines_max,
            timeout: Duration::ZERO,
            rule: modes(&[Mode::Python]),
        };
        let framing = Framing {
            multi_line: Some(multi_line),
            ..Framing::default()
        };
        for step in [1, 1000] {
            assert_eq!(texts(&framing, trace, step), parts);
            let read = read_in_steps(&framing, trace.as_bytes(), step, true);
            assert_eq!(read.cuts, cuts);
        }
    };
    let trace = "Traceback (most recent call last):\n  a\n  b\n  c\nE: x\nINFO x\n";
    let head = "Traceback (most recent call last):";
    check(
        1000,
        2,
        trace,
        2,
        &[&format!("{head}\n  a"), "  b\n  c", "E: x", "INFO x"],
    );
    check(
        38,
        99,
        trace,
        1,
        &[&format!("{head}\n  a"), "  b\n  c\nE: x", "INFO x"],
    );
    check(1, 99, "plain\nplain\n", 0, &["plain", "plain"]);
}
