//! What is read of packets, whole and broken.

use super::testing::Packet;
use super::*;
use proptest::prelude::*;

const NAMES: [&str; 5] = ["web-1", "df", "root", "percent_bytes", "used"];

fn told(packet: &[u8], secrets: &Secrets) -> (Vec<String>, Result<(), Malformed>) {
    let mut told = Vec::new();
    let result = read(packet, secrets, &mut |item: Item<'_>| {
        let Item {
            names,
            times,
            place,
            count,
            value,
        } = item;
        told.push(format!(
            "{} {}/{} {}/{} {place}/{count} {value:?} at {} every {}",
            names.host,
            names.plugin,
            names.plugin_instance,
            names.kind,
            names.type_instance,
            times.time_ms,
            times.interval,
        ));
        Ok(())
    });
    (told, result)
}

fn open() -> Secrets {
    Secrets::default()
}

#[test]
fn names_hold_until_others_come_and_each_kind_of_value_is_read() {
    let packet = Packet::default()
        .names(NAMES)
        .time(1_800_000_000)
        .values(&[Value::Gauge(12.5)])
        .part(0x0100, b"a notification\0")
        .part(TYPE, b"counts\0")
        .values(&[Value::Counter(7), Value::Derive(-3), Value::Absolute(9)]);
    let (told, result) = told(&packet.0, &open());
    assert_eq!(result, Ok(()));
    assert_eq!(
        told,
        [
            "web-1 df/root percent_bytes/used 0/1 Gauge(12.5) at 1800000000000 every 10",
            "web-1 df/root counts/used 0/3 Counter(7) at 1800000000000 every 10",
            "web-1 df/root counts/used 1/3 Derive(-3) at 1800000000000 every 10",
            "web-1 df/root counts/used 2/3 Absolute(9) at 1800000000000 every 10",
        ]
    );
}

#[test]
fn packets_are_believed_as_far_as_they_are_proven() {
    let plain = Packet::default().names(NAMES).values(&[Value::Gauge(1.0)]);
    let signed = plain.clone().signed("ann", "secret");
    let encrypted = plain.clone().encrypted("ann", "secret");
    let mut forged = signed.clone();
    *forged.0.last_mut().unwrap() ^= 1;
    let mut damaged = encrypted.clone();
    *damaged.0.last_mut().unwrap() ^= 1;
    let of_another = plain.clone().encrypted("bob", "secret");
    let wrong = plain.clone().encrypted("ann", "guess");
    let twice = encrypted.clone().encrypted("ann", "secret");
    let levels = [
        CollectdSecurity::None,
        CollectdSecurity::Sign,
        CollectdSecurity::Encrypt,
    ];
    let (refused, unproven) = (Err(Malformed::Refused), Err(Malformed::Unproven));
    for (packet, expected) in [
        (&plain, [Ok(()), unproven, unproven]),
        (&signed, [Ok(()), Ok(()), unproven]),
        (&encrypted, [Ok(()), Ok(()), Ok(())]),
        (&forged, [refused, refused, refused]),
        (&damaged, [refused, refused, refused]),
        (&of_another, [refused, refused, refused]),
        (&wrong, [refused, refused, refused]),
        (&twice, [Err(Malformed::Shape); 3]),
    ] {
        for (level, expected) in levels.into_iter().zip(expected) {
            let secrets = Secrets::new(level, "# users\nann: secret\n");
            let (told, result) = told(&packet.0, &secrets);
            assert_eq!(result, expected, "{packet:?} {level:?}");
            assert_eq!(told.len(), usize::from(expected.is_ok()), "{packet:?}");
        }
    }
    // Whoever does not ask for proof takes signed packets of unknown users as well.
    assert_eq!(told(&signed.0, &open()).1, Ok(()));
}

#[test]
fn values_that_are_not_signed_do_not_pass_behind_some_that_are() {
    let signed = Packet::default().names(NAMES).signed("ann", "secret");
    let packet = Packet::default().names(NAMES).values(&[Value::Gauge(1.0)]);
    let both = [packet.0, signed.0].concat();
    let secrets = Secrets::new(CollectdSecurity::Sign, "ann: secret");
    assert_eq!(told(&both, &secrets), (vec![], Err(Malformed::Unproven)));
}

#[test]
fn what_is_broken_ends_the_packet_there_and_what_stood_before_counts() {
    let good = Packet::default().names(NAMES).values(&[Value::Gauge(1.0)]);
    let long = "x".repeat(NAMES_BYTES_MAX);
    let value = [Value::Gauge(1.0)];
    for (packet, expected) in [
        (good.clone().part(VALUES, &[0, 2, 1, 1]), Malformed::Shape),
        (good.clone().part(VALUES, &[0, 0]), Malformed::Shape),
        (
            good.clone()
                .part(VALUES, &[0, 1, 9, 0, 0, 0, 0, 0, 0, 0, 0]),
            Malformed::Shape,
        ),
        (good.clone().part(HOST, b"no end"), Malformed::Shape),
        (good.clone().part(HOST, b"two\0ends\0"), Malformed::Shape),
        (good.clone().part(HOST, b"\xff\0"), Malformed::Shape),
        (good.clone().part(TIME, &[1]), Malformed::Shape),
        (good.clone().part(SIGNATURE, &[1; 31]), Malformed::Shape),
        (good.clone().part(ENCRYPTION, &[0, 9, 1]), Malformed::Shape),
        (
            good.clone().names(["h", "", "", "t", ""]).values(&value),
            Malformed::Shape,
        ),
        (
            good.clone().names([&long, "p", "", "t", ""]).values(&value),
            Malformed::Oversized,
        ),
    ] {
        let (told, result) = told(&packet.0, &open());
        assert_eq!((told.len(), result), (1, Err(expected)), "{packet:?}");
    }
    for bytes in [&[0, 0, 0, 3, 9][..], &[0, 0, 0, 0], &[0, 0, 0, 200], &[0]] {
        let packet = [&good.0, bytes].concat();
        assert_eq!(told(&packet, &open()).1, Err(Malformed::Shape), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn a_packet_that_is_cut_or_changed_never_gives_more_values_than_it_has(
        cut: prop::sample::Index, at: prop::sample::Index, byte: u8,
    ) {
        let values = [Value::Gauge(1.0), Value::Derive(2)];
        let packet = Packet::default().names(NAMES).time(1).values(&values).values(&values);
        let mut bytes = packet.0;
        let place = at.index(bytes.len());
        bytes[place] = byte;
        let (told, _) = told(&bytes[..cut.index(bytes.len() + 1)], &open());
        prop_assert!(told.len() <= 4);
    }

    #[test]
    fn any_bytes_are_read_without_harm(data in prop::collection::vec(any::<u8>(), 0..200)) {
        super::super::read_anything(&data);
    }
}
